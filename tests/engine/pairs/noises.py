"""Pairs on Gaussian, fat-tailed and clustered noise, with a relation that breaks or does not: all from a seed."""

from __future__ import annotations

import numpy as np

from engine.pairs.layout import Floats
from engine.stats.jit import njit
from tests.engine.stats.worlds import recursion

LEVEL = 11.0  # log price of X


# The seven noises: unit variance, or a variance that changes 25-fold in mid-window.
NOISES = ("gauss", "t3", "garch", "garch-t", "arch", "louder", "quieter")
_GARCH = {"garch": (0.12, 0.86), "garch-t": (0.15, 0.83), "arch": (0.30, 0.68)}


def shocks(rng: np.random.Generator, noise: str, bars: int) -> Floats:
    """Steps of one of the ``NOISES``; ``garch-t`` has t5 shocks of unit variance."""
    if noise == "t3":
        return rng.standard_t(3, bars) / np.sqrt(3.0)
    steps = rng.standard_t(5, bars) / np.sqrt(5.0 / 3.0) if noise == "garch-t" else rng.standard_normal(bars)
    if noise in _GARCH:
        return clustered(steps, *_GARCH[noise])
    half = bars // 2
    if noise in ("louder", "quieter"):
        steps[half:] *= 5.0 if noise == "louder" else 0.2
    return steps


@njit
def clustered(steps: Floats, alpha: float, beta: float) -> Floats:
    """GARCH(1, 1) of unit variance."""
    out, variance = np.empty_like(steps), 1.0
    for t in range(steps.size):
        out[t] = steps[t] * np.sqrt(variance)
        variance = (1.0 - alpha - beta) + alpha * out[t] ** 2 + beta * variance
    return out


def unrelated(seed: int, bars: int, noise: str) -> tuple[Floats, Floats]:
    """Log prices of two walks that share nothing, moving 6 bps a bar."""
    rng = np.random.default_rng(seed)
    y, x = (6e-4 * np.cumsum(shocks(rng, noise, bars)) for _ in range(2))
    return LEVEL - 3.0 + y, LEVEL + x


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
