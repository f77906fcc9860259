"""The dashboard killed at any write, cut or sync of its file: after the next start all pairs continue, the decisions
equal those of an uninterrupted dashboard, without duplicates."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.alerts.rule_json import text_of
from engine.alerts.rules import AlertRule, Condition, Scope
from engine.market.records import Batch
from engine.market.ticks import Tick
from engine.store.alerts import StoredRule
from engine.store.interface import Cursor, Now
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.scans import SqliteScans
from engine.store.sqlite.writer import SqliteTickWriter
from live.alerts import AlertDesk
from live.monitor import Monitor
from tests.durability.vfs import Op, watched
from tests.engine.pairs.markets import SETTINGS, T0, make_ticks

PAIR = ("YUSDT", "XUSDT", SETTINGS)
PAUSE_MS = 30 * 86_400_000
SCAN = {
    "market": "sim", "interval_ms": 1_000, "symbols": ["A", "B"], "tests": 1, "found": 0, "confirmed": 0,
}  # fmt: skip
Action = Callable[[Monitor, Path], None]


def watch(monitor: Monitor, _: Path) -> None:
    monitor.watch("sim", "XUSDT", "YUSDT", SETTINGS)


def apply(monitor: Monitor, _: Path) -> None:
    monitor.watch("sim", "YUSDT", "XUSDT", replace(SETTINGS, entry_z=1.6))


def unwatch(monitor: Monitor, _: Path) -> None:
    for watch_id, watched_pair in list(monitor.watches.items()):
        if watched_pair.entry.y == "XUSDT":
            monitor.unwatch(watch_id)


def scan(_: Monitor, folder: Path) -> None:
    shelf = SqliteScans(folder / "analysis.db")
    if not shelf.newest():
        shelf.add(1, SCAN)


def add_alert_rules(monitor: Monitor, _: Path) -> None:
    far = Condition("z", "leaves", -1.2, 1.2, hysteresis=0.3)
    moves, symbol = Condition("change", "crosses", 0.02, window=5), Scope("symbol", "sim", "XUSDT")
    rules = [
        AlertRule("far", far, cap_per_day=40, channels=("phone", "mail")),
        AlertRule("moves", moves, symbol, cooldown_s=9.0),
    ]
    known = {stored.rule_id for stored, _ in monitor.alerts.rules}

    def work(_: AlertDesk, at: Cursor) -> None:
        for rule in rules:
            if rule.name not in known:
                monitor.analysis.keep_alert_rule(StoredRule(rule.name, 1, text_of(rule), at.seq, 0, 0, at.event_id))

    monitor.change_alerts(work)


def script() -> list[tuple[str, list[Tick]] | Action]:
    """Commits of trades by market, and user actions between them."""
    ticks = make_ticks(3, 3 * 260)
    early, late = ticks[:4_000], [tick._replace(trade_time_ms=tick.trade_time_ms + PAUSE_MS) for tick in ticks[4_000:]]
    lost = [tick for tick in late[300:700] if tick.symbol == "YUSDT"][:40]
    kept = [tick for tick in late if tick not in lost]
    spot = make_ticks(7)
    return [
        ("sim", early[:1_500]), ("sim", early[1_500:1_520]), ("spot", spot[:40]), watch, add_alert_rules,
        ("sim", early[1_520:2_500]),
        apply, ("spot", spot[40:900]), ("sim", early[2_500:]), scan, ("sim", kept[:900]), unwatch, ("sim", lost),
        ("spot", spot[900:]), ("sim", kept[900:]),
    ]  # fmt: skip


async def committed(folder: Path, market: str, ticks: list[Tick]) -> None:
    writer = await SqliteTickWriter.open(folder / "ticks.db")
    now_ms = max(tick.trade_time_ms for tick in ticks)
    await writer.commit([Batch(0, 0, market, tuple(ticks))], [], Now(now_ms, now_ms - T0))
    await writer.close()


def begun(folder: Path) -> Monitor:
    monitor = Monitor(
        partial(SqliteTickReader, folder / "ticks.db"), SqliteAnalysis(folder / "disk" / "analysis.db"), PAIR
    )
    while monitor.step():
        pass
    return monitor


def found_in(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All data that must be equal; without local times."""
    queries = {
        "watch": "SELECT market, y, x, settings FROM watch ORDER BY 1, 2, 3",
        "runs": "SELECT run_id, start_ms, began_seq, ended_seq, end_reason FROM runs ORDER BY began_seq, run_id",
        "decisions": "SELECT run_id, bar_ms, revision, kind, reason, z, beta, y_price, quantity_y, position, given_seq"
        " FROM decisions ORDER BY run_id, bar_ms, revision",
        "scans": "SELECT count(*) FROM scans",
        "alerts": 'SELECT alert_id, rule_id, subject, close_ms, seq, "values" FROM alerts ORDER BY alert_id',
        "outbox": "SELECT outbox_id, alert_id, channel, state FROM outbox ORDER BY outbox_id",
    }
    with closing(sqlite3.connect(folder / "disk" / "analysis.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {name: db.execute(query).fetchall() for name, query in queries.items()}


def image(ops: list[Op], folder: Path) -> None:
    """The disk as a killed process leaves it: everything that was written is there."""
    for op in ops:
        path = folder / op.path
        if op.kind == "create":
            path.touch()
        elif op.kind == "delete":
            path.unlink(missing_ok=True)
        elif op.kind == "write":
            with path.open("r+b" if path.exists() else "w+b") as file:
                file.seek(op.offset)
                file.write(op.data)
        elif op.kind == "truncate":
            with path.open("r+b") as file:
                file.truncate(op.offset)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[int, list[Op]]]]:
    """An uninterrupted dashboard: its folder, and for each op of its file the step it belongs to."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "disk").mkdir()
    (folder / "stores").mkdir()
    with watched(folder / "disk") as disk:
        monitor = None
        for number, item in enumerate(script()):
            if callable(item):
                assert monitor is not None
                item(monitor, folder / "disk")
            else:
                asyncio.run(committed(folder, *item))
                monitor = monitor or begun(folder)
            while monitor.step():
                pass
            shutil.copy(folder / "ticks.db", folder / "stores" / f"{number}.db")
            disk.mark(number)
        assert monitor is not None
        monitor.close()
        ops = list(disk.ops)
    return folder, _by_step(ops)


def _by_step(ops: list[Op]) -> list[tuple[int, list[Op]]]:
    """(step, ops so far) before each write, cut and sync."""
    step, last, found = 0, len(script()), []
    for at, op in enumerate(ops):
        if op.kind == "mark":
            step = int(op.note) + 1
        elif op.kind in ("write", "truncate", "sync") and step < last:
            found.append((step, ops[:at]))
    return found


def assert_goes_on(folder: Path, whole: Path, step: int, ops: list[Op]) -> None:
    """Start on the state after a kill, do the rest, and reach the same result."""
    (folder / "disk").mkdir(parents=True)
    image(ops, folder / "disk")
    shutil.copy(whole / "stores" / f"{step}.db", folder / "ticks.db")
    items = script()
    monitor = begun(folder)
    assert all(pair.run is not None and not pair.problem for pair in monitor.watches.values())
    for number, item in enumerate(items[step:], step):
        if callable(item):
            item(monitor, folder / "disk")
        elif number > step:
            asyncio.run(committed(folder, *item))
        while monitor.step():
            pass
    monitor.close()
    expected, found = found_in(whole), found_in(folder)
    for name, rows in expected.items():
        assert found[name] == rows, name
    keys = [row[:3] for row in found["decisions"]]
    assert len(keys) == len(set(keys))


def test_killed_at_20_points_it_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, whole: tuple[Path, list[tuple[int, list[Op]]]]
) -> None:
    folder, points = whole
    expected = found_in(folder)
    assert {row[4] for row in expected["runs"]} >= {"gap", "settings", "unwatched", None}
    assert len(expected["alerts"]) > 50 and len(expected["outbox"]) == 2 * sum(
        row[1] == "far" for row in expected["alerts"]
    )
    assert len(expected["decisions"]) > 50 and expected["scans"] == [(1,)]
    rng = random.Random(8)
    for step, ops in sorted(rng.sample(points, 20), key=lambda point: len(point[1])):
        assert_goes_on(tmp_path / str(len(ops)), folder, step, ops)


@pytest.mark.soak
def test_killed_at_every_point_it_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, whole: tuple[Path, list[tuple[int, list[Op]]]]
) -> None:
    folder, points = whole
    for step, ops in points:
        assert_goes_on(tmp_path / "disk-of-one", folder, step, ops)
        shutil.rmtree(tmp_path / "disk-of-one")
