"""The compiled rules against a plain recursive evaluator, and each word of a rule by example."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.alerts.evaluator import BarValues, RuleBook, RuleState, step
from engine.alerts.program import local_time
from engine.alerts.rule_json import in_words, rule_from_json, rule_of, rule_to_json, text_of
from engine.alerts.rules import AlertRule, Condition, Expression, Feature, Group, Schedule, Scope, check_rule
from engine.errors import SettingsError
from tests.engine.alerts.plain import PlainRule

NAN = math.nan
T0 = 1_790_035_200_000  # 2026-09-22 00:00 UTC, a Tuesday
Z, GATE = Feature("z"), Feature("gate")
FEATURES = (Z, GATE, Feature("price", "x"))
LEVELS = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
VALUES = st.one_of(LEVELS, st.just(NAN), st.sampled_from([-0.75, 0.25, 1.5, 3.0, math.inf]))


@st.composite
def conditions(draw: st.DrawFn, pulses: bool) -> Condition:
    kinds = ["above", "below", "leaves", *(["crosses", "changes"] if pulses else [])]
    kind, level = draw(st.sampled_from(kinds)), draw(LEVELS)
    back = draw(st.sampled_from([0.0, 0.25, 0.5]))
    return Condition(
        draw(st.sampled_from(["z", "gate", "price"])), kind, abs(level) if kind == "changes" else level, level + 1.5,
        draw(st.sampled_from(["either", "up", "down"])), back, "x",
    )  # fmt: skip


def expressions(pulses: bool) -> st.SearchStrategy[Expression]:
    def groups(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(parts, min_size=1, max_size=3).map(tuple)
        return st.one_of(
            st.builds(Group, st.sampled_from(["all", "any"]), several),
            parts.map(lambda part: Group("not", (part,))),
        )

    return st.recursive(conditions(pulses), groups, max_leaves=6)


@st.composite
def rules(draw: st.DrawFn) -> AlertRule:
    dwell = draw(st.sampled_from([1, 1, 2, 3]))
    cooldown = draw(st.sampled_from([0.0, 3_600.0, 7_200.0]))
    return AlertRule(
        "any", draw(expressions(pulses=dwell == 1)), dwell_bars=dwell, cooldown_s=cooldown,
        repeat=cooldown > 0.0 and draw(st.booleans()), cap_per_day=draw(st.sampled_from([0, 1, 3])),
        schedule=draw(st.sampled_from([Schedule(), Schedule(days=(1, 3)), Schedule(from_minute=120, to_minute=900)])),
        expires_ms=draw(st.sampled_from([None, T0 + 40 * 3_600_000])),
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(rules(), st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=60))
def test_every_rule_gives_what_the_plain_evaluator_gives(rule: AlertRule, bars: list[tuple[float, ...]]) -> None:
    plain, state, stored = PlainRule(check_rule(rule)), RuleState(), {}
    book = RuleBook([rule])
    book.follow("pair", [0])
    order = [FEATURES.index(feature) for feature in book.program.features]
    for number, bar in enumerate(bars):
        close_ms = T0 + number * 3_600_000
        expected = plain.step(close_ms, dict(zip(FEATURES, bar, strict=True)))
        state, fired = step(rule, state, BarValues(close_ms, dict(zip(FEATURES, bar, strict=True))))
        assert (fired is not None and fired.is_alert, fired.digest if fired else 0) == expected
        assert book.step("pair", close_ms, np.array([bar[at] for at in order])) == ([fired] if fired else [])
        if number % 7 == 3:  # a restart, through what is stored
            book = restarted(book, rule, stored)
    assert (state.sent, state.held) == (plain.sent, plain.held)


def restarted(book: RuleBook, rule: AlertRule, stored: dict[Any, Any]) -> RuleBook:
    """Another book with what is stored; only what changed since the last time is written."""
    on_pairs, in_all = json.loads(json.dumps(book.take_changed()))
    stored.update({("pair", number): state for _, number, state in on_pairs})
    stored.update({("all", number): state for number, state in in_all})
    again = RuleBook([rule])
    again.follow("pair", [0])
    for (kind, number), state in stored.items():
        if kind == "pair":
            again.restore("pair", number, state)
        else:
            again.restore_day(number, state)
    return again


@settings(max_examples=100, deadline=None)
@given(rules())
def test_a_rule_survives_its_text(rule: AlertRule) -> None:
    assert rule_of(text_of(rule)) == rule and text_of(rule_of(text_of(rule))) == text_of(rule)
    assert rule_from_json(rule_to_json(rule)) == rule and in_words(rule.when)


def fired(rule: AlertRule, values: list[float], every_ms: int = 60_000, gate: float = 1.0) -> list[int]:
    state, found = RuleState(), []
    for number, value in enumerate(values):
        state, given = step(rule, state, BarValues(T0 + number * every_ms, {Z: value, GATE: gate}))
        found += [number] if given and given.is_alert else []
    return found


ABOVE = AlertRule("far", Condition("z", "above", 2.0))


def test_one_crossing_one_alert() -> None:
    assert fired(ABOVE, [1.0, 2.5, 2.6, 2.4, 1.0, 2.1]) == [1, 5]
    assert fired(ABOVE, [2.5, 2.5]) == [0]  # it is true, and nothing was given yet
    crosses = replace(ABOVE, when=Condition("z", "crosses", 2.0, direction="up"))
    assert fired(crosses, [2.5, 2.6, 1.0, 2.5, 2.6]) == [3]  # the first bar only says on which side it is
    assert fired(replace(crosses, when=Condition("z", "crosses", 2.0)), [2.5, 1.0, 2.0, 2.5]) == [1, 3]


def test_a_missing_value_is_neither_true_nor_false() -> None:
    assert fired(ABOVE, [2.5, NAN, 2.5]) == [0]  # it did not become false
    below = replace(ABOVE, when=Group("not", (Condition("z", "above", 2.0),)))
    assert fired(below, [NAN, NAN, 1.0]) == [2]
    crosses = replace(ABOVE, when=Condition("z", "crosses", 2.0))
    assert fired(crosses, [1.0, NAN, 2.5]) == [2]  # the side before the missing bars
    dwelling = replace(ABOVE, dwell_bars=3)
    assert fired(dwelling, [2.5, 2.5, NAN, NAN, 2.5, 2.5]) == [4]
    both = replace(ABOVE, when=Group("all", (Condition("z", "above", 2.0), Condition("gate", "above", 0.5))))
    either = replace(ABOVE, when=Group("any", (Condition("z", "above", 2.0), Condition("gate", "above", 0.5))))
    assert fired(both, [2.5], gate=NAN) == [] and fired(either, [2.5], gate=NAN) == [0]


def test_hysteresis_dwell_and_cool_down() -> None:
    back = replace(ABOVE, when=Condition("z", "above", 2.0, hysteresis=0.5))
    assert fired(back, [2.1, 1.9, 2.1, 1.6, 2.1, 1.5, 2.1]) == [0, 6]
    assert fired(replace(ABOVE, dwell_bars=3), [2.1, 2.1, 1.0, 2.1, 2.1, 2.1, 2.1]) == [5]
    cooled = replace(ABOVE, cooldown_s=240.0)
    assert fired(cooled, [2.1, 1.0, 2.1, 1.0, 2.1]) == [0, 4]
    assert fired(cooled, [2.1, 1.0, 2.1, 2.1, 2.1, 2.1]) == [0, 4]  # told when the cool-down ends
    assert fired(replace(cooled, repeat=True), [2.1] * 9) == [0, 4, 8]
    cooled_back = replace(back, cooldown_s=240.0)
    assert fired(cooled_back, [2.1, 1.0, 2.1, 1.9, 1.9, 1.9, 2.1, 2.2]) == [0, 6]  # at 4 it is true by hysteresis alone
    within = Group("all", (back.when, Group("not", (Condition("z", "above", 3.0),))))
    assert fired(replace(back, when=within), [3.5, 1.9, 2.1]) == [2]
    outside = replace(ABOVE, when=Condition("z", "leaves", -2.0, 2.0, hysteresis=0.5))
    assert fired(outside, [0.0, -2.1, -1.9, -2.1, -1.5, 2.1]) == [1, 5]


def test_the_cap_holds_back_and_the_next_day_tells_how_many() -> None:
    rule = replace(ABOVE, cap_per_day=2)
    state, given = RuleState(), []
    for number, value in enumerate([2.5, 1.0] * 5 + [1.0] * 2 + [2.5]):
        close_ms = T0 + number * 3_600_000 + (15 * 3_600_000 if number >= 10 else 0)
        state, got = step(rule, state, BarValues(close_ms, {Z: value}))
        if got:
            given.append((number, got.is_alert, got.digest))
    assert given == [(0, True, 0), (2, True, 0), (10, False, 3), (12, True, 0)]


def test_days_and_hours_in_a_zone() -> None:
    night = Schedule(days=(1,), from_minute=22 * 60, to_minute=2 * 60)  # from Tuesday's evening to Wednesday
    hour_ms, at = 3_600_000, []
    for hour in range(48):
        at += [hour] if local_time(night, T0 + hour * hour_ms, 0)[1] else []
    assert at == [22, 23, 24, 25]
    book = RuleBook([replace(ABOVE, schedule=Schedule("Asia/Tokyo", from_minute=540))], lambda _zone, _ms: 9 * hour_ms)
    book.follow("pair", [0])
    assert [len(book.step("pair", T0 + hour * hour_ms, np.array([2.5]))) for hour in (-1, 0)] == [0, 1]


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"name": ""}, "a name of 0 characters; expected 1 to 100"),
        ({"severity": "loud"}, "severity is 'loud'; expected one of info, warning, critical"),
        ({"when": Condition("zz", "above", 1.0)}, "metric is 'zz'; expected one of z, "),
        ({"when": Condition("z", "above", NAN)}, "threshold is nan; expected a finite number"),
        ({"when": Condition("z", "leaves", 1.0, -1.0)}, "upper is -1.0; expected above 1.0"),
        ({"when": Condition("z", "above", 1.0, window=9)}, "a window of 9 bars for z; expected 0"),
        ({"when": Group("not", ())}, "'not' of 0 parts; expected 1"),
        ({"when": Condition("z", "crosses", 1.0), "dwell_bars": 2}, "dwell_bars is 2 with a condition that"),
        ({"repeat": True}, "repeat without a cool-down; expected cooldown_s above 0"),
        ({"scope": Scope("pair", "sim", "A", "A")}, "A on itself; expected two symbols"),
        ({"scope": Scope("symbol", "sim", "A")}, "z of a symbol; expected a metric of a symbol"),
        ({"schedule": Schedule(days=(7,))}, "days are (7,); expected some of 0 to 6"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_rule(replace(ABOVE, **changes))
    assert says in str(refused.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"name":"a"}', '{"name":"a","when":{"metric":"z"}}',
    '{"name":1,"when":{"metric":"z","kind":"above"}}', '{"name":"a","when":{"all":[]}}',
    '{"name":"a","when":{"metric":"z","kind":"above","threshold":"2"}}', '{"name":"a","what":1}'])  # fmt: skip
def test_text_that_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        rule_of(text)
