"""Alerts live: for any way of reading and any kill those of a replay, stored once, each with its messages."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.alerts.metrics import METRICS
from engine.alerts.rule_json import text_of
from engine.alerts.rules import AlertRule, Condition, Group, Scope
from engine.market.records import Event
from engine.pairs.layout import Out
from engine.stats.checks import Floats
from engine.store.alerts import StoredAlert, StoredRule
from engine.store.interface import Cursor, Now
from engine.store.sqlite.alerts import SqliteOutbox
from engine.store.sqlite.reader import SqliteTickReader
from live.alert_replay import replay_alerts
from live.alert_text import alert_text
from live.alerts import AlertDesk
from services.alert_board import AlertBoard
from tests.engine.pairs.markets import T0, Trouble, deliver, make_ticks
from tests.live.test_monitor import Harness

Z = Condition("z", "leaves", -1.2, 1.2, hysteresis=0.3)
BUSY = Group("any", (Z, Condition("spike", "above", 3.0, leg="x")))
FRESH = Group("not", (Condition("staleness", "above", 1.5),))
PAIR = Scope("pair", "sim", "YUSDT", "XUSDT")
MOVES = Condition("change", "crosses", 0.02, window=5)
RULES = [
    AlertRule("far", Z, cap_per_day=8, channels=("phone", "mail")),
    AlertRule("nested", Group("all", (BUSY, FRESH)), PAIR, cooldown_s=20.0),
    AlertRule("moves", MOVES, Scope("symbol", "sim", "XUSDT"), channels=("mail",)),
    AlertRule("money", Condition("open_pnl", "below", -1.0, hysteresis=0.5), dwell_bars=2),
]


def add_rules(harness: Harness, rules: Sequence[AlertRule] = RULES) -> list[StoredRule]:
    def work(_: AlertDesk, at: Cursor) -> list[StoredRule]:
        stored = [StoredRule(rule.name, 1, text_of(rule), at.seq, 0, 0, at.event_id) for rule in rules]
        for each in stored:
            harness.monitor.analysis.keep_alert_rule(each)
        return stored

    return harness.monitor.change_alerts(work)


def given(harness: Harness) -> list[StoredAlert]:
    return [replace(alert, made_at_ms=0) for _, alert in harness.monitor.analysis.alerts(10_000)][::-1]


@pytest.mark.parametrize("seed", range(4))
async def test_live_gives_the_alerts_of_a_replay_each_once(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    arrived = deliver(make_ticks(seed), Trouble(gap_at=rng.uniform(0.3, 0.7), late_at=rng.uniform(0.5, 0.8)))
    harness = await Harness.open(tmp_path)
    at, stored = 0, None
    while at < len(arrived):
        size = rng.choice([1, 3, 20, 150])
        await harness.write(arrived[at : at + size])
        at += size
        for _ in range(rng.choice([0, 1, 1, 3])):
            monkeypatch.setattr("live.monitor.STEP_S", rng.choice([0.0, 0.05]))
            harness.monitor.step(rng.choice([1, 2, 50, 1_000]))
        if stored is None and at > 400:
            stored = add_rules(harness)
        chance = rng.random()
        if chance < 0.03:
            harness.monitor.close()
            harness.monitor = harness.fresh()
        elif chance < 0.08:  # killed
            harness.monitor = harness.fresh()
    harness.read_all(rng.choice([1, 500]))
    (watch,) = harness.monitor.watches.values()
    assert watch.run is not None and stored is not None
    reader, cursor = SqliteTickReader(tmp_path / "ticks.db"), harness.monitor.cursor
    found = given(harness)
    for rule in stored:
        expected = replay_alerts(reader, watch.run, rule, cursor.seq, cursor.event_id)
        assert [each for each in found if each.rule_id == rule.rule_id] == expected
    reader.close()
    counts = {rule.name: sum(each.rule_id == rule.name for each in found) for rule in RULES}
    assert min(counts.values()) >= 1 and counts["far"] == 8, counts
    assert any(alert.text.startswith(("SHORT YUSDT", "LONG YUSDT")) for alert in found if alert.name == "far")
    assert all({"z", "beyond_entry", "gate", "beta"} <= set(alert.values) for alert in found if alert.name == "far")
    outbox = SqliteOutbox(tmp_path / "analysis.db")
    for alert in found:
        channels = next(rule.channels for rule in RULES if rule.name == alert.name)
        messages = outbox.of_alerts([alert.alert_id])
        assert tuple(row.channel for row in messages) == channels
        assert alert.text == alert_text(alert.name, alert.subject, alert.values, alert.close_ms, alert.held)
        assert all(row.payload["id"] == row.outbox_id and row.payload["values"] == alert.values for row in messages)
    assert outbox.counts() == {"pending": 2 * counts["far"] + counts["moves"]}
    harness.monitor.close()
    await harness.writer.close()


async def test_bars_from_before_a_rule_or_a_run_give_nothing(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    ticks = make_ticks(1)
    await harness.write(ticks[:2_000])
    harness.read_all()
    add_rules(harness)
    assert given(harness) == []
    (watch,) = harness.monitor.watches.values()
    run = harness.monitor.followed(watch)
    assert run is not None and np.nanmax(np.abs(run.model.column(Out.Z))) > 1.2
    harness.monitor.watch("sim", "YUSDT", "XUSDT", replace(watch.settings, entry_z=1.6))  # another run, with history
    assert given(harness) == []
    await harness.write(ticks[2_000:])
    harness.read_all()
    assert min(each.seq for each in given(harness)) > 2_000
    harness.monitor.close()
    await harness.writer.close()


async def test_a_bridge_that_disconnects_is_told_at_once(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1)[:600])
    harness.read_all()
    rule = AlertRule("bridge", Condition("bridge", "below", 0.5), channels=("phone",))
    harness.monitor.change_alerts(
        lambda _, at: harness.monitor.analysis.keep_alert_rule(StoredRule("b", 1, text_of(rule), at.seq, 0))
    )
    await harness.writer.commit([], [Event("bridge", "sim", None, {"state": "down"})], Now(T0, 0))
    harness.read_all()
    (alert,) = given(harness)
    assert alert.values == {"bridge": 0.0} and alert.sent_as == "outbox"
    harness.monitor.close()
    await harness.writer.close()


ON_BRIDGE = [
    AlertRule("down", Condition("bridge", "below", 0.5), PAIR),
    AlertRule("either", Condition("bridge", "crosses", 0.5), Scope("symbol", "sim", "YUSDT")),
    AlertRule("slow", Condition("bridge", "below", 0.5), PAIR, dwell_bars=2),
    AlertRule("both", Group("any", (Z, Condition("bridge", "changes", 0.5))), PAIR),
    AlertRule("far for two bars", Condition("z", "leaves", -0.8, 0.8), PAIR, dwell_bars=2),
]


async def send_bridge(harness: Harness, state: str) -> None:
    await harness.writer.commit([], [Event("bridge", "sim", None, {"state": state})], Now(T0, 0))


@pytest.mark.parametrize("seed", range(6))
async def test_live_gives_the_alerts_of_a_replay_with_a_bridge_that_comes_and_goes(tmp_path: Path, seed: int) -> None:
    rng, ticks = random.Random(seed), make_ticks(seed)
    harness = await Harness.open(tmp_path)
    at, stored, state = 0, None, "up"
    while at < len(ticks):
        size = rng.choice([1, 3, 20, 150])
        await harness.write(ticks[at : at + size])
        at += size
        for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
            state = "down" if state == "up" else "up"
            await send_bridge(harness, state)
        for _ in range(rng.choice([0, 1, 3])):
            harness.monitor.step(rng.choice([1, 50, 1_000]))
        if stored is None and at > 400:
            stored = add_rules(harness, ON_BRIDGE)
        if rng.random() < 0.05:  # killed
            harness.monitor = harness.fresh()
    harness.read_all()
    (watch,) = harness.monitor.watches.values()
    assert watch.run is not None and stored is not None
    reader, cursor = SqliteTickReader(tmp_path / "ticks.db"), harness.monitor.cursor
    found = given(harness)
    for rule in stored:
        expected = replay_alerts(reader, watch.run, rule, cursor.seq, cursor.event_id)
        assert [each for each in found if each.rule_id == rule.rule_id] == expected, rule.rule_id
    reader.close()
    counts = {rule.name: sum(each.rule_id == rule.name for each in found) for rule in ON_BRIDGE}
    assert min(counts["down"], counts["either"], counts["both"], counts["far for two bars"]) >= 2, counts
    harness.monitor.close()
    await harness.writer.close()


async def test_events_of_the_bridge_count_no_bar_and_concern_no_other_rule(tmp_path: Path) -> None:
    """Beside rules on the bridge, whatever it does, the others give the same alerts."""
    found = []
    for is_calm in (True, False):
        folder = tmp_path / str(is_calm)
        folder.mkdir()
        harness = await Harness.open(folder)
        ticks = make_ticks(2)
        await harness.write(ticks[:1_000])
        harness.read_all()
        add_rules(harness, [ON_BRIDGE[0], ON_BRIDGE[2], ON_BRIDGE[4]])
        for at in range(1_000, 4_000, 100):
            await harness.write(ticks[at : at + 100])
            for _ in range(0 if is_calm else 3):
                for state in ("down", "down", "up"):
                    await send_bridge(harness, state)
            harness.read_all()
        found.append([(each.rule_id, each.close_ms) for each in given(harness) if each.rule_id != "down"])
        harness.monitor.close()
        await harness.writer.close()
    assert found[0] == found[1] and {name for name, _ in found[0]} == {"far for two bars"}


async def test_two_disconnects_in_one_bar_are_two_alerts(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1)[:600])
    harness.read_all()
    add_rules(harness, ON_BRIDGE[:1])
    for state in ("down", "up", "down"):
        await send_bridge(harness, state)
    harness.read_all()
    first, second = given(harness)
    assert first.close_ms == second.close_ms and first.alert_id != second.alert_id
    await send_bridge(harness, "up")
    await harness.write(make_ticks(1)[600:900])  # the bars of the outage close
    harness.read_all()
    assert len(given(harness)) == 2
    harness.monitor.close()
    await harness.writer.close()


async def test_a_metric_that_fails_suspends_the_rules_of_its_run_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness, ticks = await Harness.open(tmp_path), make_ticks(1)
    await harness.write(ticks[:600])
    harness.read_all()

    def fail(*_: object) -> Floats:
        raise ZeroDivisionError("a metric that divides")

    broken = Group("any", (Condition("bridge", "below", 0.5), Condition("correlation", "above", 0.5)))
    monkeypatch.setitem(METRICS, "correlation", replace(METRICS["correlation"], column=fail))
    add_rules(harness, [AlertRule("broken", broken, PAIR), AlertRule("fine", Z, PAIR)])
    await send_bridge(harness, "down")
    harness.read_all()  # was retried for ever
    (watch,) = harness.monitor.watches.values()
    run = harness.monitor.followed(watch)
    problem = "ZeroDivisionError: a metric that divides"
    assert run is not None and harness.monitor.alerts.problems == {run.run.run_id: problem}
    board = AlertBoard(harness.monitor)
    assert [(each.phase, each.problem) for each in board.now()] == [("suspended", problem)] * 2
    await harness.write(ticks[600:2_000])
    harness.read_all()
    assert run.model.size > 100 and given(harness) == []
    harness.monitor.change_alerts(lambda desk, _: desk.store.delete_alert_rule("broken"))
    assert [each.phase for each in board.now()] == ["armed"]
    await harness.write(ticks[2_000:])
    harness.read_all()
    assert {each.rule_id for each in given(harness)} == {"fine"}
    harness.monitor.close()
    await harness.writer.close()


def drop_ticks(folder: Path) -> None:
    for path in folder.glob("ticks.db*"):
        path.unlink()


async def test_a_store_that_is_read_anew_gives_no_alert_a_second_time(tmp_path: Path) -> None:
    harness, ticks = await Harness.open(tmp_path), make_ticks(1)
    await harness.write(ticks[:600])
    harness.read_all()
    add_rules(harness)
    await harness.write(ticks[600:2_000])
    harness.read_all()
    sent = given(harness)
    assert len(sent) > 3
    harness.monitor.close()
    await harness.writer.close()
    drop_ticks(tmp_path)
    again = await Harness.open(tmp_path)  # another store with the same trades
    await again.write(ticks[:2_000])
    again.read_all()
    assert given(again) == sent
    await again.write(ticks[2_000:])
    again.read_all()
    later = given(again)[len(sent) :]
    assert later and min(each.close_ms for each in later) > max(each.close_ms for each in sent)
    again.monitor.close()
    await again.writer.close()
