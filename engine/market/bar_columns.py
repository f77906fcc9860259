"""One-second bars by the column, and longer bars aggregated from them, for exports of long ranges.

The same numbers as ``engine.market.bars.roll_up`` to the last bit: sums start at 0 and add in time order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Columns(NamedTuple):
    """Bars of one symbol and width, rising by open time; shape (n,) each. Prices in quote currency, volume in coins.

    ``has_makers``: the taker side of every trade is known; ``buy_volume`` counts only then.
    """

    open_time_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    quote_volume: Floats
    trades: Ints
    buy_volume: Floats
    has_makers: npt.NDArray[np.bool_]


def roll_up_columns(seconds: Columns, width_ms: int) -> Columns:
    """Bars of ``width_ms``, multiples of it since 1970, for every one in which there was a trade.

    >>> second = np.array([1.0]), np.array([2.0])
    >>> one = Columns(np.array([60_000]), *(np.array([price]) for price in (5.0, 6.0, 4.0, 5.5, 2.0, 11.0)),
    ...               np.array([3]), np.array([1.0]), np.array([True]))
    >>> roll_up_columns(one, 3_600_000).open_time_ms.tolist()
    [0]
    """
    if not seconds.open_time_ms.size:
        return seconds
    opens = seconds.open_time_ms - seconds.open_time_ms % width_ms
    starts = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
    ends = np.append(starts[1:], opens.size) - 1
    group = np.repeat(np.arange(starts.size), np.diff(np.append(starts, opens.size)))
    sums: list[Floats] = [  # bincount adds one value after the other, as roll_up does; add.reduceat adds in pairs
        np.bincount(group, weights=each).astype(np.float64)
        for each in (seconds.volume, seconds.quote_volume, seconds.buy_volume)
    ]
    return Columns(
        opens[starts], seconds.open[starts], np.maximum.reduceat(seconds.high, starts),
        np.minimum.reduceat(seconds.low, starts), seconds.close[ends], sums[0], sums[1],
        np.add.reduceat(seconds.trades, starts), sums[2], np.logical_and.reduceat(seconds.has_makers, starts),
    )  # fmt: skip
