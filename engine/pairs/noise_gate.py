"""What noise shows: how long a gate stands open on legs that have nothing to do with each other.

Recipe: pairs of unrelated walks, every bar traded, all other settings those of the preset at its 5 % level; the share
of bars, from the first test on, in which the gate was open, over all pairs together.
``FIXED``: ``classic()``, a test window of 500 bars, 3,500 bars a pair, 400 pairs of each noise. ``DERIVED``:
``defended()``, 9,000 bars a pair, test windows of 500 to 5,000 bars; of 1,600 pairs of each noise 167 to 241 are fast
enough for a window (the gate of the others never opens), and being fast by chance they show more than ``FIXED``.
Where the variance jumps it does so in both legs at once, in the middle of a pair's bars: only the windows that hold
the jump are touched, so a longer window shows more of it. Student t3 has three degrees of freedom, GARCH-t5 five.

Measured by ``pytest -m soak tests/engine/pairs/test_noise_gate.py``; the noises are in
``tests/engine/stats/noises.py``.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.pairs.settings import PairSettings

LEVEL = 5  # percent, at which all of it was measured


class NoiseShare(NamedTuple):
    """Of one kind of noise: the share of time that each gate stands open."""

    noise: str
    plain: float
    robust: float


FIXED = (
    NoiseShare("Gaussian", 0.097, 0.089),
    NoiseShare("Student t3", 0.098, 0.085),
    NoiseShare("GARCH(.12, .86)", 0.123, 0.097),
    NoiseShare("GARCH-t5(.15, .83)", 0.143, 0.103),
    NoiseShare("ARCH-like (.30, .68)", 0.147, 0.101),
    NoiseShare("variance x 25", 0.102, 0.086),
    NoiseShare("variance / 25", 0.142, 0.108),
)
DERIVED = (
    NoiseShare("Gaussian", 0.131, 0.123),
    NoiseShare("Student t3", 0.160, 0.153),
    NoiseShare("GARCH(.12, .86)", 0.177, 0.158),
    NoiseShare("GARCH-t5(.15, .83)", 0.192, 0.155),
    NoiseShare("ARCH-like (.30, .68)", 0.171, 0.138),
    NoiseShare("variance x 25", 0.151, 0.113),
    NoiseShare("variance / 25", 0.317, 0.231),
)


def noise_shares(settings: PairSettings) -> tuple[NoiseShare, ...]:
    """Those that were measured with such windows; empty without a gate, and at another level than 5 %."""
    if settings.gate == "off" or settings.gate_level != LEVEL:
        return ()
    return DERIVED if settings.test_window is None else FIXED
