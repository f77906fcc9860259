"""Candles, day statistics, marks and funding: what a source that asks for them gets."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from engine.market.bars import roll_up, second_bar
from engine.market.sourced import read_bar
from engine.market.ticks import Tick
from simulator.candles import CANDLES, MINUTE_MS, grouped, without_gaps
from simulator.connection_policy import ConnectionPolicy
from simulator.market import SyntheticMarket
from simulator.market_data import FUNDING_MS, INTERVALS_MS
from simulator.rate_limit import RequestWeights
from simulator.rest import FUNDING_REQUESTS, Rest
from simulator.settings import Coin, coins_named
from simulator.sources import SyntheticSource
from simulator.trade_history import Trade
from simulator.venue import Venue
from tests.simulator.helpers import busy

START = 1_790_000_000_000  # 13:33:20 of a minute: the first one is not whole
NOW = 1_790_000_000.0
MINUTES = 3 * 1_440
HOUR = 3_600_000


class Harness:
    """Two coins that have traded for two hours and a half, and have three days of candles from before."""

    def __init__(self, weight_limit: int = 10**9, traded_ms: int = 9_000_000) -> None:
        coins = (*coins_named(["BTCUSDT", "ETHUSDT"], rate=0.5), Coin("RAREUSDT", 2.0, "0.001", "0.1", 0.002))
        market = SyntheticMarket(coins, 3, START, first_id=1)
        self.venue = Venue(SyntheticSource(market, coins, START, MINUTES), 1_000_000, 48)
        self.venue.advance(START + traded_ms, set())
        weights = RequestWeights(weight_limit, ban_after=2, ban_s=120)
        self.rest = Rest(self.venue, weights, ConnectionPolicy(86_400, 10, False), weight_limit)

    def get(self, query: str, now_s: float = NOW) -> Any:
        answer = self.rest.answer(f"/fapi/v1/{query}", now_s)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def weight(self, query: str) -> int:
        before = int(self.rest.answer("/fapi/v1/fundingInfo", NOW).headers["X-MBX-USED-WEIGHT-1M"])
        return int(self.rest.answer(f"/fapi/v1/{query}", NOW).headers["X-MBX-USED-WEIGHT-1M"]) - before


@pytest.fixture(scope="module")
def harness() -> Harness:
    return Harness()


def bar_of(trades: list[Trade], open_ms: int, width_ms: int) -> Any:
    """The bar that the store makes of these trades."""
    seconds: dict[int, list[Tick]] = {}
    for t in trades:
        if open_ms <= t.trade_time_ms < open_ms + width_ms:
            tick = Tick(t.symbol, t.agg_id, float(t.price), float(t.quantity), t.trade_time_ms, t.buyer_is_maker)
            seconds.setdefault(t.trade_time_ms // 1_000 * 1_000, []).append(tick)
    return roll_up([second_bar(at, ticks) for at, ticks in sorted(seconds.items())], open_ms, width_ms)


@pytest.mark.parametrize("interval", ["1m", "5m", "1h"])
def test_a_candle_is_what_its_trades_give(harness: Harness, interval: str) -> None:
    width_ms, trades = INTERVALS_MS[interval], harness.venue.trades("BTCUSDT")
    first_ms = START // width_ms * width_ms + width_ms  # the first that is whole
    rows = harness.get(f"klines?symbol=BTCUSDT&interval={interval}&startTime={first_ms}&limit=1500")
    assert len(rows) >= 2
    for row in rows:
        expected = bar_of(trades, row[0], width_ms)
        bar = read_bar("BTCUSDT", width_ms, row[:6], "kline")
        assert bar[2:7] == expected[:5], "open time and prices, to the last digit"
        assert math.isclose(bar.volume, expected.volume, rel_tol=1e-12)
        assert row[6] == row[0] + width_ms - 1 and row[8] == expected.trades
        assert math.isclose(float(row[7]), expected.quote_volume, rel_tol=1e-9)
        assert math.isclose(float(row[9]), expected.buy_volume, rel_tol=1e-12)
        assert row[11] == "0" and len(row) == 12


def test_candles_go_back_beyond_the_first_trade_without_a_jump_or_a_break(harness: Harness) -> None:
    rows = []
    end_ms = harness.venue.now_ms
    while page := harness.get(f"klines?symbol=ETHUSDT&interval=1m&endTime={end_ms}&limit=1500"):
        rows = page + rows
        end_ms = page[0][0] - 1
    times = [row[0] for row in rows]
    assert times == list(range(times[0], harness.venue.now_ms + 1, MINUTE_MS))
    assert len(times) == MINUTES + len([at for at in times if at >= START - START % MINUTE_MS])
    closes = np.log([float(row[4]) for row in rows])
    steps = np.abs(np.diff(closes))
    assert steps.max() < 6 * np.median(steps) * 1.5
    for row in rows:
        read_bar("ETHUSDT", MINUTE_MS, row[:6], "kline")


def test_an_hour_is_what_its_minutes_are_before_across_and_after_the_beginning(harness: Harness) -> None:
    """Hours of the past are kept by the exchange, minutes are drawn again."""
    hours = harness.get("klines?symbol=BTCUSDT&interval=1h&limit=70")
    assert hours[0][0] < START - 60 * HOUR and hours[-1][0] > START
    for hour in hours:
        minutes = harness.get(f"klines?symbol=BTCUSDT&interval=1m&startTime={hour[0]}&endTime={hour[6]}&limit=60")
        assert (hour[1], hour[4]) == (minutes[0][1], minutes[-1][4])
        assert float(hour[2]) == max(float(each[2]) for each in minutes)
        assert float(hour[3]) == min(float(each[3]) for each in minutes)
        for column in (5, 8, 9):  # of volume, trades and taker's volume the decimals are exact
            assert Decimal(hour[column]) == sum(Decimal(each[column]) for each in minutes)
    assert harness.get("klines?symbol=BTCUSDT&interval=1h&limit=70") == hours


def test_the_past_is_as_cointegrated_as_the_present() -> None:
    coins = (Coin("A", 100.0, "0.0001", "1", 1.0), Coin("B", 50.0, "0.0001", "1", 1.0, 1.1, 60.0, 15.0))
    source = SyntheticSource(SyntheticMarket(coins, 5, START, 1), coins, START, 20_000)
    a, b = (np.log(source.past(name, START, 20_000)["close"] / 1e4) for name in ("A", "B"))
    spread = b - 1.1 * a
    assert a.std() > 30e-4 and abs(spread.std() - 15e-4) < 1.5e-4
    phi = np.corrcoef(spread[:-1], spread[1:])[0, 1]
    assert abs(phi - 0.5) < 0.05, "half-life 60 s"
    again = SyntheticSource(SyntheticMarket(coins, 5, START, 1), coins, START, 20_000)
    np.testing.assert_array_equal(source.past("B", START, 20_000)[-500:], again.past("B", START, 500))


@pytest.mark.parametrize("half_life_s", [1.0, 30.0, 1e7])
def test_any_half_life_gives_prices(half_life_s: float) -> None:
    coins = (Coin("B", 50.0, "0.0001", "1", 1.0, 1.1, half_life_s, 15.0),)
    past = SyntheticSource(SyntheticMarket(coins, 5, START, 1), coins, START, 50_000).past("B", START, 2**40)
    assert past["low"].min() > 0 and (past["high"] >= past["low"]).all() and len(past) == 50_000


def test_where_nothing_was_traded_the_close_before_stands(harness: Harness) -> None:
    rows = harness.get("klines?symbol=RAREUSDT&interval=1m&limit=140")
    traded = {trade.trade_time_ms // MINUTE_MS * MINUTE_MS for trade in harness.venue.trades("RAREUSDT")}
    quiet = [(before, row) for before, row in itertools.pairwise(rows) if row[0] not in traded]
    assert len(quiet) > 50
    for before, row in quiet:
        assert row[1:6] == [before[4]] * 4 + ["0.0"] and row[8] == 0


def test_times_and_limits(harness: Harness) -> None:
    def opens(query: str) -> list[int]:
        return [row[0] for row in harness.get(f"klines?symbol=BTCUSDT&interval=5m&{query}")]

    width, now_ms = 300_000, harness.venue.now_ms
    newest = now_ms // width * width
    assert opens("limit=3") == [newest - 2 * width, newest - width, newest], "the newest is still forming"
    assert len(opens("")) == 500
    start = newest - 10 * width
    assert opens(f"startTime={start}&limit=2") == [start, start + width]
    assert opens(f"startTime={start + 1}&limit=1") == [start + width]
    assert opens(f"startTime={start}&endTime={start + 2 * width}") == [start, start + width, start + 2 * width]
    assert opens(f"endTime={start}&limit=2") == [start - width, start]
    assert opens(f"startTime={now_ms + width}") == [] == opens("endTime=1000")


def test_lost_trades_are_in_no_candle() -> None:
    harness = Harness(traded_ms=600_000)
    before = harness.get("klines?symbol=BTCUSDT&interval=1h&limit=1")[0]
    harness.venue.disturbance("BTCUSDT").drop(5, True)
    harness.venue.advance(START + 700_000, {"BTCUSDT"})
    row = harness.get("klines?symbol=BTCUSDT&interval=1h&limit=1")[0]
    ids = [trade.agg_id for trade in harness.venue.trades("BTCUSDT")]
    assert ids[-1] - ids[0] + 1 == len(ids) + 5
    traded = [t for t in harness.venue.trades("BTCUSDT") if t.trade_time_ms >= row[0]]
    assert row[8] - before[8] == len(traded) - len([t for t in traded if t.trade_time_ms <= START + 600_000])


def test_candles_outlive_the_trades() -> None:
    coins = coins_named(["BTCUSDT"], rate=20.0)
    venue = Venue(SyntheticSource(SyntheticMarket(coins, 3, START, first_id=1), coins, START), 1_000, 48)
    counted = 0
    for minute in range(1, 21):
        venue.advance(START + minute * MINUTE_MS, set())
    counted = int(venue.minutes("BTCUSDT")["count"].sum())
    last_id = venue.trade_history("BTCUSDT").last_id
    assert venue.trade_history("BTCUSDT").count < counted == last_id


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 99)), min_size=1, max_size=60), st.sampled_from([2, 3, 7]))
def test_grouping_twice_is_grouping_once(made: list[tuple[int, int]], times: int) -> None:
    candles = np.zeros(len(made), CANDLES)
    for at, (minute, price) in enumerate(sorted(made, key=lambda each: each[0])):
        candles[at] = (minute * MINUTE_MS, *[price] * 4, price, price, 1, 0, 0.0, at, at)
    minutes = grouped(candles, MINUTE_MS)
    wide = grouped(candles, times * MINUTE_MS)
    np.testing.assert_array_equal(grouped(minutes, times * MINUTE_MS), wide)
    filled = without_gaps(minutes, MINUTE_MS, 25 * MINUTE_MS)
    assert filled["count"].sum() == len(made) and filled["time_ms"][-1] == 25 * MINUTE_MS
    np.testing.assert_array_equal(filled[filled["count"] > 0], minutes)


class TestWeights:
    @pytest.mark.parametrize(
        ("query", "weight"),
        [
            ("klines?symbol=BTCUSDT&interval=1m&limit=99", 1),
            ("klines?symbol=BTCUSDT&interval=1m&limit=100", 2),
            ("klines?symbol=BTCUSDT&interval=1m&limit=499", 2),
            ("klines?symbol=BTCUSDT&interval=1m", 5),
            ("klines?symbol=BTCUSDT&interval=1m&limit=1000", 5),
            ("klines?symbol=BTCUSDT&interval=1m&limit=1001", 10),
            ("klines?symbol=BTCUSDT&interval=1m&limit=1500", 10),
            ("ticker/24hr", 40),
            ("ticker/24hr?symbol=BTCUSDT", 1),
            ("premiumIndex", 10),
            ("premiumIndex?symbol=BTCUSDT", 1),
            ("fundingRate?symbol=BTCUSDT", 0),
        ],
    )
    def test_each_request_weighs_what_the_exchange_says(self, harness: Harness, query: str, weight: int) -> None:
        assert harness.weight(query) == weight

    def test_too_many_candles_are_429_then_418(self) -> None:
        harness = Harness(weight_limit=20, traded_ms=60_000)
        target = "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1500"
        answers = [harness.rest.answer(target, NOW) for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429, 418]
        assert all("Retry-After" in answer.headers for answer in answers[2:])

    def test_funding_history_has_a_limit_of_its_own(self) -> None:
        harness = Harness(traded_ms=60_000)
        target = "/fapi/v1/fundingRate?symbol=BTCUSDT&limit=1"
        answers = [harness.rest.answer(target, NOW) for _ in range(FUNDING_REQUESTS + 1)]
        assert [answer.status for answer in answers[-2:]] == [200, 429]
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 300
        assert harness.rest.answer(target, NOW + 300).status == 200

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("klines?interval=1m", -1102),
            ("klines?symbol=BTCUSDT", -1102),
            ("klines?symbol=NOPE&interval=1m", -1121),
            ("klines?symbol=BTCUSDT&interval=7m", -1120),
            ("klines?symbol=BTCUSDT&interval=1s", -1120),
            ("klines?symbol=BTCUSDT&interval=1m&limit=1501", -1130),
            ("klines?symbol=BTCUSDT&interval=1m&startTime=2&endTime=1", -1023),
            ("klines?symbol=BTCUSDT&interval=1m&startTime=x", -1100),
            ("fundingRate?symbol=BTCUSDT&limit=1001", -1130),
            ("ticker/24hr?symbol=NOPE", -1121),
            ("premiumIndex?symbol=NOPE", -1121),
        ],
    )
    def test_errors(self, harness: Harness, query: str, code: int) -> None:
        answer = harness.rest.answer(f"/fapi/v1/{query}", NOW)
        assert (answer.status, json.loads(answer.body)["code"]) == (400, code)


class TestDayAndFunding:
    def test_a_day_s_volume_is_that_of_its_candles(self, harness: Harness) -> None:
        found = {each["symbol"]: each for each in harness.get("ticker/24hr")}
        assert found.keys() == {"BTCUSDT", "ETHUSDT", "RAREUSDT"}
        day = found["BTCUSDT"]
        rows = harness.get(f"klines?symbol=BTCUSDT&interval=1m&startTime={day['openTime']}&limit=1500")
        assert float(day["volume"]) == pytest.approx(sum(float(row[5]) for row in rows), rel=1e-12)
        assert float(day["quoteVolume"]) == pytest.approx(sum(float(row[7]) for row in rows), rel=1e-9)
        assert (day["openPrice"], day["lastPrice"]) == (rows[0][1], rows[-1][4])
        assert day["count"] == sum(row[8] for row in rows) and 1_440 <= len(rows) <= 1_441
        assert harness.get("ticker/24hr?symbol=BTCUSDT") == day

    def test_marks_and_history_agree(self, harness: Harness) -> None:
        mark = harness.get("premiumIndex?symbol=BTCUSDT")
        assert mark["nextFundingTime"] % FUNDING_MS == 0 < mark["nextFundingTime"] - harness.venue.now_ms <= FUNDING_MS
        assert mark["markPrice"] == harness.venue.trades("BTCUSDT")[-1].price
        assert [each["symbol"] for each in harness.get("premiumIndex")] == ["BTCUSDT", "ETHUSDT", "RAREUSDT"]
        harness.venue.advance(mark["nextFundingTime"] + 1, set())
        history = harness.get("fundingRate?symbol=BTCUSDT")
        assert history[-1]["fundingTime"] == mark["nextFundingTime"]
        assert history[-1]["fundingRate"] == mark["lastFundingRate"]
        times = [each["fundingTime"] for each in history]
        assert times == list(range(times[0], times[-1] + 1, FUNDING_MS)) and len(times) in (10, 11)
        since = harness.get(f"fundingRate?symbol=BTCUSDT&startTime={times[2]}&limit=2")
        assert [each["fundingTime"] for each in since] == times[2:4]
        assert all(abs(float(each["fundingRate"])) < 1e-3 and float(each["markPrice"]) > 0 for each in history)


async def test_marks_are_streamed_once_a_second_beside_the_trades() -> None:
    async with busy() as exchange:
        url = f"{exchange.ws_url}/market/stream?streams=btcusdt@markPrice@1s/ethusdt@aggTrade"
        async with connect(url) as socket:
            marks: list[dict[str, Any]] = []
            kinds = set()
            while len(marks) < 3:
                message = json.loads(await asyncio.wait_for(socket.recv(), 10.0))
                kinds.add(message["stream"])
                if message["stream"] == "btcusdt@markPrice@1s":
                    marks.append(message["data"])
        assert kinds == {"btcusdt@markPrice@1s", "ethusdt@aggTrade"}
        seconds = [mark["E"] // 1_000 for mark in marks]
        assert seconds == list(range(seconds[0], seconds[0] + 3))
        answer = await asyncio.to_thread(httpx.get, f"{exchange.rest_url}/fapi/v1/premiumIndex?symbol=BTCUSDT")
        mark = marks[0]
        assert list(mark) == ["e", "E", "s", "p", "i", "P", "r", "T"] and mark["e"] == "markPriceUpdate"
        assert (mark["r"], mark["T"]) == (answer.json()["lastFundingRate"], answer.json()["nextFundingTime"])
