"""Rules to begin with. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.alerts.rules import AlertRule, Condition, Group, Scope
from screen.pages.alerts.form import scope_from

NAMES = {
    "worth-entering": ("Worth entering", "|z| is beyond the entry that pays, and the gate is open"),
    "far-out": ("z far out", "|z| goes beyond 2.5"),
    "price": ("Price crosses", "A symbol's price crosses a level"),
    "broken": ("Relation breaks", "The break alarm goes off, or the gate closes"),
    "data-stops": ("Data stop", "The bridge is disconnected, or a leg has not traded for 30 s"),
    "drawdown": ("Drawdown", "The paper position has lost 5 % from its peak"),
}
PAUSE_S = 1_800.0
GATE = Condition("gate", "above", 0.5)


def of_template(name: str, subjects: Sequence[str], price: float = math.nan) -> AlertRule:
    """The rule of a template. ``price``: the newest of ``first_symbol``, where the level begins."""
    if name == "price":
        level = float(f"{price:.4g}") if math.isfinite(price) else 0.0
        symbol = first_symbol(subjects)
        scope = scope_from(symbol) if symbol else Scope()
        return AlertRule("price", Condition("price", "crosses", level), scope)
    if name == "far-out":
        far = Condition("z", "leaves", -2.5, 2.5, hysteresis=0.5)
        return AlertRule("z far out", far, cooldown_s=PAUSE_S, cap_per_day=10)
    if name == "broken":
        either = Group("any", (Condition("break_alarm", "above", 0.5), Condition("gate", "crosses", 0.5,
                                                                                 direction="down")))  # fmt: skip
        return AlertRule("relation breaks", either, severity="critical", cap_per_day=10)
    if name == "data-stops":
        late = tuple(Condition("staleness", "above", 30.0, leg=leg) for leg in "yx")
        either = Group("any", (Condition("bridge", "below", 0.5), *late))
        return AlertRule("data stop", either, severity="critical", cooldown_s=PAUSE_S, cap_per_day=10)
    if name == "drawdown":
        lost = Condition("drawdown", "above", 5.0, hysteresis=1.0)
        return AlertRule("drawdown", lost, cap_per_day=5)
    if name == "worth-entering":
        both = Group("all", (Condition("beyond_entry", "above", 0.0, hysteresis=0.25), GATE))
        return AlertRule("worth entering", both, cooldown_s=PAUSE_S, cap_per_day=10)
    return AlertRule("my rule", Condition("z", "crosses", 2.0), cooldown_s=PAUSE_S, cap_per_day=10)


def first_symbol(subjects: Sequence[str]) -> str:
    """The first symbol among what rules can be on; empty without one."""
    return next((each for each in subjects if each.startswith("symbol|")), "")
