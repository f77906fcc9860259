"""REST answers without a socket: parameters, errors, weights, blocks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.connection_policy import ConnectionPolicy
from simulator.rate_limit import RequestWeights
from simulator.rest import Answer, Rest
from simulator.trade_history import Trade
from simulator.venue import Venue
from tests.simulator.test_venue import START, synthetic

NOW = 1_790_000_000.0
AGG = "/fapi/v1/aggTrades"


class Harness:
    """A REST side over a market that has traded for ten minutes."""

    def __init__(self, weight_limit: int = 1_000_000) -> None:
        self.venue: Venue = synthetic()
        self.venue.advance(START + 600_000, set())
        self.gate = ConnectionPolicy(86_400, 10, False)
        self.rest = Rest(self.venue, RequestWeights(weight_limit, ban_after=2, ban_s=120), self.gate, weight_limit)

    def get(self, target: str, now_s: float = NOW) -> Answer:
        return self.rest.answer(target, now_s)

    def trades(self, query: str) -> list[Trade]:
        answer = self.get(f"{AGG}?symbol=BTCUSDT&{query}")
        assert answer.status == 200, answer.body
        return [Trade("BTCUSDT", t["a"], t["p"], t["q"], t["T"], t["m"]) for t in json.loads(answer.body)]


@pytest.fixture(scope="module")
def harness() -> Harness:
    return Harness()


@pytest.fixture(scope="module")
def ledger(harness: Harness) -> list[Trade]:
    return harness.venue.trades("BTCUSDT")


class TestAggTrades:
    def test_an_object_has_every_field(self, harness: Harness) -> None:
        (found,) = json.loads(harness.get(f"{AGG}?symbol=BTCUSDT&fromId=7&limit=1").body)
        assert list(found) == ["a", "p", "q", "nq", "f", "l", "T", "m"]
        row = harness.venue.trade_history("BTCUSDT").from_id(7, 1)[0]
        assert (found["a"], found["f"], found["l"] - found["f"] + 1) == (7, row["first_fill"], row["fills"])

    def test_without_times_or_ids_the_latest_500(self, harness: Harness, ledger: list[Trade]) -> None:
        assert harness.trades("") == ledger[-500:]
        assert harness.trades("limit=3") == ledger[-3:]

    def test_from_an_id_on(self, harness: Harness, ledger: list[Trade]) -> None:
        assert harness.trades("fromId=100&limit=1000") == ledger[99:1099]
        assert harness.trades(f"fromId={ledger[-1].agg_id + 1}") == []

    def test_ids_before_what_is_remembered_answer_with_the_first_there_is(
        self, harness: Harness, ledger: list[Trade]
    ) -> None:
        assert harness.trades("fromId=0&limit=2") == ledger[:2]

    def test_times(self, harness: Harness, ledger: list[Trade]) -> None:
        start, end = START + 100_000, START + 130_000
        inside = [trade for trade in ledger if start <= trade.trade_time_ms <= end]
        assert harness.trades(f"startTime={start}&endTime={end}&limit=1000") == inside[:1_000]
        after = [trade for trade in ledger if trade.trade_time_ms >= start]
        assert harness.trades(f"startTime={start}&limit=20") == after[:20]
        before = [trade for trade in ledger if trade.trade_time_ms <= end]
        assert harness.trades(f"endTime={end}&limit=20") == before[-20:]

    @pytest.mark.parametrize(
        ("query", "code", "message"),
        [
            ("", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
            ("symbol=", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
            ("symbol=NOPE", -1121, "Invalid symbol."),
            ("symbol=btcusdt", -1121, "Invalid symbol."),
            ("symbol=BTCUSDT&limit=1001", -1130, "Data sent for parameter 'limit' is not valid."),
            ("symbol=BTCUSDT&limit=0", -1130, "Data sent for parameter 'limit' is not valid."),
            ("symbol=BTCUSDT&fromId=-1", -1100, "Illegal characters found in parameter 'fromId'"),
            ("symbol=BTCUSDT&fromId=", -1100, "Illegal characters found in parameter 'fromId'"),
            ("symbol=BTCUSDT&fromId=1&startTime=1", -1128, "Combination of optional parameters invalid."),
            ("symbol=BTCUSDT&fromId=1&endTime=1", -1128, "Combination of optional parameters invalid."),
            ("symbol=BTCUSDT&startTime=2&endTime=1", -1023, "Start time is greater than end time."),
            ("symbol=BTCUSDT&startTime=1&endTime=3600002", -1127, "More than 1 hours between startTime and endTime."),
        ],
    )
    def test_errors(self, harness: Harness, query: str, code: int, message: str) -> None:
        answer = harness.get(f"{AGG}?{query}")
        body = json.loads(answer.body)
        assert answer.status == 400
        assert body["code"] == code
        assert body["msg"].startswith(message)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


class TestOtherPaths:
    def test_exchange_info_lists_every_symbol_with_its_steps(self, harness: Harness) -> None:
        info = json.loads(harness.get("/fapi/v1/exchangeInfo").body)
        assert info["rateLimits"][0]["limit"] == 1_000_000
        listed: dict[str, Any] = {entry["symbol"]: entry for entry in info["symbols"]}
        assert listed.keys() == {"BTCUSDT", "ETHUSDT"}
        btc = listed["BTCUSDT"]
        filters = {each["filterType"]: each for each in btc["filters"]}
        assert (btc["status"], btc["contractType"], btc["baseAsset"], btc["quoteAsset"]) == (
            "TRADING", "PERPETUAL", "BTC", "USDT",
        )  # fmt: skip
        assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]) == ("0.10", "0.001")
        assert (btc["pricePrecision"], btc["quantityPrecision"]) == (2, 3)

    def test_time_is_the_exchange_s_own(self, harness: Harness) -> None:
        assert json.loads(harness.get("/fapi/v1/time").body) == {"serverTime": START + 600_000}

    def test_an_unknown_path(self, harness: Harness) -> None:
        answer = harness.get("/fapi/v1/depth?symbol=BTCUSDT")
        assert answer.status == 404
        assert json.loads(answer.body)["code"] == -5000


class TestLimits:
    def test_every_answer_says_what_has_been_used(self) -> None:
        harness = Harness()
        targets = [f"{AGG}?symbol=BTCUSDT&limit=1", "/fapi/v1/time", "/fapi/v1/exchangeInfo", f"{AGG}?symbol=NOPE"]
        used = [harness.get(target).headers["X-MBX-USED-WEIGHT-1M"] for target in targets]
        assert used == ["20", "21", "22", "42"]

    def test_too_much_is_429_and_going_on_is_418(self) -> None:
        harness = Harness(weight_limit=40)
        answers = [harness.get(f"{AGG}?symbol=BTCUSDT", NOW) for _ in range(6)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429, 418, 418]
        assert answers[2].headers["Retry-After"] == str(int(60 - NOW % 60))
        assert answers[2].headers["Access-Control-Allow-Origin"] == "*"
        assert json.loads(answers[2].body)["code"] == -1003
        assert "40 requests per minute" in json.loads(answers[2].body)["msg"]
        assert answers[4].headers["Retry-After"] == "120"
        assert f"banned until {int((NOW + 120) * 1_000)}" in json.loads(answers[5].body)["msg"]

    def test_a_geo_block_has_no_cors_header(self) -> None:
        harness = Harness()
        harness.gate.blocks_rest = True
        answer = harness.get("/fapi/v1/time")
        assert answer.status == 451
        assert "Access-Control-Allow-Origin" not in answer.headers
