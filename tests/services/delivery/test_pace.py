"""Limits, digests and pauses, with the time given."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from engine.store.alerts import OutboxRow
from services.delivery.message import SENT, Outcome, digest_key, digest_of
from services.delivery.pace import Limits, Pace, pause_ms, settled

LIMITS = Limits(of_rule=2, in_all=3, window_ms=1_000, digest_ms=100, tries=3, first_ms=10, longest_ms=40)


def row(number: int, rule: str = "r1", channel: str = "phone", severity: str = "info") -> OutboxRow:
    payload = {"rule_id": rule, "name": rule, "severity": severity, "text": f"alert {number}", "close_ms": number,
               "values": {"z": 1.0}}  # fmt: skip
    return OutboxRow(f"o{number}", f"a{number}", channel, payload)


def sent(rows: list[OutboxRow], at_ms: int) -> list[OutboxRow]:
    return [replace(each, state="sent", sent_at_ms=at_ms, digest=each.digest or each.outbox_id) for each in rows]


def test_each_rule_and_all_of_them_have_a_limit_and_the_rest_goes_together() -> None:
    pace = Pace(LIMITS)
    rows = [row(1), row(2), row(3), row(4, "r2"), row(5, "r3")]
    for now_ms, expected in ((10, "o1"), (11, "o2"), (12, "o4")):  # o3 is beyond the limit of its rule
        (first,) = pace.plan("phone", rows, now_ms).now
        assert first.outbox_id == first.digest == expected
        pace.note_sent(sent([first], now_ms))
        rows.remove(replace(first, digest=""))
    plan = pace.plan("phone", rows, 12)
    assert plan.now == () and [(each.outbox_id, each.next_at_ms) for each in plan.later] == [("o3", 112), ("o5", 112)]
    assert pace.plan("mail", [row(9, channel="mail")], 13).now[0].outbox_id == "o9"  # a limit is of a channel
    late = row(6)
    plan = pace.plan("phone", [*plan.later, late], 112)
    assert {each.digest for each in plan.now} == {digest_key(plan.now)} and len(plan.now) == 3
    pace.note_sent(sent(list(plan.now), 113))  # a digest does not count
    assert pace.plan("phone", [row(7)], 1_012).now[0].digest == "o7"  # the window is over


def test_a_digest_that_was_begun_goes_first_and_one_alone_is_no_digest() -> None:
    pace = Pace(LIMITS)
    begun = replace(row(2), digest="d")
    plan = pace.plan("phone", [row(1), begun], 0)
    assert plan.now == (begun,) and plan.is_begun
    pace.note_sent(sent([row(1), row(2)], 0))
    assert pace.plan("phone", [row(3)], 1).later[0].next_at_ms == 101
    assert pace.plan("phone", [row(3)], 101).now[0].digest == "o3"


def test_an_alert_of_another_rule_does_not_put_a_digest_off() -> None:
    pace = Pace(LIMITS)
    pace.note_sent(sent([row(1), row(2)], 0))
    held = pace.plan("phone", [row(3), row(4)], 1).later
    assert pace.plan("phone", [row(5, "r2")], 50).now[0].digest == "o5"
    assert len(pace.plan("phone", held, 101).now) == 2


def test_a_digest_counts_by_rule_and_lists_the_first() -> None:
    rows = [row(n, f"r{n % 2}", severity="critical" if n == 7 else "info") for n in range(30)]
    rows = [replace(each, digest=digest_key(rows)) for each in rows]
    message = digest_of(rows)
    assert (message.severity, message.title) == ("critical", "critical: 30 alerts")
    assert message.payload["rules"] == {"r0": 15, "r1": 15} and len(message.payload["alerts"]) == 20
    assert message.body.splitlines()[-1] == "and 10 more, in the history" and message.key == rows[0].digest
    assert digest_key(rows[::-1]) == digest_key(rows) != digest_key(rows[1:])


def test_pauses_double_with_full_jitter_and_end_in_death() -> None:
    chance = random.Random(1)
    drawn = [[pause_ms(attempt, None, LIMITS, chance) for _ in range(2_000)] for attempt in (1, 2, 3, 9)]
    assert [max(each) for each in drawn] == pytest.approx([10, 20, 40, 40], abs=1)
    assert [sum(each) / 2_000 for each in drawn] == pytest.approx([5, 10, 20, 20], rel=0.1)
    found, tries = [row(1)], 0
    while found[0].state == "pending":
        found = settled(found, Outcome("retry", "answered 500"), 0, LIMITS, chance)
        tries += 1
    assert (tries, found[0].state, found[0].error) == (3, "dead", "answered 500")


def test_what_a_receiver_asks_for_is_honoured_within_the_longest_pause() -> None:
    for asked, low, high in ((0.03, 30, 30), (-5.0, 0, 10), (1e12, 40, 40), (0.0, 0, 10)):
        assert low <= pause_ms(1, asked, LIMITS, random.Random(2)) <= high


def test_a_refusal_is_final_and_a_success_keeps_its_time() -> None:
    (refused,) = settled([row(1)], Outcome("refused", "answered 404"), 5, LIMITS, random.Random(1))
    assert (refused.state, refused.attempts, refused.error) == ("dead", 1, "answered 404")
    (done,) = settled([replace(row(1), attempts=1, error="answered 500")], SENT, 5, LIMITS, random.Random(1))
    assert (done.state, done.attempts, done.sent_at_ms, done.error) == ("sent", 2, 5, "")
