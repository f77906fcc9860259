"""Runs that end: by a long gap, by other settings, by a failure; and a monitor killed at a bad moment."""

from __future__ import annotations

import itertools
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.market.records import Batch, Decision
from engine.market.ticks import Tick
from engine.pairs.run import PairRun
from engine.pairs.settings import longest_gap_ms
from engine.store.interface import Now
from tests.engine.pairs.markets import SETTINGS, T0, make_ticks
from tests.live.test_monitor import Harness

DAY_MS = 86_400_000
LONGEST_S = longest_gap_ms(SETTINGS) // 1_000


def with_pause(pause_ms: int, seed: int = 3, missed: int = 0) -> list[Tick]:
    """A market that falls silent half-way; ``missed``: so many ids of each symbol are missing then."""
    ticks = make_ticks(seed, 2 * 260)
    middle_ms = T0 + 260_000
    return [
        tick._replace(trade_time_ms=tick.trade_time_ms + pause_ms, agg_id=tick.agg_id + missed)
        if tick.trade_time_ms >= middle_ms
        else tick
        for tick in ticks
    ]


async def write(harness: Harness, ticks: list[Tick]) -> None:
    """Store ticks as of the time of the last one: nothing in them is from the future."""
    now_ms = max(tick.trade_time_ms for tick in ticks)
    await harness.writer.commit([Batch(0, 0, "sim", tuple(ticks))], [], Now(now_ms, now_ms - T0))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def read_in_pieces(
    folder: Path, ticks: list[Tick], seed: int, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, Decision]]:
    """All decisions that were stored, when the store was read in pieces of any size, with kills and restarts."""
    rng = random.Random(seed)
    harness = await Harness.open(made(folder))
    at = 0
    while at < len(ticks):
        size = rng.choice([1, 40, 300, 1_000])
        await write(harness, ticks[at : at + size])
        at += size
        monkeypatch.setattr("live.monitor.STEP_S", rng.choice([0.0, 0.05]))
        monkeypatch.setattr("live.monitor.SAVE_EVERY_S", rng.choice([0.0, 5.0]))
        harness.monitor.step(rng.choice([1, 50, 1_000]))
        if rng.random() < 0.2:
            harness.monitor = harness.fresh()  # killed: uncommitted changes are lost
    harness.read_all()
    harness.monitor.close()
    await harness.writer.close()
    return decisions_in(folder)


def decisions_in(folder: Path) -> list[tuple[str, Decision]]:
    with closing(sqlite3.connect(folder / "analysis.db")) as db:
        columns = ", ".join(Decision.__slots__)
        rows = db.execute(f"SELECT end_reason, {columns} FROM decisions JOIN runs USING (run_id) ORDER BY given")
        found = [(reason, Decision(*row)) for reason, *row in rows.fetchall()]
        order = [row[0] for row in db.execute("SELECT run_id FROM runs ORDER BY began_seq")]
        # A run's id hangs on the store's: by its place it is the same in each.
        return [(reason, replace(decision, run_id=str(order.index(decision.run_id)))) for reason, decision in found]


def ends_in(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "analysis.db")) as db:
        return [row[0] for row in db.execute("SELECT end_reason FROM runs ORDER BY began_at_ms, rowid")]


async def test_a_monitor_killed_after_a_run_began_and_before_the_next_save_goes_on(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await write(harness, make_ticks(1))
    harness.read_all()  # has just saved: the next save by the clock is seconds away
    first_of_both = make_ticks(2)[:40]
    await harness.writer.commit([Batch(0, 1, "spot", tuple(first_of_both))], [], Now(T0, 0))
    harness.monitor.step()
    assert {watch.entry.market for watch in harness.monitor.watches.values() if watch.run} == {"sim", "spot"}
    harness.monitor = harness.fresh()  # killed
    await harness.writer.commit([Batch(0, 2, "spot", tuple(make_ticks(2)[40:]))], [], Now(T0, 0))
    harness.read_all()
    runs = [harness.monitor.followed(watch) for watch in harness.monitor.watches.values()]
    assert [run.model.size > 100 for run in runs if run] == [True, True]
    harness.monitor.close()
    await harness.writer.close()


async def test_the_same_settings_again_at_the_same_tick_resume_the_run(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await write(harness, make_ticks(2))
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    harness.monitor.watch("sim", "YUSDT", "XUSDT", replace(SETTINGS, entry_z=2.0))
    harness.monitor.watch("sim", "YUSDT", "XUSDT", SETTINGS)
    harness.monitor.watch("sim", "YUSDT", "XUSDT", replace(SETTINGS, entry_z=2.0))
    watch = harness.monitor.watches[watch_id]
    given = [entry.decision for entry in harness.monitor.log_of(watch_id) if watch.run]
    keys = [(d.run_id, d.bar_ms, d.revision) for d in given]
    assert len(keys) == len(set(keys)) > 0
    harness.monitor.close()
    await harness.writer.close()


@pytest.mark.parametrize("seed", range(4))
async def test_a_long_pause_ends_the_run_however_the_store_was_read(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = with_pause(30 * DAY_MS, seed, missed=50 * (seed % 2))
    expected = await read_in_pieces(tmp_path / "whole", ticks, 0, monkeypatch)
    for other in (1, 2):
        found = await read_in_pieces(tmp_path / f"pieces{other}", ticks, other, monkeypatch)
        assert found == expected
    assert ends_in(tmp_path / "whole") == ["gap", None]
    before, after = ([d for reason, d in expected if reason == ended] for ended in ("gap", None))
    assert after and min(d.bar_ms for d in after) > T0 + 30 * DAY_MS
    held = [d for d in before if d.kind in ("enter_long", "enter_short", "exit")]
    assert held[-1].kind == "exit" and sum(d.quantity_y for d in held) == pytest.approx(0.0, abs=1e-12)
    closed = [d for d in before if d.reason == "RUN_END"]
    assert all(d.bar_ms > T0 + 30 * DAY_MS and d.y_price > 0 for d in closed) and len(closed) <= 1


async def test_a_position_is_closed_after_the_pause_that_ended_its_run(tmp_path: Path) -> None:
    ticks = make_ticks(3)
    whole = await Harness.open(made(tmp_path / "whole"))
    await write(whole, ticks)
    whole.read_all()
    whole.monitor.close()
    await whole.writer.close()
    entry = next(d for _, d in decisions_in(tmp_path / "whole") if d.kind.startswith("enter"))
    paused = [
        tick._replace(trade_time_ms=tick.trade_time_ms + 30 * DAY_MS) if seq > entry.given_seq else tick
        for seq, tick in enumerate(ticks, 1)
    ]
    harness = await Harness.open(tmp_path)
    await write(harness, paused)
    harness.read_all()
    log = [logged.decision for logged in harness.monitor.log_of(next(iter(harness.monitor.watches)))]
    harness.monitor.close()
    await harness.writer.close()
    (closed,) = [d for _, d in decisions_in(tmp_path) if d.reason == "RUN_END"]
    assert (closed.kind, closed.position) == ("exit", 0) and closed.bar_ms >= entry.bar_ms + 30 * DAY_MS
    assert (closed.quantity_y, closed.quantity_x) == (-entry.quantity_y, -entry.quantity_x)
    assert log[0].reason == "RUN_END", "the log of the run that follows begins with it"


async def test_the_end_stays_when_the_gap_is_filled_later(tmp_path: Path) -> None:
    pause_ms = 4 * LONGEST_S * 1_000
    whole = make_ticks(3, 4 * 260 + 4 * LONGEST_S)
    silent = range(T0 + 260_000, T0 + 260_000 + pause_ms)
    harness = await Harness.open(tmp_path)
    await write(harness, [tick for tick in whole if tick.trade_time_ms not in silent])
    harness.read_all()
    before = [d.content() for _, d in decisions_in(tmp_path)]
    assert ends_in(tmp_path) == ["gap", None]
    await write(harness, [tick for tick in whole if tick.trade_time_ms in silent])
    harness.read_all()
    harness.monitor.close()
    await harness.writer.close()
    assert ends_in(tmp_path) == ["gap", None]
    assert [d.content() for _, d in decisions_in(tmp_path)][: len(before)] == before


@pytest.mark.parametrize("days", [30, 365, 6_000])
async def test_no_bars_are_laid_out_through_a_pause(tmp_path: Path, days: int) -> None:
    harness = await Harness.open(tmp_path)
    await write(harness, with_pause(days * DAY_MS))
    harness.read_all()
    pipeline = harness.monitor.pipelines["sim"]
    assert sum(leg.size for leg in pipeline._legs) < 300
    assert [run.model.size for run in pipeline.runs.values()] == [pytest.approx(130, abs=5)]
    harness.monitor.close()
    await harness.writer.close()


async def test_a_leg_that_falls_silent_ends_the_run_and_its_return_begins_another(tmp_path: Path) -> None:
    ticks = make_ticks(5, 260 * 3)
    silent = range(T0 + 200_000, T0 + 200_000 + (LONGEST_S + 30) * 1_000)
    harness = await Harness.open(tmp_path)
    kept = [tick for tick in ticks if tick.symbol == "XUSDT" or tick.trade_time_ms not in silent]
    renumbered, next_id = [], {"XUSDT": 1, "YUSDT": 1}
    for tick in kept:
        renumbered.append(tick._replace(agg_id=next_id[tick.symbol]))
        next_id[tick.symbol] += 1
    await write(harness, renumbered)
    harness.read_all()
    (watch,) = harness.monitor.watches.values()
    assert watch.run is not None and watch.previous is not None
    assert watch.run.start_ms >= silent.stop - SETTINGS.interval_ms and watch.previous.reason == "gap"
    assert "YUSDT had no trade for" in watch.previous.detail
    harness.monitor.close()
    await harness.writer.close()


async def test_settings_that_cannot_be_read_set_one_pair_aside(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await write(harness, make_ticks(2)[:600])
    harness.read_all()
    harness.monitor.watch("sim", "XUSDT", "YUSDT", SETTINGS)
    harness.monitor.close()
    with closing(sqlite3.connect(tmp_path / "analysis.db")) as db, db:
        db.execute("UPDATE watch SET settings='{\"entry_z\": -1}' WHERE y='XUSDT'")
    harness.monitor = harness.fresh()
    await write(harness, make_ticks(2)[600:])
    harness.read_all()
    well, broken = harness.monitor.watches.values()
    assert "entry_z" in broken.problem and broken.run is None
    followed = harness.monitor.followed(well)
    assert not well.problem and followed is not None and followed.model.size > 100
    harness.monitor.watch("sim", "XUSDT", "YUSDT", SETTINGS)
    assert not harness.monitor.watches[broken.entry.watch_id].problem, "good settings are its way back"
    harness.monitor.close()
    await harness.writer.close()


async def test_a_pair_that_fails_is_set_aside_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = make_ticks(2)
    harness = await Harness.open(tmp_path)
    await write(harness, ticks[:600])
    harness.read_all()
    harness.monitor.watch("sim", "XUSDT", "YUSDT", SETTINGS)
    honest = PairRun.catch_up

    def catch_up(run: PairRun, seq: int, watermark_ms: int) -> list[Decision]:
        if run.run.y == "XUSDT":
            raise ZeroDivisionError("a variance was 0")
        return honest(run, seq, watermark_ms)

    monkeypatch.setattr(PairRun, "catch_up", catch_up)
    await write(harness, ticks[600:])
    harness.read_all()
    well, failed = harness.monitor.watches.values()
    assert failed.problem == "ZeroDivisionError: a variance was 0" and failed.run is None
    followed = harness.monitor.followed(well)
    assert followed is not None and followed.model.size > 100
    assert sorted(filter(None, ends_in(tmp_path))) == ["failed"]
    harness.monitor.close()
    await harness.writer.close()


async def test_a_step_that_cannot_be_stored_is_undone_and_done_again(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await write(harness, make_ticks(3)[:500])
    harness.read_all()
    await write(harness, make_ticks(3)[500:])
    with closing(sqlite3.connect(tmp_path / "analysis.db", isolation_level=None)) as db:
        db.execute("CREATE TRIGGER refuse BEFORE UPDATE ON cursor BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
        db.execute("CREATE TRIGGER refuse2 BEFORE INSERT ON cursor BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
        with pytest.raises(Exception, match="the disk is full"):
            harness.read_all()
        db.execute("DROP TRIGGER refuse")
        db.execute("DROP TRIGGER refuse2")
    harness.read_all()
    harness.monitor.close()
    await harness.writer.close()
    found = decisions_in(tmp_path)
    again = tmp_path / "again"
    other = await Harness.open(made(again))
    await other.write(make_ticks(3))
    other.read_all()
    other.monitor.close()
    await other.writer.close()
    said = [(d.bar_ms, d.kind, d.reason, d.z, d.given_seq) for _, d in found]
    assert said == [(d.bar_ms, d.kind, d.reason, d.z, d.given_seq) for _, d in decisions_in(again)]


def with_break(seed: int) -> list[Tick]:
    """A market in which Y shifts by 2 % half-way."""
    return [
        tick._replace(price=round(tick.price * 1.02, 4))
        if tick.symbol == "YUSDT" and tick.trade_time_ms >= T0 + 260_000
        else tick
        for tick in make_ticks(seed, 2 * 260)
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_a_break_ends_the_run_and_the_next_looks_at_nothing_before_it_however_the_store_was_read(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.live.test_monitor.PAIR", ("YUSDT", "XUSDT", replace(SETTINGS, break_alarm=1_000)))
    expected = await read_in_pieces(tmp_path / "whole", with_break(seed), 0, monkeypatch)
    for other in (1, 2):
        assert await read_in_pieces(tmp_path / f"pieces{other}", with_break(seed), other, monkeypatch) == expected
    with closing(sqlite3.connect(tmp_path / "whole" / "analysis.db")) as db:
        runs = db.execute("SELECT start_ms, end_reason, end_after_ms FROM runs ORDER BY began_seq").fetchall()
    assert [run[1] for run in runs] == ["break"] * (len(runs) - 1) + [None] and len(runs) >= 2
    for (_, _, after_ms), (start_ms, _, _) in itertools.pairwise(runs):
        assert start_ms == after_ms
    assert any(T0 + 260_000 < after_ms < T0 + 380_000 for _, _, after_ms in runs[:-1])
    held = [d for _, d in expected if d.kind in ("enter_long", "enter_short", "exit")]
    assert held and all((one.kind == "exit") != (two.kind == "exit") for one, two in itertools.pairwise(held))
