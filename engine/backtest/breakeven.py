"""What a pair has to move before it pays, as it is now: the cost wall, and what lies behind it.

The spread is taken as an Ornstein-Uhlenbeck process of stationary deviation sigma. A rule that enters at +-a and leaves
at +-m on the same side (both in sigma) earns a - m - c a trade, c being the round trip, and takes on average

    E[a -> m] + E[m -> +-a] = pi / (2 theta) [erfi(a / sqrt 2) - erfi(m / sqrt 2)]

from one entry to the next: of T'' - x T' = -1/theta, the first with no bound above, the second between -a and a. The
best entry maximises the ratio; with m = 0 that is ``bertram_entry(c)`` (Bertram 2010; docs/mathematics.md).

The trap: theta and sigma are estimated, and on noise there is a theta too. So everything that depends on them comes
with its range over the half-life's exact interval, and one that does not exclude a walk begins at no trade at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.pairs.layout import Out
from engine.pairs.model import PairModel
from engine.pairs.settings import LEAST_TEST_WINDOW
from engine.stats.checks import Floats, positive
from engine.stats.half_life import HalfLife, ar1_kernel, half_life
from engine.stats.regression import ols
from engine.stats.representation import short_repr

DAY_MS = 86_400_000
LEAST_BARS = 100
_SLOWEST = 1e6  # bars, beside an infinite half-life, at which nothing is traded
_FASTEST = 0.15  # bars: phi is 0.01. A bound of 0 says that phi may be 0 or less, for which there is no process
_STEPS = 60  # half-lives over an interval: between its ends the numbers may rise and fall
_ROUNDS = 200  # of a bisection: far more than a double needs


@dataclass(frozen=True, slots=True)
class CostWall:
    """NaN where not known. z as the pair's own; ``_bps`` in basis points of the Y leg's notional.

    ``round_trip``: four fills with fee, half-spread and slippage, in the unit of the spread, ``round_trip_bps`` and
    ``round_trip_z`` the same. ``break_even_z`` = exit + round trip: a smaller |z| cannot pay. ``optimal_z``: the entry
    that earns most after costs, at the exit of the settings; NaN where the spread does not revert.
    ``entry_z``: the entry that the settings amount to now, the cost filter included. ``trades_per_day`` and
    ``net_bps_per_day`` are expected at that entry, ``_low`` and ``_high`` least and most over the 95 % interval of the
    half-life; ``best_bps_per_day`` at ``optimal_z``. ``half_life``: in bars; ``deviation``: stationary, in the
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
    rule = _Rule(entry * deviation, settings.exit_z * deviation, round_trip, DAY_MS / settings.interval_ms)
    (trades, net), sigma = rule.expected(found.bars, noise), _deviation(found.bars, noise)
    over = np.array([rule.expected(each, noise) for each in _half_lives(found)])
    best = best_entry(round_trip / sigma, rule.leave / sigma) * sigma if round_trip > 0.0 and sigma > 0.0 else math.nan
    top = _Rule(best, rule.leave, round_trip, rule.bars_per_day).expected(found.bars, noise)
    return CostWall(
        round_trip=round_trip,
        round_trip_bps=round_trip * to_bps,
        round_trip_z=cost_z,
        break_even_z=even,
        optimal_z=best / deviation if deviation > 0.0 else math.nan,
        entry_z=entry,
        trades_per_day=trades,
        trades_per_day_low=float(over[:, 0].min()),
        trades_per_day_high=float(over[:, 0].max()),
        net_bps_per_day=net * to_bps,
        net_bps_per_day_low=float(over[:, 1].min()) * to_bps,
        net_bps_per_day_high=float(over[:, 1].max()) * to_bps,
        best_bps_per_day=top[1] * to_bps,
        half_life=found,
        deviation=sigma,
    )


def best_entry(cost: float, leave: float = 0.0) -> float:
    """The entry that earns most with an exit at ``leave`` on the same side, in stationary deviations, ``cost`` above 0.

    Where d/da of (a - m - c) / [erfi(a / sqrt 2) - erfi(m / sqrt 2)] is 0: the gap times the growth of erfi equals erfi
    itself. With ``leave`` 0 it is ``bertram_entry(cost)``.

    >>> [round(best_entry(cost), 3) for cost in (0.25, 0.5, 1.0, 1.5)]
    [0.964, 1.264, 1.714, 2.109]
    """
    from scipy.special import dawsn

    trip, exit_at = positive(cost, "cost"), positive(leave, "leave", zero=True)

    def excess(a: float) -> float:
        # e^(-a^2/2) [erfi(a) - erfi(m)] sqrt(pi/2), by Dawson's function: erfi itself overflows
        kept = math.exp((exit_at * exit_at - a * a) / 2.0) * float(dawsn(exit_at / math.sqrt(2.0)))
        return a - exit_at - trip - math.sqrt(2.0) * (float(dawsn(a / math.sqrt(2.0))) - kept)

    low, high = exit_at + trip, exit_at + trip + 2.0
    for _ in range(_ROUNDS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    return (low + high) / 2.0


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
        ends = (float(erfi(min(each / sigma, 40.0) / math.sqrt(2.0))) for each in (self.enter, self.leave))
        above, below = ends
        cycle = math.pi / 2.0 * half_life_bars / math.log(2.0) * (above - below)
        trades = self.bars_per_day / cycle
        return trades, trades * (self.enter - self.leave - self.round_trip)


def _half_lives(found: HalfLife) -> list[float]:
    """From one end of the interval to the other; NaN where there is none, inf where not even its low end is finite."""
    if not found.low < math.inf:
        return [found.low]
    ends = max(found.low, _FASTEST), max(min(found.high, _SLOWEST), _FASTEST)
    finite = [float(each) for each in np.geomspace(*ends, _STEPS)]
    return finite if found.high < math.inf else [*finite, math.inf]


def _noise_of(residual: Floats) -> float:
    """Deviation of an AR(1)'s shocks."""
    _, _, squares = ar1_kernel(residual)
    return math.sqrt(squares / (residual.size - 1))


def _deviation(half_life_bars: float, noise: float) -> float:
    """Stationary, of an AR(1) with these shocks."""
    phi = 2.0 ** (-1.0 / half_life_bars)
    return noise / math.sqrt(1.0 - phi * phi)
