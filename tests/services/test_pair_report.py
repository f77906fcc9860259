"""A report of what is stored: as a job in a process of its own, from the command line, and what it says otherwise."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import SettingsError
from engine.market.ticks import Tick
from engine.scan.request import HOUR_MS
from engine.store.interface import Now
from engine.store.sqlite.bar_reader import SqliteBarReader
from engine.store.sqlite.writer import SqliteTickWriter
from services import pair_report
from services.job_process import ProcessExecutor
from services.jobs import JobCancelled, Jobs
from services.pair_report import ReportRequest, main, run_report
from tests.conftest import until
from tests.engine.store.harness import batch

T0 = 1_790_046_000_000
SECONDS = 300
REQUEST = ReportRequest("sim", "YUSDT", ("XUSDT",), 1_000, HOUR_MS)


def trades() -> dict[str, list[Tick]]:
    """Y keeps to X, OTHER walks; each trades once a second on both sides, OTHER from the 60th on, Y not in 5."""
    rng = np.random.default_rng(5)
    x, other = np.cumsum(rng.normal(0, 1e-3, (2, SECONDS)), axis=1)
    spread = np.zeros(SECONDS)
    for t in range(1, SECONDS):
        spread[t] = 0.7 * spread[t - 1] + rng.normal(0, 1e-3)
    walks = {"YUSDT": 0.8 * x + spread, "XUSDT": x, "OTHERUSDT": other}
    found = {}
    for name, walk in walks.items():
        seconds = [s for s in range(60 if name == "OTHERUSDT" else 0, SECONDS) if name != "YUSDT" or not 200 <= s < 205]
        rows = [(second, side) for second in seconds for side in (0, 1)]
        found[name] = [
            Tick(
                name, number, round(100.0 * float(np.exp(walk[second])) * (1 + (2 * side - 1) * 1e-5), 8), 1.0,
                T0 + 1_000 * second + 400 * side, side == 0,
            )
            for number, (second, side) in enumerate(rows, 1)
        ]  # fmt: skip
    return found


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    for ticks in trades().values():
        await writer.commit([batch(*ticks)], [], Now(T0, 0))
    yield tmp_path
    await writer.close()


def made(folder: Path, request: ReportRequest = REQUEST) -> pair_report.PairReport:
    return pair_report.pair_report(request, SqliteBarReader(folder / "ticks.db"), lambda *_: None)


async def test_the_bars_of_both_legs_are_tested(folder: Path) -> None:
    said: list[tuple[str, int, int]] = []
    found = pair_report.pair_report(REQUEST, SqliteBarReader(folder / "ticks.db"), lambda *each: said.append(each))
    assert said == [("reading bars", 0, 2), ("reading bars", 1, 2), ("testing", 0, 1)]
    assert (found.from_ms, found.to_ms) == (T0, T0 + 1_000 * (SECONDS - 1))
    assert found.filled == {"YUSDT": 5, "XUSDT": 0}
    assert found.found.names == ("YUSDT", "XUSDT") and found.found.bars == SECONDS - 1
    assert found.found.found == 6


async def test_it_begins_where_every_leg_has_traded(folder: Path) -> None:
    found = made(folder, ReportRequest("sim", "YUSDT", ("XUSDT", "OTHERUSDT"), 1_000, HOUR_MS))
    assert found.from_ms == T0 + 60_000 and found.found.bars == SECONDS - 61


async def test_as_a_job_it_runs_in_a_process_and_returns_plain_values(folder: Path) -> None:
    kept: list[dict[str, Any]] = []
    jobs = Jobs(ProcessExecutor())
    pair = {"market": "sim", "y": "YUSDT", "x": ["XUSDT"], "interval_ms": 1_000, "span_ms": HOUR_MS}
    asked = {"data_dir": str(folder), "pair": pair}
    job_id = jobs.submit("services.pair_report:run_report", asked, kept.append)
    await until(lambda: jobs.state(job_id).phase != "running", 120)
    assert (jobs.state(job_id).phase, jobs.state(job_id).problem) == ("done", "")
    here = run_report(asked, lambda *_: None, lambda: False)
    assert kept == [json.loads(json.dumps(here, allow_nan=False))]
    assert (kept[0]["tests"], kept[0]["found"], kept[0]["filled"]) == (6, 6, {"YUSDT": 5, "XUSDT": 0})
    assert kept[0]["rows"][0]["test"] == "Engle-Granger" and kept[0]["rows"][6]["adjusted"] is None


async def test_a_cancelled_one_stops_before_it_tests(folder: Path) -> None:
    with pytest.raises(JobCancelled):
        pair_report.pair_report(REQUEST, SqliteBarReader(folder / "ticks.db"), lambda *_: None, lambda: True)


async def test_the_command_prints_the_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["sim", "yusdt", "XUSDT", "--interval", "1s", "--hours", "1", "--data-dir", str(folder)]
    assert main(asked) == 0
    text = capsys.readouterr().out
    assert text.startswith("6 of 6 tests find a relation of YUSDT on XUSDT, adjusted for all 6, over 299 bars.")
    assert text.endswith("Bars of 1s without a trade: YUSDT 5, XUSDT 0.\n") and "Gregory-Hansen" in text


async def test_the_command_says_why_it_cannot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for asked, message in (
        (["sim", "YUSDT", "NONEUSDT"], "market sim has no trades of NONEUSDT"),
        (["usdm", "YUSDT", "XUSDT"], "market usdm has no trades of YUSDT, XUSDT"),
        (["sim", "YUSDT", "XUSDT"], "YUSDT and XUSDT have 4 complete bars of 1m together; expected at least 100"),
        (["sim", "YUSDT", "XUSDT", "--interval", "often"], "'often'"),
        (["sim", "YUSDT", "YUSDT"], "legs are YUSDT, YUSDT; expected two to 6 different symbols"),
        (
            ["sim", "YUSDT", "XUSDT", "--hours", "0.1"],
            "span_ms is 0.1 hours, 6 bars of 1m; expected 100 to 20,000 bars",
        ),
    ):
        assert main([*asked, "--data-dir", str(folder)]) == 2
        assert message in capsys.readouterr().err
    assert main(["sim", "YUSDT", "XUSDT", "--data-dir", str(folder / "none")]) == 2
    assert "does not exist yet" in capsys.readouterr().err


def test_a_request_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="interval_ms is 1500; expected whole seconds up to a day"):
        ReportRequest("sim", "Y", ("X",), 1_500, HOUR_MS)
    for wrong in ({"market": "sim"}, {"market": "sim", "y": "Y", "x": ["X"], "interval_ms": 1_000, "spam": 1}):
        with pytest.raises(SettingsError, match="a report's request is"):
            run_report({"data_dir": ".", "pair": wrong}, lambda *_: None, lambda: False)
