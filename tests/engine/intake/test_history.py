"""Wants, bars and funding on the protocol: what is missing is asked for once, the newest first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import MessageRefused
from engine.intake.actions import FetchBars
from engine.intake.bar_history import ASK_AGAIN_MS, AT_ONCE, RETRY_MS
from engine.intake.funding_schedule import MARKS_EVERY_MS, SETTLED_EVERY_MS
from engine.intake.history_intake import MAX_REASONS
from engine.intake.history_messages import MAX_BARS
from engine.intake.messages import decode
from engine.intake.want_progress import TELL_EVERY_MS
from engine.market.limits import COIN_M_MARKETS
from engine.market.sourced import SourcedBar
from tests.engine.intake.harness import HELLO
from tests.engine.intake.history_harness import HOUR, LISTED, T0, HistoryHarness, bar_row, span_of, told


def test_what_is_missing_comes_in_pieces_the_newest_of_each_symbol_first() -> None:
    harness = HistoryHarness()
    harness.join(1, "klines")
    harness.join(2)
    harness.want(2, "BTCUSDT", "ETHUSDT")
    asked = [span_of(message) for message in harness.asked[1]]
    assert len(asked) == AT_ONCE and all(span.to_ms - span.from_ms <= MAX_BARS * HOUR for span in asked)
    assert [(span.symbol, (T0 - span.to_ms) // HOUR) for span in asked] == [
        ("BTCUSDT", 0), ("ETHUSDT", 0), ("BTCUSDT", 1_000), ("ETHUSDT", 1_000),
    ]  # fmt: skip
    assert harness.missing() == 2 * 2_160
    harness.answer(1)
    assert harness.missing() == 2 * 2_160 - 1_000
    assert harness.answers[1][-1] == {
        "type": "bars_stored", **asked[0]._asdict(), "stored": 1_000, "known": 0, "conflicts": 0, "rejected": [],
    }  # fmt: skip
    while harness.asked[1]:
        harness.answer(1)
    assert harness.missing() == 0 and len(harness.store) == 2 * 2_160
    harness.pass_time(10 * ASK_AGAIN_MS)
    assert not harness.asked[1], "nothing is asked for twice"


def test_what_the_exchange_does_not_have_is_not_asked_for_again() -> None:
    harness = HistoryHarness()
    harness.join(1, "klines")
    harness.want(1, "BTCUSDT", bars=4_000)
    while harness.asked[1]:
        harness.answer(1)
    assert harness.missing() == 0 and len(harness.store) == 2_500
    harness.want(1, "BTCUSDT", bars=4_010, to_ms=T0 + 10 * HOUR)
    assert [(span.from_ms, span.to_ms) for span in map(span_of, harness.asked[1])] == [(T0, T0 + 10 * HOUR)]


def test_nobody_is_asked_who_cannot_and_others_markets_are_left_alone() -> None:
    harness = HistoryHarness()
    harness.join(1)
    harness.join(2, "funding")
    harness.join(3, "klines", market="spot")
    harness.want(1, "BTCUSDT", bars=10)
    assert not harness.asked and "no bridge" in harness.intake.history.bars.health("sim")[0]["problem"]
    harness.join(4, "klines", "what-comes-later")
    harness.pass_time(100)
    assert len(harness.asked[4]) == 1
    harness.want(1)
    assert harness.intake.history.bars.health("sim") == []


def test_a_bridge_that_goes_or_stays_silent_is_replaced() -> None:
    harness = HistoryHarness()
    harness.join(1, "klines")
    harness.join(9)
    harness.want(9, "BTCUSDT", bars=1_500)
    first = list(harness.asked[1])
    harness.join(2, "klines")
    harness.leave(1)
    harness.pass_time(100)
    assert harness.asked[2] == first
    harness.join(3, "klines")
    harness.pass_time(ASK_AGAIN_MS)
    assert harness.asked[3] == first
    harness.answer(2)
    assert harness.intake.history.bars.not_asked == 1, "too late: another was asked; the bars are stored all the same"
    assert len(harness.store) == 1_000
    harness.answer(3)
    harness.answer(3)
    assert harness.missing() == 0


def test_one_bridge_of_a_market_is_at_work_and_the_next_when_it_fails() -> None:
    """Each paces its requests alone: two at work would spend what the exchange allows twice."""
    harness = HistoryHarness(own_markets=("sim",))
    harness.join(9)
    for conn in (1, 2):
        harness.join(conn, "klines")
    harness.want(9, "BTCUSDT", "ETHUSDT", bars=8_000)
    harness.join(3, "klines", market="spot")
    harness.say(3, {"type": "want", "bars": [["BTCUSDT", HOUR, T0 - HOUR, T0]]})
    harness.pass_time(100)
    assert len(harness.asked[1]) == AT_ONCE and 2 not in harness.asked and len(harness.asked[3]) == 1
    harness.answer(1)
    assert len(harness.asked[1]) == AT_ONCE and 2 not in harness.asked
    failed = harness.answer(1, "HTTP 500")
    while harness.asked[1]:
        assert 2 not in harness.asked, "while the first is at work"
        harness.answer(1)
    assert len(harness.asked[2]) == AT_ONCE and span_of(harness.asked[2][0]) == failed
    harness.answer(2)
    assert len(harness.asked[2]) == AT_ONCE and not harness.asked[1], "the second goes on with the rest"
    failed = harness.answer(2, "HTTP 500")
    while harness.asked[2]:
        harness.answer(2)
    assert span_of(harness.asked[1].pop(0)) == failed
    harness.say(1, {"type": "unfetchable_bars", **failed._asdict(), "reason": "HTTP 500"})
    while harness.asked[1]:
        assert not harness.own, "the server is the last"
        harness.answer(1)
    assert [own.span for own in harness.own if isinstance(own, FetchBars)] == [failed]
    harness.leave(2)
    harness.leave(1)
    bars = [SourcedBar("BTCUSDT", HOUR, at, 1.0, 1.0, 1.0, 1.0, 1.0, "kline") for at in range(*failed[2:], HOUR)]
    harness.do(harness.intake.history.fetched("sim", failed, [bar._replace(symbol=failed.symbol) for bar in bars]))
    assert harness.missing() == 0


def test_when_no_bridge_can_the_server_tries_and_then_pauses() -> None:
    harness = HistoryHarness(own_markets=("sim",))
    harness.join(1, "klines")
    harness.want(1, "BTCUSDT", bars=10)
    harness.answer(1, "geo-blocked (HTTP 451)")
    (own,) = harness.own
    harness.do(harness.intake.history.not_fetched("sim", own.span, "HTTP 403", harness.now))
    assert harness.intake.history.bars.health("sim")[0]["problem"] == "the server: HTTP 403"
    harness.pass_time(RETRY_MS[0] - 1)
    assert not harness.asked[1] and len(harness.own) == 1
    harness.pass_time(1)
    harness.answer(1, "geo-blocked (HTTP 451)")
    bars = [
        SourcedBar("BTCUSDT", HOUR, at, 1.0, 1.0, 1.0, 1.0, 1.0, "kline") for at in range(own.span.from_ms, T0, HOUR)
    ]
    harness.do(harness.intake.history.fetched("sim", own.span, bars))
    assert harness.missing() == 0 and len(harness.store) == 10
    assert harness.intake.history.bars.health("sim")[0]["problem"] is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["answer", "fail", "leave", "join", "kill", "wait"]), max_size=40),
    st.lists(st.sampled_from(["BTCUSDT", "ETHUSDT", "SOLUSDT"]), min_size=1, max_size=3, unique=True),
    st.sampled_from([7, 999, 2_160, 2_600]),
)
def test_whatever_happens_the_same_bars_are_there_in_the_end(steps: list[str], symbols: list[str], bars: int) -> None:
    store: dict[Any, SourcedBar] = {}
    harness, conn = HistoryHarness(store=store), 1

    def begin() -> HistoryHarness:
        made = HistoryHarness(store=store)
        made.join(0)
        made.want(0, *symbols, bars=bars)
        made.join(conn, "klines")
        return made

    harness = begin()
    fetched = 0
    for step in steps:
        if step == "kill":
            conn += 1
            harness = begin()
        elif step == "leave":
            harness.leave(conn)
        elif step == "join":
            conn += 1
            harness.join(conn, "klines")
        elif step == "wait":
            harness.pass_time(ASK_AGAIN_MS)
        elif harness.asked.get(conn):
            harness.answer(conn, "bars" if step == "answer" else "HTTP 500")
            fetched += step == "answer"
    conn += 1
    harness.join(conn, "klines")
    for _ in range(60):
        harness.pass_time(RETRY_MS[1])
        while harness.asked.get(conn):
            harness.answer(conn)
    expected = {("sim", name, at) for name in symbols for at in range(max(T0 - bars * HOUR, LISTED), T0, HOUR)}
    assert store.keys() == expected
    assert harness.missing() == 0


@pytest.mark.parametrize(
    "message",
    [
        {"type": "want", "bars": [["BTCUSDT", HOUR, T0 + 1, T0 + HOUR]]},
        {"type": "want", "bars": [["BTCUSDT", HOUR, T0, T0 - HOUR]]},
        {"type": "want", "bars": [["BTCUSDT", 1_500, T0, T0]]},
        {"type": "want", "bars": [["BTCUSDT", HOUR, T0]]},
        {"type": "want", "bars": "BTCUSDT"},
        {"type": "bars", "symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0, "rows": [[]] * 1_001},
        {"type": "bars", "symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0},
        {"type": "funding", "rows": [[]] * 501},
        {"type": "unfetchable_bars", "symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0},
        {"type": "hello", "can": "klines"},
    ],
)
def test_what_is_malformed_ends_the_connection(message: dict[str, Any]) -> None:
    harness = HistoryHarness()
    if message["type"] == "hello":
        harness.do(harness.intake.connected(1, 0))
        harness.say(1, HELLO | message)
    else:
        harness.join(1, "klines")
        harness.say(1, message)
    assert harness.closed == [1] and harness.answers[1][-1]["type"] == "refused"


def test_rows_that_cannot_be_used_are_named_and_the_others_stored() -> None:
    harness = HistoryHarness()
    harness.join(1, "klines")
    rows = [bar_row(T0), bar_row(T0 + 1), bar_row(T0 + 2 * HOUR), [T0 + HOUR, "1", "2", "3", "1", "0"]]
    span = {"symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0 + 2 * HOUR}
    harness.say(1, {"type": "bars", **span, "rows": rows, "source": "upload"})
    answer = harness.answers[1][-1]
    assert (answer["stored"], [index for index, _ in answer["rejected"]]) == (1, [1, 2, 3])
    assert [bar.source for bar in harness.store.values()] == ["upload"]
    assert harness.intake.registry.bridges[1].in_flight == 0


def test_of_many_rows_that_cannot_be_used_the_first_are_named_and_the_others_counted() -> None:
    harness = HistoryHarness()
    harness.join(1, "klines", "funding")
    span = {"symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0 + 1_000 * HOUR}
    for count, unlisted in ((MAX_REASONS, None), (1_000, 1_000 - MAX_REASONS)):
        harness.say(1, {"type": "bars", **span, "rows": [[T0, "1", "2", "3", "1", "0"]] * count})
        answer = harness.answers[1][-1]
        assert answer.get("unlisted") == unlisted and answer["stored"] == 0
        assert [index for index, _ in answer["rejected"]] == list(range(MAX_REASONS))
    harness.say(1, {"type": "funding", "rows": [["BTCUSDT", "mark", T0, "x", None, None, None]] * 500})
    answer = harness.answers[1][-1]
    assert (len(answer["rejected"]), answer["unlisted"]) == (MAX_REASONS, 500 - MAX_REASONS)


def test_funding_is_asked_of_who_forwards_a_symbol() -> None:
    harness = HistoryHarness()
    harness.join(1, "funding", symbols=("BTCUSDT", "ETHUSDT"))
    harness.join(2, "funding", symbols=("BTCUSDT",))
    harness.pass_time(100)
    kinds = [(message["kind"], message["symbols"], message.get("since_ms")) for message in harness.asked[1]]
    assert kinds == [("mark", ["BTCUSDT", "ETHUSDT"], None), ("settled", ["BTCUSDT"], 0), ("settled", ["ETHUSDT"], 0)]
    rows = [["BTCUSDT", "settled", T0, "0.0001", None, None, None], ["BTCUSDT", "mark", T0, "x", None, None, None]]
    harness.say(1, {"type": "funding", "rows": rows})
    assert harness.answers[1][-1]["stored"] == 1 and harness.answers[1][-1]["rejected"][0][0] == 1
    harness.asked.clear()
    harness.pass_time(MARKS_EVERY_MS)
    assert [message["kind"] for message in harness.asked[1]] == ["mark"] and 2 not in harness.asked
    harness.leave(1)
    harness.pass_time(100)
    assert [(m["kind"], m.get("since_ms")) for m in harness.asked[2]] == [("mark", None), ("settled", T0 + 1)]
    harness.asked.clear()
    harness.pass_time(SETTLED_EVERY_MS)
    assert {message["kind"] for message in harness.asked[2]} == {"mark", "settled"}


def test_a_client_that_asks_is_told_how_far_its_own_wants_are() -> None:
    harness = HistoryHarness()
    harness.join(1, "klines")
    harness.join(2)
    harness.join(3)
    harness.want(2, "ETHUSDT", bars=500)
    spans = [["BTCUSDT", HOUR, T0 - 1_500 * HOUR, T0], ["ETHUSDT", HOUR, T0 - 100 * HOUR, T0]]
    harness.say(3, {"type": "want", "bars": spans, "urgent": True, "tell": True})
    harness.pass_time(100)
    first = {"type": "progress", "wanted": 1_600, "missing": 1_600, "unknown": 0, "stuck": 0, "problems": []}
    assert told(harness) == [first] and told(harness, 2) == []
    harness.answer(1)
    assert len(told(harness)) == 1
    harness.pass_time(TELL_EVERY_MS)
    harness.pass_time(TELL_EVERY_MS)
    while harness.asked[1]:
        harness.answer(1)
    harness.pass_time(TELL_EVERY_MS)
    assert [message["missing"] for message in told(harness)] == [1_600, 1_500, 0]
    assert all(message["type"] == "progress" for message in told(harness))


def test_what_nobody_can_bring_is_told_as_stuck() -> None:
    harness = HistoryHarness()
    harness.join(1, "klines")
    harness.join(3)
    harness.say(3, {"type": "want", "bars": [["BTCUSDT", HOUR, T0 - 50 * HOUR, T0]], "tell": True})
    harness.answer(1, "HTTP 500")
    harness.pass_time(100)
    assert told(harness)[-1]["stuck"] == 50
    assert told(harness)[-1]["problems"] == [["BTCUSDT", "the bridge: HTTP 500"]]
    harness.pass_time(RETRY_MS[0])
    harness.pass_time(TELL_EVERY_MS)
    assert told(harness)[-1]["stuck"] == 0, "it is asked again"
    harness.leave(1)
    harness.pass_time(TELL_EVERY_MS)
    assert told(harness)[-1]["stuck"] == 50


@pytest.mark.parametrize("market", COIN_M_MARKETS)
def test_contracts_are_never_taken_for_coins(market: str) -> None:
    with pytest.raises(MessageRefused, match="COIN-M is not supported: its quantities are contracts"):
        decode(json.dumps(HELLO | {"market": market}))
