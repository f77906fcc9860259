"""Volumes of a day on the protocol: which symbols trade most."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import MessageRefused
from engine.intake.actions import FetchTickers
from engine.intake.messages import decode
from engine.intake.ticker_requests import ASK_AGAIN_MS as TICKERS_AGAIN_MS
from engine.intake.ticker_requests import BRIDGE_WITHIN_MS, FORGOTTEN_MS
from tests.engine.intake.history_harness import T0, HistoryHarness, told


def volumes(*rows: tuple[str, str]) -> dict[str, Any]:
    return {"type": "tickers", "time_ms": T0, "rows": [list(row) for row in rows]}


def test_the_most_liquid_symbols_are_told_to_whom_asked() -> None:
    harness = HistoryHarness()
    harness.join(1, "tickers", market="spot")
    harness.join(2, "tickers")
    harness.join(3)
    harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": 2})
    assert harness.asked == {2: [{"type": "fetch_tickers"}]}
    odd = [("\u5e01\u5b89USDT", "8.5"), ("BAD SYMBOL USDT", "99"), ("USDT", "98"), ("ETHBTC", "97"), ("ZUSDT", "0")]
    harness.say(1, volumes(("SPOTUSDT", "100")))
    assert told(harness) == [], "of another market"
    harness.say(2, volumes(("AUSDT", "5"), *odd, ("CUSDT", "12345678901234567.25")))
    rows = [["CUSDT", 12345678901234567.25], ["\u5e01\u5b89USDT", 8.5]]
    assert told(harness) == [{"type": "tickers", "time_ms": T0, "rows": rows}]
    harness.say(
        2,
        volumes(
            ("AUSDT", "5"),
        ),
    )
    assert len(told(harness)) == 1


def test_volumes_are_asked_of_the_next_bridge_then_of_the_server_then_given_up() -> None:
    harness = HistoryHarness(own_markets=("sim",))
    harness.join(1, "tickers")
    harness.join(2, "tickers")
    harness.join(3)
    harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": 5})
    harness.say(1, {"type": "unfetchable_tickers", "reason": "HTTP 451"})
    assert harness.asked[2] == [{"type": "fetch_tickers"}] and harness.own == []
    harness.pass_time(TICKERS_AGAIN_MS)
    assert harness.own == [FetchTickers("sim")]
    harness.do(harness.intake.history.tickers_not_fetched("sim", "unreachable", harness.now))
    assert told(harness) == [{"type": "unfetchable_tickers", "reason": "the server: unreachable"}]
    harness.say(
        2,
        volumes(
            ("AUSDT", "5"),
        ),
    )
    assert len(told(harness)) == 1, "it came too late"


def test_who_leaves_is_not_waited_for_and_without_anybody_it_is_said_after_a_while() -> None:
    harness = HistoryHarness()
    harness.join(3)
    harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": 5})
    harness.pass_time(BRIDGE_WITHIN_MS - 1)
    assert told(harness) == []
    harness.pass_time(1)
    assert "no bridge that can fetch volumes" in told(harness)[0]["reason"]
    harness.join(1, "tickers")
    harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": 5})
    harness.join(2, "tickers")
    harness.leave(1)
    harness.pass_time(100)
    assert harness.asked[2] == [{"type": "fetch_tickers"}]
    harness.leave(3)
    harness.say(
        2,
        volumes(
            ("AUSDT", "5"),
        ),
    )
    assert len(told(harness)) == 1


def test_all_clients_of_a_market_wait_for_one_request_however_often_they_ask() -> None:
    harness = HistoryHarness()
    harness.join(1, "tickers")
    harness.join(2, "tickers", market="spot")
    harness.join(3)
    harness.join(4)
    for count in range(1, 101):
        harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": count})
        harness.say(4, {"type": "want_tickers", "quote": "BTC", "count": 1})
        harness.join(5)
        harness.say(5, {"type": "want_tickers", "quote": "USDT", "count": 1})
        harness.leave(5)
        harness.pass_time(100)
    assert harness.asked == {1: [{"type": "fetch_tickers"}]}
    harness.say(1, volumes(("AUSDT", "5"), ("BUSDT", "6"), ("ABTC", "7")))
    assert [message["rows"] for message in told(harness)] == [[["BUSDT", 6.0], ["AUSDT", 5.0]]]
    assert [message["rows"] for message in told(harness, 4)] == [[["ABTC", 7.0]]]
    harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": 1})
    assert len(harness.asked[1]) == 2, "what was answered is asked anew"


def test_who_has_not_answered_is_not_asked_again_and_answers_all_the_same() -> None:
    harness = HistoryHarness(own_markets=("sim",))
    harness.join(1, "tickers")
    harness.join(3)
    for _ in range(4):
        harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": 1})
        harness.pass_time(TICKERS_AGAIN_MS)
        harness.pass_time(TICKERS_AGAIN_MS)
    assert [message["reason"] for message in told(harness)] == ["no answer within 30 s"] * 4
    assert harness.asked[1] == [{"type": "fetch_tickers"}] and harness.own == [FetchTickers("sim")]
    harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": 1})
    harness.pass_time(TICKERS_AGAIN_MS)
    harness.say(1, volumes(("AUSDT", "5")))
    assert told(harness)[-1]["rows"] == [["AUSDT", 5.0]]
    harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": 1})
    harness.say(1, {"type": "unfetchable_tickers", "reason": "HTTP 500"})
    harness.pass_time(FORGOTTEN_MS)
    harness.pass_time(100)
    harness.say(3, {"type": "want_tickers", "quote": "USDT", "count": 1})
    harness.say(1, {"type": "unfetchable_tickers", "reason": "HTTP 500"})
    assert harness.own == [FetchTickers("sim")] * 2, "the answer was lost"


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"type": "want_tickers", "quote": "usdt", "count": 5}, "quote is 'usdt'"),
        ({"type": "want_tickers", "quote": "USDT", "count": 0}, "count is 0"),
        ({"type": "want_tickers", "quote": "USDT", "count": 1_025}, "expected at most 1024"),
        ({"type": "tickers", "time_ms": T0, "rows": [["AUSDT", 5]]}, "expected .symbol, volume as decimal text"),
        ({"type": "tickers", "time_ms": T0, "rows": [["AUSDT", "1e5"]]}, "expected .symbol, volume as decimal text"),
        ({"type": "tickers", "time_ms": T0, "rows": {}}, "expected a list of at most 5000 rows"),
    ],
)
def test_what_cannot_be_read_of_volumes_is_refused(message: dict[str, Any], says: str) -> None:
    with pytest.raises(MessageRefused, match=says):
        decode(json.dumps(message))
