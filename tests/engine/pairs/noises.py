"""Pairs on Gaussian, fat-tailed and clustered noise, with a relation that breaks or does not: all from a seed."""

from __future__ import annotations

import numpy as np

from engine.pairs.layout import Floats
from tests.engine.stats.worlds import recursion

LEVEL = 11.0  # log price of X


def shocks(rng: np.random.Generator, noise: str, bars: int) -> Floats:
    """Steps of unit variance: ``gauss``, ``t3`` or ``garch`` (.12, .86)."""
    if noise == "t3":
        return rng.standard_t(3, bars) / np.sqrt(3.0)
    steps = rng.standard_normal(bars)
    if noise == "garch":
        variance = 1.0
        for t in range(bars):
            steps[t] *= np.sqrt(variance)
            variance = 0.02 + 0.12 * steps[t] ** 2 + 0.86 * variance
    return steps


def pair_with_break(
    seed: int, bars: int, noise: str, *, half_life: float = 20.0, at: int = 0, beta_after: float = 0.9,
    shift: float = 0.0,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Log prices: beta .9, X moving 6 bps a bar, the spread's sd 30 bps. At bar ``at`` (0: never) beta changes without
    a jump, and Y shifts for good."""
    rng = np.random.default_rng(seed)
    steps = 6e-4 * shocks(rng, noise, bars)
    phi = 2.0 ** (-1.0 / half_life)
    spread = recursion(shocks(rng, noise, bars + 100) * 3e-3 * np.sqrt(1.0 - phi * phi), phi, 0.0)[100:]
    beta = np.full(bars, 0.9)
    level = np.zeros(bars)
    if at:
        beta[at:] = beta_after
        level[at:] = shift
    return 0.9 * LEVEL - 3.0 + np.cumsum(beta * steps) + level + spread, LEVEL + np.cumsum(steps)
