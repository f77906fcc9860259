"""What is live about alerts: how many wait to be seen, the newest, and how far each rule is from firing."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from engine.alerts.distance import Missing, missing_of
from engine.alerts.metrics import METRICS, PairBars
from engine.alerts.program import local_time
from engine.alerts.rules import AlertRule, Feature, features_of
from engine.store.alerts import StoredAlert, StoredRule
from live.alert_messages import applies, pair_subject
from live.monitor import Monitor
from live.zones import offset_ms
from services.alert_subjects import Subject, subjects_of

log = logging.getLogger("pairbridge.monitor")

URGENT = ("warning", "critical")
_NOT_LOOKED_AT = ("off", "expired", "no bars", "suspended")  # phases
NEWEST = 3  # alerts that a screen is told of at once
Values = dict[tuple[str, str], dict[Feature, float]]  # by subject and run


@dataclass(frozen=True, slots=True)
class AlertNews:
    """``version`` grows with each change of rules and alerts; ``unseen``: warnings and criticals that nobody has
    acknowledged; ``newest`` alerts with their numbers, the newest first."""

    version: int
    unseen: int
    newest: tuple[tuple[int, StoredAlert], ...]


@dataclass(frozen=True, slots=True)
class RuleNow:
    """A rule at the newest bar of the subject on which it is nearest to firing. ``phase``: ``off``, ``expired``,
    ``no bars``, ``suspended`` (it is not looked at on ``subject``, because of the ``problem``), ``off hours``,
    ``capped``, ``paused`` (up to ``until_ms``), ``fired`` (it has to become false first) or ``armed``. ``missing``:
    what the bar lacks; ``is_snoozed``: nothing is sent. ``today`` and ``held``: alerts given and held back on its
    day."""

    rule_id: str
    phase: str
    subject: str = ""
    missing: tuple[Missing, ...] = ()
    is_snoozed: bool = False
    today: int = 0
    held: int = 0
    problem: str = ""
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class RuleOnPair:
    """A rule at the newest bar of a pair. ``is_met``: whether the bar is as it needs; None where the rule is not looked
    at. ``phase`` as in ``RuleNow``."""

    rule_id: str
    name: str
    severity: str
    phase: str
    is_met: bool | None


class AlertBoard:
    """Reads the rules of one monitor. Any thread may call."""

    def __init__(
        self, monitor: Monitor, clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:  # fmt: skip
        """``clock_ms``: the machine's; rules go by the closes of bars, it stands in where there is none."""
        self._monitor = monitor
        self._clock_ms = clock_ms
        self._news = AlertNews(-1, 0, ())
        self._bars: dict[str, PairBars] = {}  # by run
        self._failed: set[str] = set()  # runs whose values could not be computed
        self._found: tuple[Hashable, list[RuleNow]] = (None, [])

    def news(self) -> AlertNews:
        """Read again only after a change. Raises StoreError."""
        if self._news.version != self._monitor.alerts.version:
            with self._monitor.lock:
                analysis, version = self._monitor.analysis, self._monitor.alerts.version
                counts = analysis.unseen_alerts()
                newest = tuple(analysis.alerts(NEWEST))
            self._news = AlertNews(version, sum(counts.get(each, 0) for each in URGENT), newest)
        return self._news

    def subjects(self) -> tuple[str, ...]:
        """What rules can be on now."""
        with self._monitor.lock:
            return tuple(dict.fromkeys(each.name for each in subjects_of(self._monitor)))

    def rules(self) -> dict[str, AlertRule]:
        """Every rule by its id."""
        with self._monitor.lock:
            return {stored.rule_id: rule for stored, rule in self._monitor.alerts.rules}

    def value(self, subject: str, feature: Feature) -> float:
        """One metric at the newest bar; NaN without one."""
        with self._monitor.lock:
            found = next((each for each in subjects_of(self._monitor) if each.name == subject), None)
            return math.nan if found is None else self._values((feature,), found, {})[feature]

    def now(self) -> list[RuleNow]:
        """Every rule, the oldest first; the same list until a bar, a rule, an alert or an input changes it."""
        with self._monitor.lock:
            desk, subjects = self._monitor.alerts, subjects_of(self._monitor)
            bars = tuple((each.name, each.run.run.run_id, each.run.model.size, each.run.revisions) for each in subjects)
            at = desk.version, self._clock_ms() // 60_000, bars  # the clock stands in where there are no bars
            if at != self._found[0]:
                followed = {each.run.run.run_id for each in subjects}
                self._bars = {run_id: bars for run_id, bars in self._bars.items() if run_id in followed}
                values: Values = {}
                self._found = at, [self._now(*each, subjects, values) for each in desk.rules]
            return self._found[1]

    def on_pair(self, market: str, y: str, x: str) -> list[RuleOnPair]:
        """The rules that apply to a pair, the oldest first; none where it is not watched."""
        subject = pair_subject(market, y, x)
        with self._monitor.lock:
            found = [each for each in subjects_of(self._monitor) if each.name == subject]
            rules = [each for each in self._monitor.alerts.rules if applies(each[1].scope, subject)] if found else []
            values: Values = {}
            return [_on_pair(rule, self._now(stored, rule, found, values)) for stored, rule in rules]

    def _now(self, stored: StoredRule, rule: AlertRule, subjects: list[Subject], values: Values) -> RuleNow:
        on = [each for each in subjects if applies(rule.scope, each.name)]
        desk = self._monitor.alerts
        now_ms = max((_close_ms(each) for each in on), default=self._clock_ms())
        found = RuleNow(
            stored.rule_id, "off", "", (), now_ms <= stored.snoozed_ms, *desk.today(stored.rule_id)
        )  # fmt: skip
        if not rule.enabled:
            return found
        if rule.expires_ms is not None and now_ms >= rule.expires_ms:
            return replace(found, phase="expired")
        if not on:
            return replace(found, phase="no bars")
        missing, subject, problem = self._nearest(rule, on, values)
        found = replace(found, subject=subject, missing=missing, problem=problem)
        if problem:
            return replace(found, phase="suspended")
        if not local_time(rule.schedule, now_ms, offset_ms(rule.schedule.zone, now_ms))[1]:
            return replace(found, phase="off hours")
        if rule.cap_per_day and found.today >= rule.cap_per_day:
            return replace(found, phase="capped")
        until_ms = desk.paused_until_ms(stored.rule_id, subject)
        if now_ms < until_ms:
            return replace(found, phase="paused", until_ms=until_ms)
        return replace(found, phase="armed" if desk.is_armed(stored.rule_id, subject) else "fired")

    def _nearest(self, rule: AlertRule, on: list[Subject], values: Values) -> tuple[tuple[Missing, ...], str, str]:
        """(what is missing, subject, problem): where the rule is nearest to firing, or the first where it is not
        looked at."""
        near = []
        for each in on:
            run_id = each.run.run.run_id
            problem = self._monitor.alerts.problems.get(run_id, "")
            try:
                missing = () if problem else missing_of(rule.when, self._values(features_of(rule), each, values))
            except Exception as error:  # the rule is shown with it
                problem = f"{type(error).__name__}: {error}"
                if run_id not in self._failed:
                    log.exception("a metric of %s cannot be computed", each.name)
                self._failed.add(run_id)
            if problem:
                return (), each.name, problem
            near.append((missing, each.name, ""))
        return min(near, key=lambda found: math.fsum(each.share for each in found[0]))

    def _values(self, features: tuple[Feature, ...], subject: Subject, known: Values) -> dict[Feature, float]:
        """The newest bar as rules read it. ``known``: what was computed of the same bars."""
        run = subject.run
        run_id, model = run.run.run_id, run.model
        bars = self._bars.get(run_id)
        if bars is None or bars.run is not run:
            bars = self._bars[run_id] = PairBars(run)
        values = known.setdefault((subject.name, run_id), {})
        memory = self._monitor.alerts.memory
        bars.inputs, bars.bridge = memory.inputs.get(subject.name, {}), memory.bridges.get(run.run.market)
        for each in features:
            if each not in values:
                column = METRICS[each.metric].column
                values[each] = float(column(bars, model.size - 1, model.size, subject.side or each.leg, each.window)[0])
        return values


def _on_pair(rule: AlertRule, now: RuleNow) -> RuleOnPair:
    is_met = None if now.phase in _NOT_LOOKED_AT else not now.missing
    return RuleOnPair(now.rule_id, rule.name, rule.severity, now.phase, is_met)


def _close_ms(subject: Subject) -> int:
    model = subject.run.model
    return model.open_time_ms(model.size - 1) + subject.run.settings.interval_ms
