"""Every statistic against its reference on 20 random windows of recorded one-minute bars.

The references are given the same log prices less their first: they lose digits to a level, ours do not.
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import theilslopes
from statsmodels.api import OLS, RLM, add_constant
from statsmodels.regression.rolling import RollingOLS
from statsmodels.robust.norms import HuberT
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.tsa.stattools import adfuller, coint
from statsmodels.tsa.stattools import kpss as kpss_reference
from statsmodels.tsa.vector_ar.vecm import coint_johansen

from engine import stats
from engine.stats.checks import Floats
from engine.stats.half_life import ar1_kernel
from engine.stats.unitroot import schwert_cap

KLINES = Path(__file__).parents[4] / "shared" / "data" / "klines"
SYMBOLS = ["ADAUSDT", "BNBUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT"]
WINDOWS = 20

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not KLINES.is_dir(), reason=f"no recorded bars in {KLINES}"),
]


@cache
def closes() -> pd.DataFrame:
    """Closes of the minutes that all five symbols have, one column a symbol."""
    frames = {}
    for symbol in SYMBOLS:
        bars = pd.read_csv(KLINES / f"{symbol}_1m.csv")
        frames[symbol] = bars.set_index(bars.columns[0])["close"]
    return pd.DataFrame(frames).dropna()


def windows() -> list[tuple[Floats, Floats]]:
    """20 stretches of 60 to 1,440 minutes of two different symbols: log closes (y, x)."""
    rng, table, found = np.random.default_rng(2025), closes(), []
    for _ in range(WINDOWS):
        y, x = rng.choice(SYMBOLS, 2, replace=False)
        n = int(rng.integers(60, 1441))
        at = int(rng.integers(0, len(table) - n))
        part = np.log(table.iloc[at : at + n])
        found.append((part[y].to_numpy(copy=True), part[x].to_numpy(copy=True)))
    return found


@pytest.fixture(params=range(WINDOWS), ids=lambda i: f"window{i}")
def pair(request: pytest.FixtureRequest) -> tuple[Floats, Floats]:
    return windows()[request.param]


def centred(pair: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    return pair[0] - pair[0][0], pair[1] - pair[1][0]


def test_the_recordings_are_there() -> None:
    assert len(closes()) > 43_000 and (closes() > 0).all(axis=None)


def test_hedge_ratios(pair: tuple[Floats, Floats]) -> None:
    y, x = centred(pair)
    least = OLS(y, add_constant(x)).fit()
    assert stats.ols(*pair).beta == pytest.approx(least.params[1], abs=1e-8)
    assert_allclose(stats.ols(*pair).residuals, least.resid, atol=1e-8)
    assert stats.huber(*pair).beta == pytest.approx(RLM(y, add_constant(x), M=HuberT()).fit().params[1], abs=1e-6)
    few = slice(0, 500)
    assert stats.theil_sen(y[few], x[few]).beta == pytest.approx(theilslopes(y[few], x[few])[0], abs=1e-12)
    both = np.stack([x, np.arange(x.size) / x.size], axis=1)
    assert_allclose(stats.multiple_ols(y, both).betas, OLS(y, add_constant(both)).fit().params[1:], atol=1e-8)


def test_rolling_least_squares(pair: tuple[Floats, Floats]) -> None:
    y, x = centred(pair)
    ours, theirs = stats.rolling_ols(*pair, 50), RollingOLS(1e3 * y, add_constant(1e3 * x), 50).fit()
    moves = pd.Series(1e3 * x).rolling(50).std().to_numpy() > 1e-2  # its inverse fails where x hardly moved
    assert_allclose(ours.beta[moves], theirs.params[moves, 1], atol=1e-7)


def test_unit_roots(pair: tuple[Floats, Floats]) -> None:
    y, x = centred(pair)
    for criterion in ("aic", "bic"):
        theirs = adfuller(y, maxlag=schwert_cap(y.size, True), autolag=criterion, result_object=True)
        ours = stats.adf(pair[0], lags=criterion)
        assert (ours.lags, ours.statistic) == (theirs.lags, pytest.approx(theirs.statistic, abs=1e-8))
        together = coint(y, x, maxlag=schwert_cap(y.size, False), autolag=criterion)
        assert stats.engle_granger(*pair, lags=criterion).statistic == pytest.approx(together.coint_t, abs=1e-8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the ends of its table
        reference = kpss_reference(y, result_object=True)
    assert stats.kpss(pair[0]).statistic == pytest.approx(reference.statistic, abs=1e-8)


def test_johansen(pair: tuple[Floats, Floats]) -> None:
    y, x = centred(pair)
    theirs = coint_johansen(np.stack([y, x], axis=1), 0, 1)
    assert_allclose(stats.johansen(list(pair)).trace, theirs.trace_stat, atol=1e-8)


def test_reversion_and_whiteness(pair: tuple[Floats, Floats]) -> None:
    spread = stats.ols(*pair).residuals
    fit = OLS(spread[1:], add_constant(spread[:-1])).fit()
    assert ar1_kernel(spread)[1] == pytest.approx(fit.params[1], abs=1e-8)
    steps = np.diff(pair[0])
    reference = acorr_ljungbox(steps, lags=[10])
    assert stats.ljung_box(steps).statistic == pytest.approx(float(reference["lb_stat"].iloc[0]), abs=1e-7)


def test_moments_and_correlation(pair: tuple[Floats, Floats]) -> None:
    y, x = pair
    mean, deviation = stats.rolling_moments(y, 60)
    rolling = pd.Series(y - y[0]).rolling(60)
    assert_allclose(mean[59:], rolling.mean()[59:] + y[0], atol=1e-12)
    assert_allclose(deviation[59:], rolling.std()[59:], atol=1e-9)
    steps = np.diff(y), np.diff(x)
    assert stats.pearson(*steps) == pytest.approx(np.corrcoef(*steps)[0, 1], abs=1e-12)
    times = np.arange(y.size) * 60_000
    together = stats.hayashi_yoshida(times, y, times, x)  # on one grid it is the realised correlation
    assert together.covariance == pytest.approx(float(steps[0] @ steps[1]), rel=1e-9)


def test_the_filter_without_drift_is_least_squares(pair: tuple[Floats, Floats]) -> None:
    y, x = centred(pair)
    start = stats.KalmanState(0.0, 0.0, 1e8, 0.0, 1e8)
    run = stats.kalman_filter(y, x, start, stats.KalmanSettings(0.0, 0.0, 1e-6, 0.0))
    assert run.beta[-1] == pytest.approx(OLS(y, add_constant(x)).fit().params[1], abs=1e-7)
