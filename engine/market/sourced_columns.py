"""Bars that were not made from ticks, by the column: for the speed of large files.

Columns are taken from JSON text where each value is written in the plainest way, so that ``read_bar`` would give the
same bars; anything else is left to it. So this module decides what is plain, never what is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import overload

import msgspec

from engine.errors import RowRefused
from engine.market.sourced import SourcedBar, check_bar
from engine.market.ticks import MAX_TIME_MS, MIN_TIME_MS

_DECIMALS = 5  # columns: open, high, low, close, volume
_LONGEST = 14  # characters of a decimal: then it has at most 12 digits behind its point, and float64 holds it
_TOO_LARGE = 1e12  # would have more than 12 digits before its point
_BETWEEN = b'","'  # two decimal strings
_COMMA = ord(",")

_wholes = msgspec.json.Decoder(list[int]).decode
_floats = msgspec.json.Decoder(list[float]).decode


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SourcedColumns(Sequence[SourcedBar]):
    """Bars of one symbol, width and source. ``values``: opening times (ms), opens, highs, lows, closes, volumes."""

    symbol: str
    width_ms: int
    source: str
    values: tuple[list[int], list[float], list[float], list[float], list[float], list[float]]

    @classmethod
    def of(cls, bars: Sequence[SourcedBar]) -> SourcedColumns:
        """The columns of bars, at least one, of one symbol, width and source."""
        symbols, widths, times, *prices, volumes, sources = map(list, zip(*bars, strict=True))
        opens, highs, lows, closes = prices
        return cls(symbols[0], widths[0], sources[0], (times, opens, highs, lows, closes, volumes))

    @property
    def times(self) -> list[int]:
        """When the bars open, in ms."""
        return self.values[0]

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[SourcedBar]:
        rows = zip(repeat(self.symbol), repeat(self.width_ms), *self.values, repeat(self.source), strict=False)
        return map(SourcedBar._make, rows)

    @overload
    def __getitem__(self, at: int) -> SourcedBar: ...

    @overload
    def __getitem__(self, at: slice) -> SourcedColumns: ...

    def __getitem__(self, at: int | slice) -> SourcedBar | SourcedColumns:
        times, opens, highs, lows, closes, volumes = self.values
        if isinstance(at, slice):
            parts = (times[at], opens[at], highs[at], lows[at], closes[at], volumes[at])
            return SourcedColumns(self.symbol, self.width_ms, self.source, parts)
        numbers = (opens[at], highs[at], lows[at], closes[at], volumes[at])
        return SourcedBar(self.symbol, self.width_ms, times[at], *numbers, self.source)


def read_bar_columns(symbol: str, width_ms: int, text: bytes, source: str) -> SourcedColumns | None:
    """``read_bar`` of every row of ``[[time, ..], ["open", ..], ["high", ..], ["low", ..], ["close", ..],
    ["volume", ..]]``, JSON without spaces; None where any row is out of the ordinary, or there is none.

    Then ``read_bar`` says which and why, or takes what is only rare.
    """
    import numpy as np  # as in all of this module: the server starts without it

    parts = text[2:-2].split(b"],[")
    if len(parts) != 1 + _DECIMALS or text[:2] != b"[[" or text[-2:] != b"]]":
        return None
    times = _read_times(parts[0], width_ms)
    numbers = _read_decimals(parts[1:], len(times)) if times else None
    if times is None or numbers is None:
        return None
    count = len(times)
    opens, highs, lows, closes, volumes = (numbers[at : at + count] for at in range(0, len(numbers), count))
    table = np.array(numbers).reshape(_DECIMALS, count)
    open_, high, low, close, _ = table
    is_good = (low > 0.0) & (low <= open_) & (low <= close) & (high >= open_) & (high >= close)
    if not is_good.all() or table.max() >= _TOO_LARGE:
        return None
    bars = SourcedColumns(symbol, width_ms, source, (times, opens, highs, lows, closes, volumes))
    try:
        check_bar(bars[0])  # the symbol, the width and the source are the same in all
    except RowRefused:
        return None
    return bars


def _read_times(text: bytes, width_ms: int) -> list[int] | None:
    """Opening times that are possible, in any order."""
    import numpy as np

    if text.translate(None, b"0123456789,"):
        return None
    try:
        times = _wholes(b"[" + text + b"]")
    except msgspec.DecodeError:
        return None
    if not times or min(times) < MIN_TIME_MS or max(times) >= MAX_TIME_MS:
        return None
    return None if (np.array(times) % width_ms).any() else times


def _read_decimals(columns: Sequence[bytes], count: int) -> list[float] | None:
    """The numbers of ``"1.5","2",..``, all columns one after the other, where each has ``count`` plain ones."""
    import numpy as np

    for column in columns:
        if column[:1] != b'"' or column[-1:] != b'"' or column.count(_BETWEEN) != count - 1:
            return None
    numbers = b",".join(column[1:-1] for column in columns).replace(_BETWEEN, b",")
    if numbers.translate(None, b"0123456789.,"):
        return None
    commas = np.flatnonzero(np.frombuffer(numbers, dtype=np.uint8) == _COMMA)
    ends = np.concatenate([[-1], commas, [len(numbers)]])
    if len(ends) != len(columns) * count + 1 or np.diff(ends).max() > _LONGEST + 1:
        return None
    try:
        return _floats(b"[" + numbers + b"]")
    except msgspec.DecodeError:
        return None
