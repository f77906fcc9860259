"""Selects the symbols of a frame that can be scanned, with reasons for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.pairs.bar_grid import utc_index
from engine.scan.settings import ScanSettings
from engine.stats.representation import short_repr

if TYPE_CHECKING:
    import pandas as pd

    Prices: TypeAlias = pd.DataFrame | Mapping[str, npt.ArrayLike]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Excluded:
    """A symbol (or a pair, ``"Y ~ X"``) about which nothing is said. Codes: ``SHORT_HISTORY``, ``MISSING_BARS``,
    ``BAD_PRICE``, ``CONSTANT``, ``RARELY_MOVES``, ``ILLIQUID``, and for a pair ``ONE_LINE``, ``CONSTANT_LEG``,
    ``TOO_MANY_LAGS``, ``DEPENDENT_LAGS``."""

    name: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """The selected symbols: ``log_prices`` (symbols, bars), no NaN, the most liquid symbol first.

    ``first_bar``: the frame's first bar at which all of them have a price. ``own_bars`` (symbols, bars) is true where
    the frame has a price, false where it was carried.
    """

    symbols: tuple[str, ...]
    log_prices: Floats
    own_bars: npt.NDArray[np.bool_]
    first_bar: int
    excluded: tuple[Excluded, ...]

    __repr__ = short_repr


def as_frame(prices: Prices) -> pd.DataFrame:
    """The frame; ValueError for a duplicate symbol, or bars out of order. Times as text become UTC."""
    import pandas as pd

    frame = prices if isinstance(prices, pd.DataFrame) else pd.DataFrame(dict(prices))
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"symbol {twice!r} stands twice; expected one column a symbol")
    if frame.index.dtype.kind in "OTU" and len(frame):
        frame = frame.set_axis(utc_index(frame.index))
    if not (frame.index.is_monotonic_increasing and frame.index.is_unique):
        raise ValueError("the index does not rise; expected one row a bar, in time order")
    return frame


def universe(prices: Prices, settings: ScanSettings, volume: Prices | None = None) -> Universe:
    """The symbols of ``prices`` that pass the filters, most liquid first.

    Liquidity is the median of ``volume`` over the selection's bars; without volumes it is the order of the columns. A
    price missing after a symbol's first is carried. Raises ValueError for prices that are not numbers, a duplicate
    symbol, and bars out of order.
    """
    frame = as_frame(prices)
    table = {str(name): _floats(frame[name], str(name)) for name in frame.columns}
    first = {name: int(np.argmax(~np.isnan(values))) for name, values in table.items()}
    needed = max(settings.least_bars, int(np.ceil((1.0 - settings.most_filled) * len(frame))))
    refused = {name: _history(values, needed) or _goodness(values) for name, values in table.items()}
    kept = [name for name in table if refused[name] is None]
    begin = max((first[name] for name in kept), default=0)
    for name in kept:
        refused[name] = _movement(table[name][begin:], settings)
    kept = [name for name in kept if refused[name] is None]
    if volume is not None:
        seen = slice(begin, begin + train_bars(len(frame) - begin, settings))
        kept, thin = _by_liquidity(kept, as_frame(volume), seen, settings)
        refused |= thin
    own = np.array([~np.isnan(table[name][begin:]) for name in kept]).reshape(len(kept), len(frame) - begin)
    filled = [np.log(_carried(table[name][begin:])) for name in kept]
    excluded = tuple(Excluded(name, *why) for name, why in refused.items() if why is not None)
    return Universe(tuple(kept), np.array(filled).reshape(own.shape), own, begin, excluded)


def train_bars(bars: int, settings: ScanSettings) -> int:
    """The number of ``bars`` in the selection."""
    return bars - int(settings.holdout * bars)


Why = tuple[str, str]


def _floats(column: Any, name: str) -> Floats:
    values = column.to_numpy()
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name} holds {values.dtype}; expected real numbers")
    return np.asarray(values, dtype=np.float64)


def _history(values: Floats, needed: int) -> Why | None:
    known = np.flatnonzero(~np.isnan(values))
    bars = values.size - int(known[0]) if known.size else 0
    return ("SHORT_HISTORY", f"{bars} bars from its first price on; {needed} needed") if bars < needed else None


def _goodness(values: Floats) -> Why | None:
    bad = ~np.isnan(values) & ~((values > 0.0) & (values < np.inf))
    if not bad.any():
        return None
    at = int(bad.argmax())
    return "BAD_PRICE", f"{values[at]} in bar {at}; expected positive, finite prices"


def _movement(values: Floats, settings: ScanSettings) -> Why | None:
    missing = float(np.mean(np.isnan(values)))
    if missing > settings.most_filled:
        return "MISSING_BARS", f"{missing:.1%} of the bars; at most {settings.most_filled:.1%}"
    moves = np.diff(_carried(values)) != 0.0
    if not moves.any():
        return "CONSTANT", "the price never changes"
    if moves.mean() < settings.least_moving:
        return "RARELY_MOVES", f"in {moves.mean():.1%} of the bars; at least {settings.least_moving:.1%}"
    return None


def _by_liquidity(
    kept: list[str], volume: pd.DataFrame, seen: slice, settings: ScanSettings
) -> tuple[list[str], dict[str, Why | None]]:
    """``kept`` by descending median volume, without illiquid symbols."""
    lacking = [name for name in kept if name not in volume]
    if lacking:
        raise ValueError(f"{lacking[0]} has prices and no volume; expected a column of volumes for every symbol")
    usual = {name: float(np.median(np.nan_to_num(_floats(volume[name], name)[seen]))) for name in kept}
    thin: dict[str, Why | None] = {
        name: ("ILLIQUID", f"median volume {value:g} a bar; at least {settings.least_volume:g}")
        for name, value in usual.items()
        if value < settings.least_volume
    }
    return sorted((name for name in kept if name not in thin), key=lambda name: -usual[name]), thin


def _carried(values: Floats) -> Floats:
    """Fill each missing value with the previous one; the first must be present."""
    at = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(values.size)))
    return values[at]
