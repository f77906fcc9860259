"""How far a rule is from being true, against the evaluator itself."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from engine.alerts.distance import missing_of
from engine.alerts.evaluator import BarValues, RuleState, step
from engine.alerts.rules import AlertRule, Condition, Expression, Feature, Group

METRICS = ("z", "spread", "beta")
FEATURES = {name: Feature(name) for name in METRICS}
LEVELS = st.integers(-3, 3).map(float)
LEVEL_CONDITIONS = st.builds(
    Condition, st.sampled_from(METRICS), st.sampled_from(("above", "below")), LEVELS
) | st.builds(lambda name, low, wide: Condition(name, "leaves", low, low + wide), st.sampled_from(METRICS), LEVELS,
              st.integers(1, 3))  # fmt: skip


def grouped(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    many = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.builds(Group, st.sampled_from(("all", "any")), many) | st.builds(
        Group, st.just("not"), st.tuples(inner)
    )  # fmt: skip


@given(st.recursive(LEVEL_CONDITIONS, grouped, max_leaves=6), st.tuples(*[LEVELS] * 3))
def test_nothing_is_missing_exactly_where_a_new_rule_fires(when: Expression, values: tuple[float, ...]) -> None:
    bar = {FEATURES[name]: value for name, value in zip(METRICS, values, strict=True)}
    _, fired = step(AlertRule("x", when), RuleState(), BarValues(0, bar))
    missing = missing_of(when, bar)
    assert (missing == ()) == (fired is not None)
    assert all(each.by >= 0.0 for each in missing)


def test_a_distance_is_in_the_unit_of_its_metric() -> None:
    z, price = Feature("z"), Feature("price", "y")
    both = Group("all", (Condition("z", "leaves", -2.0, 2.0), Condition("price", "crosses", 100.0, direction="up")))
    found = missing_of(both, {z: -1.5, price: 90.0})
    assert [each.by for each in found] == [0.5, 10.0]
    past = missing_of(both, {z: -2.5, price: 110.0})
    assert len(past) == 1 and math.isnan(past[0].by), "above already: it has to come back first"
    assert math.isnan(missing_of(both, {z: -2.5})[0].value)
    closed = Group("not", (Condition("gate", "above", 0.5),))
    assert [each.is_wanted for each in missing_of(closed, {Feature("gate"): 1.0})] == [False]
