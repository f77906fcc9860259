"""A hundred thousand gaps, floods and refused rows: few requests at a time, bounded memory, each reason once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.intake.health import Moment, health
from engine.intake.holes import MAX_OUTSTANDING, MAX_REQUEST_IDS, OpenHoles
from engine.intake.registry import MAX_MARKETS
from engine.market.coverage import Hole
from engine.market.records import HoleNews
from tests.engine.intake.desk import HELLO, Desk, row


def news(first: int, last: int, given_up: str | None = None, missing: tuple[Hole, ...] | None = None) -> HoleNews:
    return HoleNews("sim", "BTCUSDT", Hole(first, last), (Hole(first, last),) if missing is None else missing, given_up)


def every_second(count: int) -> list[HoleNews]:
    """A dump that lacks every second id."""
    return [news(at, at) for at in range(1, 2 * count, 2)]


def fetches(desk: Desk, conn: int = 1) -> list[tuple[int, int]]:
    return [(message["from"], message["to"]) for message in desk.of(conn, "fetch")]


def test_of_100_000_gaps_a_few_requests_are_outstanding_the_newest_first_and_neighbours_together() -> None:
    desk = Desk(holes=every_second(100_000))
    desk.bridge(1, "BTCUSDT")
    asked = fetches(desk)
    assert len(asked) == MAX_OUTSTANDING
    assert asked[0][1] == 199_999 and asked == sorted(asked, reverse=True)
    assert all(MAX_REQUEST_IDS * 0.9 < last - first < MAX_REQUEST_IDS for first, last in asked)
    desk.pass_time(10_000)
    assert len(fetches(desk)) == MAX_OUTSTANDING, "more are asked for only as these are answered"
    first, last = asked[0]
    desk.commit(*(news(at, at, missing=()) for at in range(first, last + 1, 2)))
    desk.pass_time(100)
    assert len(fetches(desk)) == MAX_OUTSTANDING + 1 and fetches(desk)[-1][1] < asked[-1][0]
    desk.do(desk.intake.disconnected(1, desk.now))
    desk.bridge(2, "BTCUSDT")
    assert fetches(desk, 2) == fetches(desk)[1:], "another bridge begins where this one was"


def test_gaps_far_apart_are_asked_for_one_by_one() -> None:
    desk = Desk(holes=[news(10, 20), news(5_000, 5_010), news(5_100, 5_100)])
    desk.bridge(1, "BTCUSDT")
    assert fetches(desk) == [(5_000, 5_100), (10, 20)]


def test_health_costs_the_same_with_100_000_gaps_and_says_one_thing_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(holes=every_second(100_000))
    monkeypatch.setattr(OpenHoles, "all", None)  # nothing may walk all of them
    found = health(desk.intake, Moment(0, 0), 2_500)["markets"]
    assert found == {}
    desk.bridge(1, "BTCUSDT")
    market = health(desk.intake, Moment(0, 0), 2_500)["markets"]["sim"]
    assert market["open_holes"] == 100_000 and len(market["holes"]) == 50
    (only,) = market["findings"]
    assert only["code"] == "gaps-many" and "100,000" in only["what"]


def test_missing_and_being_fetched_is_said_only_while_somebody_fetches() -> None:
    desk = Desk(holes=[news(2, 8)])
    desk.do(desk.intake.connected(1, 0))
    desk.say(1, HELLO)
    (waiting,) = health(desk.intake, Moment(0, 0), 2_500)["markets"]["sim"]["findings"]
    assert waiting["what"] == "7 trades are missing."
    desk.say(1, {"type": "subscribe", "symbols": ["BTCUSDT"]})
    (fetching,) = health(desk.intake, Moment(0, 0), 2_500)["markets"]["sim"]["findings"]
    assert fetching["what"] == "7 trades are missing and being fetched."


def test_a_flood_of_unfetchable_writes_one_event_for_what_was_asked() -> None:
    desk = Desk(holes=[news(2, 8)])
    desk.bridge(1, "BTCUSDT")
    before = len(desk.events)
    for at in range(1_000):
        desk.say(1, {"type": "unfetchable", "symbol": "BTCUSDT", "from": at, "to": at, "reason": "none"})
        desk.say(1, {"type": "unfetchable", "symbol": "BTCUSDT", "from": 2, "to": 8, "reason": "blocked"})
        desk.say(1, {"type": "unfetchable", "symbol": f"S{at}", "from": 2, "to": 8, "reason": "blocked"})
    assert len(desk.events) == before + 1 and desk.closed == {}


def test_ids_that_do_not_exist_are_recorded_once_each() -> None:
    desk = Desk(holes=[news(2, 8)])
    desk.bridge(1, "BTCUSDT")
    before = len(desk.events)
    for first, last in [(2, 4), (2, 4), (3, 5), (5, 8), (2, 8)]:
        absent = {"type": "unfetchable", "symbol": "BTCUSDT", "from": first, "to": last}
        desk.say(1, absent | {"reason": "the exchange has no such ids"})
    told = [(event.detail["first"], event.detail["last"]) for event in desk.events[before:]]
    assert told == [(2, 4), (3, 5), (5, 8)] and all(event.kind == "absent" for event in desk.events[before:])


def test_markets_are_bounded_and_a_stored_one_is_always_let_in() -> None:
    desk = Desk(high_water={"usdm": {"BTCUSDT": 5}})
    for at in range(2 * MAX_MARKETS):
        desk.do(desk.intake.connected(at, 0))
        desk.say(at, HELLO | {"market": f"m{at}"})
        desk.do(desk.intake.disconnected(at, 0))
    assert len(desk.intake.registry.markets) == MAX_MARKETS
    desk.bridge(9_999, market="usdm")
    assert desk.of(9_999, "welcome") and desk.intake.refused["too-many"] == MAX_MARKETS + 1


def test_a_refused_row_gives_its_gap_the_reason_with_the_first_import() -> None:
    desk = Desk()
    desk.bridge(1, "BTCUSDT")
    zero = row(2)
    zero[3] = "0.000"
    desk.say(1, {"type": "ticks", "seq": 1, "rows": [row(1), zero, row(3)]})
    desk.commit(news(2, 2))
    (event,) = [event for event in desk.events if event.kind == "unfetchable"]
    assert (event.detail["first"], event.detail["last"]) == (2, 2)
    assert event.detail["reason"] == "the exchange's row cannot be used: quantity is '0.000'; expected more than 0"
    assert fetches(desk) == [], "nobody is asked for it"


def test_gaps_of_refused_rows_are_recorded_in_one_event_a_commit() -> None:
    desk = Desk()
    desk.bridge(1, "BTCUSDT")
    rows = [row(at) for at in range(1, 400)]
    for at in range(1, 399, 3):
        rows[at][3] = "0"
    desk.say(1, {"type": "ticks", "seq": 1, "rows": rows})
    desk.commit(*(news(at + 1, at + 1) for at in range(1, 399, 3)))
    (event,) = [event for event in desk.events if event.kind == "unfetchable"]
    assert event.detail["runs"] == [[at + 1, at + 1] for at in range(1, 399, 3)]


def test_a_gap_of_which_other_ids_may_still_come_stays_open() -> None:
    desk = Desk()
    desk.bridge(1, "BTCUSDT")
    zero = row(5)
    zero[3] = "0"
    desk.say(1, {"type": "ticks", "seq": 1, "rows": [row(1), zero, row(9)]})
    desk.commit(news(2, 8))
    assert fetches(desk) == [(2, 8)] and [event.kind for event in desk.events] == ["bridge"]


def test_duplicates_and_conflicts_are_no_trades() -> None:
    desk = Desk()
    desk.bridge(1, "BTCUSDT")
    desk.beat(1)
    desk.say(1, {"type": "ticks", "seq": 1, "rows": [row(7)]})
    desk.commit()
    for seq in range(2, 12):
        desk.now += 1_000
        desk.beat(1)
        desk.say(1, {"type": "ticks", "seq": seq, "rows": [row(7, price="999")]})
        desk.commit_nothing_new()
    market = health(desk.intake, Moment(desk.now, 0), 2_500)["markets"]["sim"]
    assert market["state"] == "MARKET QUIET" and market["trade_age_ms"] == 10_000
    assert market["symbols"]["BTCUSDT"]["last_price"] == 100.5 and market["symbols"]["BTCUSDT"]["ticks"] == 1


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5), st.integers(0, 2)), max_size=40), st.integers(0, 80))
def test_any_order_of_gaps_keeps_the_counts_and_finds_by_id(changes: list[tuple[int, int, int]], probe: int) -> None:
    holes, model = OpenHoles(), {}
    for first, length, kind in changes:
        ids = range(7 * first, 7 * first + length + 1)
        state = news(ids[0], ids[-1], "gone" if kind == 1 else None, () if kind == 2 else None)
        if 7 * first in model and model[7 * first].hole != state.hole:
            continue  # a gap keeps its first shape
        holes.update(state, 0)
        model[7 * first] = state
    left = {first: each for first, each in model.items() if each.missing}
    count = holes.count("sim")
    assert (count.gaps, count.given_up) == (len(left), sum(each.given_up is not None for each in left.values()))
    wanted = [each for each in left.values() if each.given_up is None]
    assert count.missing_ids == sum(each.hole.last - each.hole.first + 1 for each in wanted)
    expected = next((each for each in wanted if each.hole.first <= probe <= each.hole.last), None)
    assert holes.at("sim", "BTCUSDT", probe) == expected


def test_what_was_answered_makes_room_for_other_symbols() -> None:
    desk = Desk()
    names = [f"S{number}USDT" for number in range(3 * MAX_OUTSTANDING)]
    desk.bridge(1, *names)
    for name in names:
        hole = Hole(2, 8)
        desk.commit(HoleNews("sim", name, hole, (hole,)))
        assert desk.of(1, "fetch")[-1]["symbol"] == name, "asked for at once"
        desk.commit(HoleNews("sim", name, hole, ()))
