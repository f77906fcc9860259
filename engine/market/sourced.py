"""Bars that were not made from ticks: an exchange's candles, and uploaded OHLCV files.

They know no quotes and no ids: their price basis is the last print. A bar made from whole ticks is always preferred
to one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from engine.errors import RowRefused
from engine.market.intervals import MAX_WIDTH_MS, SECOND_MS, bar_open
from engine.market.stretches import Stretch
from engine.market.ticks import MAX_TIME_MS, MIN_TIME_MS, read_decimal, read_symbol

KLINE = "kline"  # the source of an exchange's own candles
VOLUME_TOLERANCE = 1e-12  # relative: volumes are sums, and another order of adding rounds differently

_VOLUME = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII).fullmatch
_SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII).fullmatch


class SourcedBar(NamedTuple):
    """What a source says of ``[open_time_ms, open_time_ms + width_ms)``; prices in quote currency, volume in coins.

    ``source``: lower-case letters, digits and ``-``, such as ``kline`` or ``upload``.
    """

    symbol: str
    width_ms: int
    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    source: str

    @property
    def end_ms(self) -> int:
        """When it is complete."""
        return self.open_time_ms + self.width_ms


@dataclass(frozen=True, slots=True)
class BarsStored:
    """What became of bars that were given to the store; the counts add up to them.

    ``known``: stored before with the same values. ``conflicts``: stored before with others; the first are kept.
    """

    stored: int
    known: int
    conflicts: int


def check_width(width_ms: Any) -> int:
    """``width_ms`` where it is a whole number of seconds from 1 s to 1 d. Raises RowRefused."""
    if type(width_ms) is not int or not SECOND_MS <= width_ms <= MAX_WIDTH_MS or width_ms % SECOND_MS:
        raise RowRefused(f"width is {width_ms!r} ms; expected whole seconds from {SECOND_MS} to {MAX_WIDTH_MS} ms")
    return width_ms


def check_bar(bar: SourcedBar) -> SourcedBar:
    """The bar itself where it can be stored. Raises RowRefused with the first thing that is wrong.

    >>> check_bar(SourcedBar("BTCUSDT", 60_000, 1_790_046_420_000, 10.0, 12.0, 9.0, 11.0, 3.5, "kline")).end_ms
    1790046480000
    """
    symbol, width_ms, open_time_ms, open_, high, low, close, volume, source = bar
    read_symbol(symbol)
    check_width(width_ms)
    if type(open_time_ms) is not int or not MIN_TIME_MS <= open_time_ms < MAX_TIME_MS:
        raise RowRefused(
            f"open time is {open_time_ms!r}; expected whole milliseconds since 1970 from {MIN_TIME_MS} (2009) to before"
            f" {MAX_TIME_MS} (2100)"
        )
    if bar_open(open_time_ms, width_ms) != open_time_ms:
        raise RowRefused(f"open time is {open_time_ms}; expected a multiple of the width, {width_ms} ms")
    for name, price in (("open", open_), ("high", high), ("low", low), ("close", close)):
        if not 0.0 < price < float("inf"):
            raise RowRefused(f"{name} is {price!r}; expected a positive, finite number")
    if not low <= min(open_, close) <= max(open_, close) <= high:
        raise RowRefused(
            f"open {open_!r}, high {high!r}, low {low!r}, close {close!r}; expected open and close from low to high"
        )
    if not 0.0 <= volume < float("inf"):
        raise RowRefused(f"volume is {volume!r}; expected 0 or more, and finite")
    if not _SOURCE(source):
        raise RowRefused(f"source is {source!r}; expected 1 to 32 lower-case letters, digits or -")
    return bar


def read_bar(symbol: str, width_ms: int, row: Any, source: str) -> SourcedBar:
    """``[open time ms, open, high, low, close, volume]``, numbers as decimal strings, as a bar. Raises RowRefused."""
    if not isinstance(row, (list, tuple)) or len(row) != 6:
        raise RowRefused(f"bar is {repr(row)[:60]}; expected six values")
    named = zip(("open", "high", "low", "close"), row[1:5], strict=True)
    open_, high, low, close = (read_decimal(name, text) for name, text in named)
    if not isinstance(row[5], str) or not _VOLUME(row[5]):
        raise RowRefused(f"volume is {repr(row[5])[:60]}; expected a decimal string such as '0.411'")
    return check_bar(SourcedBar(symbol, width_ms, row[0], open_, high, low, close, float(row[5]), source))


def is_same(bar: SourcedBar, other: SourcedBar) -> bool:
    """Whether both say the same of the same stretch, whoever says it."""
    volumes = abs(bar.volume - other.volume) <= VOLUME_TOLERANCE * max(bar.volume, other.volume)
    return bar[:7] == other[:7] and volumes


def at_width(width_ms: int, by_width: Mapping[int, Sequence[SourcedBar]]) -> list[SourcedBar]:
    """The bars of one width, rising: those of the width itself, else rolled up from the widest narrower bars of which
    a whole number, and every one, is there.

    ``by_width``: bars by their width, each list rising and of one symbol.
    """
    found: dict[int, SourcedBar] = {}
    for narrower_ms in sorted((width for width in by_width if width_ms % width == 0), reverse=True):
        if narrower_ms == width_ms:
            found.update((bar.open_time_ms, bar) for bar in by_width[width_ms])
            continue
        parts: dict[int, list[SourcedBar]] = {}
        for bar in by_width[narrower_ms]:
            parts.setdefault(bar_open(bar.open_time_ms, width_ms), []).append(bar)
        for open_time_ms, bars in parts.items():
            if len(bars) * narrower_ms == width_ms and open_time_ms not in found:
                found[open_time_ms] = _rolled_up(bars, open_time_ms, width_ms)
    return [bar for _, bar in sorted(found.items())]


def spans_of(times_ms: Sequence[int], width_ms: int) -> list[Stretch]:
    """The stretches that bars of one width cover without a break. ``times_ms``: when they open, rising.

    >>> spans_of([0, 10, 20, 50], 10)
    [(0, 30), (50, 60)]
    """
    if not times_ms:
        return []
    breaks = [(before + width_ms, after) for before, after in pairwise(times_ms) if after - before > width_ms]
    starts = [times_ms[0], *(after for _, after in breaks)]
    ends = [*(end for end, _ in breaks), times_ms[-1] + width_ms]
    return list(zip(starts, ends, strict=True))


def whole_slots(stretches: Iterable[Stretch], width_ms: int) -> list[Stretch]:
    """What of each stretch whole bars of a width cover: ``at_width`` makes them of narrower ones that cover it.

    >>> whole_slots([(5, 31), (40, 59)], 10)
    [(10, 30), (40, 50)]
    """
    cut = ((bar_open(begin + width_ms - 1, width_ms), bar_open(end, width_ms)) for begin, end in stretches)
    return [(begin, end) for begin, end in cut if begin < end]


def _rolled_up(bars: Sequence[SourcedBar], open_time_ms: int, width_ms: int) -> SourcedBar:
    volume = 0.0
    for bar in bars:
        volume += bar.volume
    return SourcedBar(
        bars[0].symbol, width_ms, open_time_ms, bars[0].open, max(bar.high for bar in bars),
        min(bar.low for bar in bars), bars[-1].close, volume, bars[0].source,
    )  # fmt: skip
