"""Selection of symbols: unusable ones are excluded with a reason, never repaired."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.scan import ScanSettings, scan_universe
from engine.scan.universe import universe
from tests.engine.scan.worlds import factor_prices, minutes

BARS = 600
SETTINGS = ScanSettings()


def odd() -> pd.DataFrame:
    """Two valid symbols among every kind of invalid one."""
    prices = factor_prices(np.random.default_rng(1), 12, BARS)
    prices.columns = pd.Index(["GOOD", "NAN", "LATE", "GAPPY", "ZERO", "MINUS", "INF", "STILL", "RARE", "HOLED", "NEW",
                               "ALSO"])  # fmt: skip
    prices["NAN"] = np.nan
    prices.loc[prices.index[:100], "LATE"] = np.nan
    prices.loc[prices.index[10:60], "GAPPY"] = np.nan
    prices.loc[prices.index[40], "ZERO"] = 0.0
    prices.loc[prices.index[41], "MINUS"] = -1.0
    prices.loc[prices.index[42], "INF"] = np.inf
    prices["STILL"] = 3.0
    prices["RARE"] = prices["RARE"].where(np.arange(BARS) % 50 == 0).ffill()
    prices.loc[prices.index[200:220], "HOLED"] = np.nan
    prices.loc[prices.index[:2], "NEW"] = np.nan
    return prices


def test_each_is_left_out_for_its_own_reason() -> None:
    found = universe(odd(), SETTINGS)
    assert found.symbols == ("GOOD", "HOLED", "NEW", "ALSO")
    assert {each.name: each.code for each in found.excluded} == {
        "NAN": "SHORT_HISTORY", "LATE": "SHORT_HISTORY", "GAPPY": "MISSING_BARS", "ZERO": "BAD_PRICE",
        "MINUS": "BAD_PRICE", "INF": "BAD_PRICE", "STILL": "CONSTANT", "RARE": "RARELY_MOVES",
    }  # fmt: skip
    told = {each.name: each.detail for each in found.excluded}
    assert told["LATE"] == "500 bars from its first price on; 570 needed"
    assert told["ZERO"] == "0.0 in bar 40; expected positive, finite prices"
    assert told["GAPPY"].startswith("8.4% of the bars; at most 5.0%")
    assert told["RARE"].endswith("of the bars; at least 10.0%")


def test_it_begins_when_all_have_begun_and_carries_what_is_missing_later() -> None:
    prices = odd()
    found = universe(prices, SETTINGS)
    assert found.first_bar == 2 and found.log_prices.shape == (4, BARS - 2)
    holed = found.symbols.index("HOLED")
    np.testing.assert_array_equal(np.flatnonzero(~found.own_bars[holed]), np.arange(198, 218))
    np.testing.assert_array_equal(found.log_prices[holed, 198:218], found.log_prices[holed, 197])
    assert found.own_bars[[i for i in range(4) if i != holed]].all()
    np.testing.assert_array_equal(found.log_prices[0], np.log(prices["GOOD"].to_numpy()[2:]))


def test_too_thin_a_market_is_left_out() -> None:
    prices = factor_prices(np.random.default_rng(1), 3, BARS)
    volume = pd.DataFrame(100.0, columns=prices.columns, index=prices.index)
    volume["C01USDT"] = np.where(np.arange(BARS) % 3 == 0, 50.0, np.nan)
    found = universe(prices, ScanSettings(least_volume=10.0), volume)
    assert found.symbols == ("C00USDT", "C02USDT")
    assert [(each.name, each.code, each.detail) for each in found.excluded] == [
        ("C01USDT", "ILLIQUID", "median volume 0 a bar; at least 10")
    ]
    with pytest.raises(ValueError, match="C01USDT has prices and no volume"):
        universe(prices, SETTINGS, volume.drop(columns="C01USDT"))


def test_a_mapping_is_as_good_as_a_frame() -> None:
    prices = factor_prices(np.random.default_rng(1), 3, BARS)
    one = universe(prices, SETTINGS)
    two = universe({name: prices[name].to_numpy() for name in prices}, SETTINGS)
    assert one.symbols == two.symbols
    np.testing.assert_array_equal(one.log_prices, two.log_prices)


def test_what_cannot_be_read_is_refused() -> None:
    prices = factor_prices(np.random.default_rng(1), 3, BARS)
    twice = pd.concat([prices, prices[["C00USDT"]]], axis=1)
    with pytest.raises(ValueError, match="symbol 'C00USDT' stands twice"):
        universe(twice, SETTINGS)
    for bad in (prices.iloc[::-1], prices.iloc[[0, 0, 1]]):
        with pytest.raises(ValueError, match="the index does not rise"):
            universe(bad, SETTINGS)
    with pytest.raises(ValueError, match=r"C00USDT holds \w+; expected real numbers"):
        universe(prices.astype({"C00USDT": str}), SETTINGS)


def test_the_excluded_stand_beside_the_result() -> None:
    found = scan_universe(odd())
    assert len(found.excluded) == 8 and set(found.pairs["y"]) | set(found.pairs["x"]) == set(found.symbols)
    assert found.pairs.notna()[["statistic", "pvalue", "hurst"]].all(axis=None)
    short = scan_universe(pd.DataFrame({"A": [1.0, 2.0], "B": [2.0, 1.0]}, index=minutes(2)))
    assert {each.code for each in short.excluded} == {"SHORT_HISTORY"} and short.pairs.empty
