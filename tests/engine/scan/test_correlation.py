"""Both correlations, trap T5 between them, and the clustered order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.compile import compile_scan
from engine.scan import ScanSettings, correlations
from engine.scan.correlation import clustered
from tests.engine.scan.worlds import factor_prices, minutes
from tests.engine.stats.worlds import walk


def grouped(rng: np.random.Generator, bars: int = 500) -> pd.DataFrame:
    """Two groups of four coins, shuffled."""
    factors = [walk(rng, bars), walk(rng, bars)]
    logs = {f"{'AB'[i % 2]}{i}": 1e-3 * (factors[i % 2] + 0.5 * walk(rng, bars)) for i in range(8)}
    return pd.DataFrame({name: np.exp(values) for name, values in logs.items()}, index=minutes(bars))


def test_pearson_is_numpys_over_log_returns() -> None:
    prices = grouped(np.random.default_rng(1))
    found = correlations(prices)
    expected = np.corrcoef(np.diff(np.log(prices[list(found.symbols)]).to_numpy().T))
    np.testing.assert_allclose(found.pearson, expected, atol=1e-12)
    np.testing.assert_array_equal(found.pearson, found.pearson.T)
    np.testing.assert_array_equal(np.diag(found.pearson), 1.0)


def test_on_whole_bars_hayashi_yoshida_is_the_realised_correlation() -> None:
    prices = grouped(np.random.default_rng(2))
    found = correlations(prices)
    steps = np.diff(np.log(prices[list(found.symbols)]).to_numpy().T)
    size = np.sqrt((steps**2).sum(axis=1))
    np.testing.assert_allclose(found.hayashi_yoshida, steps @ steps.T / np.outer(size, size), atol=1e-12)


def test_like_stands_beside_like() -> None:
    for seed in range(5):
        found = correlations(grouped(np.random.default_rng(seed)))
        groups = [name[0] for name in found.symbols]
        assert groups in (["A"] * 4 + ["B"] * 4, ["B"] * 4 + ["A"] * 4)
        same = np.equal.outer(groups, groups)
        pearson = found.pearson.to_numpy()
        assert pearson[same].min() > pearson[~same].max()


def test_filled_bars_read_too_low_and_each_symbols_own_bars_do_not() -> None:
    """Trap T5 at the scan: two coins at 0.8, trading in 40 % and 25 % of the seconds."""
    rng = np.random.default_rng(3)
    bars = 20_000
    common, own = rng.standard_normal(bars), rng.standard_normal((2, bars))
    logs = 1e-4 * np.cumsum(np.sqrt(0.8) * common + np.sqrt(0.2) * own, axis=1)
    prices = pd.DataFrame(np.exp(logs).T, columns=["A", "B"])
    for name, share in (("A", 0.4), ("B", 0.25)):
        prices.loc[rng.random(bars) > share, name] = np.nan
    prices.iloc[0] = 1.0
    found = correlations(prices, settings=ScanSettings(most_filled=0.9, least_moving=0.0))
    assert found.pearson.loc["A", "B"] < 0.55
    assert found.hayashi_yoshida.loc["A", "B"] == pytest.approx(0.80, abs=0.05)


def test_what_is_left_out_is_named_and_few_symbols_are_no_trouble() -> None:
    prices = factor_prices(np.random.default_rng(5), 3, 400)
    prices["STILL"] = 1.0
    found = correlations(prices)
    assert len(found.symbols) == 3 and [each.code for each in found.excluded] == ["CONSTANT"]
    two = correlations(prices[["C00USDT", "C01USDT"]])
    assert two.symbols == ("C00USDT", "C01USDT") and two.pearson.shape == (2, 2)
    none = correlations(prices[["STILL"]])
    assert none.symbols == () and none.pearson.shape == none.hayashi_yoshida.shape == (0, 0)


def test_an_order_is_a_permutation_even_of_unknowns() -> None:
    matrix = np.full((5, 5), np.nan)
    np.fill_diagonal(matrix, 1.0)
    assert sorted(clustered(matrix)) == [0, 1, 2, 3, 4]
    assert sorted(clustered(np.eye(200))) == list(range(200))


def test_the_scan_is_compiled_at_set_up() -> None:
    assert compile_scan() == 3
