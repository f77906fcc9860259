"""How much of a Sharpe ratio is luck: probabilistic and deflated ratios, the track record it needs, bands on equity.

Ratios are those of one period (a day, an hour), never annualised, and kurtosis is 3 for normal returns. All of it takes
the returns as independent over time.

* **PSR**: the probability that the true ratio is above a benchmark S*, Z[(S - S*) sqrt(n - 1) / sqrt(v)] with
  v = 1 - g3 S + (g4 - 1) S^2 / 4.
* **Minimum track record**: the returns at which the PSR would reach its level, 1 + v (Z^-1[level] / (S - S*))^2.
* **E[max]**: the best ratio of N trials without skill, sd ((1 - g) Z^-1[1 - 1/N] + g Z^-1[1 - 1/(N e)]), g = 0.5772...
* **DSR**: the PSR with E[max] as its benchmark: what is left after choosing the best of N.

The trap: N counts everything that was tried, not what was kept. ``engine.backtest.trials`` counts it.

Sources: Bailey and Lopez de Prado 2012 (PSR, track record), 2014 (DSR, correlated trials); Politis and Romano 1994.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from engine.backtest.block_bootstrap import DRAWS, SEED, draw_places, expanded_tail, usual_block
from engine.stats.checks import ArrayLike, Floats, as_series, positive, whole
from engine.stats.jit import njit
from engine.stats.representation import short_repr

EULER = 0.5772156649015329
LEVEL = 0.95
MOST_BAND_CELLS = 20_000_000  # draws x returns held at once: 160 MB
LEAST_FOR_LUCK = 30  # returns: below, skewness and kurtosis say nothing, nor does the PSR's normal approximation
_NORMAL = NormalDist()


def why_no_luck(returns: Floats, periods: str = "whole periods") -> str:
    """Why luck cannot be told from these returns or profits, shape (periods,) or (periods, cells); "" where it can.

    A period in which nothing was held says as little as one that is not there.

    >>> why_no_luck(np.array([0.01, 0.0]))
    'not known: 2 whole periods, luck can be told from 30 on'
    >>> why_no_luck(np.array([0.01, *[0.0] * 59]))
    'not known: 1 of 60 whole periods with a profit or a loss, luck can be told from 30 on'
    """
    count = int(returns.shape[0])
    if count < LEAST_FOR_LUCK:
        return f"not known: {count} {periods}, luck can be told from {LEAST_FOR_LUCK} on"
    moved = int(np.any(returns.reshape(count, -1) != 0.0, axis=1).sum())
    if moved < LEAST_FOR_LUCK:
        return (
            f"not known: {moved} of {count} {periods} with a profit or a loss, luck can be told from"
            f" {LEAST_FOR_LUCK} on"
        )
    return ""


def probabilistic_sharpe(
    ratio: float, returns: float, *, benchmark: float = 0.0, skew: float = 0.0, kurtosis: float = 3.0
) -> float:
    """The PSR: probability (0..1) that the true ratio is above ``benchmark``. ``returns``: how many, at least 2.

    >>> round(probabilistic_sharpe(0.8183, 134, benchmark=0.5 / 12**0.5, skew=-1.4455, kurtosis=7.0497), 5)
    0.99999
    """
    count = positive(returns, "returns")
    if count < 2.0:
        raise ValueError(f"returns is {returns}; expected at least 2")
    score = (ratio - benchmark) * math.sqrt(count - 1.0)
    return _NORMAL.cdf(score / math.sqrt(_variance_term(ratio, skew, kurtosis)))


def minimum_track_record(
    ratio: float, *, benchmark: float = 0.0, skew: float = 0.0, kurtosis: float = 3.0, level: float = LEVEL
) -> float:
    """Returns needed until the PSR is ``level``, the ratio staying what it is; inf at or below the benchmark.

    >>> round(minimum_track_record(2 / 12**0.5, benchmark=1 / 12**0.5, skew=-0.72, kurtosis=5.78), 3)  # months
    59.895
    """
    if not 0.5 < level < 1.0:
        raise ValueError(f"level is {level}; expected above 0.5 and below 1")
    term = _variance_term(ratio, skew, kurtosis)
    if not ratio > benchmark:
        return math.inf
    return 1.0 + term * (_NORMAL.inv_cdf(level) / (ratio - benchmark)) ** 2


def expected_max_sharpe(trials: float, deviation: float) -> float:
    """E[max] of ``trials`` independent ratios of mean 0 and standard deviation ``deviation``; 0 for one trial.

    ``trials`` may be a fraction (:func:`engine.backtest.trials.effective_trials`). Within 2 % of the exact value from
    20 trials on, 8 % too low at 2.

    >>> round(expected_max_sharpe(100, 1.0), 3)
    2.531
    """
    count = positive(trials, "trials")
    if count < 1.0:
        raise ValueError(f"trials is {trials}; expected at least 1")
    if count == 1.0:
        return 0.0
    near, far = _NORMAL.inv_cdf(1.0 - 1.0 / count), _NORMAL.inv_cdf(1.0 - 1.0 / (count * math.e))
    return positive(deviation, "deviation", zero=True) * max((1.0 - EULER) * near + EULER * far, 0.0)


def deflated_sharpe(
    ratio: float,
    returns: float,
    trials: float,
    *,
    deviation: float | None = None,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """The DSR of the best of ``trials``: probability (0..1) that its true ratio is above 0.

    ``deviation``: that of the ratios of all trials; None takes the one of trials without skill, 1/sqrt(returns - 1).

    >>> round(deflated_sharpe(2.5 / 250**0.5, 1250, 46, deviation=0.002**0.5, skew=-3, kurtosis=10), 4)
    0.9505
    """
    spread = 1.0 / math.sqrt(max(returns - 1.0, 1.0)) if deviation is None else deviation
    benchmark = expected_max_sharpe(trials, spread)
    return probabilistic_sharpe(ratio, returns, benchmark=benchmark, skew=skew, kurtosis=kurtosis)


def _variance_term(ratio: float, skew: float, kurtosis: float) -> float:
    """1 - g3 S + (g4 - 1) S^2 / 4, at least 0 for the moments of any distribution."""
    if kurtosis < skew * skew + 1.0 - 1e-9:
        raise ValueError(f"kurtosis is {kurtosis} with a skew of {skew}; expected at least skew^2 + 1 (normal: 3)")
    return max(1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio * ratio, 1e-12)


@dataclass(frozen=True, slots=True, eq=False)
class EquityBand:
    """``low``, ``middle`` and ``high`` equity after each return, in the unit of the capital: pointwise quantiles."""

    low: Floats
    middle: Floats
    high: Floats
    level: float
    mean_block: float

    __repr__ = short_repr


def equity_band(
    returns: ArrayLike,
    capital: float,
    *,
    level: float = LEVEL,
    draws: int = DRAWS,
    mean_block: float | None = None,
    seed: int = SEED,
) -> EquityBand:
    """Equity of other orders of the same returns (stationary block bootstrap), whole days or hours, not bars.

    The band is centred on what was earned; at its end it covers the equity of the true mean growth in about ``level``
    of samples. ``mean_block`` in returns, n^(1/3) by default. Raises ValueError for returns of -1 or less, and for
    ``draws`` x returns above 20 million.
    """
    values = as_series(returns, "returns", minimum=2)
    if not (values > -1.0).all():
        at = int(np.argmin(values))
        raise ValueError(f"returns[{at}] is {values[at]}; expected returns above -1: equity was lost")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; expected above 0 and below 1")
    count = whole(draws, "draws", at_least=19)
    if count * values.size > MOST_BAND_CELLS:
        raise ValueError(f"{count} draws of {values.size} returns; expected at most {MOST_BAND_CELLS:,} in all")
    block = usual_block(values.size) if mean_block is None else positive(mean_block, "mean_block")
    paths = _growth_paths(np.log1p(values), count, block, np.uint64(whole(seed, "seed", at_least=0)))
    tail = expanded_tail(level, values.size, block)
    low, middle, high = positive(capital, "capital") * np.exp(np.quantile(paths, [tail, 0.5, 1.0 - tail], axis=0))
    return EquityBand(low, middle, high, level, block)


@njit
def _growth_paths(logs: Floats, draws: int, mean_block: float, seed: np.uint64) -> Floats:
    """Cumulated log returns of each draw, shape (draws, returns)."""
    paths, places = np.empty((draws, logs.size)), np.empty(logs.size, dtype=np.int64)
    for number in range(draws):
        draw_places(places, logs.size, mean_block, seed, number)
        level = 0.0
        for i in range(logs.size):
            level += logs[places[i]]
            paths[number, i] = level
    return paths
