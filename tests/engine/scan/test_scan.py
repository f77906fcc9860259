"""The scan: correct on noise and on true pairs, on held-out bars, and equal for any number of threads."""

from __future__ import annotations

import doctest
import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from statsmodels.tsa.stattools import adfuller, coint

import engine.scan
from engine.errors import SettingsError
from engine.scan import ScanCancelled, ScanSettings, scan, scan_universe
from engine.scan.kernel import crossings
from engine.scan.scan import CHUNK
from engine.stats import adf, benjamini_hochberg, benjamini_yekutieli, eg_pvalue, engle_granger, half_life, hurst, ols
from engine.stats.mackinnon import critical_values
from engine.stats.unitroot import schwert_cap
from tests.engine.scan.worlds import Market, factor_prices, market_prices, minutes, names, paired_prices
from tests.engine.stats.worlds import walk

ONE_LAG = ScanSettings(lags="1", holdout=0.0)


def test_of_190_pairs_of_noise_25_look_good_8_pass_and_none_is_found() -> None:
    """math.md section 7: n = 500, 20 coins on one factor, one lag, 30 repetitions; +- 4 / 4 / 1."""
    rng = np.random.default_rng(7)
    counts = []
    for _ in range(30):
        found = scan(factor_prices(rng), ONE_LAG)
        assert len(found) == 190
        plain = found["statistic"] < critical_values(1, 500)[5]  # trap T3: the table of a series that was not fitted
        counts.append((plain.sum(), (found["statistic"] < found["critical_5"]).sum(), found["is_found"].sum()))
    plain, passed, left = np.mean(counts, axis=0)
    assert plain == pytest.approx(25.2, abs=4)
    assert passed == pytest.approx(8.0, abs=4)
    assert left <= 1.0


def test_true_pairs_are_found_and_confirmed_on_bars_that_were_not_seen() -> None:
    found_true = confirmed_true = found_false = confirmed_false = 0
    for seed in range(10):
        table = scan(paired_prices(np.random.default_rng(seed)))
        partners = [{"C00USDT", "C01USDT"}, {"C02USDT", "C03USDT"}, {"C04USDT", "C05USDT"}]
        true = np.array([{y, x} in partners for y, x in zip(table["y"], table["x"], strict=True)])
        found_true += int((table["is_found"] & true).sum())
        found_false += int((table["is_found"] & ~true).sum())
        confirmed_true += int((table["is_confirmed"] & true).sum())
        confirmed_false += int((table["is_confirmed"] & ~true).sum())
    assert found_true >= 27 and confirmed_true >= 20, "of 30; 450 bars are 30 half-lives, power 0.7"
    assert found_false <= 2 and confirmed_false <= 1, "of 630"


def test_the_holdout_p_is_uniform_on_noise_whatever_was_selected_before() -> None:
    """The same line on held-out bars is an unfitted series: the plain table has its true size there."""
    rng = np.random.default_rng(3)
    best = [scan(factor_prices(rng, 12, 600), ScanSettings(lags="1", holdout=0.5)).iloc[0] for _ in range(150)]
    passed = sum(row["holdout_pvalue"] < 0.05 for row in best)
    assert binomtest(passed, len(best), 0.05).pvalue > 0.01  # though each was the best of 66
    assert np.mean([row["pvalue"] < 0.05 for row in best]) > 0.6


def test_the_selection_sees_nothing_of_the_holdout() -> None:
    prices = paired_prices(np.random.default_rng(1))
    other = prices.copy()
    other.iloc[1_050:] *= np.exp(1e-2 * np.random.default_rng(2).standard_normal((450, 12)))
    ours = ["y", "x", "statistic", "pvalue", "q_value", "q_value_by", "half_life_bars", "crossings", "hurst", "beta",
            "alpha", "lags", "is_found"]  # fmt: skip
    one, two = scan(prices), scan(other)
    pd.testing.assert_frame_equal(one[ours], two[ours])
    assert (one["holdout_pvalue"] != two["holdout_pvalue"]).all()


@pytest.mark.parametrize("lags", ["bic", "aic", "2"])
def test_every_number_is_the_statistics_rooms_and_statsmodels(lags: str) -> None:
    prices = paired_prices(np.random.default_rng(5), pairs=2, others=2, bars=700)
    logs = np.log(prices)
    given: str | int = int(lags) if lags.isdecimal() else lags
    table = scan(prices, ScanSettings(lags=lags))
    for row in table.itertuples():
        y, x = logs[row.y].to_numpy(), logs[row.x].to_numpy()
        train = (y[:490].copy(), x[:490].copy())
        test = engle_granger(*train, lags=given)
        line = ols(*train)
        assert row.statistic == pytest.approx(test.statistic, abs=1e-8)
        assert (row.pvalue, row.critical_5) == pytest.approx((eg_pvalue(test.statistic, 490), test.critical[5]))
        assert (row.beta, row.alpha, row.lags) == pytest.approx((line.beta, line.alpha, test.lags))
        assert row.half_life_bars == pytest.approx(half_life(line.residuals, residual=True).bars, nan_ok=True, rel=1e-6)
        assert row.half_life_null_bars == 0.046 * 490
        assert row.hurst == pytest.approx(float(hurst(line.residuals)), abs=1e-9)
        assert row.crossings == np.count_nonzero(np.diff(np.sign(line.residuals)))
        later = y[490:] - (line.alpha + line.beta * x[490:])
        assert row.holdout_statistic == pytest.approx(adf(later, lags=8).statistic, abs=1e-8)
        cap, choice = (int(lags), None) if lags.isdecimal() else (schwert_cap(490, False), lags)
        theirs = coint(train[0] - train[0][0], train[1] - train[1][0], maxlag=cap, autolag=choice)
        assert row.statistic == pytest.approx(theirs.coint_t, abs=1e-8)
        reference = adfuller(later - later[0], maxlag=8, autolag=None, result_object=True)
        assert row.holdout_statistic == pytest.approx(reference.statistic, abs=1e-8)
        assert row.holdout_pvalue == pytest.approx(reference.pvalue, abs=1e-6)
    np.testing.assert_array_equal(table["q_value"], benjamini_hochberg(table["pvalue"].to_numpy()))
    np.testing.assert_array_equal(table["q_value_by"], benjamini_yekutieli(table["pvalue"].to_numpy()))


def test_threads_and_chunks_do_not_show() -> None:
    prices = factor_prices(np.random.default_rng(1), coins=45, bars=300)  # 990 pairs, two chunks
    one = scan(prices, threads=1)
    assert len(one) > CHUNK
    for threads in (2, 5):
        pd.testing.assert_frame_equal(scan(prices, threads=threads), one)
    assert one["statistic"].is_monotonic_increasing


def test_x_is_the_more_liquid_leg_fixed_beforehand() -> None:
    prices = factor_prices(np.random.default_rng(2), coins=4, bars=400)
    by_column = scan(prices)
    place = {name: i for i, name in enumerate(prices.columns)}
    assert all(place[x] < place[y] for y, x in zip(by_column["y"], by_column["x"], strict=True))
    volume = pd.DataFrame(np.ones((400, 4)) * [1.0, 4.0, 2.0, 3.0], columns=prices.columns, index=prices.index)
    volume.iloc[280:, 0] = 1e9  # what happens in the hold-out does not decide
    found = scan_universe(prices, volume=volume)
    assert found.symbols == ("C01USDT", "C03USDT", "C02USDT", "C00USDT")
    rank = {name: i for i, name in enumerate(found.symbols)}
    assert all(rank[x] < rank[y] for y, x in zip(found.pairs["y"], found.pairs["x"], strict=True))


def test_by_judges_more_strictly_than_bh() -> None:
    prices = paired_prices(np.random.default_rng(4))
    bh, by = scan(prices), scan(prices, ScanSettings(control="by"))
    assert (by["q_value_by"] >= by["q_value"]).all()
    assert set(zip(by["y"][by["is_found"]], by["x"][by["is_found"]], strict=True)) <= set(
        zip(bh["y"][bh["is_found"]], bh["x"][bh["is_found"]], strict=True)
    )
    for table, q in ((by, by["q_value_by"]), (bh, bh["q_value"])):
        assert ((table["is_found"] | (table["explained_by"] != "")) == (q <= 0.05)).all()
        assert not (table["is_found"] & (table["explained_by"] != "")).any()


def test_a_pair_with_a_small_q_and_a_leg_of_a_stronger_find_is_explained_by_it() -> None:
    table = scan(market_prices(np.random.default_rng([1, 1]), Market(3, 10.0)))
    finds = [f"{row.y} ~ {row.x}" for row in table[table["is_found"]].itertuples()]
    legs = [leg for find in finds for leg in find.split(" ~ ")]
    assert {"C01USDT ~ C00USDT", "C03USDT ~ C02USDT", "C05USDT ~ C04USDT"} <= set(finds)
    assert len(legs) == len(set(legs))
    explained = table[table["explained_by"] != ""]
    assert len(explained) >= 3
    for row in explained.itertuples():
        (by,) = table.index[(table["y"] + " ~ " + table["x"]) == row.explained_by]
        assert table.loc[by, "is_found"] and table.loc[by, "statistic"] <= row.statistic
        assert {row.y, row.x} & set(row.explained_by.split(" ~ "))


def test_progress_is_told_and_a_scan_can_be_stopped() -> None:
    prices = factor_prices(np.random.default_rng(1), coins=60, bars=300)  # 1,770 pairs
    told: list[tuple[int, int]] = []
    scan_universe(prices, progress=lambda done, total: told.append((done, total)), threads=2)
    assert told == [(512, 1_770), (1_024, 1_770), (1_536, 1_770), (1_770, 1_770)]
    told.clear()
    with pytest.raises(ScanCancelled, match="cancelled after 1024 of 1770 pairs"):
        scan_universe(prices, threads=1, progress=lambda *now: told.append(now), is_cancelled=lambda: len(told) >= 2)
    with pytest.raises(ScanCancelled, match="cancelled after 0 of 1770 pairs"):
        scan_universe(prices, is_cancelled=lambda: True)

    def fails(done: int, total: int) -> None:
        raise RuntimeError("the screen is gone")

    with pytest.raises(RuntimeError, match="the screen is gone"):
        scan_universe(prices, progress=fails)


def test_a_pair_that_is_one_line_is_left_out_by_name_and_not_counted() -> None:
    prices = factor_prices(np.random.default_rng(6), coins=3, bars=400)
    prices["TWIN"] = 2.0 * prices["C00USDT"]
    prices["LATE"] = prices["C01USDT"]  # does not move before the hold-out
    prices.iloc[:280, prices.columns.get_loc("LATE")] = 1.0
    found = scan_universe(prices)
    pairs = {(each.name, each.code) for each in found.excluded}
    assert ("TWIN ~ C00USDT", "ONE_LINE") in pairs and ("LATE ~ C00USDT", "CONSTANT_LEG") in pairs
    assert {each.detail for each in found.excluded if each.code == "CONSTANT_LEG"} == {
        "LATE, in the 280 bars of the selection"
    }
    assert found.tests == len(found.pairs) == 10 - len(pairs)
    assert found.pairs[["statistic", "pvalue", "q_value"]].notna().all(axis=None)


def test_too_many_lags_for_the_bars_is_the_reason_and_not_one_line() -> None:
    prices = factor_prices(np.random.default_rng(6), coins=3, bars=400)
    assert scan(prices, ScanSettings(lags="138"))["lags"].tolist() == [138] * 3  # the most that 280 bars allow
    found = scan_universe(prices, ScanSettings(lags="139"))
    assert found.tests == 0 and len(found.excluded) == 3
    assert {(each.code, each.detail) for each in found.excluded} == {
        ("TOO_MANY_LAGS", "139 lags need 281 bars; the selection has 280")
    }


def test_lagged_changes_that_repeat_have_their_own_reason() -> None:
    hours = np.arange(400)
    prices = {name: np.exp(1e-3 * (hours % period)) for name, period in (("A", 4), ("B", 2))}
    found = scan_universe(prices, ScanSettings(lags="6", holdout=0.0))
    assert [each.code for each in found.excluded] == ["DEPENDENT_LAGS"] and found.tests == 0


def test_a_record_is_plain_json() -> None:
    found = scan_universe(paired_prices(np.random.default_rng(1), pairs=1, others=2, bars=600))
    record = json.loads(json.dumps(found.record(most=4), allow_nan=False))
    assert len(record["pairs"]) == 4 and record["tests"] == 6 and record["bars"] == 420
    assert record["pairs"][0]["y"] == found.pairs["y"].iloc[0]
    assert record["pairs"][0]["statistic"] == found.pairs["statistic"].iloc[0]
    assert json.loads(record["settings"])["holdout"] == 0.3
    whole = found.record()
    nan = found.pairs["half_life_bars"].isna().to_numpy()
    assert [row["half_life_bars"] is None for row in whole["pairs"]] == nan.tolist()


def test_nothing_or_one_symbol_is_an_empty_table_and_no_holdout_a_table_without_it() -> None:
    one = scan_universe({"A": np.exp(1e-3 * walk(np.random.default_rng(1), 400))})
    assert one.pairs.empty and one.tests == 0 and "q_value" in one.pairs
    none = scan_universe(pd.DataFrame(index=minutes(400)))
    assert none.pairs.empty and none.symbols == ()
    table = scan(factor_prices(np.random.default_rng(1), 3, 400), ONE_LAG)
    assert table["holdout_pvalue"].isna().all() and not table["is_confirmed"].any()


def test_settings_that_cannot_be_are_refused() -> None:
    for changes, message in (
        ({"lags": "best"}, "lags is 'best'; expected bic, aic or a number"),
        ({"holdout": 0.9}, "holdout is 0.9; expected 0 to 0.8"),
        ({"false_share": 0.0}, "false_share is 0.0; expected above 0 and below 1"),
        ({"control": "holm"}, "control is 'holm'; expected bh or by"),
        ({"least_bars": 50}, "least_bars is 50; expected at least 100"),
        ({"most_filled": 2.0}, "most_filled is 2.0; expected 0 to 1"),
        ({"least_volume": -1.0}, "least_volume is -1.0; expected 0 or more"),
    ):
        with pytest.raises(SettingsError, match=message):
            ScanSettings(**changes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the selection would see 60 bars; expected at least 100"):
        scan(factor_prices(np.random.default_rng(1), 3, 300), ScanSettings(holdout=0.8))


@pytest.mark.parametrize(
    ("values", "expected"), [([1.0, -1.0, 1.0], 2), ([1.0, 0.0, 1.0], 0), ([1.0, 0.0, -1.0], 1), ([0.0, 0.0], 0)]
)
def test_crossings_are_changes_of_side(values: list[float], expected: int) -> None:
    assert crossings(np.array(values)) == expected


def test_the_example_runs() -> None:
    assert doctest.testmod(engine.scan).failed == 0
    assert names(1) == ["C00USDT"]
