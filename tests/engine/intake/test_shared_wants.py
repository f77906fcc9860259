"""Several clients that want bars of one symbol: each gets its own, whoever else comes or goes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.intake.bar_history import ASK_AGAIN_MS, READS_AT_ONCE, RETRY_MS
from tests.engine.intake.history_harness import HOUR, LISTED, T0, HistoryHarness, bar_row, span_of

BRIDGE = 9
STEPS = ("first wants", "second wants", "a bridge comes", "first leaves")


def opens(harness: HistoryHarness) -> set[int]:
    return {(T0 - at) // HOUR for _, _, at in harness.store}


def finish(harness: HistoryHarness) -> None:
    """Let the store and the bridge answer everything."""
    harness.holds_reads = False
    while harness.reads:
        harness.read()
    for _ in range(3):
        harness.pass_time(RETRY_MS[1])
        while harness.asked.get(BRIDGE):
            harness.answer(BRIDGE)


@pytest.mark.parametrize("order", list(permutations(STEPS)))
@pytest.mark.parametrize("holds_reads", [False, True])
def test_who_remains_gets_all_that_it_wants(order: tuple[str, ...], holds_reads: bool) -> None:
    harness = HistoryHarness()
    harness.holds_reads = holds_reads
    harness.join(1)
    harness.join(2)
    for step in order:
        if step == "first wants":
            harness.want(1, "BTCUSDT", bars=30)
        elif step == "second wants":
            harness.want(2, "BTCUSDT", bars=20)
        elif step == "a bridge comes":
            harness.join(BRIDGE, "klines")
        else:
            harness.leave(1)
    finish(harness)
    assert harness.missing() == 0 and opens(harness) >= set(range(1, 21))


def test_what_lies_between_two_wishes_is_left_alone() -> None:
    harness = HistoryHarness()
    harness.join(BRIDGE, "klines")
    harness.holds_reads = True
    harness.join(1)
    harness.join(2)
    harness.want(1, "BTCUSDT", bars=3, to_ms=T0 - 2_000 * HOUR)
    old, new = [T0 - 100 * HOUR, T0 - 98 * HOUR], [T0 - 4 * HOUR, T0]
    harness.say(2, {"type": "want", "bars": [["BTCUSDT", HOUR, *old], ["BTCUSDT", HOUR, *new]]})
    assert all(span.to_ms - span.from_ms <= 4 * HOUR for _, span in harness.reads), "nor is it looked up"
    finish(harness)
    assert opens(harness) == {1, 2, 3, 4, 99, 100, 2_001, 2_002, 2_003}
    (want,) = harness.intake.history.bars.health("sim")
    assert (want["from_ms"], want["to_ms"], want["wanted"]) == (T0 - 2_003 * HOUR, T0, 9)
    assert harness.intake.history.bars.progress("sim") == {"wanted": 9, "missing": 0, "unknown": 0}
    assert harness.intake.history.bars.progress_of(2, harness.now).wanted == 6


def test_however_often_wishes_change_the_store_is_asked_little_at_once() -> None:
    harness = HistoryHarness()
    harness.join(BRIDGE, "klines")
    harness.holds_reads = True
    harness.join(1)
    for bars in range(1, 200):
        harness.want(1, "BTCUSDT", "ETHUSDT", bars=bars)
    assert sorted(span.symbol for _, span in harness.reads) == ["BTCUSDT", "ETHUSDT"]
    for turn in range(50):
        harness.want(1, *(f"A{turn}N{n}USDT" for n in range(40)), bars=1)
    assert len(harness.reads) == READS_AT_ONCE
    harness.want(1, "BTCUSDT", bars=250)
    harness.leave(BRIDGE)
    read = 0
    while harness.reads:
        harness.read()
        read += 1
    assert read <= READS_AT_ONCE + 2, "what nobody wants any more is not looked up"
    assert harness.missing() == 250
    harness.join(BRIDGE, "klines")
    finish(harness)
    assert opens(harness) == set(range(1, 251))


def bring(harness: HistoryHarness, conn: int, begin: int, end: int, hours: Iterable[int]) -> None:
    """Bars that open so many hours before T0, as all of a span."""
    span = {"symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0 - begin * HOUR, "to_ms": T0 - end * HOUR}
    rows = [bar_row(T0 - ago * HOUR) for ago in hours]
    harness.say(conn, {"type": "bars", **span, "rows": rows, "source": "upload"})


def test_what_anybody_brings_is_no_longer_missing_but_what_it_leaves_out_is() -> None:
    harness = HistoryHarness()
    harness.join(BRIDGE, "klines")
    harness.join(1)
    harness.join(2)
    harness.want(1, "BTCUSDT", bars=20)
    (asked,) = harness.asked[BRIDGE]
    bring(harness, 2, 30, 0, [*range(15, 31), *range(1, 11)])
    assert harness.missing() == 4
    harness.leave(BRIDGE)
    harness.join(8, "klines")
    harness.pass_time(100)
    (rest,) = harness.asked[8]
    assert span_of(rest) == span_of(asked)._replace(from_ms=T0 - 14 * HOUR, to_ms=T0 - 10 * HOUR)
    bring(harness, 2, 14, 10, range(11, 15))
    assert harness.missing() == 0 and harness.intake.history.bars.health("sim")[0]["problem"] is None
    harness.pass_time(10 * ASK_AGAIN_MS)
    assert harness.intake.history.bars.health("sim")[0]["problem"] is None, "nothing is waited for any more"
    assert harness.asked[8] == [rest]


def test_a_late_answer_is_an_answer() -> None:
    """It says what the exchange does not have, too."""
    harness = HistoryHarness()
    harness.join(BRIDGE, "klines")
    harness.join(1)
    harness.want(1, "BTCUSDT", bars=700, to_ms=LISTED + 200 * HOUR)
    harness.join(8, "klines")
    harness.pass_time(ASK_AGAIN_MS)
    assert harness.asked[8] == harness.asked[BRIDGE]
    harness.answer(BRIDGE)
    assert harness.missing() == 0 and len(harness.store) == 200
    harness.answer(8, "HTTP 500")
    harness.pass_time(RETRY_MS[1])
    assert harness.missing() == 0 and not harness.asked[8] and not harness.asked[BRIDGE]


spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), max_size=3)
steps = st.one_of(
    st.tuples(st.just("want"), st.integers(1, 3), spans),
    st.tuples(st.just("leave"), st.integers(1, 3)),
    st.tuples(st.just("bring"), st.integers(0, 40), st.sets(st.integers(1, 10))),
    st.tuples(st.sampled_from(["read", "answer", "wait"])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=30))
def test_in_any_order_of_wants_and_answers_each_has_its_own(steps: list[tuple[object, ...]]) -> None:
    harness = HistoryHarness()
    harness.holds_reads = True
    harness.join(BRIDGE, "klines")
    harness.join(7)
    wanted: dict[int, set[int]] = {}  # hours before T0, by client
    ever: set[int] = set()
    for step in steps:
        match step:
            case ("want", int(conn), list(wishes)):
                if conn not in wanted:
                    harness.join(conn)
                bars = [["BTCUSDT", HOUR, T0 - (ago + bars) * HOUR, T0 - ago * HOUR] for ago, bars in wishes]
                harness.say(conn, {"type": "want", "bars": bars})
                wanted[conn] = {hour for ago, bars in wishes for hour in range(ago + 1, ago + bars + 1)}
                ever |= wanted[conn]
            case ("leave", int(conn)) if conn in wanted:
                harness.leave(conn)
                del wanted[conn]
            case ("bring", int(ago), set(hours)):
                brought = {ago + hour for hour in hours}
                bring(harness, 7, ago + 10, ago, sorted(brought, reverse=True))
                ever |= brought
            case ("read",) if harness.reads:
                harness.read()
            case ("answer",) if harness.asked.get(BRIDGE):
                harness.answer(BRIDGE)
            case ("wait",):
                harness.pass_time(ASK_AGAIN_MS // 4)
    finish(harness)
    assert harness.missing() == 0
    assert set().union(*wanted.values()) <= opens(harness) <= ever
