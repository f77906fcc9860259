"""What alert rules are evaluated on, and its stored bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.alerts.history import History
from engine.alerts.metrics import INPUTS, METRICS, PairBars
from engine.alerts.rules import AlertRule, Feature, features_of
from engine.errors import SettingsError
from engine.pairs.layout import Out
from engine.pairs.run import PairRun
from engine.stats.checks import Floats
from live.alert_messages import applies, pair_subject, symbol_subject
from live.monitor import Monitor
from live.zones import offset_ms


class Subject(NamedTuple):
    """A pair or a symbol, the leg that a symbol is, and the run that has its bars."""

    name: str
    side: str
    run: PairRun


@dataclass(frozen=True, slots=True)
class SubjectHistory:
    """The stored bars of a pair, or of the pair whose bars a symbol has, with what a preview needs."""

    subject: str
    history: History
    z: Floats
    half_life_bars: float
    exit_z: float


def subjects_of(monitor: Monitor) -> list[Subject]:
    """All that rules can be on. The caller holds the monitor's lock."""
    found = []
    for watch in monitor.watches.values():
        run, entry = monitor.followed(watch), watch.entry
        if run is None or not run.model.size:
            continue
        found.append(Subject(pair_subject(entry.market, entry.y, entry.x), "", run))
        for side, symbol in (("y", entry.y), ("x", entry.x)):
            if monitor.alerts.is_source(run, symbol):
                found.append(Subject(symbol_subject(entry.market, symbol), side, run))
    return found


def histories_of(monitor: Monitor, rule: AlertRule) -> list[SubjectHistory]:
    """The bars of all that a rule is on, copied out under the lock. Raises SettingsError."""
    features = features_of(rule)
    for feature in features:
        if feature.metric in INPUTS:
            raise SettingsError(f"{feature.metric} is not stored bar by bar; expected other metrics")
    with monitor.lock:
        return [_history_of(each, features) for each in subjects_of(monitor) if applies(rule.scope, each.name)]


def _history_of(subject: Subject, features: tuple[Feature, ...]) -> SubjectHistory:
    run, model, bars = subject.run, subject.run.model, PairBars(subject.run)
    values = [
        METRICS[each.metric].column(bars, 0, model.size, subject.side or each.leg, each.window) for each in features
    ]  # fmt: skip
    close_ms = model.open_time_ms(1) + run.settings.interval_ms * np.arange(model.size, dtype=np.int64)
    half_life = model.calibration.half_life if model.calibration is not None else float("nan")
    history = History(close_ms, features, np.array(values), offset_ms)
    return SubjectHistory(subject.name, history, model.column(Out.Z).copy(), half_life, run.settings.exit_z)
