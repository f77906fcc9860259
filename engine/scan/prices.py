"""Prices for a scan, from one-second bars: the trade-side mid, as for the pairs (trap T4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.stats.checks import Floats, Ints
from engine.stats.jit import njit
from engine.stats.quotes import carry_quote


def closing_prices(
    slots: Ints,
    quotes: tuple[Floats, Floats, Floats, Floats, Floats],
    is_sided: npt.NDArray[np.bool_],
    first: int,
    bars: int,
) -> Floats:
    """The price at each bar's end, NaN for a bar without trades.

    ``slots``: the bar of each second, ascending, from ``first`` to before ``first + bars``. ``quotes``: low, high,
    close, bid and ask of each second, the last two NaN without such a print; ``is_sided``: whether the taker side of
    all its trades is known. Equal to the result of ``engine.pairs.leg`` for the same seconds, and faster.
    """
    closes = np.full(bars, np.nan)
    _walk(slots, *quotes, is_sided, first, closes)
    return closes


@njit
def _walk(  # noqa: PLR0913 - a compiled loop
    slots: Ints, low: Floats, high: Floats, close: Floats, bids: Floats, asks: Floats, is_sided: npt.NDArray[np.bool_],
    first: int, closes: Floats,
) -> None:  # fmt: skip
    """Carry the quote from second to second: a side without a print keeps its older quote, clamped by the prints.

    A bar with a trade of unknown taker side has no quote, and ends the previous one.
    """
    bid = ask = np.nan
    is_mixed = False
    for i in range(slots.size):
        is_mixed = is_mixed or not is_sided[i]
        bid, ask = carry_quote(bid, ask, bids[i], asks[i], low[i], high[i])
        if i + 1 == slots.size or slots[i + 1] != slots[i]:
            if is_mixed:
                bid = ask = np.nan
            mid = (bid + ask) / 2.0
            closes[slots[i] - first] = mid if mid == mid else close[i]
            is_mixed = False
