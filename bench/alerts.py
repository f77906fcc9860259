"""Speed of alert rules: ``python -m bench alerts``. The bound: 1,000 rules on a bar of 190 pairs in 20 ms.

As in the monitor: bars that a pipeline has just closed, their metrics read from the runs, every rule on every pair.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from bench.pairs import A_MINUTE, LiveMarket
from bench.report import Row, row, show
from engine.alerts.metrics import METRICS
from engine.alerts.rule_json import text_of
from engine.alerts.rules import AlertRule, Condition, Expression, Group, check_rule
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.store.alerts import OutboxRow, RuleStateRow, StoredAlert, StoredRule
from live.alerts import AlertDesk

RULES, HISTORY_S, LIVE_S = 1_000, 600, 60
KINDS = ("plain", "nested", "every metric")  # the last: all there are, with a paper ledger for each pair


def _conditions(kind: str) -> Iterator[Expression]:
    """``plain``: one condition; ``nested``: four in two levels of groups; ``every metric``: each metric in its turn."""
    rng, metrics = np.random.default_rng(1), list(METRICS)
    for number in range(RULES):
        z = Condition("z", "crosses", float(rng.uniform(1.5, 3.5)), hysteresis=0.3)
        if kind == "plain":
            yield z
        elif kind == "nested":
            gate = Condition("gate", "above", 0.5)
            stale = Condition("staleness", "above", 5.0, leg="x")
            far = Condition("spread", "leaves", -0.01, 0.01, hysteresis=0.001)
            yield Group("all", (Group("any", (z, far)), gate, Group("not", (stale,))))
        else:
            yield Condition(metrics[number % len(metrics)], "crosses", float(rng.uniform(0.5, 3.5)), hysteresis=0.3)


class Rules:
    """The part of an AlertStore that a desk needs, in memory."""

    def __init__(self, rules: Iterable[AlertRule]) -> None:
        self._rules = [StoredRule(f"r{at}", 1, text_of(check_rule(each)), 0, 0) for at, each in enumerate(rules)]
        self.alerts = 0

    def alert_rules(self) -> Sequence[StoredRule]:
        return self._rules

    def alert_states(self) -> Sequence[RuleStateRow]:
        return ()

    def keep_alert_states(self, states: Iterable[RuleStateRow]) -> None:
        pass

    def add_alert(self, _alert: StoredAlert, _outbox: Iterable[OutboxRow]) -> bool:
        self.alerts += 1
        return True


class TimedDesk(AlertDesk):
    """Counts what its looks at bars take, by the number of bars that the pairs have."""

    def __init__(self, pipeline: Pipeline, store: Rules) -> None:
        self.spent_s: dict[int, float] = defaultdict(float)
        super().__init__({"sim": pipeline}, store)  # type: ignore[arg-type]
        for run in pipeline.runs.values():
            super().take(run, 0)
        self.attach(pipeline)

    def take(self, run: PairRun, seq: int) -> None:
        begun = time.perf_counter()
        super().take(run, seq)
        self.spent_s[run.model.size] += time.perf_counter() - begun


def per_bar(kind: str) -> tuple[float, int]:
    """(seconds for one bar of all pairs, the median; alerts of all bars)."""
    store, desks = Rules(AlertRule(f"rule {at}", each, cooldown_s=600.0, cap_per_day=20)
                         for at, each in enumerate(_conditions(kind))), list[TimedDesk]()  # fmt: skip
    LiveMarket(A_MINUTE, HISTORY_S, LIVE_S, begun=lambda pipeline: desks.append(TimedDesk(pipeline, store)))
    (desk,) = desks
    if desk.problems:
        raise ValueError(f"rules are suspended: {desk.problems}")
    desk.save(0)
    took = list(desk.spent_s.values())
    if len(took) < LIVE_S - 3:
        raise ValueError(f"{len(took)} bars were looked at; expected about {LIVE_S}")
    return float(np.median(took[1:])), store.alerts


def run() -> list[Row]:
    """Every rule watches every pair: 190,000 evaluations a bar."""
    rows = []
    for kind in KINDS:
        took, alerts = per_bar(kind)
        what = f"{RULES:,} {kind} rules on a bar of 190 pairs"
        bounds = {} if kind == "every metric" else {"ours": ("at most", 20.0)}
        rows.append(row(what, 1_000.0 * took, "ms", bounds=bounds))
        rows.append(row(f"  alerts of {LIVE_S} such bars", alerts, ""))
    show(rows)
    return rows
