"""Simulated series for the tests: random walks, AR(1) spreads, pairs. Everything from a seed."""

from __future__ import annotations

import numpy as np
from hypothesis import settings

from engine.stats.checks import Floats
from engine.stats.jit import njit

LEVELS = [1e-6, 1.0, 6e4, 1e8]
examples = settings(derandomize=True, deadline=None, max_examples=40)


@njit
def recursion(shocks: Floats, phi: float, first: float) -> Floats:
    """s_t = phi s_{t-1} + shocks_t with s_0 = first."""
    out = np.empty_like(shocks)
    out[0] = first
    for t in range(1, shocks.size):
        out[t] = phi * out[t - 1] + shocks[t]
    return out


def walk(rng: np.random.Generator, n: int) -> Floats:
    """A random walk of standard normal steps."""
    return np.cumsum(rng.standard_normal(n))


def ar1(rng: np.random.Generator, n: int, half_life: float, sd: float = 1.0, burn_in: int = 100) -> Floats:
    """AR(1) with a half-life in bars and a stationary standard deviation."""
    phi = 2.0 ** (-1.0 / half_life)
    shocks = rng.standard_normal(n + burn_in) * sd * np.sqrt(1.0 - phi * phi)
    return recursion(shocks, phi, sd * float(rng.standard_normal()))[burn_in:]


def cointegrated(rng: np.random.Generator, n: int, half_life: float, sd: float = 3.0) -> tuple[Floats, Floats]:
    """y = x + u, x a walk of standard normal steps and u AR(1): the recipe of the power table."""
    x = walk(rng, n)
    return x + ar1(rng, n, half_life, sd), x


def log_prices(rng: np.random.Generator, n: int, half_life: float = 60.0) -> tuple[Floats, Floats]:
    """Two log price series of a believable pair: 2 bp steps, beta 0.9, a spread of 20 bp."""
    x = 11.0 + 2e-4 * walk(rng, n)
    return 0.02 + 0.9 * x + ar1(rng, n, half_life, 2e-3), x
