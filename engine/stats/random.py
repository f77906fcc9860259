"""Random numbers for compiled code, the same for the same seed on every machine.

Source: Steele, Lea and Flood 2014 (splitmix64).
"""

from __future__ import annotations

import numpy as np

from engine.stats.jit import njit


@njit
def advanced(state: np.uint64, steps: int) -> np.uint64:
    """The state ``steps`` numbers later: a generator that can be entered anywhere."""
    return state + np.uint64(0x9E3779B97F4A7C15) * np.uint64(steps)


@njit
def mixed(state: np.uint64) -> np.uint64:
    """The 64 random bits that belong to a state."""
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit
def random_index(state: np.uint64, size: int) -> tuple[np.uint64, int]:
    """The next state and a number in 0 .. size-1: splitmix64, the same on every machine."""
    state = advanced(state, 1)
    return state, int(float(mixed(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0) * size)
