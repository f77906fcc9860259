"""A hundred thousand gaps, floods and refused rows: few requests at a time, bounded memory, each reason once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.intake.gaps import MAX_OUTSTANDING, MAX_REQUEST_IDS, OpenGaps
from engine.intake.health import Moment, health
from engine.intake.registry import MAX_MARKETS
from engine.market.coverage import Gap
from engine.market.records import GapUpdate
from tests.engine.intake.harness import HELLO, T0, Harness, row


def news(first: int, last: int, given_up: str | None = None, missing: tuple[Gap, ...] | None = None) -> GapUpdate:
    return GapUpdate("sim", "BTCUSDT", Gap(first, last), (Gap(first, last),) if missing is None else missing, given_up)


def every_second(count: int) -> list[GapUpdate]:
    """A dump that lacks every second id."""
    return [news(at, at) for at in range(1, 2 * count, 2)]


def fetches(harness: Harness, conn: int = 1) -> list[tuple[int, int]]:
    return [(message["from"], message["to"]) for message in harness.of(conn, "fetch")]


def test_of_100_000_gaps_a_few_requests_are_outstanding_the_newest_first_and_neighbours_together() -> None:
    harness = Harness(gaps=every_second(100_000))
    harness.bridge(1, "BTCUSDT")
    asked = fetches(harness)
    assert len(asked) == MAX_OUTSTANDING
    assert asked[0][1] == 199_999 and asked == sorted(asked, reverse=True)
    assert all(MAX_REQUEST_IDS * 0.9 < last - first < MAX_REQUEST_IDS for first, last in asked)
    harness.pass_time(10_000)
    assert len(fetches(harness)) == MAX_OUTSTANDING, "more are asked for only as these are answered"
    first, last = asked[0]
    harness.commit(*(news(at, at, missing=()) for at in range(first, last + 1, 2)))
    harness.pass_time(100)
    assert len(fetches(harness)) == MAX_OUTSTANDING + 1 and fetches(harness)[-1][1] < asked[-1][0]
    harness.do(harness.intake.disconnected(1, harness.now))
    harness.bridge(2, "BTCUSDT")
    assert fetches(harness, 2) == fetches(harness)[1:], "another bridge begins where this one was"


def test_gaps_far_apart_are_asked_for_one_by_one() -> None:
    harness = Harness(gaps=[news(10, 20), news(5_000, 5_010), news(5_100, 5_100)])
    harness.bridge(1, "BTCUSDT")
    assert fetches(harness) == [(5_000, 5_100), (10, 20)]


def test_health_costs_the_same_with_100_000_gaps_and_says_one_thing_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(gaps=every_second(100_000))
    monkeypatch.setattr(OpenGaps, "all", None)  # nothing may walk all of them
    found = health(harness.intake, Moment(0, 0), 2_500)["markets"]
    assert found == {}
    harness.bridge(1, "BTCUSDT")
    market = health(harness.intake, Moment(0, 0), 2_500)["markets"]["sim"]
    assert market["open_holes"] == 100_000 and len(market["holes"]) == 50
    (only,) = market["findings"]
    assert only["code"] == "gaps-many" and "100,000" in only["what"]


def test_missing_and_being_fetched_is_said_only_while_somebody_fetches() -> None:
    harness = Harness(gaps=[news(2, 8)])
    harness.do(harness.intake.connected(1, 0))
    harness.say(1, HELLO)
    (waiting,) = health(harness.intake, Moment(0, 0), 2_500)["markets"]["sim"]["findings"]
    assert waiting["what"] == "7 trades are missing."
    harness.say(1, {"type": "subscribe", "symbols": ["BTCUSDT"]})
    (fetching,) = health(harness.intake, Moment(0, 0), 2_500)["markets"]["sim"]["findings"]
    assert fetching["what"] == "7 trades are missing and being fetched."


def test_a_flood_of_unfetchable_writes_one_event_for_what_was_asked() -> None:
    harness = Harness(gaps=[news(2, 8)])
    harness.bridge(1, "BTCUSDT")
    before = len(harness.events)
    for at in range(1_000):
        harness.say(1, {"type": "unfetchable", "symbol": "BTCUSDT", "from": at, "to": at, "reason": "none"})
        harness.say(1, {"type": "unfetchable", "symbol": "BTCUSDT", "from": 2, "to": 8, "reason": "blocked"})
        harness.say(1, {"type": "unfetchable", "symbol": f"S{at}", "from": 2, "to": 8, "reason": "blocked"})
    assert len(harness.events) == before + 1 and harness.closed == {}


def test_ids_that_do_not_exist_are_recorded_once_each() -> None:
    harness = Harness(gaps=[news(2, 8)])
    harness.bridge(1, "BTCUSDT")
    before = len(harness.events)
    for first, last in [(2, 4), (2, 4), (3, 5), (5, 8), (2, 8)]:
        absent = {"type": "unfetchable", "symbol": "BTCUSDT", "from": first, "to": last}
        harness.say(1, absent | {"reason": "the exchange has no such ids"})
    told = [(event.detail["first"], event.detail["last"]) for event in harness.events[before:]]
    assert told == [(2, 4), (3, 5), (5, 8)] and all(event.kind == "absent" for event in harness.events[before:])


def test_markets_are_bounded_and_a_stored_one_is_always_let_in() -> None:
    harness = Harness(high_water={"usdm": {"BTCUSDT": 5}})
    for at in range(2 * MAX_MARKETS):
        harness.do(harness.intake.connected(at, 0))
        harness.say(at, HELLO | {"market": f"m{at}"})
        harness.do(harness.intake.disconnected(at, 0))
    assert len(harness.intake.registry.markets) == MAX_MARKETS
    harness.bridge(9_999, market="usdm")
    assert harness.of(9_999, "welcome") and harness.intake.refused["too-many"] == MAX_MARKETS + 1


def test_a_helpers_market_counts_from_its_first_good_row() -> None:
    harness = Harness()
    helper = HELLO | {"helper": True}
    price = [["A", 1, "0", "1", 1_790_000_000_000, False]]
    for at in range(2 * MAX_MARKETS):
        harness.do(harness.intake.connected(at, 0))
        harness.say(at, helper | {"market": f"m{at}"})
        harness.say(at, {"type": "ticks", "seq": 1, "rows": price})  # refused: there is no trade at 0
        harness.do(harness.intake.disconnected(at, 0))
    assert not harness.intake.registry.markets and not harness.intake.refused
    for at in range(1_000, 1_000 + MAX_MARKETS):
        harness.do(harness.intake.connected(at, 0))
        harness.say(at, helper | {"market": f"m{at}"})
        if at % 2:
            harness.say(at, {"type": "ticks", "seq": 1, "rows": [["A", 1, "1.5", *price[0][3:]]]})
            harness.do(harness.intake.disconnected(at, 0))
    assert len(harness.intake.registry.markets) == MAX_MARKETS // 2  # the others still may send
    harness.bridge(9_999, market="one-more")
    assert harness.intake.refused == {"too-many": 1}
    harness.do(harness.intake.disconnected(1_000, 0))  # it has sent nothing
    harness.bridge(10_000, market="one-more")
    assert harness.of(10_000, "welcome")


def test_a_market_of_which_candles_are_wanted_is_shown() -> None:
    harness = Harness()
    harness.do(harness.intake.connected(1, 0))
    harness.say(1, HELLO | {"helper": True, "market": "spot"})
    harness.say(1, {"type": "want", "bars": []})
    assert not harness.intake.registry.markets
    harness.say(
        1, {"type": "want", "bars": [["BTCUSDT", 60_000, T0 // 60_000 * 60_000 - 60_000, T0 // 60_000 * 60_000]]}
    )
    assert set(harness.intake.registry.markets) == {"spot"}


def test_a_refused_row_gives_its_gap_the_reason_with_the_first_import() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    zero = row(2)
    zero[3] = "0.000"
    harness.say(1, {"type": "ticks", "seq": 1, "rows": [row(1), zero, row(3)]})
    harness.commit(news(2, 2))
    (event,) = [event for event in harness.events if event.kind == "unfetchable"]
    assert (event.detail["first"], event.detail["last"]) == (2, 2)
    assert event.detail["reason"] == "the exchange's row cannot be used: quantity is '0.000'; expected more than 0"
    assert fetches(harness) == [], "nobody is asked for it"


def test_gaps_of_refused_rows_are_recorded_in_one_event_a_commit() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    rows = [row(at) for at in range(1, 400)]
    for at in range(1, 399, 3):
        rows[at][3] = "0"
    harness.say(1, {"type": "ticks", "seq": 1, "rows": rows})
    harness.commit(*(news(at + 1, at + 1) for at in range(1, 399, 3)))
    (event,) = [event for event in harness.events if event.kind == "unfetchable"]
    assert event.detail["runs"] == [[at + 1, at + 1] for at in range(1, 399, 3)]


def test_a_gap_of_which_other_ids_may_still_come_stays_open() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    zero = row(5)
    zero[3] = "0"
    harness.say(1, {"type": "ticks", "seq": 1, "rows": [row(1), zero, row(9)]})
    harness.commit(news(2, 8))
    assert fetches(harness) == [(2, 8)] and [event.kind for event in harness.events] == ["bridge"]


def test_duplicates_and_conflicts_are_no_trades() -> None:
    harness = Harness()
    harness.bridge(1, "BTCUSDT")
    harness.beat(1)
    harness.say(1, {"type": "ticks", "seq": 1, "rows": [row(7)]})
    harness.commit()
    for seq in range(2, 12):
        harness.now += 1_000
        harness.beat(1)
        harness.say(1, {"type": "ticks", "seq": seq, "rows": [row(7, price="999")]})
        harness.commit_nothing_new()
    market = health(harness.intake, Moment(harness.now, 0), 2_500)["markets"]["sim"]
    assert market["state"] == "MARKET QUIET" and market["trade_age_ms"] == 10_000
    assert market["symbols"]["BTCUSDT"]["last_price"] == 100.5 and market["symbols"]["BTCUSDT"]["ticks"] == 1


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5), st.integers(0, 2)), max_size=40), st.integers(0, 80))
def test_any_order_of_gaps_keeps_the_counts_and_finds_by_id(changes: list[tuple[int, int, int]], probe: int) -> None:
    gaps, model = OpenGaps(), {}
    for first, length, kind in changes:
        ids = range(7 * first, 7 * first + length + 1)
        state = news(ids[0], ids[-1], "gone" if kind == 1 else None, () if kind == 2 else None)
        if 7 * first in model and model[7 * first].gap != state.gap:
            continue  # a gap keeps its first shape
        gaps.update(state, 0)
        model[7 * first] = state
    left = {first: each for first, each in model.items() if each.missing}
    count = gaps.count("sim")
    assert (count.gaps, count.given_up) == (len(left), sum(each.given_up is not None for each in left.values()))
    wanted = [each for each in left.values() if each.given_up is None]
    assert count.missing_ids == sum(each.gap.last - each.gap.first + 1 for each in wanted)
    expected = next((each for each in wanted if each.gap.first <= probe <= each.gap.last), None)
    assert gaps.at("sim", "BTCUSDT", probe) == expected


def test_what_was_answered_makes_room_for_other_symbols() -> None:
    harness = Harness()
    names = [f"S{number}USDT" for number in range(3 * MAX_OUTSTANDING)]
    harness.bridge(1, *names)
    for name in names:
        gap = Gap(2, 8)
        harness.commit(GapUpdate("sim", name, gap, (gap,)))
        assert harness.of(1, "fetch")[-1]["symbol"] == name, "asked for at once"
        harness.commit(GapUpdate("sim", name, gap, ()))
