"""Statistics of both legs of a watched pair over its newest bars: read on request, not with every bar."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats import liquidity, returns, volatility, volume_profile, volume_ratio, vwap
from engine.stats.representation import short_repr
from engine.store.interface import Backend
from live.monitor import Monitor
from services.pair_bars import LegBars, newest_bars
from services.pair_together import Together, together_of

SPIKE_WINDOW, SPIKE = 60, 5.0  # bars of the usual volume; a spike is so many times it
PROFILE_BINS = 24


@dataclass(frozen=True, slots=True)
class LegDetails:
    """One leg over the bars of ``BothLegs``; NaN where unknown.

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
class BothLegs:
    """Over the bars that open in ``[from_ms, to_ms)``."""

    from_ms: int
    to_ms: int
    bars: int
    y: LegDetails
    x: LegDetails


class PairDetailService:
    """Details of watched pairs. Any thread may call."""

    def __init__(self, monitor: Monitor, backend: Backend) -> None:
        self._monitor = monitor
        self._backend = backend

    def legs(self, watch_id: int) -> BothLegs:
        """Both legs as they are now. Raises SettingsError where the pair is not watched or has too few bars."""
        found = newest_bars(self._monitor, watch_id)
        y, x = (_leg(each, found.interval_ms, found.from_ms) for each in (found.y, found.x))
        return BothLegs(found.from_ms, found.to_ms, found.spread.size, y, x)

    def together(self, watch_id: int) -> Together:
        """How they move together now. Raises as ``legs``."""
        return together_of(newest_bars(self._monitor, watch_id), self._backend)


def _leg(bars: LegBars, interval_ms: int, from_ms: int) -> LegDetails:
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
