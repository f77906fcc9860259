"""Engle-Granger where the variance moves: its critical value from the pair's own increments, with random signs.

The surface of :mod:`engine.stats.mackinnon` is that of increments of one variance. On unrelated legs whose variance
clusters or jumps, the same statistic passes its 5 % value on 7 to 23 %. Here the increments of both legs are given
random signs, which leaves each where it stands and as large as it is, added up to a pair that is unrelated by
construction, and tested with the same lags; the p-value is the share of such pairs with a statistic at least as low.
Both legs take the *same* sign at a bar: what two unrelated walks have in common at one bar (correlated increments,
a common variance) is then kept as well, and the test does not depend on which combination of them the legs are.

The verdict "p is at most the level" is fixed long before the last draw on most pairs of noise, and the drawing stops
there. The sign of a bar is a function of the seed and of the bar's place, so a window that moves on by a bar keeps
the signs of all bars that stay: a rolling test does not draw its luck anew each time.

Sources: Cavaliere and Taylor 2008 (wild bootstrap for unit roots); Cavaliere, Rahbek and Taylor 2010 (one sign for
all series); Besag and Clifford 1991 (drawing until the verdict); Davison and Hinkley 1997 (the p-value).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from engine.stats.checks import ArrayLike, Floats, as_pair, whole
from engine.stats.cointegration import MINIMUM_BARS, engle_granger_kernel
from engine.stats.jit import njit
from engine.stats.mackinnon import critical_values
from engine.stats.random import advanced, mixed
from engine.stats.representation import short_repr
from engine.stats.unitroot import FIXED, lag_choice

DRAWS = 199  # level x (DRAWS + 1) is whole at 1, 5 and 10 %
SEED = 20_240_229
Bits: TypeAlias = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class RobustEngleGranger:
    """``passes`` where ``statistic`` is below ``critical[level]`` and ``pvalue`` at most ``level`` percent.

    ``pvalue`` is the bootstrap's, and ``draws`` how many pairs were rebuilt until the verdict on it was fixed: after
    fewer than were asked for it is the share seen so far. ``critical``, ``lags``, ``alpha`` and ``beta`` as in
    :class:`engine.stats.EngleGranger`.
    """

    statistic: float
    critical: dict[int, float]
    pvalue: float
    draws: int
    level: int
    passes: bool
    lags: int
    alpha: float
    beta: float

    __repr__ = short_repr


@njit
def wild_pvalue(
    y: Floats, x: Floats, statistic: float, lags: int, level: float, draws: int, seed: np.uint64
) -> tuple[float, int]:
    """``(pvalue, draws used)`` of an Engle-Granger statistic that was found on ``y`` and ``x`` with ``lags`` lags.

    Stops as soon as no further draw can change whether pvalue <= ``level`` (a fraction); with ``level`` 0 it draws all.
    A rebuilt pair that has no statistic counts as one as low as the pair's own. O(draws x bars).
    """
    bars = y.size
    rebuilt_y, rebuilt_x, bits = np.empty(bars), np.empty(bars), np.empty(bars, dtype=np.uint64)
    most = int(np.floor(level * (draws + 1.0) + 1e-9)) - 1  # that may be as low where p is to be at most the level
    low = 0
    for draw in range(draws):
        if draw % 64 == 0:
            _draw_bits(bits, np.uint64(seed), draw // 64)
        _rebuild(y, x, bits, draw % 64, rebuilt_y, rebuilt_x)
        if not engle_granger_kernel(rebuilt_y, rebuilt_x, FIXED, lags)[0] > statistic:
            low += 1
        left = draws - draw - 1
        if level > 0.0 and (low > most or low + left <= most):
            return (low + 1.0) / (draw + 2.0), draw + 1
    return (low + 1.0) / (draws + 1.0), draws


@njit
def _draw_bits(bits: Bits, seed: np.uint64, block: int) -> None:
    """64 random bits for each place, one for each of 64 draws: functions of the seed, the place and the block only."""
    for t in range(bits.size):
        bits[t] = mixed(advanced(mixed(advanced(seed, t)), block + 1))


@njit
def _rebuild(y: Floats, x: Floats, bits: Bits, at: int, out_y: Floats, out_x: Floats) -> None:
    """The walks of the increments of both legs, turned round at the places where bit ``at`` is set."""
    shift = np.uint64(at)
    level_y = level_x = out_y[0] = out_x[0] = 0.0
    for t in range(1, y.size):
        sign = 1.0 - 2.0 * float((bits[t] >> shift) & np.uint64(1))
        level_y += sign * (y[t] - y[t - 1])
        level_x += sign * (x[t] - x[t - 1])
        out_y[t], out_x[t] = level_y, level_x


@njit
def wild_bootstrap_kernel(
    y: Floats, x: Floats, criterion: int, max_lag: int, level: float, draws: int, seed: np.uint64
) -> tuple[float, int, float, int]:
    """``(statistic, lags, pvalue, draws used)``; NaN, -1, NaN and 0 where a leg, or the residual, does not move.

    ``criterion`` and ``max_lag`` as in :func:`engine.stats.unitroot.adf_kernel`, the others as in ``wild_pvalue``.
    """
    statistic, lags, _, _ = engle_granger_kernel(y, x, criterion, max_lag)
    if lags < 0:
        return np.nan, -1, np.nan, 0
    pvalue, used = wild_pvalue(y, x, statistic, lags, level, draws, seed)
    return statistic, lags, pvalue, used


def engle_granger_robust(
    y: ArrayLike,
    x: ArrayLike,
    lags: str | int = "bic",
    max_lag: int | None = None,
    *,
    level: int = 5,
    draws: int = DRAWS,
    seed: int = SEED,
) -> RobustEngleGranger:
    """Engle-Granger test of y on a constant and x whose size holds where the variance of the increments moves.

    Legs, ``lags`` and ``max_lag`` as for :func:`engine.stats.engle_granger`; ``level`` is 1, 5 or 10 percent, and
    ``draws`` at least 99, 19 or 9 then (199 take milliseconds). On unrelated legs both tests together pass 4 to 5 % at
    "5 %" for every noise of the table in docs/mathematics.md, where the plain test passes 4 to 24 %. It does not mend
    what short-run dynamics do to the size (bid-ask bounce, trap T4): the signs break those too.

    Ten bars or more. Raises ValueError for a leg that does not move and for legs that are one line.
    Source: the module's docstring.
    """
    left, right = as_pair(y, x, minimum=MINIMUM_BARS)
    criterion, cap = lag_choice(lags, max_lag, left.size, constant=False)
    critical = critical_values(2, left.size)
    if level not in critical:
        raise ValueError(f"level is {level!r}; expected one of {sorted(critical)} percent")
    draws = whole(draws, "draws", at_least=100 // level - 1)  # with fewer no p-value is as low as the level
    start = np.uint64(whole(seed, "seed", at_least=0))
    statistic, chosen, alpha, beta = engle_granger_kernel(left, right, criterion, cap)
    if chosen < 0:
        raise ValueError("a leg or the residual is constant; expected two legs and a spread that move")
    pvalue, used = wild_pvalue(left, right, statistic, chosen, level / 100.0, draws, start)
    passes = statistic < critical[level] and pvalue <= level / 100.0
    return RobustEngleGranger(statistic, critical, pvalue, used, level, passes, chosen, alpha, beta)
