"""Rules in sentences, and the editor's form: any rule comes back from its form as it was."""

from __future__ import annotations

import doctest
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.alerts.metrics import METRICS
from engine.alerts.rules import DIRECTIONS, AlertRule, Condition, Expression, Group, Schedule, Scope, check_rule
from screen.pages.alerts import form, sentences, tree
from screen.pages.alerts.fields import BY_NAME
from screen.pages.alerts.form import Form, form_of, rule_from
from screen.pages.alerts.templates import NAMES, of_template
from screen.pages.alerts.tree import changed, fit_kind, shape_of, tree_from, tree_of

LEVELS = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: value + 0.0)  # no -0
PAIR = Scope("pair", "usdm", "ETHUSDT", "BTCUSDT")
SYMBOL = Scope("symbol", "sim", "ETHUSDT")


@st.composite
def conditions(draw: st.DrawFn, scope: Scope) -> Condition:
    """Of what the metric and the comparison do not have, the default."""
    allowed = [name for name, each in METRICS.items() if scope.kind != "symbol" or each.of != "pair"]
    name = draw(st.sampled_from(allowed))
    metric, kind = METRICS[name], draw(st.sampled_from(("above", "below", "crosses", "leaves", "changes")))
    level, width = draw(LEVELS), draw(st.floats(0.5, 1e6))
    return Condition(
        name,
        kind,
        abs(level) if kind == "changes" else level,
        level + width if kind == "leaves" else math.inf,
        draw(st.sampled_from(DIRECTIONS)) if kind == "crosses" else "either",
        0.0 if kind == "changes" else draw(st.floats(0.0, 0.2)),
        draw(st.sampled_from("yx")) if metric.of == "leg" and scope.kind != "symbol" else "y",
        draw(st.sampled_from((0, metric.least_window, 777))) if metric.window else 0,
    )


def expressions(scope: Scope) -> st.SearchStrategy[Expression]:
    def grouped(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        many = st.lists(inner, min_size=2, max_size=4).map(tuple)
        both = st.builds(Group, st.sampled_from(("all", "any")), many)
        return both | st.builds(Group, st.just("not"), st.tuples(inner))

    return st.recursive(conditions(scope), grouped, max_leaves=7)


def depth(found: Expression) -> int:
    return 0 if isinstance(found, Condition) else 1 + max(map(depth, found.parts))


@st.composite
def rules(draw: st.DrawFn) -> AlertRule:
    scope = draw(st.sampled_from((Scope(), Scope(market="sim"), PAIR, SYMBOL)))
    begin, end = draw(st.lists(st.integers(0, 1_440), min_size=2, max_size=2, unique=True))
    days = draw(st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found))))
    cooldown = draw(st.floats(0.5, 1e6) | st.integers(1, 9_999).map(float))
    return AlertRule(
        draw(st.text("abc é|~", min_size=1, max_size=9).filter(str.strip)).strip(),
        draw(expressions(scope).filter(lambda found: depth(found) <= 6)),
        scope,
        draw(st.sampled_from(("info", "warning", "critical"))),
        draw(st.booleans()),
        Schedule(draw(st.sampled_from(("UTC", "Europe/Berlin"))), days, begin, end),
        draw(st.none() | st.integers(1_500_000_000_000, 2_000_000_000_000)),
        1,
        cooldown,
        draw(st.booleans()),
        draw(st.integers(0, 99)),
        draw(st.none() | st.floats(0.1, 50.0)),
        draw(st.sampled_from(((), ("phone", "mail")))),
    )


def controls_of(node: dict[str, Any], path: str = tree.ROOT) -> list[tuple[str, str, Any]]:
    """What the controls of a tree hold."""
    own = [(path, part, value) for part, value in node.items() if part != "parts"]
    return own + [each for n, part in enumerate(node.get("parts", ())) for each in controls_of(part, f"{path}-{n}")]


@settings(max_examples=120)
@given(rules())
def test_a_rule_comes_back_from_its_form(rule: AlertRule) -> None:
    check_rule(rule)
    filled = form_of(rule)
    typed = tree_from(reversed(controls_of(filled.tree)))
    found, faults = rule_from(replace(filled, tree=typed))
    assert (found, len(faults)) == (rule, 0)
    assert sentences.sentence(rule).startswith("When ")


def test_the_doctests_of_the_page() -> None:
    for module in (sentences, form):
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("when", "scope", "said"),
    [
        (Condition("z", "crosses", 2.1), Scope(), "When z of any watched pair crosses 2.1"),
        (Condition("z", "leaves", -2.5, 2.5), PAIR, "When |z| of ETHUSDT ~ BTCUSDT goes beyond 2.5"),
        (Condition("beyond_entry", "above", 0.0), PAIR,
         "When |z| of ETHUSDT ~ BTCUSDT is beyond the entry that pays"),
        (Condition("price", "crosses", 68_000.5, leg="x", direction="up"), PAIR,
         "When price of BTCUSDT rises through 68000.5"),
        (Condition("change", "below", -2.0, window=30), SYMBOL,
         "When change of ETHUSDT over 30 bars is below -2 %"),
        (Condition("gate", "crosses", 0.5, direction="down"), PAIR, "When the gate of ETHUSDT ~ BTCUSDT closes"),
        (Group("not", (Group("any", (Condition("gate", "above", 0.5), Condition("bridge", "below", 0.5))),)), Scope(),
         "When it is not so that (the gate of any watched pair is open or the bridge is disconnected)"),
    ],
)  # fmt: skip
def test_a_rule_is_a_sentence(when: Expression, scope: Scope, said: str) -> None:
    assert sentences.sentence(AlertRule("x", when, scope)) == said


def test_all_errors_come_at_once_each_at_its_place() -> None:
    both = Group("all", (Condition("z", "leaves", -2.0, 2.0), Condition("change", "above", 1.0)))
    filled = form_of(AlertRule("x", both))
    bad = {"name": " ", "dwell_bars": "0", "cooldown": "soon", "cap_per_day": "-1", "days": [], "from": "25:00",
           "zone": "Mars", "expires": "tomorrow"}  # fmt: skip
    filled.tree["parts"][0] |= {"threshold": "3", "hysteresis": "-1"}
    filled.tree["parts"][1] |= {"threshold": "x", "window": "1.5"}
    values = {**filled.values, **{BY_NAME[name].id: value for name, value in bad.items()}}
    found, faults = rule_from(Form(values, filled.tree))
    assert found is None
    assert set(faults.fields) == {BY_NAME[name].id for name in bad}
    assert set(faults.tree) == {("0-0", "upper"), ("0-0", "hysteresis"), ("0-1", "threshold"), ("0-1", "window")}
    assert faults.tree["0-0", "upper"] == "Upper is 2.0; expected above 3.0, finite."
    assert faults.tree["0-1", "threshold"] == "The level is 'x'; expected a number."
    again = {**filled.values, BY_NAME["repeat"].id: True}
    _, faults = rule_from(Form(again, tree_of(both)))
    assert faults.fields == {BY_NAME["repeat"].id: "Repeat without a pause; expected a pause above 0."}


def test_a_budget_is_kept_while_its_conditions_are() -> None:
    rule = AlertRule("x", Condition("z", "above", 2.0), budget_per_day=2.0)
    filled = form_of(rule)
    filled.tree["parts"][0]["threshold"] = "2.5"
    found, _ = rule_from(filled)
    assert found is not None and found.budget_per_day is None


def test_the_tree_is_edited_by_path() -> None:
    node = tree_of(Condition("z", "above", 2.0))
    node = changed(changed(node, "add", "0"), "group", "0")
    assert len(node["parts"]) == 3 and len(node["parts"][2]["parts"]) == 2
    node = changed(changed(node, "add", "0-2"), "remove", "0-2-0")
    assert [part["metric"] for part in node["parts"][2]["parts"]] == ["gate", "z"]
    node = changed(node, "remove", "0-1")
    assert shape_of(node) == [["z", "above"], [["gate", "on"], ["z", "above"]]]
    node["parts"][1]["parts"][0]["metric"] = "price"
    assert fit_kind(node)["parts"][1]["parts"][0]["kind"] == "above", "price has no state"
    node["parts"][1]["parts"] = []
    _, faults = rule_from(Form(form_of(AlertRule("x", Condition("z", "above", 2.0))).values, node))
    assert set(faults.tree) >= {("0-1", "join")}


@pytest.mark.parametrize("name", [*NAMES, ""])
def test_a_template_is_a_rule_without_an_error(name: str) -> None:
    made = of_template(name, ("pair|sim|A|B", "symbol|sim|A", "symbol|sim|B"), 1_234.567)
    found, faults = rule_from(form_of(made))
    assert found == made and not len(faults)
    if name == "price":
        assert (made.scope, made.when) == (Scope("symbol", "sim", "A"), Condition("price", "crosses", 1_235.0))
