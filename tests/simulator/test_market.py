"""The synthetic market has its configured parameters, as measured from its trades."""

from __future__ import annotations

import math
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import SettingsRefused
from simulator.market import BLOCK_MS, CoinState, SyntheticMarket
from simulator.settings import DEFAULT_COINS, Coin, coins_named
from simulator.trade_history import Rows

START = 1_790_000_000_000
HOUR = 3_600_000

X = Coin("BTCUSDT", 85_000.0, "0.10", "0.001", 5.0)
COINTEGRATED = Coin("ETHUSDT", 3_100.0, "0.01", "0.001", 5.0, beta=1.1, half_life_s=60.0, spread_bps=15.0)
CONTROL = Coin("ADAUSDT", 4_200.0, "0.01", "1", 5.0, beta=1.0, walk_bps=1.0)
STILL = Coin("STILL", 100.0, "0.01", "0.001", 50.0, beta=0.0, half_spread_bps=2.5)


def market(*coins: Coin, seed: int = 7) -> SyntheticMarket:
    return SyntheticMarket(coins, seed, START, first_id=1_000)


def mids(rows: Rows, step_ms: int, hours: int) -> np.ndarray:
    """Log of the mean of the last bid and the last ask print at every step."""
    at = START + np.arange(60_000, hours * HOUR, step_ms)
    sides = []
    for maker in (True, False):
        side = rows[rows["maker"] == maker]
        sides.append(side["price"][np.searchsorted(side["time_ms"], at, side="right") - 1])
    return np.log((sides[0] + sides[1]) / 2.0)


def autocovariance(values: np.ndarray, lag: int) -> float:
    centred = values - values.mean()
    return float(np.mean(centred[lag:] * centred[:-lag]))


@pytest.fixture(scope="module")
def two_days() -> dict[str, Rows]:
    return market(X, COINTEGRATED, CONTROL).advance(START + 48 * HOUR)


class TestTruth:
    def test_beta_is_recovered(self, two_days: dict[str, Rows]) -> None:
        x, y = mids(two_days["BTCUSDT"], 5_000, 48), mids(two_days["ETHUSDT"], 5_000, 48)
        beta = np.cov(x, y)[0, 1] / np.var(x)
        assert beta == pytest.approx(1.1, abs=0.02)

    def test_half_life_and_deviation_of_the_spread_are_recovered(self, two_days: dict[str, Rows]) -> None:
        x, y = mids(two_days["BTCUSDT"], 5_000, 48), mids(two_days["ETHUSDT"], 5_000, 48)
        spread = y - 1.1 * x
        # Two lags, because the rounding to ticks and stale quotes add noise at lag 0 only.
        decay = autocovariance(spread, 12) / autocovariance(spread, 6)
        assert -30 * math.log(2) / math.log(decay) == pytest.approx(60, rel=0.15)
        assert spread.std() * 1e4 == pytest.approx(15, rel=0.1)

    def test_a_control_walks_away_instead_of_coming_back(self, two_days: dict[str, Rows]) -> None:
        x = mids(two_days["BTCUSDT"], 5_000, 48)

        def variance_ratio(spread: np.ndarray) -> float:
            """30 minutes against 1 minute: 30 for a random walk, near 1 for a spread that reverts within minutes."""
            return float(np.var(spread[360:] - spread[:-360]) / np.var(spread[12:] - spread[:-12]))

        assert variance_ratio(mids(two_days["ADAUSDT"], 5_000, 48) - x) == pytest.approx(30, rel=0.35)
        assert variance_ratio(mids(two_days["ETHUSDT"], 5_000, 48) - 1.1 * x) < 4

    def test_the_factor_moves_as_told(self, two_days: dict[str, Rows]) -> None:
        minutes = mids(two_days["BTCUSDT"], 60_000, 48)
        assert np.diff(minutes).std() * 1e4 == pytest.approx(math.sqrt(60), rel=0.06)

    def test_trades_come_at_the_rate_told_and_sometimes_two_at_once(self, two_days: dict[str, Rows]) -> None:
        rows = two_days["BTCUSDT"]
        assert len(rows) / (48 * 3_600) == pytest.approx(5.0, rel=0.02)
        same_time = np.mean(np.diff(rows["time_ms"]) == 0)
        assert 0.1 < same_time < 0.2


class TestBounce:
    def test_prints_are_at_the_bid_or_the_ask(self) -> None:
        rows = market(STILL).advance(START + HOUR)["STILL"]
        bids, asks = rows["price"][rows["maker"]], rows["price"][~rows["maker"]]
        # 100.00 -+ 2.5 bps, rounded outwards, is 99.97 and 100.03; a sweep prints one tick further.
        assert set(bids.tolist()) == {9_997, 9_996}
        assert set(asks.tolist()) == {10_003, 10_004}
        assert 0.45 < rows["maker"].mean() < 0.55

    def test_last_prices_reverse_and_mids_do_not(self) -> None:
        wide = Coin("WIDE", 85_000.0, "0.10", "0.001", 5.0, half_spread_bps=2.0)
        rows = market(wide).advance(START + 12 * HOUR)["WIDE"]
        seconds = np.arange(60_000, 12 * HOUR, 1_000) + START
        last = np.log(rows["price"][np.searchsorted(rows["time_ms"], seconds, side="right") - 1].astype(float))
        prints, mid = np.diff(last), np.diff(mids(rows, 1_000, 12))
        assert np.corrcoef(prints[1:], prints[:-1])[0, 1] < -0.3
        # Quotes that are a moment old make the mid a little smooth, which is the other sign.
        assert np.corrcoef(mid[1:], mid[:-1])[0, 1] > -0.05


class TestOrder:
    def test_ids_and_fills_are_contiguous(self, two_days: dict[str, Rows]) -> None:
        for rows in two_days.values():
            assert rows["id"][0] == 1_000
            assert np.all(np.diff(rows["id"]) == 1)
            assert np.all(rows["first_fill"][1:] == rows["first_fill"][:-1] + rows["fills"][:-1])
            assert rows["fills"].min() == 1
            assert rows["fills"].max() > 3

    def test_times_never_fall_and_frames_are_sent_4_to_160_ms_later(self, two_days: dict[str, Rows]) -> None:
        for rows in two_days.values():
            assert np.all(np.diff(rows["time_ms"]) >= 0)
            assert np.all(np.diff(rows["time_ms"] + rows["lag_ms"]) >= 0)
            assert rows["lag_ms"].min() >= 4
            assert rows["lag_ms"].max() <= 160

    def test_prices_are_whole_ticks_and_quantities_whole_lots(self, two_days: dict[str, Rows]) -> None:
        rows = two_days["BTCUSDT"]
        assert np.all(rows["price"] % 10 == 0)
        assert np.all(rows["price_decimals"] == 2)
        assert rows["quantity"].min() >= 1
        assert np.all(rows["fills"] <= rows["quantity"])
        assert np.all(rows["normal"] <= rows["quantity"])
        assert np.any(rows["normal"] < rows["quantity"])


class TestSeed:
    def test_the_same_seed_gives_the_same_market(self) -> None:
        one, other = (market(X, COINTEGRATED).advance(START + HOUR) for _ in range(2))
        assert all(np.array_equal(one[symbol], other[symbol]) for symbol in one)

    def test_another_seed_gives_another(self) -> None:
        one, other = (market(X, seed=seed).advance(START + HOUR)["BTCUSDT"] for seed in (1, 2))
        assert one.tolist()[:100] != other.tolist()[:100]

    def test_a_coin_does_not_depend_on_its_neighbours(self) -> None:
        alone = market(COINTEGRATED).advance(START + HOUR)["ETHUSDT"]
        among = market(X, CONTROL, COINTEGRATED).advance(START + HOUR)["ETHUSDT"]
        assert np.array_equal(alone, among)

    @settings(deadline=None, max_examples=30)
    @given(st.lists(st.integers(0, 3 * BLOCK_MS), min_size=1, max_size=20))
    def test_how_it_is_cut_cannot_show(self, cuts: list[int]) -> None:
        end = START + 3 * BLOCK_MS
        whole = market(X, COINTEGRATED).advance(end)
        cut = market(X, COINTEGRATED)
        parts = [cut.advance(START + at) for at in sorted(cuts)] + [cut.advance(end)]
        for symbol in whole:
            together = np.concatenate([part[symbol] for part in parts if symbol in part])
            assert np.array_equal(whole[symbol], together)

    def test_a_trade_at_the_very_end_is_included(self) -> None:
        last_ms = int(market(X).advance(START + HOUR)["BTCUSDT"]["time_ms"][-1])
        assert market(X).advance(last_ms)["BTCUSDT"]["time_ms"][-1] == last_ms
        assert market(X).advance(last_ms - 1)["BTCUSDT"]["time_ms"][-1] < last_ms


class TestJumpAndState:
    def test_a_jump_moves_one_price_for_good(self) -> None:
        still = market(STILL, Coin("OTHER", 100.0, "0.01", "1", 50.0, beta=0.0, half_spread_bps=2.5))
        still.advance(START + 30_000)
        still.jump("STILL", 200)
        after = still.advance(START + 3 * BLOCK_MS)
        assert set(after["STILL"]["price"][after["STILL"]["maker"]].tolist()) <= {10_197, 10_196, 10_195}
        assert set(after["OTHER"]["price"][after["OTHER"]["maker"]].tolist()) == {9_997, 9_996}

    def test_a_later_market_goes_on_with_ids_and_prices(self) -> None:
        first = market(X, COINTEGRATED)
        before = first.advance(START + 10 * HOUR + 12_345)
        state = first.state(START + 10 * HOUR + 12_345)
        state.generation += 1
        second = SyntheticMarket((X, COINTEGRATED), 7, START + 11 * HOUR, 1, state=state)
        after = second.advance(START + 12 * HOUR)
        for symbol, rows in after.items():
            last = before[symbol][-1]
            assert rows["id"][0] == last["id"] + 1
            assert rows["first_fill"][0] == last["first_fill"] + last["fills"]
            assert rows["price"][0] == pytest.approx(last["price"], rel=2e-3)

    def test_a_later_market_does_not_repeat_the_noise(self) -> None:
        first = market(X).advance(START + HOUR)["BTCUSDT"]
        state = market(X).state(START)
        state.generation += 1
        second = SyntheticMarket((X,), 7, START, 1_000, state=state).advance(START + HOUR)["BTCUSDT"]
        assert first["time_ms"].tolist()[:50] != second["time_ms"].tolist()[:50]

    def test_a_coin_new_to_the_state_begins_at_the_first_id(self) -> None:
        state = market(X).state(START)
        second = SyntheticMarket((X, CONTROL), 7, START, 55, state=state)
        assert second.next_ids() == {"BTCUSDT": 1_000, "ADAUSDT": 55}
        assert state.coins["BTCUSDT"] == CoinState(1_000, 1_000)


def test_it_makes_300_000_trades_a_second_with_room_to_spare() -> None:
    fast = SyntheticMarket(DEFAULT_COINS, 1, START, 1)
    began = time.process_time()  # of this process alone: the machine may be busy with other things
    trades = sum(map(len, fast.advance(START + 12 * HOUR).values()))
    assert trades > 1_000_000
    assert trades / (time.process_time() - began) > 300_000


def test_one_default_pair_pays_its_costs_and_one_is_too_small() -> None:
    coins = {coin.symbol: coin for coin in DEFAULT_COINS}
    earned = {}  # bps of the Y leg, from |z| = 2 back to |z| = 0.5, over a round trip at 5 bps a fill
    for name in ("ETHUSDT", "SOLUSDT", "BNBUSDT"):
        coin = coins[name]
        earned[name] = 1.5 * coin.spread_bps / (2 * (5.0 + coin.half_spread_bps) * (1 + coin.beta))
    assert earned["ETHUSDT"] > 1.5 and earned["BNBUSDT"] > 1.5 and earned["SOLUSDT"] < 0.5
    assert [coin.symbol for coin in DEFAULT_COINS if coin.break_every_s] == ["BNBUSDT"]


def test_a_relation_breaks_at_its_times_and_comes_back_at_the_next() -> None:
    start = START // (2 * HOUR) * 2 * HOUR + HOUR // 2
    still = Coin("STILL", 100.0, "0.0001", "0.001", 5.0, beta=0.0, break_every_s=3_600, break_bps=300.0)
    trades = SyntheticMarket([still], 1, start, 1).advance(start + 3 * HOUR)["STILL"]
    hour = (trades["time_ms"] // HOUR) % 2
    price = trades["price"] / 1e4
    levels = [float(np.median(price[(trades["time_ms"] // HOUR - start // HOUR) == n])) for n in range(4)]
    assert levels[1] / levels[0] == pytest.approx(1.03, abs=1e-4) and levels[3] == pytest.approx(levels[1], rel=1e-4)
    assert levels[2] == pytest.approx(levels[0], rel=1e-4) and set(hour.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"break_every_s": 90}, "break_every_s is 90; expected whole minutes"),
        ({"break_bps": -1.0}, "break_bps is -1.0; expected a number from 0 to 5000"),
    ],
)
def test_a_break_that_cannot_be_is_refused(changes: dict[str, float], says: str) -> None:
    with pytest.raises(SettingsRefused, match=re.escape(says)):
        Coin("X", 1.0, "0.1", "1", 1.0, **changes)  # type: ignore[arg-type]


def test_named_coins_keep_their_process_and_unknown_names_become_controls() -> None:
    eth, other = coins_named(["ETHUSDT", "XYZUSDT"], rate=2.0)
    assert (eth.half_life_s, eth.trades_per_s) == (8.0, 12.0)
    assert other.half_life_s is None
    assert other.walk_bps > 0
