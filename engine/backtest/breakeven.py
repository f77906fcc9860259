"""What a pair has to move before it pays, as it is now: the cost wall, and what lies behind it.

The spread is taken as an Ornstein-Uhlenbeck process of stationary deviation sigma. A rule that enters at +-a and leaves
at +-m on the same side (both in sigma) takes on average

    E[a -> m] + E[m -> +-a] = pi / (2 theta) [erfi(a / sqrt 2) - erfi(m / sqrt 2)]

from one entry to the next: of T'' - x T' = -1/theta, the first with no bound above, the second between -a and a. In
continuous time it earns a - m - c a trade, c being the round trip; the best entry maximises that over the cycle, and is
``bertram_entry(2 c)`` where m = 0 (Bertram 2010; docs/mathematics.md).

Bars see a crossing late, and an order is filled a bar after its signal, when the spread has come back by phi = 2^(-1 /
half-life). So what is expected of a rule takes the levels at which bars find the spread, a + 0.5826 s and m - 0.5826 s
(s: deviation of a bar's shock; Siegmund 1985), and phi times their distance for the gross of a trade; a cycle is longer
by 0.4 half-life^(-3/2), which is fitted. Within 8 % of the rule on simulated bars from a half-life of one bar on;
without all that a half-life of 2 bars would promise 2.5 times the trades.

The trap: theta and sigma are estimated, and on noise there is a theta too. So everything that depends on them comes
with its range over the half-life's exact interval and that of the shocks, and one that does not exclude a walk begins
at no trade at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from engine.pairs.layout import Out
from engine.pairs.model import PairModel
from engine.pairs.settings import LEAST_TEST_WINDOW
from engine.stats.checks import Floats
from engine.stats.half_life import HalfLife, ar1_kernel, half_life
from engine.stats.regression import ols
from engine.stats.report_rows import NORMAL_5
from engine.stats.representation import short_repr

DAY_MS = 86_400_000
LEAST_BARS = 100
_SLOWEST = 1e6  # bars, beside an infinite half-life, at which nothing is traded
_FASTEST = 0.15  # bars: phi is 0.01. A bound of 0 says that phi may be 0 or less, for which there is no process
_STEPS = 30  # half-lives over an interval: between its ends the numbers may rise and fall
OVERSHOOT = 0.5826  # by which a walk of normal steps passes a level on average, in steps: -zeta(1/2) / sqrt(2 pi)
_FEW_BARS = 0.4  # fitted


@dataclass(frozen=True, slots=True)
class CostWall:
    """NaN where not known. z as the pair's own; ``_bps`` in basis points of the Y leg's notional.

    ``round_trip``: four fills with fee, half-spread and slippage, in the unit of the spread, ``round_trip_bps`` and
    ``round_trip_z`` the same. ``break_even_z`` = exit + round trip: a smaller |z| cannot pay. ``optimal_z``: the entry
    that earns most after costs, at the exit of the settings; NaN where the spread does not revert.
    ``entry_z``: the entry that the settings amount to now, the cost filter included. ``trades_per_day`` and
    ``net_bps_per_day`` are expected at that entry and the window's median round trip, since a bar's own half-spread is
    an estimate from few trades; ``_low`` and ``_high`` least and most over the 95 % intervals of half-life and
    shocks; ``best_bps_per_day`` at ``optimal_z``. ``half_life``: in bars; ``deviation``: stationary, in the
    unit of the spread.
    """

    round_trip: float
    round_trip_bps: float
    round_trip_z: float
    break_even_z: float
    optimal_z: float
    entry_z: float
    trades_per_day: float
    trades_per_day_low: float
    trades_per_day_high: float
    net_bps_per_day: float
    net_bps_per_day_low: float
    net_bps_per_day_high: float
    best_bps_per_day: float
    half_life: HalfLife
    deviation: float

    __repr__ = short_repr

    @property
    def pays(self) -> bool:
        """Whether the expected net result is positive over the whole interval."""
        return self.net_bps_per_day_low > 0.0


def cost_wall(model: PairModel, bars: int | None = None) -> CostWall:
    """The wall at the model's last bar, its costs being those of its cost filter.

    ``bars``: the window of the half-life; None: the test window, or what there is of it. Raises ValueError with fewer
    than 100 bars.
    """
    window = min(bars or model.windows().get("test", LEAST_TEST_WINDOW), model.size)
    if window < LEAST_BARS:
        raise ValueError(f"the window has {window} bars; expected at least {LEAST_BARS}")
    y, x = (np.ascontiguousarray(each) for each in model.inputs(model.price_row, model.size - window))
    residual = np.asarray(ols(y, x).residuals)
    found, noise = half_life(residual, residual=True), _noise_of(residual)
    settings, deviation = model.settings, float(model.column(Out.DEVIATION)[-1])
    cost_z = float(model.column(Out.COST_Z)[-1])
    round_trip = cost_z * deviation
    to_bps = 1e4 if settings.space == "log" else 1e4 / model.prices(model.size - 1)[0]
    even = settings.exit_z + cost_z
    entry = max(settings.entry_z, even) if settings.cost_filter else settings.entry_z
    usual = _usual_round_trip(model, window)
    rule = _Rule(entry * deviation, settings.exit_z * deviation, usual, DAY_MS / settings.interval_ms)
    trades, net = rule.expected(found.bars, noise)
    over = np.array([rule.expected(each, shock) for each in _half_lives(found) for shock in _noises(noise, window)])
    best = rule.best(found.bars, noise)
    return CostWall(
        round_trip=round_trip,
        round_trip_bps=round_trip * to_bps,
        round_trip_z=cost_z,
        break_even_z=even,
        optimal_z=best.enter / deviation if deviation > 0.0 else math.nan,
        entry_z=entry,
        trades_per_day=trades,
        trades_per_day_low=float(over[:, 0].min()),
        trades_per_day_high=float(over[:, 0].max()),
        net_bps_per_day=net * to_bps,
        net_bps_per_day_low=float(over[:, 1].min()) * to_bps,
        net_bps_per_day_high=float(over[:, 1].max()) * to_bps,
        best_bps_per_day=best.expected(found.bars, noise)[1] * to_bps,
        half_life=found,
        deviation=_deviation(found.bars, noise),
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """Entry, exit and round trip in the unit of the spread."""

    enter: float
    leave: float
    round_trip: float
    bars_per_day: float

    def expected(self, half_life_bars: float, noise: float) -> tuple[float, float]:
        """(trades, net in the unit of the spread) a day, at this half-life."""
        from scipy.special import erfi

        if half_life_bars == math.inf:
            return 0.0, 0.0
        sigma = _deviation(half_life_bars, noise)
        if not sigma > 0.0:
            return math.nan, math.nan
        found_at = self.enter + OVERSHOOT * noise, self.leave - OVERSHOOT * noise
        above, below = (float(erfi(min(each / sigma, 37.0) / math.sqrt(2.0))) for each in found_at)
        cycle = math.pi / 2.0 * half_life_bars / math.log(2.0) * (above - below)
        trades = self.bars_per_day / (cycle * (1.0 + _FEW_BARS * half_life_bars**-1.5))
        gross = 2.0 ** (-1.0 / half_life_bars) * (found_at[0] - found_at[1])
        return trades, trades * (gross - self.round_trip)

    def best(self, half_life_bars: float, noise: float) -> _Rule:
        """With the entry that earns most; NaN where nothing is known of it."""
        from scipy.optimize import minimize_scalar

        sigma = _deviation(half_life_bars, noise) if half_life_bars < math.inf else math.nan
        if not (sigma > 0.0 and self.round_trip > 0.0):
            return replace(self, enter=math.nan)
        ends = self.leave, self.leave + self.round_trip + 4.0 * sigma
        found = minimize_scalar(
            lambda enter: -replace(self, enter=enter).expected(half_life_bars, noise)[1],
            bounds=ends, method="bounded", options={"xatol": 1e-6 * sigma},
        )  # fmt: skip
        return replace(self, enter=float(found.x))


def _half_lives(found: HalfLife) -> list[float]:
    """From one end of the interval to the other; NaN where there is none, inf where not even its low end is finite."""
    if not found.low < math.inf:
        return [found.low]
    ends = max(found.low, _FASTEST), max(min(found.high, _SLOWEST), _FASTEST)
    finite = [float(each) for each in np.geomspace(*ends, _STEPS)]
    return finite if found.high < math.inf else [*finite, math.inf]


def _usual_round_trip(model: PairModel, window: int) -> float:
    """The window's median, in the unit of the spread; NaN where no bar knows it."""
    trips = model.column(Out.COST_Z)[-window:] * model.column(Out.DEVIATION)[-window:]
    known = trips[np.isfinite(trips)]
    return float(np.median(known)) if known.size else math.nan


def _noise_of(residual: Floats) -> float:
    """Deviation of an AR(1)'s shocks."""
    _, _, squares = ar1_kernel(residual)
    return math.sqrt(squares / (residual.size - 1))


def _noises(noise: float, bars: int) -> tuple[float, float]:
    """The ends of its own 95 % interval."""
    share = NORMAL_5 / math.sqrt(2.0 * bars)
    return noise * (1.0 - share), noise * (1.0 + share)


def _deviation(half_life_bars: float, noise: float) -> float:
    """Stationary, of an AR(1) with these shocks."""
    phi = 2.0 ** (-1.0 / half_life_bars)
    return noise / math.sqrt(1.0 - phi * phi)
