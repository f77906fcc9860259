"""Functions given pandas give pandas back: the same numbers, with the index of the legs."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine import stats
from engine.backtest import mark
from tests.engine.stats.worlds import walk

N = 120
RNG = np.random.default_rng(3)
INDEX = pd.date_range("2025-06-01", periods=N, freq="1min", tz="UTC")
X = 50.0 + walk(RNG, N)
Y = X + RNG.standard_normal(N)
SIDE, VOLUME = RNG.random(N) < 0.5, RNG.random(N)
OUT = np.where(np.arange(N) % 10 == 3, 1.0, np.nan)

CALLS: dict[str, Callable[..., Any]] = {
    "ols": lambda y, x, *_: stats.ols(y, x), "tls": lambda y, x, *_: stats.tls(y, x),
    "huber": lambda y, x, *_: stats.huber(y, x), "theil_sen": lambda y, x, *_: stats.theil_sen(y, x),
    "multiple_ols": lambda y, x, *_: stats.multiple_ols(y, [x]),
    "multiple_regression": lambda y, x, *_: stats.multiple_regression(y, [x]),
    "kalman": lambda y, x, *_: stats.kalman(y, x, 10.0, calibration=30),
    "rolling_ols": lambda y, x, *_: stats.rolling_ols(y, x, 20),
    "rolling_moments": lambda y, *_: stats.rolling_moments(y, 20), "zscore": lambda y, *_: stats.zscore(y, 20),
    "rolling_correlation": lambda y, x, *_: stats.rolling_correlation(y, x, 20),
    "returns": lambda y, *_: stats.returns(y), "vwap": lambda y, x, side, volume: stats.vwap(y, volume),
    "volume_ratio": lambda y, x, side, volume: stats.volume_ratio(volume, 20),
    "trade_side_quotes": lambda y, x, side, _: stats.trade_side_quotes(y, side),
    "trade_side_mid": lambda y, x, side, _: stats.trade_side_mid(y, side),
    "whiten": lambda y, *_: stats.whiten(y - 50.0), "cusum": lambda y, *_: stats.cusum(y - 50.0),
    "benjamini_hochberg": lambda y, x, side, p: stats.benjamini_hochberg(p),
    "benjamini_yekutieli": lambda y, x, side, p: stats.benjamini_yekutieli(p),
    "holm": lambda y, x, side, p: stats.holm(p),
    "mark": lambda y, x, *_: mark(y, x, OUT, -OUT),
}  # fmt: skip


def arrays_of(result: Any) -> dict[str, Any]:
    """What a result holds one value a bar of, by name; a single array has none."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
        return {name: value for name, value in fields.items() if np.ndim(value) and len(value) >= N - 1}
    if isinstance(result, tuple):
        return {str(i): each for i, each in enumerate(result) if np.ndim(each)}
    return {"": result}


@pytest.mark.parametrize("name", CALLS)
def test_series_come_back_as_series_with_the_same_numbers(name: str) -> None:
    plain = arrays_of(CALLS[name](Y, X, SIDE, VOLUME))
    given = (pd.Series(values, INDEX, name="ETH") for values in (Y, X, SIDE, VOLUME))
    found = arrays_of(CALLS[name](*given))
    assert plain and found.keys() == plain.keys()
    for key, series in found.items():
        assert isinstance(series, pd.Series) and isinstance(plain[key], np.ndarray)
        assert series.index.equals(INDEX[N - len(series) :])
        np.testing.assert_array_equal(series, plain[key])
        assert series.name == (key if len(key) > 1 else "ETH")


def test_every_function_with_one_value_a_bar_is_in_the_list() -> None:
    kept = {name for name in stats.__all__ if hasattr(getattr(stats, name), "__wrapped__")}
    assert kept == CALLS.keys() - {"mark"} | {"kalman_filter"}


def test_results_can_be_given_on_and_lists_stay_arrays() -> None:
    y, x = pd.Series(Y, INDEX), pd.Series(X, INDEX)
    assert stats.zscore(stats.ols(y, x).residuals, 20).index.equals(INDEX)
    assert isinstance(stats.zscore(list(Y), 20), np.ndarray) and isinstance(stats.holm([]), np.ndarray)
    run = stats.kalman_filter(y[30:], x[30:], *stats.kalman_calibrate(Y[:30], X[:30], 10.0))
    assert run.beta.index.equals(INDEX[30:])


def test_legs_of_a_frame_are_named() -> None:
    frame = pd.DataFrame({"BTC": X, "SOL": walk(RNG, N)}, INDEX)
    plane = stats.multiple_ols(pd.Series(Y, INDEX), frame)
    assert plane.betas.index.tolist() == ["BTC", "SOL"] and plane.residuals.index.equals(INDEX)
    np.testing.assert_array_equal(plane.betas, stats.multiple_ols(Y, frame.to_numpy()).betas)
    fitted = stats.multiple_regression(pd.Series(Y, INDEX), frame)
    for each in (fitted.betas, fitted.errors, fitted.t_values, fitted.low, fitted.high, fitted.johansen_weights):
        assert each.index.tolist() == ["BTC", "SOL"]
    weights = stats.johansen(frame).eigenvectors
    assert weights.index.tolist() == ["BTC", "SOL"] and weights.shape == (2, 2)
    np.testing.assert_array_equal(weights, stats.johansen(frame.to_numpy()).eigenvectors)


def test_a_result_of_pandas_is_short_too() -> None:
    line = stats.ols(pd.Series(Y, INDEX), pd.Series(X, INDEX))
    assert repr(line).endswith(f"residuals=<{N} values>)") and "\n" not in repr(line)


def test_pandas_is_not_imported_for_arrays() -> None:
    code = "import sys\nfrom engine import stats\nstats.zscore([1.0, 2.0, 4.0, 3.0], 3)\nprint('pandas' in sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "False"
