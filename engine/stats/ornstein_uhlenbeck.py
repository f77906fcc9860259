"""The Ornstein-Uhlenbeck process fitted to a spread, and the most profitable entry after costs.

ds = theta (mu - s) dt + sigma dW, sampled at equal steps, is an AR(1): phi = exp(-theta dt), c = mu (1 - phi), and the
stationary deviation is sigma_eq = s_e / sqrt(1 - phi^2) with s_e that of the AR(1)'s errors.

Bertram: a cycle, from an entry at -a over the exit at m and back to the next entry, takes on average
E[T] = (pi/theta) [erfi(m/sqrt 2) - erfi(-a/sqrt 2)], and earns m + a less its cost c (all in sigma_eq). The best entry
maximises (m + a - c)/E[T], with m = a (opposite band) or m = 0 (mean).

Source: Bertram 2010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.stats.checks import ArrayLike, as_series, positive
from engine.stats.half_life import ar1_kernel, half_life_of


@dataclass(frozen=True, slots=True)
class OrnsteinUhlenbeck:
    """Maximum likelihood fit, conditional on the first value. Times in the unit of ``dt``, levels in the series' own.

    All but ``phi`` are NaN where phi is not between 0 and 1: the series does not revert, or not at this step.
    ``sigma_eq`` is the stationary deviation, ``sigma`` that of the noise per square root of time.
    """

    theta: float
    mu: float
    sigma: float
    sigma_eq: float
    half_life: float
    phi: float


def ou_fit(series: ArrayLike, dt: float = 1.0) -> OrnsteinUhlenbeck:
    """Fit to a level series of 10 values or more, ``dt`` apart; NaN for a constant series.

    The trap: maximum likelihood has the small-sample bias of least squares, theta is too fast
    (:func:`engine.stats.half_life` corrects it), and it finds a theta in every random walk.
    """
    values = as_series(series, "series", minimum=10)
    step = positive(dt, "dt")
    c, phi, rss = ar1_kernel(values)
    if not 0.0 < phi < 1.0:
        nan = math.nan
        return OrnsteinUhlenbeck(nan, nan, nan, nan, nan, phi)
    theta = -math.log(phi) / step
    error = math.sqrt(rss / (values.size - 1))
    sigma_eq = error / math.sqrt(1.0 - phi * phi)
    return OrnsteinUhlenbeck(
        theta, c / (1.0 - phi), sigma_eq * math.sqrt(2.0 * theta), sigma_eq, half_life_of(phi) * step, phi
    )


def bertram_entry(cost_in_sigma: float, exit: str = "mean") -> float:
    """The best entry, in stationary deviations from the mean, for a round trip cost of ``cost_in_sigma`` deviations.

    ``exit``: ``"mean"`` closes at the mean, earning a - c on half the way; ``"opposite"`` reverses at +a, earning 2a -
    c. An entry at the mean's optimum for c is the opposite's for 2c. The trap: at zero cost the best entry is at 0, as
    often as possible; omitted costs give an entry far too early.

    >>> [round(bertram_entry(c, exit="opposite"), 3) for c in (0.25, 1.0, 3.0)]
    [0.748, 1.264, 2.109]
    """
    cost = positive(cost_in_sigma, "cost_in_sigma", zero=True)
    side = _known_exit(exit)
    if cost == 0.0:
        return 0.0
    return _solve(2.0 * cost if side == "mean" else cost)


def expected_cycle(entry_in_sigma: float, theta: float, exit: str = "mean") -> float:
    """Mean time from one entry to the next of the same side, in the unit of time of ``theta``.

    (pi/theta) erfi(a/sqrt 2) with an exit at the mean, twice that with one at the opposite band. The trap: this assumes
    continuous observation; bars detect each crossing late.
    """
    from scipy.special import erfi

    a = positive(entry_in_sigma, "entry_in_sigma", zero=True)
    way = math.pi / positive(theta, "theta") * float(erfi(a / math.sqrt(2.0)))
    return way if _known_exit(exit) == "mean" else 2.0 * way


def _known_exit(exit: str) -> str:
    if exit not in ("mean", "opposite"):
        raise ValueError(f"exit is {exit!r}; expected 'mean' or 'opposite'")
    return exit


def _solve(cost: float) -> float:
    """The a with a - sqrt(2) D(a / sqrt 2) = c / 2, D Dawson's function: where d/da [(2a - c)/E[T]] = 0.

    The left side rises from 0 without bound, so Newton's method converges from the right; D prevents overflow of erfi.
    """
    from scipy.special import dawsn

    a = cost / 2.0 + 2.0
    for _ in range(100):
        dawson = float(dawsn(a / math.sqrt(2.0)))
        step = (a - math.sqrt(2.0) * dawson - cost / 2.0) / (math.sqrt(2.0) * a * dawson)
        a = max(a - step, a / 2.0)
        if abs(step) < 1e-13 * a:
            break
    return a
