"""Bar widths and open times. All times are int milliseconds since 1970, UTC."""

from __future__ import annotations

import re

SECOND_MS = 1_000
MAX_WIDTH_MS = 24 * 3_600_000

CANDLE_WIDTHS_MS = (  # that every exchange here has; spot has 1 s besides
    60_000, 180_000, 300_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 28_800_000,
    43_200_000, 86_400_000,
)  # fmt: skip

_UNITS_MS = {"s": SECOND_MS, "t": 60_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 24 * 3_600_000}
_TEXT = re.compile(r"\s*([0-9]{1,6})\s*([a-zA-Z]{1,3})\s*")


def parse_interval(text: str) -> int:
    """The width in milliseconds of ``1s``, ``5s``, ``1m``, ``5m``, ``15m``, ``1h``, or any other whole
    number of seconds up to a day. The old pandas forms ``1S``, ``1T``, ``1H`` and ``5min`` mean the same; ``1M`` is a
    month where exchanges write it, and no width here.

    >>> [parse_interval(t) for t in ("1s", "5S", "1T", "15m", "1H", "90s")]
    [1000, 5000, 60000, 900000, 3600000, 90000]
    >>> parse_interval("5 parsecs")
    Traceback (most recent call last):
    ...
    ValueError: interval is '5 parsecs'; expected a number and s, m, h or d, such as 5s, 1m or 1h
    """
    found = _TEXT.fullmatch(text)
    if found and found[2] == "M":
        raise ValueError(f"interval is {text!r}, a month; expected m for minutes, and at most 1d")
    unit_ms = _UNITS_MS.get(found[2].lower()) if found else None
    if found is None or unit_ms is None:
        raise ValueError(f"interval is {text!r}; expected a number and s, m, h or d, such as 5s, 1m or 1h")
    width_ms = int(found[1]) * unit_ms
    if not SECOND_MS <= width_ms <= MAX_WIDTH_MS:
        raise ValueError(f"interval is {text!r}; expected from 1s to 1d")
    return width_ms


def interval_name(width_ms: int) -> str:
    """The shortest name of a width, which ``parse_interval`` reads back.

    >>> interval_name(5_000), interval_name(900_000), interval_name(5_400_000)
    ('5s', '15m', '90m')
    """
    for unit, unit_ms in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if width_ms % unit_ms == 0:
            return f"{width_ms // unit_ms}{unit}"
    return f"{width_ms // SECOND_MS}s"


def bar_open(time_ms: int, width_ms: int) -> int:
    """The open time of the bar that contains ``time_ms``: a multiple of the width since 1970, so all runs align."""
    return time_ms - time_ms % width_ms


def candle_width(width_ms: int) -> int | None:
    """The longest candle of an exchange that divides a width; None where it is no whole number of minutes.

    >>> candle_width(5_400_000), candle_width(420_000), candle_width(30_000)
    (1800000, 60000, None)
    """
    return max((candle for candle in CANDLE_WIDTHS_MS if width_ms % candle == 0), default=None)
