"""Conversations with the intake, without a socket: bridges speak JSON, a small store answers at once."""

from __future__ import annotations

from typing import Any

import pytest

from engine.intake.actions import FetchSelf
from engine.intake.health import Moment, facts_of
from engine.market.coverage import Gap
from engine.market.records import Event, GapUpdate
from tests.engine.intake.harness import HELLO, T0, TOKEN, Harness, row


def test_hello_is_welcomed_with_the_high_water() -> None:
    harness = Harness(high_water={"sim": {"BTCUSDT": 77}})
    harness.bridge(1)
    assert harness.last(1) == {
        "type": "welcome", "proto": 1, "high_water": {"BTCUSDT": 77}, "limits": {"rows": 500, "in_flight": 32},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "code", "close", "says"),
    [
        ({**HELLO, "token": "x"}, "bad-token", 4401, "token"),
        ({**HELLO, "proto": 2}, "protocol-version", 4409, "speaks 1"),
        ({**HELLO, "market": "S IM"}, "malformed", 4400, "market is 'S IM'"),
        ({**HELLO, "session": None}, "malformed", 4400, "session is None"),
        ({"type": "ticks", "seq": 1, "rows": [row(1)]}, "malformed", 4400, "must be hello"),
        ("not json", "malformed", 4400, "not JSON"),
        ("[1]", "malformed", 4400, "expected a JSON object"),
        (b"\x00", "binary", 4400, "binary"),
        ("[" * 100_000, "malformed", 4400, "not JSON"),
        ('{"type":"hello","token":"' + "x" * 300_000 + '"}', "too-large", 4400, "262144"),
        ({"type": "dance"}, "unknown-type", 4400, "type is 'dance'"),
    ],
)  # fmt: skip
def test_what_is_not_a_hello_is_refused_by_name(message: Any, code: str, close: int, says: str) -> None:
    harness = Harness()
    harness.do(harness.intake.connected(1, 0))
    harness.say(1, message)
    assert harness.last(1)["code"] == code
    assert says in harness.last(1)["message"]
    assert TOKEN not in harness.last(1)["message"]
    assert harness.closed == {1: close}


def test_silence_instead_of_hello_is_closed_after_two_seconds() -> None:
    harness = Harness()
    harness.do(harness.intake.connected(1, 0))
    harness.pass_time(1_900)
    assert harness.closed == {}
    harness.pass_time(200)
    assert harness.closed == {1: 4408}


def test_rows_are_acknowledged_only_after_the_commit() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    harness.say(1, {"type": "ticks", "seq": 5, "rows": [row(1), row(2, price="0"), row(3)]})
    assert harness.of(1, "ack") == []
    harness.commit()
    (ack,) = harness.of(1, "ack")
    assert (ack["seq"], ack["stored"], ack["duplicates"], ack["conflicts"]) == (5, 2, 0, 0)
    assert ack["rejected"] == [[1, "price is '0'; expected more than 0"]]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "ticks", "seq": 7, "rows": [row(1)]},
        {"type": "ticks", "seq": 2, "rows": []},
        {"type": "ticks", "seq": 2, "rows": [row(1)] * 501},
        {"type": "ticks", "seq": True, "rows": [row(1)]},
        HELLO,
        {"type": "subscribe", "symbols": ["btcusdt"]},
        {"type": "subscribe", "symbols": "BTCUSDT"},
        {"type": "beat", "upstream": "open"},
        {"type": "unfetchable", "symbol": "BTCUSDT", "from": 5, "to": 1, "reason": "x"},
        {"nothing": 1},
    ],
)
def test_a_broken_message_closes_but_keeps_what_was_taken(message: Any) -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    harness.say(1, {"type": "ticks", "seq": 1, "rows": [row(1)]})
    harness.say(1, message)
    assert harness.last(1)["type"] == "refused"
    assert harness.closed == {1: 4400}
    assert [tick.agg_id for batch in harness.batches for tick in batch.ticks] == [1]


def test_reading_stops_at_32_batches_in_flight() -> None:
    harness = Harness()
    harness.bridge(1)
    for seq in range(1, 33):
        assert not harness.intake.must_wait(1)
        harness.say(1, {"type": "ticks", "seq": seq, "rows": [row(seq)]})
    assert harness.intake.must_wait(1)
    harness.commit()
    assert not harness.intake.must_wait(1)


def test_the_second_bridge_stands_by_and_takes_over() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT", "ETHUSDT")
    harness.bridge(2, "ETHUSDT", "SOLUSDT")
    assert harness.last(1) == {"type": "lease", "active": ["BTCUSDT", "ETHUSDT"], "standby": []}
    assert harness.last(2) == {"type": "lease", "active": ["SOLUSDT"], "standby": ["ETHUSDT"]}
    harness.say(1, {"type": "bye", "reason": "stopped by the user"})
    assert harness.closed == {1: 1000}
    assert harness.last(2) == {"type": "lease", "active": ["ETHUSDT", "SOLUSDT"], "standby": []}


def test_a_bridge_without_beats_loses_its_lease_and_gets_it_back_if_nobody_wants_it() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT", "ETHUSDT")
    harness.beat(1)
    harness.bridge(2, "BTCUSDT")
    harness.beat(2)
    for _ in range(6):
        harness.pass_time(500)
        harness.beat(2)
    assert harness.last(2)["active"] == ["BTCUSDT"]
    assert harness.of(1, "lease")[-1] == {"type": "lease", "active": [], "standby": ["BTCUSDT", "ETHUSDT"]}
    harness.beat(1)
    assert harness.of(1, "lease")[-1] == {"type": "lease", "active": ["ETHUSDT"], "standby": ["BTCUSDT"]}


def test_markets_have_leases_of_their_own() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT", market="sim")
    harness.bridge(2, "BTCUSDT", market="usdm")
    assert harness.last(2) == {"type": "lease", "active": ["BTCUSDT"], "standby": []}


def news(first: int, last: int, *missing: tuple[int, int], given_up: str | None = None) -> GapUpdate:
    return GapUpdate("sim", "BTCUSDT", Gap(first, last), tuple(Gap(*run) for run in missing), given_up)


def fetches(harness: Harness, conn: int) -> list[tuple[int, int]]:
    return [(message["from"], message["to"]) for message in harness.of(conn, "fetch")]


def test_a_gap_is_asked_for_once_and_again_without_progress_or_by_another_bridge() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    harness.say(1, {"type": "ticks", "seq": 1, "rows": [row(1), row(9)]})
    harness.commit(news(2, 8, (2, 8)))
    assert fetches(harness, 1) == [(2, 8)]
    harness.pass_time(29_000)
    harness.commit(news(2, 8, (4, 8)))
    harness.pass_time(29_000)
    assert fetches(harness, 1) == [(2, 8)]
    harness.pass_time(2_000)
    assert fetches(harness, 1) == [(2, 8), (4, 8)]
    harness.bridge(2, "BTCUSDT")
    harness.do(harness.intake.disconnected(1, harness.now))
    assert fetches(harness, 2) == [(4, 8)]
    harness.commit(news(2, 8))
    harness.pass_time(60_000)
    assert fetches(harness, 2) == [(4, 8)]


def test_gaps_known_from_the_store_are_asked_for_after_the_lease() -> None:
    harness = Harness(gaps=[news(2, 8, (3, 5)), news(20, 30, (20, 30), given_up="geo-blocked")])
    harness.bridge(1, "BTCUSDT")
    assert [message["type"] for message in harness.sent[1]] == ["welcome", "lease", "fetch"]
    assert fetches(harness, 1) == [(3, 5)]


def test_a_gap_beyond_the_limit_is_recorded_and_not_fetched() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    harness.commit(news(2, 300_001, (2, 300_001)))
    assert fetches(harness, 1) == []
    assert [event for event in harness.events if event.kind != "bridge"] == [
        Event("unfetchable", "sim", "BTCUSDT", {
            "first": 2, "last": 300_001,
            "reason": "300000 ids are more than the limit of 200000; fill it from the exchange's dump files",
        })
    ]  # fmt: skip


def test_a_fetched_row_that_cannot_be_used_ends_its_gap_instead_of_being_asked_for_again_and_again() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    harness.commit(news(2, 8, (5, 5)))
    bad = [row(5, price="0"), row(6, price="0"), row(5, symbol="btc"), "no row"]
    harness.say(1, {"type": "ticks", "seq": 1, "rows": bad})
    reason = "the exchange's row cannot be used: price is '0'; expected more than 0"
    noted = [event for event in harness.events if event.kind != "bridge"]
    assert noted == [Event("unfetchable", "sim", "BTCUSDT", {"first": 5, "last": 5, "reason": reason})]
    harness.commit(news(2, 8, (5, 5), given_up=reason))
    harness.say(1, {"type": "ticks", "seq": 2, "rows": bad})
    harness.pass_time(60_000)
    assert fetches(harness, 1) == [(5, 5)]
    assert noted == [event for event in harness.events if event.kind != "bridge"]


def test_what_a_bridge_cannot_fetch_becomes_an_event() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    harness.commit(news(2, 8, (2, 8)))
    for last, reason in ((4, "the exchange has no such ids"), (8, "geo-blocked")):
        harness.say(1, {"type": "unfetchable", "symbol": "BTCUSDT", "from": last - 2, "to": last, "reason": reason})
    assert [event.kind for event in harness.events] == ["bridge", "absent", "unfetchable"]


FRAME = {"e": "aggTrade", "E": T0, "a": 5, "s": "BTCUSDT", "p": "1.5", "q": "2", "f": 1, "l": 2, "T": T0, "m": True}


def test_any_forwarder_works_with_raw_frames() -> None:
    harness = Harness()
    harness.bridge(1)
    harness.say(1, FRAME)
    harness.say(1, {"stream": "btcusdt@aggTrade", "data": {**FRAME, "a": 6}})
    harness.say(1, {"stream": "btcusdt@bookTicker", "data": {"e": "bookTicker", "a": 7}})
    harness.say(1, {"result": None, "id": 1})
    assert [tick.agg_id for batch in harness.batches for tick in batch.ticks] == [5, 6]
    harness.commit()
    harness.pass_time(1_000)
    harness.pass_time(100)
    assert harness.of(1, "stored") == [{"type": "stored", "high_water": {"BTCUSDT": 6}}]
    assert harness.of(1, "ack") == []
    assert harness.closed == {}


def test_coming_and_going_is_noted_once_per_market() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    harness.bridge(2, "BTCUSDT")
    harness.do(harness.intake.disconnected(1, 0))
    harness.do(harness.intake.disconnected(2, 0))
    assert [event.detail["state"] for event in harness.events] == ["up", "down"]


def test_what_no_bridge_can_fetch_the_server_tries_itself_once() -> None:
    harness = Harness(own_markets=["usdm"])
    harness.bridge(1, "BTCUSDT", market="usdm")
    harness.commit(GapUpdate("usdm", "BTCUSDT", Gap(2, 8), (Gap(2, 8),)))
    told = {"type": "unfetchable", "symbol": "BTCUSDT", "from": 2, "to": 8, "reason": "blocked or geo-blocked"}
    harness.say(1, told)
    (asked,) = harness.own
    assert asked == FetchSelf("usdm", "BTCUSDT", Gap(2, 8), "blocked or geo-blocked")
    harness.do(harness.intake.fetched_self(asked, "geo-blocked: HTTP 451"))
    (event,) = [event for event in harness.events if event.kind == "unfetchable"]
    assert event.detail["reason"] == "the bridge: blocked or geo-blocked; the server: geo-blocked: HTTP 451"
    harness.say(1, told)
    assert len(harness.own) == 1, "it is not tried for ever"
    harness.do(harness.intake.fetched_self(asked, None))
    harness.do(harness.intake.fetched_self(asked, "the exchange has no such ids"))
    assert [event.kind for event in harness.events][-2:] == ["unfetchable", "absent"]


def first_trade(harness: Harness, conn: int = 1) -> None:
    harness.bridge(conn, "BTCUSDT")
    harness.say(conn, {"type": "ticks", "seq": 1, "rows": [row(1_000)]})
    harness.commit()


WARM_FETCH = {"type": "fetch", "symbol": "BTCUSDT", "since_ms": T0 + 1_000 - 1_800_000, "to": 999}


def test_a_first_trade_asks_for_the_minutes_before_it() -> None:
    harness = Harness(warm_start_ms=1_800_000)
    first_trade(harness)
    assert harness.of(1, "fetch") == [WARM_FETCH]
    harness.pass_time(59_000)
    assert harness.of(1, "fetch") == [WARM_FETCH]
    harness.pass_time(2_000)
    assert harness.of(1, "fetch") == [WARM_FETCH] * 2
    harness.say(1, {"type": "ticks", "seq": 2, "rows": [row(900)]})
    harness.commit(news(901, 999, (901, 999)))
    assert harness.of(1, "fetch")[2:] == [{"type": "fetch", "symbol": "BTCUSDT", "from": 901, "to": 999}]
    harness.say(1, {"type": "ticks", "seq": 3, "rows": [row(n) for n in range(901, 1_000)]})
    harness.commit(news(901, 999))
    assert [event.detail for event in harness.events if event.kind == "warm-start"] == [{"state": "warm"}]
    harness.pass_time(120_000)
    assert len(harness.of(1, "fetch")) == 3


def test_a_warm_start_goes_to_the_bridge_that_takes_over() -> None:
    harness = Harness(warm_start_ms=1_800_000)
    first_trade(harness)
    harness.bridge(2, "BTCUSDT")
    harness.do(harness.intake.disconnected(1, harness.now))
    assert harness.of(2, "fetch") == [WARM_FETCH]


def test_a_past_that_cannot_be_had_is_told_and_asked_for_no_more() -> None:
    harness = Harness(warm_start_ms=1_800_000, own_markets=["sim"])
    first_trade(harness)
    harness.say(1, {"type": "unfetchable", "symbol": "BTCUSDT", "from": 0, "to": 999, "reason": "blocked"})
    assert [event.detail for event in harness.events if event.kind == "warm-start"] == [
        {"state": "cold", "reason": "blocked"}
    ]
    harness.pass_time(120_000)
    assert harness.of(1, "fetch") == [WARM_FETCH] and harness.own == []


def test_a_symbol_that_was_stored_before_starts_as_it_is() -> None:
    harness = Harness(high_water={"sim": {"BTCUSDT": 7}}, warm_start_ms=1_800_000)
    first_trade(harness)
    assert harness.of(1, "fetch") == []


def test_a_helper_is_no_sign_of_life() -> None:
    harness = Harness()
    harness.do(harness.intake.connected(1, 0))
    harness.say(1, HELLO | {"helper": True})
    harness.say(1, {"type": "ticks", "seq": 1, "rows": [row(1)]})
    harness.pass_time(500)
    assert facts_of(harness.intake, "sim", Moment(harness.now, 0)).sign_age_ms is None
    assert harness.events == [] and harness.intake.registry.live("sim") == []
    harness.commit()
    assert harness.of(1, "ack")[0]["stored"] == 1


def test_the_65th_bridge_is_refused() -> None:
    harness = Harness()
    for conn in range(64):
        harness.bridge(conn)
    harness.bridge(64)
    assert harness.last(64)["code"] == "too-many" and harness.closed == {64: 4429}


def test_a_crowd_of_strangers_cannot_keep_a_bridge_out() -> None:
    harness = Harness()
    for conn in range(100):
        harness.do(harness.intake.connected(conn, 0))
    assert sorted(harness.closed) == list(range(68)) and set(harness.closed.values()) == {4429}
    harness.bridge(200)
    assert harness.last(200)["type"] == "welcome"
