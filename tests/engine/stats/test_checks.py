from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from engine.stats import (
    adf,
    engle_granger,
    half_life,
    johansen,
    kalman,
    kpss,
    multiple_ols,
    ols,
    pearson,
    rolling_ols,
)
from engine.stats.checks import as_columns, as_series, as_times, positive, whole

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, NAN, 2.0], r"s\[1\] is nan; expected finite numbers"),
        ([1.0, 2.0, -INF], r"s\[2\] is -inf; expected finite numbers"),
        ([[1.0], [2.0]], r"s has 2 dimensions; expected 1"),
        (3.0, r"s has 0 dimensions; expected 1"),
        ([1.0], r"s has 1 values; expected at least 2"),
        (["1", "2"], r"s holds <U1; expected real numbers"),
        ([True, False], r"s holds bool; expected real numbers"),
        ([1j, 2j], r"s holds complex128; expected real numbers"),
        ([None, 1.0], r"s holds object; expected real numbers"),
    ],
)
def test_a_refusal_says_what_was_found_and_what_it_expected(values: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        as_series(values, "s", minimum=2)  # type: ignore[arg-type]


def test_what_is_good_already_is_not_copied() -> None:
    values = np.arange(4.0)
    assert as_series(values, "s") is values


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, ">f8"])
def test_other_real_numbers_become_float64(dtype: str) -> None:
    found = as_series(np.array([1, 2, 3], dtype=dtype), "s")
    assert found.dtype == np.float64 and found.tolist() == [1.0, 2.0, 3.0]


def test_read_only_and_strided_input_reach_the_same_compiled_code() -> None:
    frame = pd.DataFrame({"y": [1.0, 3.0, 5.0, 8.0], "x": [0.0, 1.0, 2.0, 3.0]})
    assert not frame["y"].to_numpy().flags.writeable  # pandas hands out read-only views
    assert ols(frame["y"], frame["x"]).beta == ols(frame["y"].tolist(), frame["x"].tolist()).beta
    table = frame.to_numpy().copy()
    assert ols(table[:, 0], table[:, 1]).beta == ols(frame["y"], frame["x"]).beta


def test_columns_come_as_a_list_or_as_a_table() -> None:
    table = np.arange(6.0).reshape(3, 2)
    assert np.array_equal(as_columns([table[:, 0], table[:, 1]], "c", minimum=1), as_columns(table, "c", minimum=1))
    with pytest.raises(ValueError, match=r"c\[0\] has 3 values and c\[1\] has 2; expected equal lengths"):
        as_columns([[1, 2, 3], [1, 2]], "c", minimum=1)
    with pytest.raises(ValueError, match=r"c\[2, 1\] is nan; expected finite numbers"):
        as_columns(np.where(table == 5, NAN, table), "c", minimum=1)
    with pytest.raises(ValueError, match="c has 3 rows; expected at least 4"):
        as_columns(table, "c", minimum=4)
    with pytest.raises(ValueError, match="c has 1 dimensions; expected a list of columns or 2"):
        as_columns(np.arange(3.0), "c", minimum=1)


def test_times_are_whole_and_never_fall() -> None:
    assert as_times([1, 1, 2], "t").dtype == np.int64
    with pytest.raises(ValueError, match=r"t\[2\] is 4 after 5; expected times that never fall"):
        as_times([1, 5, 4], "t")
    with pytest.raises(ValueError, match="t is 1-D float64; expected 1-D whole milliseconds"):
        as_times([1.0, 2.0], "t")


def test_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match=r"window is 2\.0; expected a whole number"):
        whole(2.0, "window", at_least=2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="window is 1; expected at least 2 and at most 9"):
        whole(1, "window", at_least=2, at_most=9)
    with pytest.raises(ValueError, match="memory is nan; expected a finite number above 0"):
        positive(NAN, "memory")
    assert positive(0, "q", zero=True) == 0.0


@pytest.mark.parametrize(
    "statistic", [ols, engle_granger, lambda y, x: kalman(y, x, 30), lambda y, x: rolling_ols(y, x, 5)]
)
def test_two_legs_must_be_equally_long(statistic) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="y has 20 values and x has 19; expected equal lengths"):
        statistic(np.arange(20.0), np.arange(19.0))


def test_a_series_that_does_not_move_is_refused() -> None:
    flat, walk = np.full(50, 7.0), np.cumsum(np.sin(np.arange(50.0) ** 2))
    for refused in (
        lambda: ols(walk, flat),
        lambda: adf(flat),
        lambda: adf(np.arange(50.0)),
        lambda: engle_granger(walk, flat),
        lambda: engle_granger(flat, walk),
        lambda: engle_granger(2 * walk + 1, walk),
        lambda: kalman(walk, flat, 10, calibration=20),
        lambda: kalman(3 * walk, walk, 10, calibration=20),
    ):
        with pytest.raises(ValueError, match="constant"):
            refused()


def test_series_with_different_indexes_are_never_matched_by_place() -> None:
    """By place a reversed series gives p = .81 where its own order gives 4e-27."""
    rng = np.random.default_rng(1)
    x = pd.Series(np.cumsum(rng.standard_normal(400)), index=pd.date_range("2026-01-01", periods=400, freq="min"))
    y = x + rng.standard_normal(400)
    assert engle_granger(y, x).pvalue < 1e-9
    for function in (ols, engle_granger, pearson, lambda a, b: johansen([a, b]), lambda a, b: multiple_ols(a, [b])):
        with pytest.raises(ValueError, match=r"different indexes.*in row 0; expected the same rows: align them first"):
            function(y, x[::-1])
    with pytest.raises(ValueError, match="equal lengths"):
        ols(y, x[:-1])
    assert ols(y, x.to_numpy()).beta == ols(y, x).beta, "an array has no rows of its own"


def test_masked_values_are_refused_and_masks_without_any_are_none() -> None:
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    with pytest.raises(ValueError, match=r"s\[1\] is masked; expected finite numbers"):
        as_series(masked, "s")
    assert as_series(np.ma.array([1.0, 2.0]), "s").tolist() == [1.0, 2.0]


@pytest.mark.parametrize("size", [1e-150, 1e-101, 1e101, 1e300])
@pytest.mark.parametrize("function", [lambda s: pearson(s, s[::-1].copy()), kpss, adf, half_life])
def test_numbers_whose_squares_a_double_cannot_hold_are_refused(function: Callable[..., object], size: float) -> None:
    series = np.random.default_rng(0).standard_normal(300)
    with pytest.raises(ValueError, match="expected 0, or 1e-100 to 1e\\+100"):
        function(size * series)
    function(1e-60 * series)
    function(1e60 * series)


def test_constants_of_zero_are_still_series() -> None:
    assert as_series([0.0, 0.0], "s").tolist() == [0.0, 0.0]
    assert np.isnan(as_series([NAN, NAN], "s", nan=True)).all()


@pytest.mark.parametrize("period", [2, 3, 4, 10])
@pytest.mark.parametrize("lags", ["bic", "aic", 0, 3])
def test_an_exactly_periodic_series_is_refused_or_finite(period: int, lags: str | int) -> None:
    series = np.tile(np.arange(float(period)), 200)[:400]
    try:
        found = adf(series, lags=lags)
    except ValueError as error:
        assert "expected values that move" in str(error)
    else:
        assert np.isfinite([found.statistic, found.pvalue]).all()
