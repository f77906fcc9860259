"""Contract of every AlertStore and Outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.store import open_backend
from engine.store.alerts import AlertStore, Outbox, OutboxRow, RuleStateRow, StoredAlert, StoredRule
from tests.engine.store.contract.memory_alerts import MemoryAlerts

RULE = StoredRule("r1", 1, "{}", 7, 100)
ALERT = StoredAlert(
    "a1", "r1", 1, "far", "warning", "alert", "pair|sim|Y|X", "run", 60_000, 9, "z", {"z": None}, 0, "outbox"
)
ROW = OutboxRow("o1", "a1", "phone", {"z": 2.5})
Made = tuple[AlertStore, Outbox, Callable[[], None]]


def on_sqlite(folder: Path) -> Iterator[Made]:
    backend = open_backend(folder)
    store = backend.analysis()
    yield store, backend.outbox(), store.keep
    store.close()


def in_memory(_: Path) -> Iterator[Made]:
    store = MemoryAlerts()
    yield store, store, lambda: None


@pytest.fixture(params=[on_sqlite, in_memory])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Made]:
    yield from request.param(tmp_path)


def test_rules_and_their_states(made: Made) -> None:
    store, _, keep = made
    other = replace(RULE, rule_id="r0")
    for rule in (RULE, other, replace(RULE, revision=2, snoozed_ms=5)):
        store.keep_alert_rule(rule)
    assert store.alert_rules() == [replace(RULE, revision=2, snoozed_ms=5), other]
    states = [RuleStateRow("r1", "", "[1]"), RuleStateRow("r1", "pair", "[2]"), RuleStateRow("r0", "pair", "[3]")]
    store.keep_alert_states(states)
    store.keep_alert_states([replace(states[1], state="[4]")])
    keep()
    assert {each.state for each in store.alert_states()} == {"[1]", "[4]", "[3]"}
    store.delete_alert_rule("r1")
    keep()
    assert store.alert_rules() == [other] and set(store.alert_states()) == {states[0], states[2]}
    store.forget_alert_states("r0")
    assert store.alert_states() == [states[0]] and store.alert_rules() == [other]


def test_an_alert_is_kept_once_with_its_messages(made: Made) -> None:
    store, outbox, keep = made
    assert store.add_alert(ALERT, [ROW, replace(ROW, outbox_id="o2", channel="mail")])
    assert not store.add_alert(replace(ALERT, name="again"), [replace(ROW, outbox_id="o3")])
    assert store.add_alert(replace(ALERT, alert_id="a2", rule_id="r2"), [])
    keep()
    numbers = [number for number, _ in store.alerts(10)]
    assert numbers == sorted(numbers, reverse=True)
    assert [alert.alert_id for _, alert in store.alerts(10)] == ["a2", "a1"]
    assert store.alerts(10, before=numbers[0]) == [(numbers[1], ALERT)] == store.alerts(10, rule_id="r1")
    assert store.alerts(10, rule_id="r1", severity="info") == [] and len(store.alerts(10, severity="warning")) == 2
    assert len(outbox.of_alerts(["a1", "a2"])) == 2 and outbox.of_alerts([]) == []
    assert [row.channel for row in outbox.of_alerts(["a1"])] == ["phone", "mail"]
    assert store.acknowledge_alert("a1", 8) and not store.acknowledge_alert("a1", 9)
    assert not store.acknowledge_alert("a9", 9)
    assert store.alerts(10, rule_id="r1")[0][1].acknowledged_ms == 8


def test_messages_are_due_until_they_are_sent_or_dead(made: Made) -> None:
    store, outbox, keep = made
    store.add_alert(ALERT, [replace(ROW, next_at_ms=50), replace(ROW, outbox_id="o2", next_at_ms=20)])
    keep()
    assert [row.outbox_id for row in outbox.due(49, 9)] == ["o2"] and outbox.counts() == {"pending": 2}
    (late, first) = outbox.due(50, 9)[::-1]
    assert (first.outbox_id, first.payload) == ("o2", {"z": 2.5})
    assert outbox.keep_attempts([replace(first, state="sent", attempts=1, sent_at_ms=60)])
    assert not outbox.keep_attempts([replace(first, attempts=2)])  # sent is sent
    assert outbox.keep_attempts([replace(late, attempts=1, next_at_ms=90, error="500")])
    assert outbox.due(89, 9) == [] and outbox.due(90, 9) == [replace(late, attempts=1, next_at_ms=90, error="500")]
    assert outbox.keep_attempts([replace(late, state="dead", attempts=9)]) and outbox.counts() == {"sent": 1, "dead": 1}
    assert [row.outbox_id for row in outbox.dead(9)] == ["o1"] and not outbox.revive("o2", 5)
    assert outbox.revive("o1", 5) and [row.attempts for row in outbox.due(5, 9)] == [0] and outbox.dead(9) == []


def test_messages_of_a_digest_are_kept_together_and_channels_are_left_out(made: Made) -> None:
    store, outbox, keep = made
    rows = [replace(ROW, outbox_id=f"o{n}", channel=("phone", "mail")[n % 2]) for n in range(4)]
    store.add_alert(ALERT, rows)
    store.keep_alert_rule(StoredRule("r1", 1, "{}", 0, 0, snoozed_ms=70))
    store.keep_alert_rule(StoredRule("r2", 1, "{}", 0, 0))
    keep()
    assert [row.outbox_id for row in outbox.due(0, 9, {"phone"})] == ["o1", "o3"]
    assert outbox.due(0, 9, ["phone", "mail"]) == [] and outbox.of_digest("") == []
    together = [replace(row, digest="d", next_at_ms=5) for row in rows[::2]]
    assert outbox.keep_attempts(together) == 2 and outbox.keep_attempts([]) == 0
    assert outbox.of_digest("d") == together
    sent = [replace(row, state="sent", sent_at_ms=8) for row in together]
    assert outbox.keep_attempts(sent) == 2 and outbox.keep_attempts(sent) == 0
    assert outbox.of_digest("d") == [] and outbox.sent_since(8) == sent and outbox.sent_since(9) == []
    outbox.keep_attempts([replace(rows[1], state="dead", digest="e")])
    assert outbox.revive("o1", 5) and outbox.of_alerts(["a1"])[1].digest == ""
    outbox.keep_attempts([replace(rows[1], state="dead", digest="o1")])
    assert outbox.revive("o1", 5) and outbox.of_alerts(["a1"])[1].digest == "o1"
    assert outbox.snoozed() == {"r1": 70}
