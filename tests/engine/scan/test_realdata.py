"""The five recorded symbols scanned end to end, the statistics equal to statsmodels on 20 random windows."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.stattools import adfuller, coint

from engine.scan import ScanSettings, correlations, scan, scan_universe
from engine.stats import eg_pvalue
from engine.stats.unitroot import schwert_cap
from tests.engine.pairs.recorded import SYMBOLS, closes, volumes

pytestmark = pytest.mark.realdata


def test_thirty_days_of_five_symbols_end_to_end() -> None:
    prices, volume = closes(), volumes()
    found = scan_universe(prices, volume=volume)
    assert set(found.symbols) == set(SYMBOLS) and found.symbols[:2] == ("BTCUSDT", "ETHUSDT")
    assert found.tests == 10 and not found.excluded
    assert found.bars + found.holdout_bars == pytest.approx(43_200, abs=5)
    assert (found.pairs["q_value"] >= found.pairs["pvalue"]).all()
    assert found.pairs["hurst"].between(0.0, 1.0).all() and (found.pairs["crossings"] > 0).all()


def test_each_statistic_on_twenty_random_days() -> None:
    prices = closes().dropna()
    rng = np.random.default_rng(2025)
    for _ in range(20):
        at = int(rng.integers(0, len(prices) - 1_440))
        day = prices.iloc[at : at + 1_440]
        logs = np.log(day) - np.log(day.iloc[0])
        for row in scan(day).iloc[:3].itertuples():
            y, x = logs[row.y].to_numpy(copy=True), logs[row.x].to_numpy(copy=True)
            theirs = coint(y[:1_008], x[:1_008], maxlag=schwert_cap(1_008, False), autolag="bic")
            assert row.statistic == pytest.approx(theirs.coint_t, abs=1e-8)
            assert row.pvalue == pytest.approx(eg_pvalue(theirs.coint_t, 1_008), abs=1e-8)
            later = y[1_008:] - row.beta * x[1_008:]
            reference = adfuller(later, maxlag=8, autolag=None, result_object=True)
            assert row.holdout_statistic == pytest.approx(reference.statistic, abs=1e-7)


def test_what_moves_with_what() -> None:
    prices = closes()
    found = correlations(prices, settings=ScanSettings())
    expected = np.log(prices.ffill()).diff().corr().loc[list(found.symbols), list(found.symbols)]
    np.testing.assert_allclose(found.pearson, expected, atol=1e-3)
    assert found.pearson.loc["BTCUSDT", "ETHUSDT"] == pytest.approx(0.77, abs=0.02)
    np.testing.assert_allclose(found.hayashi_yoshida, found.pearson, atol=0.01)
