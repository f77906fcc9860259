"""The errors of a window's mean and deviation, against many simulated windows of a spread that comes back."""

from __future__ import annotations

import numpy as np
import pytest

from services.pair_statistics import worth_of

WINDOW, WORLDS = 200, 4_000


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_errors_of_mean_and_deviation_are_those_of_simulated_windows(phi: float) -> None:
    random = np.random.default_rng(14)
    spread = np.empty((WINDOW, WORLDS))
    spread[0] = random.standard_normal(WORLDS) / np.sqrt(1.0 - phi**2)
    for bar in range(1, WINDOW):
        spread[bar] = phi * spread[bar - 1] + random.standard_normal(WORLDS)
    deviation = 1.0 / np.sqrt(1.0 - phi**2)
    worth = worth_of(WINDOW, phi)
    assert spread.mean(axis=0).std() == pytest.approx(deviation / np.sqrt(worth.mean), rel=0.06)
    assert spread.std(axis=0, ddof=1).std() == pytest.approx(deviation / np.sqrt(2.0 * worth.variance), rel=0.06)
