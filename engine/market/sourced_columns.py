"""Bars that were not made from ticks, by the column: for the speed of large files.

``columns_of`` reads what ``bytes_of`` writes: the columns one after the other, each value in eight bytes, the least
significant first. ``are_good`` has the conditions of ``check_bar`` for all bars at once; where it is false, that one
says which bar and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, overload

from engine.errors import RowRefused
from engine.market.sourced import SourcedBar, check_bar
from engine.market.ticks import MAX_TIME_MS, MIN_TIME_MS

if TYPE_CHECKING:
    import numpy.typing as npt

BAR_BYTES = 48  # opening time as int64; open, high, low, close, volume as float64


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


def bytes_of(columns: Sequence[npt.ArrayLike]) -> bytes:
    """``SourcedColumns.values`` or arrays of the same as bytes."""
    import numpy as np  # as in all of this module: the server starts without it

    times, *numbers = columns
    return b"".join([np.asarray(times, "<i8").tobytes(), *(np.asarray(each, "<f8").tobytes() for each in numbers)])


def columns_of(symbol: str, width_ms: int, data: bytes, source: str) -> SourcedColumns:
    """The bars in ``data``, whatever they say. Raises ValueError where it is not of whole bars."""
    import numpy as np

    count, rest = divmod(len(data), BAR_BYTES)
    if rest:
        raise ValueError(f"found {len(data)} bytes of bars; expected a multiple of {BAR_BYTES}")
    times: list[int] = np.frombuffer(data, "<i8", count).tolist()
    opens, highs, lows, closes, volumes = np.frombuffer(data, "<f8", offset=8 * count).reshape(5, count).tolist()
    return SourcedColumns(symbol, width_ms, source, (times, opens, highs, lows, closes, volumes))


def are_good(bars: SourcedColumns) -> bool:
    """Whether ``check_bar`` takes every one of these bars, at least one."""
    import numpy as np

    try:
        check_bar(bars[0])  # the symbol, the width and the source are the same in all
    except RowRefused:
        return False
    times, (opens, highs, lows, closes, volumes) = np.array(bars.times), np.array(bars.values[1:])
    is_good = (times >= MIN_TIME_MS) & (times < MAX_TIME_MS) & (times % bars.width_ms == 0)
    is_good &= (lows > 0.0) & (lows <= opens) & (lows <= closes) & (highs >= opens) & (highs >= closes)
    is_good &= (highs < np.inf) & (volumes >= 0.0) & (volumes < np.inf)
    return bool(is_good.all())
