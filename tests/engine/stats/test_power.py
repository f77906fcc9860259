from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats import bars_for_power, eg_power, evidence
from tests.engine.stats.worlds import examples

# Window in bars, half-life in bars, power: the table of docs/mathematics.md.
TABLE = [(200, 20, 0.11), (500, 40, 0.17), (200, 10, 0.32), (500, 20, 0.53), (200, 5, 0.87), (500, 10, 0.98)]


@pytest.mark.parametrize(("window", "half_life", "power"), TABLE)
def test_the_power_of_the_table(window: int, half_life: float, power: float) -> None:
    assert eg_power(window, half_life) == pytest.approx(power, abs=0.03)


@examples
@given(window=st.integers(50, 5000), half_life=st.floats(0.5, 500), more=st.floats(1.01, 3))
def test_more_bars_or_a_faster_spread_give_more_power(window: int, half_life: float, more: float) -> None:
    here = eg_power(window, half_life)
    assert 0.05 <= here <= 1.0
    assert eg_power(int(window * more), half_life) >= here - 1e-12
    assert eg_power(window, half_life / more) >= here - 1e-12


@pytest.mark.parametrize("half_life", [5.0, 20.0, 60.0])
def test_the_bars_needed_have_the_power_asked_for(half_life: float) -> None:
    for power in (0.5, 0.8, 0.95):
        bars = bars_for_power(half_life, power)
        assert eg_power(int(bars), half_life) >= power > eg_power(int(bars) - 2, half_life)
    assert 33 <= bars_for_power(half_life) / half_life <= 38


def test_what_stands_beside_a_test() -> None:
    found = evidence(500, 20.0)
    assert (found.null_half_life, found.null_residual) == (pytest.approx(76.5), pytest.approx(43.5))
    assert found.critical_5 == pytest.approx(-3.348, abs=1e-3)
    assert found.power == eg_power(500, 20.0) and found.bars_needed == bars_for_power(20.0)


def test_without_a_half_life_there_is_no_power() -> None:
    found = evidence(500, float("nan"))
    assert np.isnan(found.power) and np.isnan(found.bars_needed) and found.null_half_life == pytest.approx(76.5)
    assert eg_power(500, float("inf")) == 0.05 and np.isnan(bars_for_power(float("inf")))
    with pytest.raises(ValueError, match=r"power is 1\.0; expected 0\.06 to 0\.99"):
        bars_for_power(20.0, 1.0)
