from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats.phi_quantiles import (
    HIGH,
    LENGTHS,
    LEVEL,
    LOW,
    MEDIAN,
    NODES,
    QUANTILES,
    RESIDUAL,
    phi_quantile,
    phi_where,
    scale_of,
)
from tests.engine.stats.half_life_table import node_phi, phi_hats, rows
from tests.engine.stats.worlds import examples

ROUNDED = 0.0051  # the tables are in hundredths


@pytest.mark.parametrize("row", [0, 1])
def test_the_recipe_gives_the_table(row: int) -> None:
    """The lengths of 10 and 20 bars, all nodes and quantiles; every length in ``make soak``."""
    level, residual = rows(int(LENGTHS[row]))
    np.testing.assert_allclose(LEVEL[row], level, atol=ROUNDED)
    np.testing.assert_allclose(RESIDUAL[row], residual, atol=ROUNDED)


@pytest.mark.parametrize("n", [15, 70, 360, 700])
def test_between_the_nodes_the_shares_below_are_those_of_the_quantiles(n: int) -> None:
    """Other lengths, other phis and another seed than the table's; 5,000 draws scatter by 0.22 and 0.71 %."""
    phis = 1.0 - np.array([0.0, 1.0, 4.0, 9.0, 0.5 * n, 0.9 * n]) / n
    found = phi_hats(n, phis, 5_000, n)
    for kind in range(2):
        for each, phi in zip(found[kind], phis, strict=True):
            below = [np.mean(each < phi_quantile(end, phi, float(n), bool(kind))) for end in (LOW, MEDIAN, HIGH)]
            assert below[LOW] == pytest.approx(0.025, abs=0.009) and below[HIGH] == pytest.approx(0.975, abs=0.009)
            assert below[MEDIAN] == pytest.approx(0.5, abs=0.03)


@examples
@given(
    quantile=st.sampled_from([LOW, MEDIAN, HIGH]),
    phi=st.floats(0.001, 0.999),
    n=st.integers(10, 20_000),
    is_residual=st.booleans(),
)
def test_inverted_a_quantile_is_its_phi(quantile: int, phi: float, n: int, is_residual: bool) -> None:
    found = phi_where(quantile, phi_quantile(quantile, phi, float(n), is_residual), float(n), is_residual)
    assert found == pytest.approx(phi, abs=1e-9) or (found == 1.0 and n * (1.0 - phi) < 0.3)  # flat there


def test_beyond_the_ends_stand_0_and_1_and_nothing_for_nothing() -> None:
    assert phi_where(MEDIAN, 1.2, 100.0, False) == 1.0 and phi_where(MEDIAN, -0.5, 100.0, True) == 0.0
    assert np.isnan(phi_where(MEDIAN, np.nan, 100.0, True))


def test_a_node_is_where_the_table_is_exact() -> None:
    for row, n in enumerate(LENGTHS):
        for node in range(NODES):
            phi = node_phi(node, n)
            for end in range(len(QUANTILES)):
                exact = phi - RESIDUAL[row, end, node] * scale_of(phi, n)
                assert phi_quantile(end, phi, n, True) == pytest.approx(exact, abs=1e-9)


def test_in_a_long_window_phi_hat_is_normal_about_phi() -> None:
    for is_residual in (False, True):
        found = [phi_quantile(end, 0.5, 20_000.0, is_residual) for end in (LOW, MEDIAN, HIGH)]
        reach = 1.96 * np.sqrt(0.75 / 20_000)
        assert found == pytest.approx([0.5 - reach, 0.5, 0.5 + reach], abs=0.05 * reach)
