"""VWAP, the volume profile, volume spikes, and whether a symbol is liquid enough to test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_series, same_index, same_length, whole
from engine.stats.jit import njit
from engine.stats.pandas_results import keeps_index
from engine.stats.representation import short_repr
from engine.stats.windows import window_new, window_push

VALUE_AREA = 0.70


@dataclass(frozen=True, slots=True, eq=False)
class VolumeProfile:
    """Volume by price. ``edges`` has one more element than ``volume``.

    ``point_of_control`` is the middle of the fullest bin; 70 % of the volume lies between ``low`` and ``high``.
    """

    edges: Floats
    volume: Floats
    point_of_control: float
    low: float
    high: float

    __repr__ = short_repr


@dataclass(frozen=True, slots=True)
class Liquidity:
    """How well a symbol trades. ``quote_volume`` is the median a bar, in quote currency.

    ``traded_share`` is the share of bars with any volume, ``moved_share`` of those after which the price differs.
    ``amihud_bps`` is the median over traded bars of the move in basis points per million of quote currency; NaN without
    volume.
    """

    quote_volume: float
    traded_share: float
    moved_share: float
    amihud_bps: float

    def passes(self, *, min_quote_volume: float, min_traded_share: float = 0.9) -> bool:
        """Whether the symbol is liquid enough for a scan."""
        return self.quote_volume >= min_quote_volume and self.traded_share >= min_traded_share


@njit
def vwap_step(value: float, volume: float, price: float, quantity: float) -> tuple[float, float, float]:
    """One trade: ``(value, volume)`` in and out, and the VWAP so far; NaN before the first volume."""
    value += price * quantity
    volume += quantity
    return value, volume, (value / volume if volume > 0.0 else np.nan)


@njit
def _vwap(price: Floats, quantity: Floats, out: Floats) -> None:
    value = volume = 0.0
    for t in range(price.size):
        value, volume, out[t] = vwap_step(value, volume, price[t], quantity[t])


@njit
def _rolling_vwap(price: Floats, quantity: Floats, window: int, first_index: int, out: Floats) -> None:
    state = window_new(window)
    for t in range(price.size):
        _, value, volume, _, _, _ = window_push(state, first_index + t, price[t] * quantity[t], quantity[t])
        out[t] = value / volume if volume > 0.0 else np.nan


@keeps_index
def vwap(price: ArrayLike, quantity: ArrayLike, *, window: int | None = None, first_index: int = 0) -> Floats:
    """Volume-weighted average price: from the first value on, or over the last ``window`` (2 or more). One a bar.

    NaN before the first volume, in a window without any, and until the window is full. Quantities are 0 or more.

    >>> vwap([10.0, 20.0, 30.0], [1.0, 3.0, 0.0])
    array([10. , 17.5, 17.5])
    """
    prices, quantities = _traded(price, quantity)
    out = np.empty_like(prices)
    if window is None:
        _vwap(prices, quantities, out)
    else:
        window, first_index = whole(window, "window", at_least=2), whole(first_index, "first_index", at_least=0)
        _rolling_vwap(prices, quantities, window, first_index, out)
    return out


def volume_profile(price: ArrayLike, quantity: ArrayLike, *, bins: int = 50) -> VolumeProfile:
    """Volume in ``bins`` equal steps of price between the lowest and the highest.

    The value area grows from the fullest bin to the fuller neighbour, the upper one in a tie, until it holds 70 %.
    Raises ValueError without volume or with a single price.
    """
    prices, quantities = _traded(price, quantity)
    bins = whole(bins, "bins", at_least=1)
    low, high = float(prices.min()), float(prices.max())
    if not quantities.sum() > 0.0 or not high > low:
        raise ValueError(f"prices from {low} to {high}, volume {quantities.sum()}; expected volume at different prices")
    edges = np.linspace(low, high, bins + 1)
    at = np.clip(np.searchsorted(edges, prices, "right") - 1, 0, bins - 1)
    held = np.asarray(np.bincount(at, quantities, bins), dtype=np.float64)
    top = int(np.argmax(held))
    first, last = _value_area(held, top)
    middle = float(edges[top] + edges[top + 1]) / 2.0
    return VolumeProfile(edges, held, middle, float(edges[first]), float(edges[last + 1]))


def _value_area(held: Floats, top: int) -> tuple[int, int]:
    first = last = top
    inside, wanted = float(held[top]), VALUE_AREA * float(held.sum())
    while inside < wanted and (first > 0 or last < held.size - 1):
        below = held[first - 1] if first > 0 else -1.0
        above = held[last + 1] if last < held.size - 1 else -1.0
        if above >= below:
            last += 1
            inside += float(above)
        else:
            first -= 1
            inside += float(below)
    return first, last


@njit
def _volume_ratio(volume: Floats, window: int, out: Floats) -> None:
    for t in range(volume.size):
        out[t] = np.nan
        if t >= window:
            usual = np.median(volume[t - window : t])
            if usual > 0.0:
                out[t] = volume[t] / usual


@keeps_index
def volume_ratio(volume: ArrayLike, window: int) -> Floats:
    """Each bar's volume over the median of the ``window`` bars before it: a spike is a ratio above 5 or so.

    The median keeps one spike in the window from hiding the next. NaN until the window is full, and where the
    usual volume is 0.

    >>> volume_ratio([1.0, 2.0, 3.0, 20.0], 3)
    array([nan, nan, nan, 10.])
    """
    values = _amounts(volume, "volume")
    out = np.empty_like(values)
    _volume_ratio(values, whole(window, "window", at_least=1), out)
    return out


def liquidity(close: ArrayLike, quote_volume: ArrayLike) -> Liquidity:
    """Liquidity over a stretch of bars (2 or more) from closes above 0 and quote volumes of 0 or more.

    The trap: a filled bar has a close but no volume; use the share of traded bars, not the close.
    Source: Amihud 2002.
    """
    same_index(close, quote_volume, "close", "quote_volume")
    closes, volumes = as_series(close, "close"), _amounts(quote_volume, "quote_volume")
    same_length(closes, volumes, "close", "quote_volume")
    if closes.size < 2 or (closes <= 0).any():
        raise ValueError(f"{closes.size} closes, the lowest {closes.min()}; expected at least 2, all above 0")
    moves = np.abs(np.diff(np.log(closes)))
    traded = volumes[1:] > 0
    amihud = float(np.median(1e10 * moves[traded] / volumes[1:][traded])) if traded.any() else math.nan
    return Liquidity(float(np.median(volumes)), float(np.mean(volumes > 0)), float(np.mean(moves > 0)), amihud)


def _traded(price: ArrayLike, quantity: ArrayLike) -> tuple[Floats, Floats]:
    same_index(price, quantity, "price", "quantity")
    prices, quantities = as_series(price, "price"), _amounts(quantity, "quantity")
    same_length(prices, quantities, "price", "quantity")
    return prices, quantities


def _amounts(values: ArrayLike, name: str) -> Floats:
    amounts = as_series(values, name)
    if (amounts < 0).any():
        at = int(np.argmax(amounts < 0))
        raise ValueError(f"{name}[{at}] is {amounts[at]}; expected 0 or more")
    return amounts
