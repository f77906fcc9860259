"""Statistics of both legs of a watched pair, and of how they move together: read on request, not with every bar.

Leg statistics are over the pair's newest bars. The correlation without a grid is over the newest trades themselves.
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from engine.errors import SettingsError, StoreError
from engine.pairs.layout import Out
from engine.pairs.leg import Col, Leg
from engine.pairs.run import PairRun
from engine.stats import (
    GrangerCausality,
    Hurst,
    granger_causality,
    hayashi_yoshida,
    hurst,
    lead_lag,
    liquidity,
    pearson,
    returns,
    rolling_correlation,
    trade_side_mid,
    volatility,
    volume_profile,
    volume_ratio,
    vwap,
)
from engine.stats.checks import Bools, Floats, Ints
from engine.stats.representation import short_repr
from engine.store.bulk import BulkReader
from engine.store.interface import Backend
from live.monitor import Monitor

BARS = 1_000  # newest of a pair, at most
LEAST_BARS = 30
ROLLING = 60  # bars of one value of the correlation over time
SPIKE_WINDOW, SPIKE = 60, 5.0  # bars of the usual volume; a spike is so many times it
PROFILE_BINS = 24
TRADES_MS = 1_800_000  # of trades, for the correlation without a grid
MOST_TRADES = 100_000  # of a leg
_NO_HURST = Hurst(math.nan, math.nan, math.nan)
CLEAR = 3.0  # standard errors of a difference of two correlations, each 1 / sqrt(trades of the quieter leg)
LAGS_MS = (-2_000, -1_000, -500, -200, -100, -50, 0, 50, 100, 200, 500, 1_000, 2_000)


@dataclass(frozen=True, slots=True)
class LegDetails:
    """One leg over the bars of ``PairDetails``; NaN where unknown.

    ``mean``, ``deviation``, ``vwap``, and the profile's ``point_of_control``, ``low`` and ``high`` (70 % of the volume
    between them) in quote currency; ``last_return_bps`` of the newest bar; ``volatility`` a year of 365 days, a share;
    ``quote_volume``: median a bar; ``amihud_bps``: the median move a million of quote currency; ``profile``: volume by
    price, from ``profile_low`` to ``profile_high`` in equal steps. ``spikes``: bars with over five times the usual
    volume, and the newest of them, ``spike_ms``; 0: none.
    """

    symbol: str
    filled: int
    last: float
    last_return_bps: float
    mean: float
    deviation: float
    volatility: float
    vwap: float
    point_of_control: float
    low: float
    high: float
    quote_volume: float
    traded_share: float
    amihud_bps: float
    spikes: int
    spike_ms: int
    profile: tuple[float, ...]
    profile_low: float
    profile_high: float

    __repr__ = short_repr


@dataclass(frozen=True, slots=True)
class Together:
    """How the legs move together.

    ``pearson``: of the returns of bars in which both traded; ``rolling``: the same over 60 bars, one value a bar, NaN
    where unknown. ``without_grid``: Hayashi-Yoshida of the trade-side mids over the newest trades of both
    (``trades``), with ``lags_ms`` and the correlation at each (``by_lag``): positive: Y leads. ``best_lag_ms``: where
    it is clearly greater than without a shift, by ``CLEAR`` standard errors; 0: nowhere; None: unknown. ``problem``:
    why there is no correlation without a grid; empty: there is one. ``granger``: whether the past of one leg's returns
    says something about the other's, on bars; None: unknown. ``hurst`` of the spread; NaN under 100 bars.
    """

    pearson: float
    rolling: tuple[float, ...]
    without_grid: float
    trades: tuple[int, int]
    lags_ms: tuple[int, ...]
    by_lag: tuple[float, ...]
    best_lag_ms: int | None
    problem: str
    granger: GrangerCausality | None
    hurst: Hurst

    __repr__ = short_repr


@dataclass(frozen=True, slots=True)
class PairDetails:
    """Bars of ``interval_ms`` that open in ``[from_ms, to_ms)``."""

    interval_ms: int
    from_ms: int
    to_ms: int
    bars: int
    y: LegDetails
    x: LegDetails
    together: Together


@dataclass(frozen=True, slots=True)
class _Bars:
    """Copies of one leg's newest bars."""

    symbol: str
    close: Floats  # carried over bars without a trade
    mid: Floats
    volume: Floats  # 0 without a trade
    is_filled: Bools


class PairDetailService:
    """Details of watched pairs. Any thread may call; one call takes some 20 ms."""

    def __init__(self, monitor: Monitor, backend: Backend) -> None:
        self._monitor = monitor
        self._backend = backend

    def details(self, watch_id: int) -> PairDetails:
        """Of the pair as it is now. Raises SettingsError where it is not watched or has too few bars."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            run = self._monitor.followed(watch) if watch is not None else None
            if watch is None or run is None or run.model.size < LEAST_BARS:
                have = run.model.size if run is not None else 0
                raise SettingsError(f"the pair has {have} bars; expected at least {LEAST_BARS} of a watched pair")
            first = max(run.model.size - BARS, 0)
            bars = _copied(run, first, (watch.entry.y, watch.entry.x))
            market, interval_ms = watch.entry.market, run.settings.interval_ms
            spread = run.model.column(Out.SPREAD, first).copy()
            from_ms, to_ms = run.model.open_time_ms(first), run.model.open_time_ms(run.model.size)
        legs = [_leg(each, interval_ms, from_ms) for each in bars]
        return PairDetails(
            interval_ms,
            from_ms,
            to_ms,
            bars[0].close.size,
            legs[0],
            legs[1],
            self._together(market, bars, spread, to_ms),
        )

    def _together(self, market: str, bars: tuple[_Bars, _Bars], spread: Floats, to_ms: int) -> Together:
        y, x = (returns(each.mid)[1:] for each in bars)
        is_known = np.isfinite(y) & np.isfinite(x) & ~(bars[0].is_filled | bars[1].is_filled)[1:]
        grid = pearson(y[is_known], x[is_known]) if is_known.sum() >= LEAST_BARS else math.nan
        rolling = rolling_correlation(np.where(is_known, y, np.nan), np.where(is_known, x, np.nan), ROLLING)
        level = spread[np.isfinite(spread)]
        on_bars = _granger(y[is_known], x[is_known]), hurst(level) if level.size >= 100 else _NO_HURST
        try:
            with closing(self._backend.bulk_reader()) as reader:
                mids = [newest_mids(reader, market, each.symbol, to_ms) for each in bars]
            (t_y, p_y), (t_x, p_x) = mids
            found = hayashi_yoshida(t_y, p_y, t_x, p_x)
            lags = lead_lag(t_y, p_y, t_x, p_x, np.array(LAGS_MS))
        except (StoreError, ValueError) as error:
            return Together(grid, tuple(rolling.tolist()), math.nan, (0, 0), LAGS_MS, (), None, str(error), *on_bars)
        by_lag = tuple(lags.correlation.tolist())
        counts = (t_y.size, t_x.size)
        best = lags.best_lag_ms if lags.best_lag_ms is None or is_clear(by_lag, counts) else 0
        return Together(grid, tuple(rolling.tolist()), float(found), counts, LAGS_MS, by_lag, best, "", *on_bars)


def _granger(y: Floats, x: Floats) -> GrangerCausality | None:
    """None where there are too few bars, or one leg determines the other."""
    try:
        return granger_causality(y, x)
    except ValueError:
        return None


def is_clear(by_lag: tuple[float, ...], trades: tuple[int, int]) -> bool:
    """Whether the greatest correlation stands out from that without a shift; the best of 13 always is the greatest.

    >>> is_clear((0.0,) * 6 + (0.06, 0.07) + (0.0,) * 5, (10_000, 14_000))
    False
    """
    sizes = np.abs(by_lag)
    error = math.sqrt(2.0 / min(trades))
    return bool(np.nanmax(sizes) - sizes[LAGS_MS.index(0)] > CLEAR * error)


def newest_mids(reader: BulkReader, market: str, symbol: str, to_ms: int) -> tuple[Ints, Floats]:
    """Times and log trade-side mids of the trades in the half hour before ``to_ms``, at most the newest 100,000.

    Raises ValueError where no trade says which side was the taker, StoreError.
    """
    times: list[Ints] = []
    mids: list[Floats] = []
    for frame in reader.ticks(market, symbol, to_ms - TRADES_MS, to_ms):
        known = frame.drop_nulls("buyer_is_maker")
        times.append(known["trade_time_ms"].to_numpy())
        prices = known["price"].to_numpy(), known["buyer_is_maker"].to_numpy()
        mids.append(np.stack(prices))
    if not times or not sum(each.size for each in times):
        raise ValueError(f"{symbol} has no trade with a known side in the last {TRADES_MS // 60_000} minutes")
    at, (price, maker) = np.concatenate(times)[-MOST_TRADES:], np.concatenate(mids, axis=1)[:, -MOST_TRADES:]
    order = np.argsort(at, kind="stable")  # an exchange's times may step back by a few ms
    mid = trade_side_mid(price[order], maker[order].astype(bool))
    is_known = np.isfinite(mid)
    return at[order][is_known].astype(np.int64), np.log(mid[is_known])


def _copied(run: PairRun, first: int, symbols: tuple[str, str]) -> tuple[_Bars, _Bars]:
    slot, count = (run.model.first_slot or 0) + first, run.model.size - first
    return _bars(run.legs[0], slot, count, symbols[0]), _bars(run.legs[1], slot, count, symbols[1])


def _bars(leg: Leg, slot: int, count: int, symbol: str) -> _Bars:
    begin = slot - leg.first_slot
    last, mid, volume, close = (leg.column(col, begin)[:count] for col in (Col.LAST, Col.MID, Col.VOLUME, Col.CLOSE))
    return _Bars(symbol, last.copy(), np.where(np.isnan(mid), last, mid), np.nan_to_num(volume), np.isnan(close))


def _leg(bars: _Bars, interval_ms: int, from_ms: int) -> LegDetails:
    known = np.isfinite(bars.close)
    close, volume, mid = bars.close[known], bars.volume[known], bars.mid[known]
    trades = liquidity(close, close * volume)
    ratio = volume_ratio(volume, SPIKE_WINDOW)
    spikes = np.flatnonzero(ratio >= SPIKE)
    profile: tuple[float, ...] = ()
    centre = low = high = math.nan
    ends = (math.nan, math.nan)
    if volume.sum() > 0.0 and close.max() > close.min():
        found = volume_profile(close, volume, bins=PROFILE_BINS)
        profile, centre, low, high = tuple(found.volume.tolist()), found.point_of_control, found.low, found.high
        ends = float(found.edges[0]), float(found.edges[-1])
    offset = int(np.flatnonzero(known)[0])
    return LegDetails(
        bars.symbol, int(bars.is_filled.sum()), float(close[-1]), float(1e4 * returns(close)[-1]), float(close.mean()),
        float(close.std(ddof=1)), volatility(mid, interval_ms), float(vwap(close, volume)[-1]), centre, low, high,
        trades.quote_volume, trades.traded_share, trades.amihud_bps, int(spikes.size),
        from_ms + (offset + int(spikes[-1])) * interval_ms if spikes.size else 0, profile, *ends,
    )  # fmt: skip
