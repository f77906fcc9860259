"""Proof packs: made of stored trades, computed again to the bit, and refused with a name for what was changed."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import SettingsError, StoreError
from engine.market.records import Decision
from engine.pairs.settings import PairSettings
from engine.store import open_backend
from services.export.request import NothingToExport
from services.jobs import JobCancelled
from services.proof_pack.__main__ import main
from services.proof_pack.make import ProofRequest, make_pack, run_proof, save_pack
from services.proof_pack.pack import FILES, PackRefused, ProofPack, read_pack, write_pack
from services.proof_pack.verify import other_version, verify
from tests.engine.pairs.markets import SETTINGS, Trouble, deliver, make_ticks
from tests.live.test_monitor import Harness

CHOSEN = replace(SETTINGS, fee_bps=1.0)


async def traded(folder: Path, settings: PairSettings = CHOSEN, seed: int = 3) -> Harness:
    """A monitor that read a market with late trades; the pair began anew with these settings on the way."""
    harness = await Harness.open(folder)
    arrived = deliver(make_ticks(seed, 400), Trouble(late_ms=12_000))
    for begin in range(0, len(arrived), 150):
        await harness.write(arrived[begin : begin + 150])
        harness.read_all()
        if begin == 900:
            harness.monitor.watch("sim", "YUSDT", "XUSDT", settings)
    harness.monitor.close()
    harness.monitor = harness.fresh()
    harness.monitor.step()
    return harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    made = await traded(tmp_path)
    yield made
    made.monitor.close()
    await made.writer.close()


def of_the_rule(harness: Harness) -> list[Decision]:
    found = [each for each in harness.stored() if each.kind != "withdrawn" and each.reason != "RUN_END"]
    assert {"enter_long", "enter_short", "exit", "no_entry"} <= {each.kind for each in found}
    return found


def asked(decision: Decision, settings: PairSettings = CHOSEN) -> ProofRequest:
    return ProofRequest(decision.run_id, decision.bar_ms + settings.interval_ms, decision.revision)


def saved(harness: Harness, decision: Decision) -> Path:
    return save_pack(make_pack(open_backend(harness.folder), asked(decision)), harness.folder / "packs")


def chosen(harness: Harness) -> list[Decision]:
    """One decision of each kind, the newest, and all that are revisions of others."""
    by_kind = {each.kind: each for each in of_the_rule(harness)}
    revised = [each for each in of_the_rule(harness) if each.revision][:1]
    return [*by_kind.values(), *revised]


@pytest.mark.parametrize("pick", [chosen, pytest.param(of_the_rule, marks=pytest.mark.soak)])
async def test_every_kind_of_decision_is_computed_again_to_the_bit(
    harness: Harness, pick: Callable[[Harness], list[Decision]]
) -> None:
    backend, found = open_backend(harness.folder), pick(harness)
    assert any(each.revision for each in found)
    for decision in found:
        made = make_pack(backend, asked(decision))
        path = save_pack(made, harness.folder / "packs")
        pack = read_pack(path)
        assert pack.damage == () and verify(pack) == [] and other_version(pack) == ""
        assert Decision(**pack.record["decision"]) == decision
        assert len(pack.ticks) > 30 and pack.ticks == made.ticks
        assert zipfile.ZipFile(path).namelist() == [*FILES, "manifest.json"]
    assert write_pack(make_pack(backend, asked(decision))) == path.read_bytes(), "equal decisions, equal bytes"


async def test_a_decision_that_a_late_trade_revised_is_proven_as_it_was_made(harness: Harness) -> None:
    """The pack has the bars of the moment at which the decision was given, and not those of now."""
    revised = next(each for each in of_the_rule(harness) if each.revision)
    of_bar = [each for each in harness.stored() if each.bar_ms == revised.bar_ms and each.kind != "withdrawn"]
    packs = [read_pack(saved(harness, each)) for each in of_bar]
    assert len(packs) >= 2 and all(verify(pack) == [] for pack in packs)
    for pack, decision in zip(packs, of_bar, strict=True):
        assert pack.record["decision"]["z"] == decision.z


@pytest.mark.parametrize(
    "changes",
    [
        {"gate": "engle-granger", "test_window": 60},
        {"gate": "engle-granger", "test_window": 60, "gate_lags": "2", "space": "price", "price": "last"},
        {"estimator": "ols", "beta_window": 30, "gate": "off"},
        {"estimator": "huber", "beta_window": 30, "gate": "off"},
        {"z_scale": "filter", "entry_z": 0.8, "exit_z": 0.2, "gate": "off"},
    ],
    ids=str,
)
async def test_the_numpy_script_gives_the_same_to_a_billionth(tmp_path: Path, changes: dict[str, object]) -> None:
    settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
    harness = await traded(tmp_path, settings)
    found = {each.kind: each for each in harness.stored() if each.kind != "withdrawn" and each.reason != "RUN_END"}
    assert found
    for decision in found.values():
        path = saved(harness, decision)
        with zipfile.ZipFile(path) as archive:
            archive.extract("recompute.py", tmp_path / "alone")
        script = tmp_path / "alone" / "recompute.py"
        assert len(script.read_text().splitlines()) <= 50
        code, said = ran(script, path)
        assert code == 0, said
        assert "z: stored" in said and ("gate_statistic" in said) is (settings.gate != "off")
        changed = with_file(path, "decision.json", lambda text: text.replace('"z": ', '"z": 1'))
        assert ran(script, changed)[0] == 1
    harness.monitor.close()
    await harness.writer.close()


def ran(script: Path, pack: Path) -> tuple[int, str]:
    """The script in an interpreter that finds none of this program: its exit code, and what it said."""
    command = [sys.executable, "-I", script, pack]
    done = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def with_file(path: Path, name: str, change: Callable[[str], str], is_resealed: bool = False) -> Path:
    """A copy of a pack with one of its files changed; ``is_resealed``: its manifest too, so that its digests agree."""
    with zipfile.ZipFile(path) as archive:
        files = {each: archive.read(each) for each in archive.namelist()}
    before = files[name]
    files[name] = change(before.decode()).encode()
    assert files[name] != before
    if is_resealed:
        manifest = json.loads(files["manifest.json"])
        listed = manifest["files"]
        listed[name]["sha256"] = hashlib.sha256(files[name]).hexdigest()
        if "rows" in listed[name]:
            listed[name]["rows"] = files[name].count(b"\n") - 1
        lines = "".join(f"{each} {listed[each]['sha256']}\n" for each in sorted(listed))
        manifest["fingerprint"] = hashlib.sha256(lines.encode()).hexdigest()
        files["manifest.json"] = json.dumps(manifest).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for each, content in files.items():
            archive.writestr(each, content)
    changed = path.with_name("changed.zip")
    changed.write_bytes(made.getvalue())
    return changed


def with_cell(row: int, column: str, change: Callable[[str], str]) -> Callable[[str], str]:
    """Change one cell of a table; rows count from the end as in Python."""

    def edit(text: str) -> str:
        header, *lines = text.splitlines()
        cells = lines[row].split(",")
        at = header.split(",").index(column)
        cells[at] = change(cells[at])
        lines[row] = ",".join(cells)
        return "\n".join([header, *lines]) + "\n"

    return edit


def without_row(row: int) -> Callable[[str], str]:
    def edit(text: str) -> str:
        lines = text.splitlines()
        del lines[row]
        return "\n".join(lines) + "\n"

    return edit


def higher(text: str) -> str:
    return repr(float(text) * (1 + 1e-6))


@pytest.mark.parametrize("is_resealed", [False, True])
@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("x_bars.csv", with_cell(-2, "close", higher), "x_bars.csv, bar at .*: close is "),
        ("y_bars.csv", with_cell(-1, "ask", higher), "y_bars.csv, bar at .*: ask is "),
        ("ticks.csv", with_cell(-3, "price", higher), "_bars.csv, bar at .*; its trades in ticks.csv give "),
        ("ticks.csv", without_row(-3), "_bars.csv, bar at .*: trades is [0-9.]+; its trades in ticks.csv give "),
        ("model.csv", with_cell(-1, "z", higher), "model.csv, bar at .*: z is "),
        (
            "decision.json",
            lambda text: text.replace('"quantity_x": ', '"quantity_x": 1'),
            "the decision's quantity_x is",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_changed_pack_is_refused_with_what_differs(
    harness: Harness, name: str, change: Callable[[str], str], said: str, is_resealed: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    entry = next(each for each in reversed(of_the_rule(harness)) if each.kind == "enter_short")
    changed = with_file(saved(harness, entry), name, change, is_resealed)
    assert main(["verify", str(changed)]) == 1
    out = capsys.readouterr().out
    assert re.search(said, out), out
    assert (f"{name} was changed: its SHA-256 is" in out) is not is_resealed
    if name == "ticks.csv" and not is_resealed and "trades is" in said:
        assert re.search(r"ticks.csv has \d+ rows; expected \d+", out)


async def test_an_early_price_is_named_by_what_it_moves(harness: Harness) -> None:
    """Before the trades in the pack there is no other witness of a bar than its digest, and the recursion."""
    entry = next(each for each in reversed(of_the_rule(harness)) if each.kind == "enter_short")
    path = saved(harness, entry)
    changed = with_file(path, "y_bars.csv", with_cell(3, "ask", higher), is_resealed=True)
    assert any(line.startswith("model.csv, bar at ") and "y_price is" in line for line in verify(read_pack(changed)))
    assert any("y_bars.csv was changed" in line for line in verify(read_pack(with_file(
        path, "y_bars.csv", with_cell(3, "ask", higher)))))  # fmt: skip


async def test_a_missing_bar_and_what_is_no_pack(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(harness, of_the_rule(harness)[-1])
    for is_resealed in (False, True):
        changed = with_file(path, "y_bars.csv", without_row(-4), is_resealed)
        assert main(["verify", str(changed)]) == 2
        assert "y_bars.csv has the bar at 2026-09-22T" in capsys.readouterr().err
    shorter = with_file(path, "y_bars.csv", without_row(-1), is_resealed=True)
    assert verify(read_pack(shorter)) != []
    for content, said in ((b"", "not a zip file"), (b"PK\x05\x06" + bytes(18), "lacks decision.json")):
        other = path.with_name("other.zip")
        other.write_bytes(content)
        with pytest.raises(PackRefused, match=said):
            read_pack(other)
    with pytest.raises(PackRefused, match="cannot be read"):
        read_pack(path.with_name("none.zip"))
    odd = with_file(path, "manifest.json", lambda text: text.replace('"format": 1', '"format": 9'))
    with pytest.raises(PackRefused, match="has format 9; expected 1"):
        read_pack(odd)
    broken = with_file(path, "y_bars.csv", with_cell(-1, "open", lambda _: "many"))
    with pytest.raises(PackRefused, match="could not convert string to float: 'many'"):
        read_pack(broken)


async def test_the_command_makes_checks_and_compares_with_the_store(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = of_the_rule(harness)[-1]
    folder = ["--data-dir", str(harness.folder)]
    close_ms = decision.bar_ms + CHOSEN.interval_ms
    assert main(["make", decision.run_id, str(close_ms), *folder]) == 0
    path = capsys.readouterr().out.strip()
    assert Path(path).parent == harness.folder / "exports"
    assert main(["verify", path, "--stored", *folder]) == 0
    assert "computed again, equal to the last bit" in capsys.readouterr().out
    with closing(sqlite3.connect(harness.folder / "analysis.db")) as db, db:
        db.execute("UPDATE decisions SET z=z+1 WHERE run_id=? AND bar_ms=?", [decision.run_id, decision.bar_ms])
    assert main(["verify", path]) == 0
    assert main(["verify", path, "--stored", *folder]) == 1
    assert "; stored is " in capsys.readouterr().out
    assert main(["make", decision.run_id, str(close_ms), *folder]) == 2
    assert "the stored decision is not what its trades give: the decision's z is" in capsys.readouterr().err
    assert main(["make", "none", str(close_ms), *folder]) == 2
    assert "run 'none' has no decision at the bar that closed at 2026-09-22T" in capsys.readouterr().err


async def test_what_has_no_pack(harness: Harness) -> None:
    backend, decision = open_backend(harness.folder), of_the_rule(harness)[-1]
    with pytest.raises(NothingToExport, match=r"has no decision 99 at the bar .* expected revisions 0"):
        make_pack(backend, replace(asked(decision), revision=99))
    with pytest.raises(JobCancelled):
        make_pack(backend, asked(decision), is_cancelled=lambda: True)
    withdrawn = [each for each in harness.stored() if each.kind == "withdrawn"]
    for each in withdrawn[:1]:
        with pytest.raises(SettingsError, match="not made by the rule"):
            make_pack(backend, asked(each))
    request = {"data_dir": str(harness.folder), "proof": {"run_id": decision.run_id, "bar_close_ms": 5}}
    with pytest.raises(NothingToExport):
        run_proof(request, lambda *_: None, lambda: False)
    with closing(sqlite3.connect(harness.folder / "ticks.db")) as db, db:
        db.execute("UPDATE ticks SET price=price*1.001 WHERE seq%7=0")
    with pytest.raises(StoreError, match=r"the stored (trades give no decision|decision is not what its trades give)"):
        make_pack(backend, asked(decision))


def test_a_pack_of_another_version_says_so() -> None:
    pack = ProofPack({"run": {"code": "abc"}}, 0, (np.empty((15, 0)), np.empty((15, 0))), (), {})
    assert other_version(pack).startswith("made by version abc of the pipeline; this is ")
