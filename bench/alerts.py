"""Speed of alert rules: ``python -m bench alerts``. The bound: 1,000 rules on a bar of 190 pairs in 20 ms."""

from __future__ import annotations

import time

import numpy as np

from bench.report import Row, row, show
from engine.alerts.evaluator import RuleBook
from engine.alerts.rules import AlertRule, Condition, Group

RULES, PAIRS, BARS = 1_000, 190, 40
START_MS, BAR_MS = 1_790_046_000_000, 60_000


def rules_of(kind: str) -> list[AlertRule]:
    """A thousand rules with thresholds of their own; ``nested``: four conditions in two levels of groups."""
    rng = np.random.default_rng(1)
    found = []
    for number in range(RULES):
        z = Condition("z", "crosses", float(rng.uniform(1.5, 3.5)), hysteresis=0.3)
        when: Condition | Group = z
        if kind == "nested":
            gate = Condition("gate", "above", 0.5)
            stale = Condition("staleness", "above", 5.0, leg="x")
            far = Condition("spread", "leaves", -0.01, 0.01, hysteresis=0.001)
            when = Group("all", (Group("any", (z, far)), gate, Group("not", (stale,))))
        found.append(AlertRule(f"rule {number}", when, cooldown_s=600.0, cap_per_day=20))
    return found


def per_bar(kind: str) -> tuple[float, int]:
    """(seconds for one bar of all pairs, the median; alerts of all bars)."""
    book = RuleBook(rules_of(kind))
    for pair in range(PAIRS):
        book.follow(pair, range(RULES))
    rng = np.random.default_rng(2)
    values = rng.normal(0.0, 1.2, (BARS, PAIRS, len(book.program.features)))
    for bar in range(1, BARS):  # a half-life of 10 bars
        values[bar] = 0.933 * values[bar - 1] + 0.36 * values[bar]
    took, alerts = [], 0
    for bar in range(BARS):
        begun = time.perf_counter()
        for pair in range(PAIRS):
            alerts += len(book.step(pair, START_MS + bar * BAR_MS, values[bar, pair]))
        took.append(time.perf_counter() - begun)
    return float(np.median(took)), alerts


def run() -> list[Row]:
    """Every rule watches every pair: 190,000 evaluations a bar."""
    rows = []
    for kind in ("plain", "nested"):
        took, alerts = per_bar(kind)
        what = f"{RULES:,} {kind} rules on a bar of {PAIRS} pairs"
        rows.append(row(what, 1_000.0 * took, "ms", bounds={"ours": ("at most", 20.0)}))
        rows.append(row("  alerts of 40 such bars", alerts, ""))
    show(rows)
    return rows
