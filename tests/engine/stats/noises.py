"""Increments as real markets have them: fat tails, variance that clusters or jumps. Everything from a seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.stats.checks import Floats
from engine.stats.jit import njit

BURN_IN = 300


class Noise(NamedTuple):
    """Shocks of unit variance (but t3, of variance 3), Student where there are degrees of freedom, through GARCH(1, 1).

    h_t = (1 - arch - garch) + arch e_{t-1}^2 + garch h_{t-1}; from the middle on the increments are ``jump`` times as
    large.
    """

    degrees: int = 0
    arch: float = 0.0
    garch: float = 0.0
    jump: float = 1.0


NOISES = {
    "Gaussian": Noise(),
    "Student t3": Noise(degrees=3),
    "GARCH(.12, .86)": Noise(arch=0.12, garch=0.86),
    "GARCH-t5(.15, .83)": Noise(degrees=5, arch=0.15, garch=0.83),
    "ARCH-like (.30, .68)": Noise(arch=0.30, garch=0.68),
    "variance x 25": Noise(jump=5.0),
    "variance / 25": Noise(jump=0.2),
}


@njit
def _shock(degrees: int) -> float:
    if degrees == 0:
        return float(np.random.standard_normal())
    squares = 0.0
    for _ in range(degrees):
        squares += np.random.standard_normal() ** 2
    scale = np.sqrt((degrees - 2.0) / degrees) if degrees > 3 else 1.0
    return float(scale * np.random.standard_normal() / np.sqrt(squares / degrees))


@njit
def unrelated(bars: int, noise: Noise, correlation: float, y: Floats, x: Floats) -> None:
    """Fill ``y`` and ``x`` with two walks whose shocks are correlated; each leg's variance follows its own shocks."""
    fresh = np.sqrt(1.0 - correlation * correlation)
    of_y = of_x = 1.0
    at_y = at_x = 0.0
    base = 1.0 - noise.arch - noise.garch
    for t in range(-BURN_IN, bars):
        common = _shock(noise.degrees)
        step_x = np.sqrt(of_x) * common
        step_y = np.sqrt(of_y) * (correlation * common + fresh * _shock(noise.degrees))
        of_x = base + noise.arch * step_x * step_x + noise.garch * of_x
        of_y = base + noise.arch * step_y * step_y + noise.garch * of_y
        if t >= 0:
            size = noise.jump if t >= bars // 2 else 1.0
            at_y += size * step_y
            at_x += size * step_x
            y[t], x[t] = at_y, at_x
