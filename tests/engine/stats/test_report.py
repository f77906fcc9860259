"""The report: each row is the library's own figure, together they keep their size, and words fit numbers."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from arch.unitroot import DFGLS, KPSS
from arch.unitroot.cointegration import DynamicOLS, engle_granger, phillips_ouliaris
from statsmodels.tsa.stattools import coint
from statsmodels.tsa.vector_ar.vecm import VECM

from engine import stats
from engine.stats.checks import Floats
from engine.stats.mackinnon import critical_values
from engine.stats.report_readings import readings
from engine.stats.report_rows import BOOTSTRAP, NO_RELATION, SHIN, TestRow, adjusted
from tests.engine.stats.noises import NOISES, unrelated
from tests.engine.stats.test_report_sizes import start
from tests.engine.stats.worlds import ar1, cointegrated, walk


def basket(seed: int, legs: int, n: int = 400, half_life: float = 8.0) -> tuple[Floats, Floats]:
    """y that follows the sum of ``legs`` walks."""
    rng = np.random.default_rng(seed)
    x = np.stack([walk(rng, n) for _ in range(legs)], axis=1)
    return x.sum(axis=1) + ar1(rng, n, half_life, 2.0), x


def rows_by_test(found: stats.TestReport) -> dict[str, TestRow]:
    """Rows by their test, and by null where there are several."""
    return {each.test: each for each in found.rows} | {f"{each.test}: {each.null}": each for each in found.rows}


def level_kpss(values: Floats) -> float:
    """arch's statistic with the bandwidth of Hobijn et al."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells that this is its default now
        return float(KPSS(values, trend="c").stat)


@pytest.mark.parametrize("legs", [1, 2, 5])
def test_every_row_equals_arch_and_statsmodels(legs: int) -> None:
    y, x = basket(legs, legs)
    found = rows_by_test(stats.test_report(y, x))

    plain, theirs = found["Engle-Granger"], coint(y, x, trend="c", autolag="bic")
    assert plain.statistic == pytest.approx(theirs[0], abs=1e-8)
    assert plain.statistic == pytest.approx(engle_granger(y, x, method="bic").stat, abs=1e-8)
    assert plain.pvalue == pytest.approx(theirs[1], abs=1e-8)
    assert plain.critical == critical_values(legs + 1, y.size)[5]

    zt = phillips_ouliaris(y, x, trend="c", test_type="Zt")
    assert found["Phillips-Ouliaris"].statistic == pytest.approx(zt.stat, abs=1e-8)
    assert found["Phillips-Ouliaris"].critical == pytest.approx(zt.critical_values[5], abs=1e-8)
    assert found["Phillips-Ouliaris"].pvalue == pytest.approx(zt.pvalue, abs=1e-8)

    system = np.column_stack([y, x])
    none, full = (VECM(system, k_ar_diff=1, coint_rank=rank, deterministic="ci").fit().llf for rank in (0, legs + 1))
    assert found["Johansen trace"].statistic == pytest.approx(2.0 * (full - none), abs=1e-8)

    cap = int(np.ceil(4.0 * (y.size / 100.0) ** 0.25))
    dols = DynamicOLS(y, x, trend="c", common=True, max_lag=cap, max_lead=cap, method="bic").fit()
    for i in range(legs):
        name = "x" if legs == 1 else f"x{i + 1}"
        assert found[f"DOLS: hedge of {name} is 0"].statistic == pytest.approx(dols.tvalues.iloc[i], abs=1e-8)
        assert found[f"DOLS: hedge of {name} is 0"].pvalue == pytest.approx(dols.pvalues.iloc[i], abs=1e-8)
        assert f"{dols.params.iloc[i]:.4g} (" in found[f"DOLS: hedge of {name} is 0"].verdict
    shin = found["KPSS of the residual (Shin)"]
    assert shin.statistic == pytest.approx(level_kpss(np.asarray(dols.resid)), abs=1e-8)
    assert shin.critical == SHIN[legs - 1, 1]

    if legs == 1:
        gap = sm.OLS(y, sm.add_constant(x)).fit().resid[:-1]
        used = stats.error_correction(y, x[:, 0]).lags
        lagged = [np.roll(each, lag) for each in (np.diff(y), np.diff(x[:, 0])) for lag in range(1, used + 1)]
        table = np.column_stack([np.ones(gap.size), gap, *lagged])[used:]
        for name, changes in (("y", np.diff(y)), ("x", np.diff(x[:, 0]))):
            theirs = sm.OLS(changes[used:], table).fit()
            row_of = found[f"Error correction: {name} ignores the gap"]
            assert row_of.statistic == pytest.approx(theirs.tvalues[1], abs=1e-8)

    for name, values in (("y", y), ("x" if legs == 1 else "x1", x[:, 0])):
        gls = DFGLS(values, trend="c", method="bic")
        assert found[f"ADF-GLS: {name} walks"].statistic == pytest.approx(gls.stat, abs=1e-8)
        assert found[f"ADF-GLS: {name} walks"].critical == pytest.approx(gls.critical_values["5%"], abs=1e-8)
        assert found[f"ADF-GLS: {name} walks"].pvalue == pytest.approx(gls.pvalue, abs=1e-8)
        assert found[f"KPSS: {name} is stationary"].statistic == pytest.approx(level_kpss(values), abs=1e-8)


def test_the_rows_are_those_of_the_package() -> None:
    y, x = cointegrated(np.random.default_rng(3), 500, 10)
    found = rows_by_test(stats.test_report(y, x))
    assert found["Engle-Granger"].statistic == pytest.approx(stats.engle_granger(y, x).statistic, abs=1e-10)
    assert found[BOOTSTRAP].statistic == found["Engle-Granger"].statistic and np.isnan(found[BOOTSTRAP].critical)
    for model, moved in (("level", "level"), ("regime", "hedge")):
        alone = stats.gregory_hansen(y, x, model)
        assert found[f"Gregory-Hansen, {moved} moves"].statistic == pytest.approx(alone.statistic, abs=1e-10)
    ecm = stats.error_correction(y, x)
    for name, statistic in (("y", ecm.t_y), ("x", ecm.t_x)):
        assert found[f"Error correction: {name} ignores the gap"].statistic == pytest.approx(statistic, abs=1e-8)
    assert found["Error correction: y ignores the gap"].verdict == (
        f"y closes {-ecm.speed_y:.1%} of it a bar, if a relation holds"
    )
    trace = stats.johansen([y, x], constant="restricted")
    assert found["Johansen trace"].statistic == pytest.approx(trace.trace[0], abs=1e-8)
    assert found["Johansen trace"].pvalue == pytest.approx(trace.trace_pvalue[0], abs=1e-10)


def test_unit_and_level_do_not_matter() -> None:
    y, x = basket(4, 2)
    one, other = stats.test_report(y, x), stats.test_report(11.0 + 1e-4 * y, 9.0 + 1e-4 * x)
    for ours, theirs in zip(one.rows, other.rows, strict=True):
        assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-6), ours.test
        assert ours.is_rejected == theirs.is_rejected


def test_the_tests_are_counted_and_adjusted_for() -> None:
    found = stats.test_report(*cointegrated(np.random.default_rng(3), 500, 10))
    family = [each for each in found.rows if each.null == NO_RELATION]
    assert found.tests == len(family) == 6 and found.rows[:6] == tuple(family)
    assert [each.adjusted for each in family] == stats.holm([each.pvalue for each in family]).tolist()
    assert found.found == sum(each.is_rejected for each in family) == 6
    assert found.summary == "6 of 6 tests find a relation of y on x, adjusted for all 6, over 500 bars."
    others = [each for each in found.rows[6:] if each.test != "ADF-GLS"]
    assert all(np.isnan(each.adjusted) for each in others)


def test_it_says_when_the_bootstrap_is_not_among_those_that_find_a_relation() -> None:
    """Unrelated legs whose variance falls to a 25th: what the other tests find there is the variance."""
    start(8)
    y, x = np.empty(500), np.empty(500)
    for _ in range(20):
        unrelated(500, NOISES["variance / 25"], 0.0, y, x)
        found = stats.test_report(y, x)
        if found.found:
            break
    assert found.found and found.summary.endswith("The wild bootstrap is not among them.")
    assert any("either the variance of the legs moves" in each for each in found.readings)


def test_a_relation_that_moved_is_told_with_its_date() -> None:
    rng = np.random.default_rng(5)
    days = pd.date_range("2025-01-01", periods=500, freq="D", tz="UTC")
    x = pd.Series(walk(rng, 500), days, name="BTC")
    y = pd.Series(x + ar1(rng, 500, 6) + np.where(np.arange(500) >= 300, 25.0, 0.0), days, name="ETH")
    found = stats.test_report(y, x)
    moved = rows_by_test(found)["Gregory-Hansen, level moves"]
    assert moved.is_rejected
    assert moved.verdict in [f"a relation; if it moved, at {day:%Y-%m-%d %H:%M:%S} UTC" for day in days[298:303]]
    assert not rows_by_test(found)["Engle-Granger"].is_rejected
    assert any("it has moved once" in each for each in found.readings)
    assert found.names == ("ETH", "BTC") and "ETH walks" in found.table()["null"].tolist()


def row(test: str, null: str = NO_RELATION, is_rejected: bool = True) -> TestRow:
    return TestRow(test, null, -4.0, -3.4, 0.01, 0.04, is_rejected, "")


ALL = ("Engle-Granger", BOOTSTRAP, "Phillips-Ouliaris", "Gregory-Hansen, level moves", "Johansen trace")


@pytest.mark.parametrize(
    ("alone", "shin", "expected"),
    [
        (set(ALL), False, []),
        (set(), True, []),
        (set(), False, ["window is too short to say"]),
        (set(ALL), True, ["Both"]),
        (set(ALL) - {BOOTSTRAP}, False, ["the variance of the legs"]),
        ({BOOTSTRAP}, False, ["near 5 %", "1 of the tests"]),
        ({"Phillips-Ouliaris"}, False, ["variance", "bounce between bid and ask", "1 of the tests"]),
        (set(ALL) - {"Phillips-Ouliaris"}, False, ["Take a longer window"]),
        (set(ALL) - {"Gregory-Hansen, level moves"}, False, ["searching a break costs power"]),
        ({"Gregory-Hansen, level moves", BOOTSTRAP}, False, ["near 5 %", "it has moved once", "2 of the tests"]),
        ({"Johansen trace", BOOTSTRAP}, False, ["near 5 %", "both directions with one lag", "2 of the tests"]),
        (set(ALL) - {"Johansen trace"}, False, ["one lag of the changes may be too few"]),
    ],
)
def test_how_to_read_those_that_disagree(alone: set[str], shin: bool, expected: list[str]) -> None:
    is_found = len(alone) > 2
    rows = [row(test, is_rejected=is_found and test in alone) for test in ALL]
    told = readings([*rows, row("KPSS of the residual (Shin)", "a relation", shin)], alone, ("y", "x"))
    assert len(told) == len(expected) and all(words in each for words, each in zip(expected, told, strict=True))


def test_a_full_rank_is_no_relation() -> None:
    rng = np.random.default_rng(2)
    found = stats.test_report(ar1(rng, 400, 5), ar1(rng, 400, 5))
    trace = rows_by_test(found)["Johansen trace"]
    assert trace.statistic > trace.critical and trace.adjusted < 0.05  # it rejects rank 0, and rank 1 as well
    assert not trace.is_rejected and trace.verdict == "full rank: each leg comes back by itself, no relation"
    assert found.found == sum(each.is_rejected for each in found.rows if each.null == NO_RELATION)
    assert not any("Johansen" in each for each in found.readings)


def test_a_break_is_told_by_its_time() -> None:
    rng = np.random.default_rng(3)
    times = pd.date_range("2026-01-02", periods=400, freq="min", tz="UTC")
    x = pd.Series(walk(rng, 400), times)
    found = stats.test_report(x + ar1(rng, 400, 4) + np.where(np.arange(400) > 200, 30.0, 0.0), x)
    assert re.search(r"at 2026-01-02 0\d:\d\d:00 UTC$", rows_by_test(found)["Gregory-Hansen, level moves"].verdict)


def test_a_leg_that_comes_back_by_itself_is_told() -> None:
    rng = np.random.default_rng(1)
    found = stats.test_report(walk(rng, 400), ar1(rng, 400, 5))
    assert rows_by_test(found)["ADF-GLS: x walks"].verdict == "x comes back by itself"
    assert found.readings[-1].startswith("x comes back without the others.")
    assert rows_by_test(found)["KPSS: x is stationary"].verdict == "x may be stationary"


def test_the_legs_are_adjusted_for_their_number() -> None:
    rows = [row("ADF-GLS", f"{name} walks") for name in "abcdef"]
    rows[0] = replace(rows[0], pvalue=0.02)
    assert not any(each.is_rejected for each in adjusted([rows[0], *(replace(each, pvalue=0.5) for each in rows[1:])]))
    assert adjusted([replace(rows[0], pvalue=0.001)])[0].is_rejected


def test_with_several_legs_what_has_no_table_is_left_out() -> None:
    tests = {legs: [each.test for each in stats.test_report(*basket(2, legs, n=200)).rows] for legs in (2, 5)}
    assert BOOTSTRAP not in tests[2] and tests[2].count("Gregory-Hansen, level moves") == 1
    assert tests[2].count("DOLS") == 2 and tests[2].count("ADF-GLS") == tests[2].count("KPSS") == 3
    assert not any(each.startswith("Gregory-Hansen") for each in tests[5])


def test_text_table_and_repr() -> None:
    found = stats.test_report(*cointegrated(np.random.default_rng(3), 300, 10))
    text = found.to_text().splitlines()
    assert text[0] == found.summary
    at = text[2].index("verdict")
    assert all(line[at - 1] == " " for line in text[3 : 3 + len(found.rows)]) and max(map(len, text)) <= 140
    assert list(found.table().columns) == [
        "test", "null", "statistic", "critical", "pvalue", "adjusted", "is_rejected", "verdict",
    ]  # fmt: skip
    assert len(found.table()) == len(found.rows)
    assert repr(found).startswith("TestReport(names=('y', 'x'), bars=300, tests=6, found=") and len(repr(found)) < 400


def test_names_come_from_pandas_and_rows_must_agree() -> None:
    y, x = basket(1, 2, n=150)
    frame = pd.DataFrame(x, columns=["BTC", "SOL"])
    assert stats.test_report(pd.Series(y), frame).names == ("y", "BTC", "SOL")
    assert stats.test_report(y, [frame["SOL"], x[:, 0]]).names == ("y", "SOL", "x2")
    with pytest.raises(ValueError, match="y and x have different indexes"):
        stats.test_report(pd.Series(y, index=np.arange(150) + 1), frame)


def test_bad_input_is_refused() -> None:
    rng = np.random.default_rng(1)
    y, x = walk(rng, 200), walk(rng, 200)
    six = np.stack([walk(rng, 200) for _ in range(6)], axis=1)
    for arguments, message in (
        ((y[:90], x[:90]), "y has 90 values; expected at least 100"),
        ((y, six), "x has 6 legs; expected 1 to 5"),
        ((y, x[:150]), "y has 200 values and x has 150"),
        ((y, np.full(200, 2.0)), "the 1 legs are constant or combinations"),
        ((2.0 * x, x), "the residual is constant"),
        ((np.where(np.arange(200) == 7, np.nan, y), x), r"y\[7\] is nan"),
    ):
        with pytest.raises(ValueError, match=message):
            stats.test_report(*arguments)
    with pytest.raises(ValueError, match="draws is 9; expected at least 19"):
        stats.test_report(y, x, draws=9)


def test_arch_is_imported_when_a_report_is_asked_for() -> None:
    code = "import sys, engine.stats, engine.compile; print([m for m in ('arch', 'statsmodels') if m in sys.modules])"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
