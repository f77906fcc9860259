"""What an alert says, on the screen and on a phone: first what there is to do, then the numbers. Pure: a function of
the alert's stored values, so a replay gives the same text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from engine.alerts.metrics import METRICS, PairBars
from engine.alerts.rules import AlertRule, Feature, leaves_of

Values = Mapping[str, float | None]

# Read of each bar that gives an alert on one of these metrics of a pair: what an entry there would be
_CALLS = ("z", "z_costs", "beyond_entry", "spread")
CALL = tuple(Feature(name) for name in ("z", "beyond_entry", "gate", "beta"))
_COLUMNS = tuple((each.label, METRICS[each.metric].column) for each in CALL)
_FORMATS = {
    **dict.fromkeys(("z", "z_costs", "beyond_entry", "coverage", "correlation", "change", "beta_drift", "drawdown"),
                    ".2f"),
    "open_pnl": ",.2f", "half_life": ",.0f", "staleness": ",.1f", "spike": ".1f", "price": ",.7g", "volume": ",.4g",
}  # fmt: skip
_STATES = {  # of metrics that are 0 or 1
    "gate": ("gate closed", "gate open"), "bridge": ("bridge disconnected", "bridge connected"),
    "break_alarm": ("no break alarm", "break alarm"),
    "parity": ("parity check finds a difference", "parity check finds no difference"),
}  # fmt: skip


def read_beside(rule: AlertRule, subject: str) -> tuple[Feature, ...]:
    """What is stored with an alert beside the rule's own features: of a pair's call, what an entry would be."""
    is_call = any(each.metric in _CALLS for each in leaves_of(rule.when))
    return CALL if is_call and subject.startswith("pair|") else ()


def values_beside(rule: AlertRule, subject: str, bars: PairBars, at: int) -> dict[str, float]:
    """The values of ``read_beside`` in one bar, by label."""
    if not read_beside(rule, subject):
        return {}
    return {label: float(column(bars, at, at + 1, "", 0)[0]) for label, column in _COLUMNS}


def alert_text(name: str, subject: str, values: Values, close_ms: int, held: int = 0) -> str:
    """One line. ``held``: alerts that a cap held back on the day before; 0: it is an alert of its own.

    >>> found = {"beyond_entry": 1.12, "z": 2.31, "gate": 1.0, "beta": 0.0713}
    >>> alert_text("worth entering", "pair|usdm|ETHUSDT|BTCUSDT", found, 1_767_323_040_000)
    'SHORT ETHUSDT against BTCUSDT: z 2.31, entry from 1.19, gate open, beta 0.0713 - rule: worth entering; bar closed 2026-01-02 03:04:00 UTC'
    """  # noqa: E501
    digest = f"{held} more alerts were held back by the daily limit on the day before"
    what = digest if held else values_text(values, subject)
    at = datetime.fromtimestamp(close_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    head = subject_text(subject) if held else _head(subject, values)
    return f"{head}: {what} - rule: {name}; bar closed {at}"


def subject_text(subject: str) -> str:
    """A pair or symbol.

    >>> subject_text("pair|usdm|ETHUSDT|BTCUSDT"), subject_text("symbol|usdm|ETHUSDT")
    ('ETHUSDT against BTCUSDT', 'ETHUSDT')
    """
    return " against ".join(subject.split("|")[2:])


def _head(subject: str, values: Values) -> str:
    """The side of an entry where one is called for: z beyond what pays, and the gate not closed."""
    z, beyond, gate = (values.get(name) for name in ("z", "beyond_entry", "gate"))
    if z is None or beyond is None or beyond < 0.0 or gate == 0.0 or not subject.startswith("pair|"):
        return subject_text(subject)
    y, x = subject.split("|")[2:]
    beta = values.get("beta")
    return f"{'SHORT' if z > 0.0 else 'LONG'} {y} {'and' if beta is not None and beta < 0.0 else 'against'} {x}"


def values_text(values: Values, subject: str) -> str:
    """The values of an alert's bar by their labels, z first, rounded.

    >>> found = {"correlation_100": 0.87654, "price_x": 68_123.456, "gate": 0.0, "z": None}
    >>> values_text(found, "pair|usdm|ETHUSDT|BTCUSDT")
    'z not known, correlation over 100 bars 0.88, price of BTCUSDT 68,123.46, gate closed'
    """
    kind, _, *symbols = subject.split("|")
    legs = dict(zip("yx", symbols, strict=True)) if kind == "pair" else {"y": "", "x": ""}
    z, beyond = values.get("z"), values.get("beyond_entry")
    said = [_value("z", z, legs)] if "z" in values else []
    if "beyond_entry" in values and z is not None:
        only = "only " if beyond is not None and beyond < 0.0 else ""
        said.append("entry cost not known" if beyond is None else f"entry {only}from {abs(z) - beyond:.2f}")
    elif "beyond_entry" in values:
        said.append(_value("beyond_entry", beyond, legs))
    said += [_value(name, value, legs) for name, value in values.items() if name not in ("z", "beyond_entry")]
    return ", ".join(said)


@cache
def _metric_of(label: str) -> str:
    """The metric of a Feature's label; empty for what is none."""
    return max((each for each in METRICS if label == each or label.startswith(f"{each}_")), key=len, default="")


def _value(label: str, value: float | None, legs: Mapping[str, str]) -> str:
    """``label``: of a Feature; ``legs``: the symbols of a pair by side, empty where the subject says it."""
    name = _metric_of(label)
    if not name:
        return f"{label} {'not known' if value is None else format(value, '.4g')}"
    if name in _STATES and value is not None:
        return _STATES[name][int(value > 0.5)]
    words = METRICS[name].title
    for part in filter(None, label.removeprefix(name).split("_")):
        words += f" over {part} bars" if part.isdigit() else f" of {legs[part]}" if legs[part] else ""
    if value is None or math.isnan(value):
        return f"{words} not known"
    unit = f" {METRICS[name].unit}" if METRICS[name].unit else ""
    return f"{words} {value:{_FORMATS.get(name, ',.4g')}}{unit}"
