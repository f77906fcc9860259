"""Kalman filter health: its memory against the spread's half-life, its errors against their expected variance.

The memory rule: -ln 2 / ln(1 - F K), measured on the latest bars, should be 25 times the half-life of the spread; under
5 times the filter follows the spread instead of the relation, and the remaining innovation is an artefact (a memory of
half the half-life leaves an innovation that correlates 0.58 with the true spread).

The errors: nu_t = e_t / sqrt(Q_t) should have variance 1 (NIS = nu^2 ~ chi-square(1)) and no autocorrelation. On a
real spread they are autocorrelated *by design*, the spread reverts slowly, so both are shown after an AR(1) is taken
out: w_t = (nu_t - rho nu_{t-1}) / sqrt(1 - rho^2).

Sources: Bar-Shalom, Li and Kirubarajan 2001, 5.4 (NIS); Ljung and Box 1978.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_pair, as_series, positive, whole
from engine.stats.half_life import ar1_kernel
from engine.stats.jit import njit
from engine.stats.moments import mean_of
from engine.stats.pandas_results import keeps_index
from engine.stats.stationarity import autocovariance

RED, GREEN = 5.0, 10.0
MINIMUM_BARS = 30


@dataclass(frozen=True, slots=True)
class LjungBox:
    """``statistic`` is chi-square with ``lags`` - fitted degrees of freedom where nothing is autocorrelated."""

    statistic: float
    pvalue: float
    lags: int


@dataclass(frozen=True, slots=True)
class KalmanHealth:
    """``memory_bars`` is the effective half-life of the filter's memory, ``ratio`` that over the spread's.

    ``light`` is red under 5, amber under 10, green from there; None where the spread has no half-life. ``nis`` is the
    mean of nu^2, ``nis_white`` that of the whitened errors; 95 % of healthy filters show ``nis_white`` between
    ``nis_low`` and ``nis_high``. ``rho`` is the autocorrelation that whitening removed, ``ljung_box`` tests the rest;
    where ``rho`` is 1 or more (an explosive spread) whitening is impossible, and both are NaN.
    """

    memory_bars: float
    ratio: float
    light: str | None
    nis: float
    nis_white: float
    nis_low: float
    nis_high: float
    rho: float
    ljung_box: LjungBox


@njit
def memory_of(variance: float, v_e: float) -> float:
    """The memory's half-life at one bar: -ln 2 / ln(1 - F K), where 1 - F K = V_e / Q; inf where the gain is 0."""
    if not variance > v_e:
        return np.inf if variance == v_e else np.nan
    return float(np.log(2.0) / np.log(variance / v_e))


def effective_memory(variance: ArrayLike, v_e: float) -> float:
    """The memory's half-life over several bars: ln 2 over the mean of ln(Q / V_e). In bars; NaN is skipped.

    NaN where no bar is known; inf where the gain is always 0.
    """
    known = as_series(variance, "variance", nan=True)
    known = known[np.isfinite(known)]
    if known.size == 0:
        return math.nan
    mean = float(np.mean(np.log(known / positive(v_e, "v_e"))))
    return math.log(2.0) / mean if mean > 0.0 else math.inf


def light(memory_bars: float, half_life_bars: float) -> str | None:
    """``"red"`` under 5 half-lives of memory, ``"amber"`` under 10, else ``"green"``; None where one is unknown."""
    ratio = memory_bars / half_life_bars if half_life_bars > 0.0 else math.nan
    if math.isnan(ratio):
        return None
    return "red" if ratio < RED else "amber" if ratio < GREEN else "green"


@keeps_index
def whiten(errors: ArrayLike) -> tuple[Floats, float]:
    """``(w, rho)``: the errors without their AR(1), scaled to the variance they had; one value fewer than given.

    Raises ValueError for an autocorrelation of 1 or more.
    """
    values = as_series(errors, "errors", minimum=10)
    _, rho, _ = ar1_kernel(values)
    if not abs(rho) < 1.0:
        raise ValueError(f"the errors' autocorrelation is {rho}; expected between -1 and 1")
    return (values[1:] - rho * values[:-1]) / math.sqrt(1.0 - rho * rho), rho


def ljung_box(values: ArrayLike, lags: int = 10, fitted: int = 0) -> LjungBox:
    """Ljung and Box: n (n+2) sum r_k^2 / (n-k) over ``lags``; ``fitted`` parameters cost a degree of freedom each.

    Equal to statsmodels ``acorr_ljungbox`` to 1e-8. Needs more values than lags, and more lags than fitted parameters.
    """
    from scipy.special import chdtrc

    fitted = whole(fitted, "fitted", at_least=0)
    lags = whole(lags, "lags", at_least=fitted + 1)
    series = as_series(values, "values", minimum=lags + 2)
    centred = series - mean_of(series)
    own = autocovariance(centred, 0)
    if not own > 0.0:
        raise ValueError("values are constant; expected values that move")
    n = series.size
    total = sum((autocovariance(centred, k) / own) ** 2 / (n - k) for k in range(1, lags + 1))
    statistic = n * (n + 2.0) * total
    return LjungBox(statistic, float(chdtrc(lags - fitted, statistic)), lags)


def nis_band(bars: int) -> tuple[float, float]:
    """The interval that holds the mean NIS of ``bars`` errors in 95 % of cases: chi-square(n) quantiles over n.

    >>> tuple(round(value, 3) for value in nis_band(100))
    (0.742, 1.296)
    """
    from scipy.special import chdtri

    bars = whole(bars, "bars", at_least=1)
    return float(chdtri(bars, 0.975)) / bars, float(chdtri(bars, 0.025)) / bars


def kalman_health(
    innovation: ArrayLike, variance: ArrayLike, v_e: float, half_life_bars: float, *, lags: int = 10
) -> KalmanHealth:
    """Health over the bars given; unknown bars (NaN) are skipped; 30 known bars or more.

    ``innovation`` and ``variance`` as :func:`engine.stats.kalman` gives them, ``v_e`` from its settings,
    ``half_life_bars`` the spread's (NaN where it has none).
    """
    errors, variances = as_pair(innovation, variance, nan=True)
    known = np.isfinite(errors) & np.isfinite(variances)
    if known.sum() < MINIMUM_BARS:
        raise ValueError(f"{int(known.sum())} known bars; expected at least {MINIMUM_BARS}")
    nu = errors[known] / np.sqrt(variances[known])
    _, rho, _ = ar1_kernel(nu)
    nis_white, left = math.nan, LjungBox(math.nan, math.nan, lags)
    if abs(rho) < 1.0:
        white, _ = whiten(nu)
        nis_white, left = float(np.mean(white**2)), ljung_box(white, lags, fitted=1)
    memory = effective_memory(variances[known], v_e)
    low, high = nis_band(nu.size - 1)
    ratio = memory / half_life_bars if half_life_bars > 0.0 else math.nan
    return KalmanHealth(
        memory, ratio, light(memory, half_life_bars), float(np.mean(nu**2)), nis_white, low, high, rho, left,
    )  # fmt: skip
