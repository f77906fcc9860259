"""How both legs of a pair move together: on its bars, and over the newest trades themselves, without a grid."""

from __future__ import annotations

import math
from collections import deque
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from engine.errors import StoreError
from engine.stats import (
    GrangerCausality,
    Hurst,
    granger_causality,
    hayashi_yoshida,
    hurst,
    lead_lag,
    pearson,
    returns,
    rolling_correlation,
    trade_side_mid,
)
from engine.stats.checks import Floats, Ints
from engine.stats.representation import short_repr
from engine.store.bulk import BulkReader
from engine.store.interface import Backend
from services.pair_bars import LEAST_BARS, PairBars

ROLLING = 60  # bars of one value of the correlation over time
TRADES_MS = 1_800_000  # of trades, for the correlation without a grid
MOST_TRADES = 100_000  # of a leg
STRETCH_MS = 120_000  # of one value of that correlation over time
LEAST_CHANGES = 20  # of each leg's mid in a stretch
LAGS_MS = (-2_000, -1_000, -500, -200, -100, -50, 0, 50, 100, 200, 500, 1_000, 2_000)
# At these shifts there is no relation: what is found there is noise, with the volatility that there is.
REMOTE_MS = tuple(sign * lag for sign in (-1, 1) for lag in range(10_000, 60_001, 2_500))
CLEAR = 3.0  # standard deviations of that noise, of a difference of two correlations
_ALL_MS = np.array(sorted((*LAGS_MS, *REMOTE_MS)))
_LEAST_HURST = 100  # bars
_NO_HURST = Hurst(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Together:
    """How the legs move together, over ``bars`` bars from ``from_ms`` on, of which ``filled`` lack a trade of Y or X.

    ``pearson``: of the returns of bars in which both traded; ``rolling``: the same over 60 bars, one value a bar, NaN
    where unknown. ``by_lag``: Hayashi-Yoshida of the trade-side mids over the newest trades of both (``trades``) at
    each of ``LAGS_MS``; positive: Y leads. ``without_grid``: at 0; ``over_time``: the same in stretches of two minutes,
    oldest first, NaN where a leg's mid changed less than 20 times. ``best_lag_ms``: where it clearly exceeds that; 0:
    nowhere; None: unknown. ``problem``: why there is no correlation without a grid; empty: there is one. ``granger``:
    whether the past of one leg's returns says something about the other's, on bars; None: unknown. ``hurst`` of the
    spread; NaN under 100 bars.
    """

    symbols: tuple[str, str]
    from_ms: int
    bars: int
    filled: tuple[int, int]
    pearson: float
    rolling: tuple[float, ...]
    without_grid: float
    over_time: tuple[float, ...]
    trades: tuple[int, int]
    by_lag: tuple[float, ...]
    best_lag_ms: int | None
    problem: str
    granger: GrangerCausality | None
    hurst: Hurst

    __repr__ = short_repr


@dataclass(frozen=True, slots=True)
class Lags:
    """The correlation at each of ``LAGS_MS``, and ``best_ms``, the one that clearly exceeds that at 0; 0: none."""

    by_lag: tuple[float, ...]
    best_ms: int | None


def together_of(found: PairBars, backend: Backend) -> Together:
    """Of these bars, and of the trades before their end."""
    legs = found.y, found.x
    y, x = (returns(each.mid)[1:] for each in legs)
    is_known = np.isfinite(y) & np.isfinite(x) & ~(found.y.is_filled | found.x.is_filled)[1:]
    rolling = rolling_correlation(np.where(is_known, y, np.nan), np.where(is_known, x, np.nan), ROLLING)
    level = found.spread[np.isfinite(found.spread)]
    lags, trades, problem = Lags((), None), (0, 0), ""
    over_time: tuple[float, ...] = ()
    try:
        with closing(backend.bulk_reader()) as reader:
            mids = [newest_mids(reader, found.market, each.symbol, found.to_ms) for each in legs]
        lags, trades = lags_of(*mids[0], *mids[1]), (mids[0][0].size, mids[1][0].size)
        over_time = correlations_over_time(*mids[0], *mids[1], found.to_ms)
    except (StoreError, ValueError) as error:
        problem = str(error)
    return Together(
        (found.y.symbol, found.x.symbol), found.from_ms, found.spread.size,
        (int(found.y.is_filled.sum()), int(found.x.is_filled.sum())),
        pearson(y[is_known], x[is_known]) if is_known.sum() >= LEAST_BARS else math.nan, tuple(rolling.tolist()),
        lags.by_lag[LAGS_MS.index(0)] if lags.by_lag else math.nan, over_time, trades, lags.by_lag, lags.best_ms,
        problem, _granger(y[is_known], x[is_known]), hurst(level) if level.size >= _LEAST_HURST else _NO_HURST,
    )  # fmt: skip


def lags_of(t_y: Ints, p_y: Floats, t_x: Ints, p_x: Floats) -> Lags:
    """The correlation by lag, and who leads. The best of 13 lags always is the greatest; it counts where it exceeds
    that at 0 by more than ``CLEAR`` deviations of what is found at remote shifts. 1 / sqrt(trades) instead would hold
    for a constant volatility alone. Raises ValueError."""
    found = dict(zip(_ALL_MS.tolist(), lead_lag(t_y, p_y, t_x, p_x, _ALL_MS).correlation.tolist(), strict=True))
    by_lag = tuple(found[lag] for lag in LAGS_MS)
    noise = float(np.nanstd([found[lag] for lag in REMOTE_MS]))
    sizes = np.abs(by_lag)
    if np.isnan(sizes).all() or math.isnan(noise):
        return Lags(by_lag, None)
    best = int(np.nanargmax(sizes))
    is_clear = sizes[best] - sizes[LAGS_MS.index(0)] > CLEAR * math.sqrt(2.0) * noise
    return Lags(by_lag, LAGS_MS[best] if is_clear else 0)


def correlations_over_time(t_y: Ints, p_y: Floats, t_x: Ints, p_x: Floats, to_ms: int) -> tuple[float, ...]:
    """Hayashi-Yoshida in each stretch before ``to_ms``, the oldest first."""
    found = []
    for begin in range(to_ms - TRADES_MS, to_ms, STRETCH_MS):
        legs = []
        for times, mids in ((t_y, p_y), (t_x, p_x)):
            start, stop = np.searchsorted(times, (begin, begin + STRETCH_MS))
            legs.append((times[start:stop], mids[start:stop]))
        is_known = all(np.count_nonzero(np.diff(mids)) >= LEAST_CHANGES for _, mids in legs)
        found.append(hayashi_yoshida(*legs[0], *legs[1]).correlation if is_known else math.nan)
    return tuple(found)


def newest_mids(reader: BulkReader, market: str, symbol: str, to_ms: int) -> tuple[Ints, Floats]:
    """Times and log trade-side mids of the trades in the half hour before ``to_ms``, at most the newest 100,000; no
    more than these and one frame are in memory. Raises ValueError where no trade says which side was the taker,
    StoreError."""
    frames: deque[Floats] = deque()  # rows: time, price, whether the buyer is the maker
    rows = 0
    for frame in reader.ticks(market, symbol, to_ms - TRADES_MS, to_ms):
        known = frame.drop_nulls("buyer_is_maker").select("trade_time_ms", "price", "buyer_is_maker")
        frames.append(np.stack([known[name].to_numpy().astype(np.float64) for name in known.columns]))
        rows += len(known)
        while rows - frames[0].shape[1] >= MOST_TRADES:
            rows -= frames.popleft().shape[1]
    if not rows:
        raise ValueError(f"{symbol} has no trade with a known side in the last {TRADES_MS // 60_000} minutes")
    at, price, maker = np.concatenate(frames, axis=1)[:, -MOST_TRADES:]
    order = np.argsort(at, kind="stable")  # an exchange's times may step back by a few ms
    mid = trade_side_mid(price[order], maker[order] == 1.0)
    is_known = np.isfinite(mid)
    return at[order][is_known].astype(np.int64), np.log(mid[is_known])


def _granger(y: Floats, x: Floats) -> GrangerCausality | None:
    """None where there are too few bars, or one leg determines the other."""
    try:
        return granger_causality(y, x)
    except ValueError:
        return None
