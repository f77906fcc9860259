"""Alert rules in the live path: every bar as a run completes it, in commit order, through the compiled rules.

What is given is a function of the ticks, the events and the rules, each at its place in commit order. The states are
stored in the transaction of the read position, and alerts with their messages too: after a kill the bars since then
come again, and give the same alerts with the same ids. The caller holds the monitor's lock.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from engine.alerts.evaluator import Fired, RuleBook
from engine.alerts.metrics import METRICS, PairBars
from engine.alerts.program import local_time
from engine.alerts.rule_json import rule_of
from engine.alerts.rules import AlertRule, Feature, features_of
from engine.errors import SettingsError
from engine.market.records import Event
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.stats.checks import Floats, Ints
from engine.store.alerts import AlertStore, RuleStateRow, StoredAlert, StoredRule
from live.alert_memory import DeskMemory
from live.alert_messages import Moment, alerts_of, applies, messages_of, pair_subject, symbol_subject
from live.alert_sources import Sources
from live.alert_text import values_beside
from live.zones import offset_ms

log = logging.getLogger("pairbridge.monitor")
T = TypeVar("T")
BRIDGE = Feature("bridge")
Columns = list[tuple[int, Feature]]  # the place of a feature in a bar's values


class Reads(NamedTuple):
    """What the rules on a subject read of a bar; ``at_bridge``: the rules that an event of the bridge concerns, and
    what they read. A rule with a dwell counts bars, so no event concerns it."""

    columns: Columns
    at_bridge: Ints
    bridge_columns: Columns


class AlertDesk:
    """The rules of one store, their states, and the alerts since the last save."""

    def __init__(self, pipelines: Mapping[str, Pipeline], store: AlertStore) -> None:
        """``pipelines`` by market. Raises StoreError."""
        self.store = store
        self.version = 0  # grows with each change of rules and alerts
        self._pipelines = pipelines
        self._sources = Sources(pipelines)
        self.reload()

    def reload(self) -> None:
        """Drop what is in memory; go on from what is stored."""
        self._next_ms: dict[str, int] = {}  # by run: the open of the first bar that was not looked at
        self._bars: dict[str, PairBars] = {}
        self._pending: list[tuple[StoredAlert, tuple[str, ...]]] = []
        self._load()

    def _load(self) -> None:
        rows = self.store.alert_states()
        self._stored = {(row.rule_id, row.subject): json.loads(row.state) for row in rows if row.rule_id}
        self.memory = DeskMemory.of(rows)
        self.problems: dict[str, str] = {}  # by run: why its rules are suspended, until rules change
        self.rules: list[tuple[StoredRule, AlertRule]] = []
        self._active: list[tuple[StoredRule, AlertRule]] = []
        for stored in self.store.alert_rules():
            try:
                self.rules.append((stored, rule_of(stored.rule)))
            except SettingsError as error:
                log.error("the alert rule %s cannot be used: %s", stored.rule_id, error)
        self._active = [each for each in self.rules if each[1].enabled]
        self.book = RuleBook([rule for _, rule in self._active], offset_ms)
        for number, (stored, _) in enumerate(self._active):
            if (stored.rule_id, "") in self._stored:
                self.book.restore_day(number, self._stored[stored.rule_id, ""])
        self._reads: dict[str, Reads] = {}  # by subject

    def attach(self, pipeline: Pipeline) -> Pipeline:
        """Look at the bars and events of a pipeline from now on."""
        pipeline.on_bars, pipeline.on_event = self.take, self.note
        return pipeline

    def set_input(self, subject: str, metric: str, value: float) -> None:
        """The newest value of a metric that is not a function of bars."""
        self.memory.set_input(subject, metric, value)
        self.version += 1

    def snooze(self, rule_id: str, until_ms: int) -> None:
        """Send nothing of a rule for bars that close up to then. Raises StoreError."""
        for rules in (self.rules, self._active):
            for at, (stored, rule) in enumerate(rules):
                if stored.rule_id == rule_id:
                    rules[at] = replace(stored, snoozed_ms=until_ms), rule
                    self.store.keep_alert_rule(rules[at][0])
        self.version += 1

    def acknowledge(self, alert_id: str, at_ms: int) -> bool:
        """See ``AlertStore.acknowledge_alert``. Raises StoreError."""
        is_new = self.store.acknowledge_alert(alert_id, at_ms)
        self.version += is_new
        return is_new

    def today(self, rule_id: str) -> tuple[int, int]:
        """(alerts given, held back) on the day of a rule's newest bar; of one that is off, of the newest of all."""
        number, kept = self._number(rule_id), self._stored.get((rule_id, ""))
        if number is not None or kept is None:
            return (0, 0) if number is None else self.book.day_of(number)
        schedule = next(rule.schedule for stored, rule in self.rules if stored.rule_id == rule_id)
        newest_ms = max(self.memory.seen_ms.values(), default=0)
        day, given, held = kept
        is_today = day is not None and day >= local_time(schedule, newest_ms, offset_ms(schedule.zone, newest_ms))[0]
        return (int(given), int(held)) if is_today else (0, 0)

    def is_armed(self, rule_id: str, subject: str) -> bool:
        """Whether the next time that a rule is true on a subject counts; it does where it has seen no bar."""
        number = self._looking(rule_id, subject)
        return number is None or self.book.is_armed(subject, number)

    def paused_until_ms(self, rule_id: str, subject: str) -> int:
        """The end of a rule's pause after its latest alert on a subject; 0 without one."""
        number = self._looking(rule_id, subject)
        fired_ms = math.nan if number is None else self.book.fired_ms(subject, number)
        if number is None or math.isnan(fired_ms):
            return 0
        return round(fired_ms + 1_000.0 * self._active[number][1].cooldown_s)

    def _looking(self, rule_id: str, subject: str) -> int | None:
        """The number of a rule that looks at a subject, once it has seen a bar of it."""
        number = self._number(rule_id)
        is_seen = number is not None and subject in self._reads and applies(self._active[number][1].scope, subject)
        return number if is_seen else None

    def _number(self, rule_id: str) -> int | None:
        return next((at for at, (stored, _) in enumerate(self._active) if stored.rule_id == rule_id), None)

    @property
    def has_news(self) -> bool:
        """Whether there are alerts to store."""
        return bool(self._pending)

    def change(self, work: Callable[[], T]) -> T:
        """Do what changes stored rules, and take them over; the states of the others stay. Raises StoreError."""
        self._save_states()
        found = work()
        self._load()
        self.version += 1
        return found

    def begin_anew(self) -> None:
        """The ticks are read from the first one on: no alerts for the bars that have closed by now."""
        for market, close_ms in self.memory.seen_ms.items():
            self.memory.leave_out(market, close_ms)
        self.memory.bridges.clear()  # their events come again
        self.store.forget_alert_states("")
        self.store.keep_alert_states(self.memory.rows())
        self._next_ms.clear()
        self._bars.clear()

    def take(self, run: PairRun, seq: int) -> None:
        """A run was computed at the tick ``seq``: look at its new bars. Those that it has when it is seen first are
        from before it began."""
        run_id, model = run.run.run_id, run.model
        end_ms = model.open_time_ms(model.size) if model.first_slot is not None else 0
        from_ms = self._next_ms.get(run_id)
        self._next_ms[run_id] = max(end_ms, from_ms or 0)
        self.memory.see(run.run.market, end_ms)
        if from_ms is None:
            self._drop_ended()
        if from_ms is None or end_ms <= from_ms or not self._active:
            return
        start = max((from_ms - model.open_time_ms(0)) // run.settings.interval_ms, 0)
        self._look_at(run, (start, model.size), Moment(run_id, 0, seq))

    def note(self, event: Event) -> None:
        """The bridge connected or disconnected: rules that read this see it at once, with the newest bars' values."""
        if event.kind != "bridge":
            return
        self.memory.set_bridge(event.market, 1.0 if event.detail["state"] == "up" else 0.0)
        self.version += 1
        if not self._active or BRIDGE not in self.book.program.features or event.market not in self._pipelines:
            return
        for run in list(self._pipelines[event.market].runs.values()):
            run_id, stop = run.run.run_id, run.model.size
            if stop and run_id in self._next_ms:
                self._look_at(run, (stop - 1, stop), Moment(run_id, 0, event.after_seq, event.event_id))

    def save(self, at_ms: int) -> None:
        """Store the states that changed, the alerts, and their messages, in the open transaction. Raises StoreError."""
        self._save_states()
        self.version += bool(self._pending)
        for alert, channels in self._pending:
            self.store.add_alert(replace(alert, made_at_ms=at_ms), messages_of(alert, channels, at_ms))
        self._pending = []

    def _save_states(self) -> None:
        on_subjects, in_all = self.book.take_changed()
        changed = {(self._active[rule][0].rule_id, str(subject)): state for subject, rule, state in on_subjects}
        changed |= {(self._active[rule][0].rule_id, ""): state for rule, state in in_all}
        self._stored.update(changed)
        rows = [RuleStateRow(*key, json.dumps(state)) for key, state in changed.items()]
        self.store.keep_alert_states(rows + self.memory.take_changed())

    def _look_at(self, run: PairRun, span: tuple[int, int], moment: Moment) -> None:
        """The rules on a pair and its symbols. What fails suspends those of this run; the pairs go on."""
        of = run.run
        if of.run_id in self.problems:
            return
        try:
            self._see(pair_subject(of.market, of.y, of.x), run, span, moment)
            for side, symbol in (("y", of.y), ("x", of.x)):
                if self.is_source(run, symbol):
                    self._see(symbol_subject(of.market, symbol), run, span, moment, side)
        except Exception as error:  # a metric that fails must not stop the pairs
            self.problems[of.run_id] = f"{type(error).__name__}: {error}"
            self.version += 1
            log.exception("the alert rules on %s~%s are suspended", of.y, of.x)

    def _drop_ended(self) -> None:
        followed = {run_id for pipeline in self._pipelines.values() for run_id in pipeline.runs}
        self._bars = {run_id: bars for run_id, bars in self._bars.items() if run_id in followed}
        self._next_ms = {run_id: at for run_id, at in self._next_ms.items() if run_id in followed}

    def is_source(self, run: PairRun, symbol: str) -> bool:
        """See Sources."""
        return self._sources.is_source(run, symbol)

    def _see(self, subject: str, run: PairRun, span: tuple[int, int], moment: Moment, side: str = "") -> None:
        """``side``: the leg, for a symbol."""
        reads, is_bar = self._reads_of(subject), not moment.event_id
        columns = reads.columns if is_bar else reads.bridge_columns
        if not columns:
            return
        start, stop = span
        values = self._values(subject, run, span, columns, side)
        since_ms = self.memory.since_ms.get(run.run.market, 0)
        if is_bar:  # once a bar, if another pair takes over for a symbol
            since_ms = max(since_ms, self.memory.since_ms.get(subject, 0))
        for place in range(start, stop):
            close_ms = run.model.open_time_ms(place) + run.settings.interval_ms
            if close_ms <= since_ms:
                continue
            found = self.book.step(subject, close_ms, values[place - start], None if is_bar else reads.at_bridge)
            for given in found:
                beside = values_beside(self._active[given.rule][1], subject, self._bars[run.run.run_id], place)
                self._give(given, subject, moment._replace(close_ms=close_ms), values[place - start], beside)
            if is_bar and side:
                self.memory.leave_out(subject, close_ms)

    def _give(self, given: Fired, subject: str, moment: Moment, values: Floats, beside: dict[str, float]) -> None:
        stored, rule = self._active[given.rule]
        place = {feature: number for number, feature in enumerate(self.book.program.features)}
        shown = {feature.label: float(values[place[feature]]) for feature in features_of(rule)}
        known = {name: value if math.isfinite(value) else None for name, value in {**shown, **beside}.items()}
        for alert in alerts_of(stored, rule, given, subject, moment, known):
            self._pending.append((alert, rule.channels))

    def _reads_of(self, subject: str) -> Reads:
        """What the rules on a subject read. Their states are restored at the first time."""
        if subject not in self._reads:
            which = [number for number, (_, rule) in enumerate(self._active) if applies(rule.scope, subject)]
            self.book.follow(subject, which)
            for number in which:
                state = self._stored.get((self._active[number][0].rule_id, subject))
                if state is not None:
                    self.book.restore(subject, number, state)
            rules = {number: self._active[number][1] for number in which}
            at_bridge = [at for at, rule in rules.items() if rule.dwell_bars == 1 and BRIDGE in features_of(rule)]
            self._reads[subject] = Reads(
                self._columns_of(which), np.array(at_bridge, dtype=np.int64), self._columns_of(at_bridge)
            )
        return self._reads[subject]

    def _columns_of(self, which: list[int]) -> Columns:
        wanted = {feature for number in which for feature in features_of(self._active[number][1])}
        return [(at, feature) for at, feature in enumerate(self.book.program.features) if feature in wanted]

    def _values(self, subject: str, run: PairRun, span: tuple[int, int], columns: Columns, side: str) -> Floats:
        """Shape (bars, features)."""
        start, stop = span
        bars = self._bars.get(run.run.run_id)
        if bars is None or bars.run is not run:
            bars = self._bars[run.run.run_id] = PairBars(run)
        bars.inputs = self.memory.inputs.get(subject, {})
        bars.bridge = self.memory.bridges.get(run.run.market)
        found = np.full((stop - start, len(self.book.program.features)), math.nan)
        for at, feature in columns:
            found[:, at] = METRICS[feature.metric].column(bars, start, stop, side or feature.leg, feature.window)
        return found
