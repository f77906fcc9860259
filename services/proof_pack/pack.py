"""The file of a proof pack: a zip of plain tables and records, with a digest of each of its files.

``decision.json``: the decision as stored, its run, settings and version of the program, and what else was known at its
bar. ``y_bars.csv`` and ``x_bars.csv``: every bar of the run up to the decision's. ``ticks.csv``: the trades of the
newest of them. ``model.csv``: what the model made of each bar. ``recompute.py``: the computation in plain numpy.
``manifest.json``: digests and numbers of rows. Equal decisions give equal bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import PairbridgeError
from engine.market.ticks import Tick
from engine.pairs.leg import Col
from engine.stats.checks import Floats

Json = dict[str, Any]

FORMAT = 1
BAR_COLUMNS = tuple(col for col in Col if col <= Col.SOURCED)  # the others follow from these
TICK_COLUMNS = ("symbol", "agg_id", "price", "quantity", "trade_time_ms", "buyer_is_maker")
SCRIPT = "recompute.py"
TABLES = ("y_bars.csv", "x_bars.csv", "ticks.csv", "model.csv")
FILES = ("decision.json", *TABLES, SCRIPT)
_LARGEST = 512 * 2**20  # bytes of one unpacked file: 400,000 bars take a fifth
_LATEST = (1980, 1, 1, 0, 0, 0)  # of every file in the zip: the time of making it is no part of the proof


class PackRefused(PairbridgeError):
    """The file is no proof pack that can be read; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class ProofPack:
    """``record``: the content of ``decision.json``. ``bars`` of Y and X, shape (len(BAR_COLUMNS), n), the first of them
    in slot ``first_slot``. ``model``: columns by name. ``damage``: what the manifest says otherwise."""

    record: Json
    first_slot: int
    bars: tuple[Floats, Floats]
    ticks: tuple[Tick, ...]
    model: dict[str, Floats]
    damage: tuple[str, ...] = ()


def write_pack(pack: ProofPack) -> bytes:
    """The file."""
    width_ms = int(pack.record["run"]["interval_ms"])
    opens = [(pack.first_slot + place) * width_ms for place in range(pack.bars[0].shape[1])]
    names = [col.name.lower() for col in BAR_COLUMNS]
    legs = [_table(["open_time_ms", *names], zip(opens, *bars.tolist(), strict=True)) for bars in pack.bars]
    first_ms = pack.record["model"]["first_bar_ms"]
    model_opens = [first_ms + place * width_ms for place in range(len(pack.model["z"]))]
    columns = [each.tolist() for each in pack.model.values()]
    model = _table(["open_time_ms", *pack.model], zip(model_opens, *columns, strict=True))
    ticks = _table(TICK_COLUMNS, ((*tick[:5], _side(tick.buyer_is_maker)) for tick in pack.ticks))
    script = Path(__file__).with_name(SCRIPT).read_bytes()
    contents = (_json(pack.record), *legs, ticks, model, script)
    files = dict(zip(FILES, contents, strict=True))
    return _zipped(files | {"manifest.json": _json(_manifest(files))})


def read_pack(path: Path) -> ProofPack:
    """The pack in a file, with what is wrong with it as ``damage``. Raises PackRefused where it cannot be computed."""
    files = _unzipped(path)
    try:
        manifest, record = json.loads(files["manifest.json"]), json.loads(files["decision.json"])
        if manifest["format"] != FORMAT:
            raise PackRefused(f"{path.name} has format {manifest['format']!r}; expected {FORMAT}")
        width_ms, start_ms = int(record["run"]["interval_ms"]), int(record["run"]["start_ms"])
        tables = {name: _rows(name, files[name]) for name in TABLES}
        damage = [*_against(manifest, files, tables)]
        bars, first_slot = [], start_ms // width_ms
        for name in ("y_bars.csv", "x_bars.csv"):
            _check_times(name, tables[name], first_slot * width_ms, width_ms, damage)
            bars.append(np.array([[_number(value) for value in row[1:]] for row in tables[name][1:]]).T)
        _check_times("model.csv", tables["model.csv"], int(record["model"]["first_bar_ms"]), width_ms, damage)
        header, *lines = tables["model.csv"]
        model = {name: np.array([_number(line[at]) for line in lines]) for at, name in enumerate(header) if at}
        ticks = tuple(_tick(row) for row in tables["ticks.csv"][1:])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise PackRefused(f"{path.name} cannot be read: {type(error).__name__}: {error}") from error
    return ProofPack(record, first_slot, (bars[0], bars[1]), ticks, model, tuple(damage))


def _check_times(name: str, rows: list[list[str]], first_ms: int, width_ms: int, damage: list[str]) -> None:
    """Every bar is there once, in order. Raises PackRefused with the first that is not."""
    for place, row in enumerate(rows[1:]):
        expected_ms = first_ms + place * width_ms
        if int(row[0]) != expected_ms:
            raise PackRefused(
                "; ".join([*damage, f"{name} has the bar at {utc(int(row[0]))} in row {place + 1}; expected"
                                    f" the one at {utc(expected_ms)}"])
            )  # fmt: skip


def _against(manifest: Json, files: dict[str, bytes], tables: dict[str, list[list[str]]]) -> list[str]:
    """What the manifest says otherwise."""
    found = []
    for name in FILES:
        listed = manifest["files"][name]
        digest = hashlib.sha256(files[name]).hexdigest()
        rows = len(tables[name]) - 1 if name in tables else None
        if rows != listed.get("rows"):
            found.append(f"{name} has {rows} rows; expected {listed.get('rows')}")
        if digest != listed["sha256"]:
            found.append(f"{name} was changed: its SHA-256 is {digest[:12]}..; expected {listed['sha256'][:12]}..")
    if manifest["fingerprint"] != _fingerprint(manifest["files"]):
        found.append("manifest.json was changed: its fingerprint is not that of its digests")
    return found


def _manifest(files: dict[str, bytes]) -> Json:
    listed = {}
    for name, content in files.items():
        listed[name] = {"sha256": hashlib.sha256(content).hexdigest()}
        if name in TABLES:
            listed[name] |= {"rows": content.count(b"\n") - 1}  # type: ignore[dict-item]
    return {"format": FORMAT, "files": listed, "fingerprint": _fingerprint(listed)}


def _fingerprint(listed: Json) -> str:
    return hashlib.sha256("".join(f"{name} {listed[name]['sha256']}\n" for name in sorted(listed)).encode()).hexdigest()


def _zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _LATEST), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _unzipped(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {each.filename: each.file_size for each in archive.infolist()}
            missing = [name for name in (*FILES, "manifest.json") if name not in sizes]
            if missing:
                raise PackRefused(f"{path.name} lacks {', '.join(missing)}; expected a proof pack")
            if max(sizes.values()) > _LARGEST:
                raise PackRefused(f"{path.name} unpacks to more than {_LARGEST:,} bytes; expected a proof pack")
            return {name: archive.read(name) for name in (*FILES, "manifest.json")}
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise PackRefused(f"{path.name} cannot be read: {error}") from error


def _rows(name: str, content: bytes) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(content.decode())))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise PackRefused(f"{name} has rows of different lengths, or none; expected a table")
    return rows


def _table(header: Any, rows: Any) -> bytes:
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if value != value else value for value in row] for row in rows)
    return made.getvalue().encode()


def _json(values: Json) -> bytes:
    return (json.dumps(values, indent=1, allow_nan=False) + "\n").encode()


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _side(buyer_is_maker: bool | None) -> str:
    return "" if buyer_is_maker is None else str(int(buyer_is_maker))


def _tick(row: list[str]) -> Tick:
    symbol, agg_id, price, quantity, time_ms, side = row
    return Tick(symbol, int(agg_id), float(price), float(quantity), int(time_ms), bool(int(side)) if side else None)


def utc(time_ms: int) -> str:
    """A bar's time in messages."""
    return f"{np.datetime_as_string(np.datetime64(time_ms, 'ms'), unit='s')}Z"
