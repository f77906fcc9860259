"""Gregory-Hansen: against one statsmodels regression and one ``adfuller`` a date, its published table by simulation,
and relations that break at a known bar."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.tsa.stattools import adfuller

from engine.stats import engle_granger, gregory_hansen
from engine.stats.checks import Floats
from engine.stats.gregory_hansen import CRITICAL, MODELS, SHARES, gregory_hansen_kernel
from engine.stats.gregory_hansen import _pvalue as pvalue_of
from engine.stats.unitroot import BIC, schwert_cap
from tests.engine.stats.worlds import ar1, walk


def by_hand(y: Floats, table: Floats, model: str) -> tuple[float, int]:
    """The definition: a dummy regression and a Dickey-Fuller test at every date of the middle 70 %."""
    n, found = y.size, []
    cap = schwert_cap(n, False)
    for bar in range(int(0.15 * n), int(0.85 * n) + 1):
        later = (np.arange(n) >= bar).astype(float)[:, None]
        columns = [np.ones((n, 1)), later, table]
        columns += {"level": [], "trend": [np.arange(n)[:, None]], "regime": [later * table]}[model]
        residual = sm.OLS(y, np.hstack(columns)).fit().resid
        found.append((adfuller(residual, cap, "n", "bic", result_object=True).statistic, bar))
    return min(found)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("legs", [1, 3])
def test_it_equals_a_regression_and_an_adfuller_a_date(model: str, legs: int) -> None:
    rng = np.random.default_rng(legs)
    table = np.stack([walk(rng, 90) for _ in range(legs)], axis=1)
    y = table.sum(axis=1) + ar1(rng, 90, 4)
    statistic, bar = by_hand(y, table, model)
    ours = gregory_hansen(11.0 + 1e-3 * y, 11.0 + 1e-3 * table, model)
    assert (ours.statistic, ours.break_bar) == (pytest.approx(statistic, abs=1e-8), bar)


@pytest.mark.parametrize("model", MODELS)
def test_it_equals_them_on_money_income_and_interest_of_the_united_states(model: str) -> None:
    """The paper's own question, on the quarters that statsmodels ships (1959 to 2009)."""
    data = sm.datasets.macrodata.load_pandas().data
    money, income = np.log(data["m1"] / data["cpi"]), np.log(data["realgdp"])
    table = np.stack([income, data["tbilrate"]], axis=1)
    statistic, bar = by_hand(money.to_numpy(), table, model)
    ours = gregory_hansen(money.to_numpy(), table, model)
    assert (ours.statistic, ours.break_bar) == (pytest.approx(statistic, abs=1e-8), bar)


def broken(seed: int, n: int = 600, at: int = 350, alpha: float = 0.0, beta: float = 1.0) -> tuple[Floats, Floats]:
    """y = x + u until ``at``, then y = alpha + beta x + u; u has a half-life of 8 bars."""
    rng = np.random.default_rng(seed)
    x = 50.0 + walk(rng, n)
    later = np.arange(n) >= at
    return np.where(later, alpha + beta * x, x) + ar1(rng, n, 8), x


def test_it_finds_where_a_relation_moved_that_one_line_does_not_see() -> None:
    shifts = [broken(seed, alpha=12.0) for seed in range(20)]
    found = [gregory_hansen(y, x) for y, x in shifts]
    plain = [engle_granger(y, x) for y, x in shifts]
    assert np.mean([each.statistic < each.critical[5] for each in found]) == 1.0
    assert np.mean([each.statistic < each.critical[5] for each in plain]) < 0.5
    assert max(abs(each.break_bar - 350) for each in found) <= 5
    turned = [gregory_hansen(*broken(seed, beta=0.5, alpha=25.0), "regime") for seed in range(20)]
    assert np.mean([each.statistic < each.critical[5] for each in turned]) == 1.0
    assert np.median([abs(each.break_bar - 350) for each in turned]) <= 10


def test_a_relation_that_never_breaks_is_a_relation_too() -> None:
    found = [gregory_hansen(*broken(seed)) for seed in range(20)]
    assert all(each.statistic < each.critical[5] for each in found)


def statistics(model: str, legs: int, walks: int, n: int) -> Floats:
    """Of unrelated walks."""
    rng = np.random.default_rng(29)
    out = np.empty(walks)
    for i in range(walks):
        table = np.stack([walk(rng, n) for _ in range(legs + 1)], axis=1)
        out[i], _, _ = gregory_hansen_kernel(
            table[:, 0].copy(), np.ascontiguousarray(table[:, 1:]), MODELS[model], BIC, -1
        )
    return out


@pytest.mark.parametrize("model", MODELS)
def test_the_published_table_holds_on_unrelated_walks(model: str) -> None:
    """Within three standard errors and 0.01: the table is of large samples, here are 500 bars and a search for lags."""
    found = statistics(model, legs=1, walks=400, n=500)
    for share, quantile in zip(SHARES, CRITICAL[model][0], strict=True):
        assert np.mean(found < quantile) == pytest.approx(share, abs=0.01 + 3.0 * np.sqrt(share * (1 - share) / 400))


@pytest.mark.soak
@pytest.mark.parametrize(
    ("legs", "walks", "sizes"),
    [
        (1, 3_000, (0.055, 0.061, 0.059)), (2, 600, (0.067, 0.061, 0.062)), (3, 600, (0.062, 0.073, 0.070)),
        (4, 600, (0.067, 0.070, 0.084)),
    ],
)  # fmt: skip
def test_sizes_at_5_percent_with_more_walks_and_legs(legs: int, walks: int, sizes: tuple[float, ...]) -> None:
    """At 500 bars; those of several legs were measured on 2,000 walks."""
    for (model, table), size in zip(CRITICAL.items(), sizes, strict=True):
        found = statistics(model, legs, walks, n=500)
        assert np.mean(found < table[legs - 1][2]) == pytest.approx(size, abs=3.0 * np.sqrt(0.06 * 0.94 / walks))


@pytest.mark.parametrize("model", MODELS)
def test_the_p_value_is_the_table_on_a_normal_scale(model: str) -> None:
    for row in CRITICAL[model]:
        assert [pvalue_of(quantile, row) for quantile in row] == pytest.approx(SHARES, abs=1e-12)
        rising = [pvalue_of(tau, row) for tau in np.linspace(-12.0, -1.5, 200)]
        assert np.all(np.diff(rising) > 0.0) and rising[0] < 1e-6 and rising[-1] > 0.99


def test_the_p_value_is_uniform_on_unrelated_walks() -> None:
    p = np.array([pvalue_of(tau, CRITICAL["level"][0]) for tau in statistics("level", 1, 400, 500)])
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        assert np.mean(p < share) == pytest.approx(share, abs=0.09)


def test_bad_input_is_refused() -> None:
    rng = np.random.default_rng(1)
    y, x = walk(rng, 100), walk(rng, 100)
    for arguments, message in (
        ((y, np.stack([x + walk(rng, 100) for _ in range(5)], axis=1)), "x has 5 legs; expected 1 to 4"),
        ((y, x, "both"), "model is 'both'; expected 'level', 'trend', 'regime'"),
        ((y[:40], x[:40]), "y has 40 values; expected at least 50"),
        ((y, x[:60]), "y has 100 values and x has 60"),
        ((y, np.full(100, 3.0)), "a leg or the residual is constant"),
        ((2.0 * x + 1.0, x), "a leg or the residual is constant"),
        ((y, x, "level", "hq"), "lags is 'hq'; expected 'bic', 'aic' or a number"),
    ):
        with pytest.raises(ValueError, match=message):
            gregory_hansen(*arguments)  # type: ignore[arg-type]


def test_one_leg_may_come_in_any_shape() -> None:
    rng = np.random.default_rng(2)
    y, x = walk(rng, 100), walk(rng, 100)
    expected = gregory_hansen(y, x)
    assert gregory_hansen(y, [x]) == gregory_hansen(y, x[:, None]) == gregory_hansen(y, list(x)) == expected
