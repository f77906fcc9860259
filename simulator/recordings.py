"""Recorded files as trades or frames: aggTrade dumps, tick NDJSON, recorded frames; plain, .gz or .zip.

The first line determines the format. Invalid lines are counted by reason, never repaired.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.errors import RowRefused
from engine.files.ticks import RecordedTrade, kind_of, trades_of_csv, trades_of_dump, trades_of_ndjson
from engine.market.ticks import MAX_TIME_MS, read_row, read_symbol, row_of_frame
from simulator.errors import RecordingRefused
from simulator.trade_history import TRADES, Rows, decimal_units

_EPOCH_FRAME = re.compile(r"([0-9]{9,11}(?:\.[0-9]+)?): (.*)", re.DOTALL)
_DUMP_SYMBOL = re.compile(r"([^\W_]+(?:_[^\W_]+)?)-aggTrades")


class TimedFrame(NamedTuple):
    """A recorded frame and its receive time, in ms since 1970; None if unknown."""

    at_ms: float | None
    text: str


@dataclass(slots=True)
class Recording:
    """The content of one file: trades per symbol, or frames. ``skipped`` counts the skipped lines by reason."""

    trades: dict[str, Rows] = field(default_factory=dict)
    frames: list[TimedFrame] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def read_recording(path: Path, symbol: str | None = None, skip_zero: bool = False) -> Recording:
    """The file at ``path``. ``symbol`` is that of a dump without a symbol in its name.

    ``skip_zero`` skips rows with a price or quantity of 0. Raises RecordingRefused for an unreadable file or one
    without trades.
    """
    try:
        recording = _read_lines(path, _lines(path), symbol, skip_zero)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, UnicodeDecodeError) as error:
        raise RecordingRefused(f"{path} cannot be read: {error}") from None
    if not recording.trades and not recording.frames:
        skipped = ", ".join(f"{count} x {reason}" for reason, count in recording.skipped.items())
        raise RecordingRefused(f"{path} holds nothing to replay ({skipped or 'no line'}); expected at least one trade")
    return recording


def trade_row(
    agg_id: int, time_ms: int, price: str, quantity: str, maker: bool,
    fills: tuple[int, int] | None = None, normal: str | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """One row of ``TRADES``. ``fills`` are the first and last fill ids, by default the id itself.

    Raises ValueError if a price or quantity is not a plain decimal, or an id or time is out of range.
    """
    price_units, price_decimals = decimal_units(price)
    units, decimals = decimal_units(quantity)
    normal_units, normal_decimals = decimal_units(normal) if normal is not None else (units, decimals)
    first, last = fills or (agg_id, agg_id)
    if not (0 <= agg_id < 2**53 and 0 < time_ms < MAX_TIME_MS and first <= last < first + 2**31):
        raise ValueError(f"ids {agg_id}, {first}..{last} or time {time_ms} do not fit")
    return (
        agg_id, time_ms, price_units, units, normal_units if normal_decimals == decimals else units,
        first, last - first + 1, 0, price_decimals, decimals, maker,
    )  # fmt: skip


def _lines(path: Path) -> Iterator[str]:
    """The lines of the file, without their ends and without blank ones."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise RecordingRefused(f"{path} holds {len(names)} files; expected one")
            with archive.open(names[0]) as member:
                yield from _text_lines(io.TextIOWrapper(member, encoding="utf-8-sig"))
    elif path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig") as text:
            yield from _text_lines(text)
    else:
        with path.open(encoding="utf-8-sig") as text:
            yield from _text_lines(text)


def _text_lines(text: Any) -> Iterator[str]:
    for line in text:
        if line := line.rstrip("\r\n"):
            yield line


def _read_lines(path: Path, lines: Iterator[str], symbol: str | None, skip_zero: bool) -> Recording:
    first = next(lines, None)
    if first is None:
        raise RecordingRefused(f"{path} is empty; expected trades or frames")
    everything = chain([first], lines)
    try:
        kind = kind_of(path.name, first)
    except ValueError:
        raise RecordingRefused(
            f"{path} begins with {first[:60]!r}; expected a dump of 7 or 8 columns, ticks, or recorded frames"
        ) from None
    if kind == "dump":
        return _read_dump(everything, symbol or _symbol_of(path), skip_zero)
    if kind == "frames" and first.startswith("{"):
        return _read_raw_frames(everything)
    if kind == "frames":  # their first line may be the source address
        return _read_epoch_frames(lines if first.startswith(("ws://", "wss://")) else everything)
    return _read_ticks(everything, kind, skip_zero)


def _symbol_of(path: Path) -> str:
    found = _DUMP_SYMBOL.match(path.name)
    if found is None:
        raise RecordingRefused(
            f"{path.name} does not tell its symbol; expected BTCUSDT-aggTrades-... or --replay-symbol"
        )
    return found[1].upper()


def _read_dump(lines: Iterator[str], symbol: str, skip_zero: bool) -> Recording:
    recording = Recording()
    rows: list[tuple[Any, ...]] = []
    skipped: Counter[str] = Counter()
    trades = trades_of_dump(symbol, lines, skipped)
    doubles = skipped.pop("the same id again", 0)
    recording.skipped += Counter({"malformed": skipped.total()})
    for trade in trades:
        _take(recording, rows, trade, trade.agg_id or 0, bool(trade.maker), skip_zero)
    recording.skipped += Counter({"duplicate": doubles})
    if rows:
        recording.trades[symbol] = np.array(rows, TRADES)
    return recording


def _read_ticks(lines: Iterator[str], kind: str, skip_zero: bool) -> Recording:
    """Ticks in file order, ids from 1 on per symbol.

    The file does not contain the maker side: a price below the symbol's previous one counts as a sale.
    """
    recording = Recording()
    rows: dict[str, list[tuple[Any, ...]]] = {}
    last: dict[str, tuple[Decimal, bool]] = {}
    skipped: Counter[str] = Counter()
    for trade in (trades_of_csv if kind == "csv" else trades_of_ndjson)(lines, skipped):
        try:
            symbol, price = read_symbol(trade.symbol), Decimal(trade.price)
        except (RowRefused, ValueError, TypeError, InvalidOperation):
            recording.skipped["malformed"] += 1
            continue
        before, maker = last.get(symbol, (price, False))
        maker = price < before if price != before else maker
        mine = rows.setdefault(symbol, [])
        if _take(recording, mine, trade, len(mine) + 1, maker, skip_zero) and price:
            last[symbol] = (price, maker)
    recording.skipped += Counter({"malformed": skipped.total()})
    recording.trades = {symbol: np.array(mine, TRADES) for symbol, mine in rows.items() if mine}
    return recording


def _take(
    recording: Recording, rows: list[tuple[Any, ...]], trade: RecordedTrade, agg_id: int, maker: bool, skip_zero: bool
) -> bool:
    """Add a trade if its numbers are in range; returns whether they are."""
    try:
        row = trade_row(agg_id, trade.time_ms, str(trade.price), str(trade.quantity), maker, trade.fills)
    except ValueError:
        recording.skipped["malformed"] += 1
        return False
    if skip_zero and (row[2] == 0 or row[3] == 0):
        recording.skipped["zero price or quantity"] += 1
    else:
        rows.append(row)
    return True


def _read_epoch_frames(lines: Iterator[str]) -> Recording:
    recording = Recording()
    for line in lines:
        found = _EPOCH_FRAME.fullmatch(line)
        if found is None:
            recording.skipped["no receive time"] += 1
            continue
        recording.frames.append(TimedFrame(float(found[1]) * 1_000, found[2]))
    return recording


def _read_raw_frames(lines: Iterator[str]) -> Recording:
    recording = Recording()
    for line in lines:
        try:
            raw = json.loads(line)["raw"]
        except (ValueError, KeyError, TypeError):
            raw = None
        if isinstance(raw, str):
            recording.frames.append(TimedFrame(None, raw))
        else:
            recording.skipped["malformed"] += 1
    return recording


def agg_trade_of(text: str) -> tuple[str, tuple[Any, ...]] | None:
    """Symbol and row of a recorded frame that is a valid aggTrade; None for every other frame."""
    try:
        frame = json.loads(text)
        row = row_of_frame(frame)
        if row is None:
            return None
        tick = read_row(row)
        data = frame.get("data", frame)
        fills = (data["f"], data["l"]) if type(data.get("f")) is int and type(data.get("l")) is int else None
        normal = data.get("nq") if isinstance(data.get("nq"), str) else None
        return tick.symbol, trade_row(tick.agg_id, tick.trade_time_ms, row[2], row[3], row[5] is True, fills, normal)
    except (ValueError, RowRefused, RecursionError):
        return None
