"""Formatting for the screen: known values with their unit, unknown ones as a dash with the reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

UNKNOWN = "–"
WORKING = "working …"  # on a button while its action is running
ESTIMATOR_NAMES = {
    "kalman": "Kalman filter", "ols": "rolling OLS", "huber": "Huber", "theil-sen": "Theil-Sen", "tls": "TLS",
}  # fmt: skip


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    """One number with its note. ``tone`` sets the colour: ``up`` and ``down`` (green and red) for profit, loss and
    direction alone; ``warn`` and ``bad`` (amber) for what may not be trusted, ``good`` and none are plain."""

    value: str
    note: str
    tone: str = ""


def unknown(why: str) -> Item:
    """An unknown number, and why."""
    return Item(UNKNOWN, why)


def texts_of(items: dict[str, Item]) -> tuple[dict[str, str], dict[str, str]]:
    """(texts, tones) of live elements, by name: each item's value, and its note under ``<name>-note``."""
    text: dict[str, str] = {}
    for name, item in items.items():
        text[name], text[f"{name}-note"] = item.value, item.note
    return text, {name: item.tone for name, item in items.items()}


def times(ratio: float) -> str:
    """A ratio for display.

    >>> times(3.14159), times(42.4), times(float("inf"))
    ('3.1 ×', '42 ×', '∞ ×')
    """
    if math.isinf(ratio):
        return "∞ ×"
    return f"{ratio:.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×"


def p_value(p: float) -> str:
    """A p-value with digits enough to see on which side of a level it is.

    >>> p_value(0.0248), p_value(0.00002), p_value(float("nan"))
    ('p 0.0248', 'p < 0.0001', 'p unknown')
    """
    return "p unknown" if math.isnan(p) else f"p {p_digits(p)}"


def p_digits(p: float) -> str:
    """The same without its name, of a known one."""
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def window_name(name: str) -> str:
    """The display name of a window.

    >>> window_name("beta"), window_name("test")
    ('β', 'Test')
    """
    return {"beta": "β", "z": "z", "test": "Test"}[name]


def duration(seconds: float) -> str:
    """A duration in a suitable unit.

    >>> duration(42), duration(600), duration(5400), duration(200_000)
    ('42 s', '10 min', '1.5 h', '2.3 d')
    """
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size * (1.5 if unit == "min" else 1):
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 10 or unit == "min" else f"{value:.1f} {unit}"
    return f"{seconds:.0f} s"


def utc(time_ms: int) -> str:
    """ISO 8601 with milliseconds and Z.

    >>> utc(1790046465580)
    '2026-09-22T03:07:45.580Z'
    """
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(time_ms: int) -> str:
    """A time for display, to the second.

    >>> clock(1790046465580)
    '2026-09-22 03:07:45 UTC'
    """
    return f"{utc(time_ms)[:19].replace('T', ' ')} UTC"


def minute(time_ms: int) -> str:
    """A time for display, to the minute; spelled so that assets/clock_zone.js brings it to the chosen zone.

    >>> minute(1790046465580)
    '2026-09-22 03:07 UTC'
    """
    return f"{utc(time_ms)[:16].replace('T', ' ')} UTC"
