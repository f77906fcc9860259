"""Bars that were not made from ticks: where they stand in, and that it does not show when they came."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.market.bars import roll_up, second_bar
from engine.market.history import MemoryHistory
from engine.market.intervals import bar_open
from engine.market.records import Decision, Event, Run
from engine.market.sourced import SourcedBar
from engine.market.ticks import Tick
from engine.pairs.enums import LegFlag
from engine.pairs.layout import In, Out
from engine.pairs.leg import Col
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from tests.engine.pairs.markets import NEVER, SETTINGS, T0, WAYS, Trouble, deliver, make_ticks, run_of

WIDTH = SETTINGS.interval_ms
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
Bars = tuple[SourcedBar, ...]
Item = Tick | Bars


class Follower:
    """A pipeline that follows one pair as the monitor does: a run begins when it can, and anew when it can begin
    earlier. Can be restarted anywhere."""

    def __init__(self, chosen: PairSettings = SETTINGS) -> None:
        self.history = MemoryHistory()
        self.pipeline = Pipeline(self.history)
        self.chosen = chosen
        self.run: Run | None = None
        self.given: list[Decision] = []
        self.begun: list[tuple[int, int]] = []  # after which tick, from when
        self.ended: list[str] = []
        self.seq = self.event = 0

    def take(self, item: Item) -> None:
        if isinstance(item, Tick):
            self.seq += 1
            self.history.add(self.seq, item)
            self.given += self.pipeline.feed(self.seq, item)
        else:
            self.event += 1
            self.history.add_bars(self.event, item)
            detail = {
                "width_ms": item[0].width_ms, "from_ms": min(bar.open_time_ms for bar in item),
                "to_ms": max(bar.end_ms for bar in item), "bars": len(item),
            }  # fmt: skip
            event = Event("bars", "sim", item[0].symbol, detail, self.seq, self.event)
            self.given += self.pipeline.note(event)
        self._settle(is_past=not isinstance(item, Tick))

    def _settle(self, is_past: bool) -> None:
        self._take_ended()
        if self.run is not None and not is_past:
            return
        start_ms = self.pipeline.begins_at("YUSDT", "XUSDT", self.chosen, 20_000, self.seq)
        if start_ms is None or (self.run is not None and start_ms >= self.run.start_ms):
            return
        if self.run is not None:
            self.pipeline.end(self.run.run_id, self.seq, "history")
            self._take_ended()
        self.run = replace(run_of(self.chosen), start_ms=start_ms, run_id=f"{start_ms}-{self.seq}-{self.event}")
        self.begun.append((self.seq, start_ms))
        self.given += self.pipeline.begin(self.run, self.seq)

    def _take_ended(self) -> None:
        for end in self.pipeline.take_ended():
            self.ended.append(end.reason)
            assert end.reason != "failed", end.detail
            if self.run is not None and end.run_id == self.run.run_id:
                self.run = None

    def restart(self) -> None:
        state = json.loads(json.dumps(self.pipeline.state()))
        self.pipeline = Pipeline.resume(state, self.history, self.seq + 1)
        if self.run is not None:
            known = [decision for decision in self.given if decision.run_id == self.run.run_id]
            assert self.pipeline.begin(self.run, self.seq, known) == [], "nothing is said anew"

    @property
    def followed(self) -> PairRun:
        assert self.run is not None
        return self.pipeline.runs[self.run.run_id]

    def standing(self) -> list[tuple[object, ...]]:
        current = sorted(self.followed.current.items())
        return [
            decision.content()[1:2] + decision.content()[2:] for _, decision in current if decision.kind != "withdrawn"
        ]


def followed(items: list[Item], chosen: PairSettings = SETTINGS, restarts: frozenset[int] = frozenset()) -> Follower:
    follower = Follower(chosen)
    for n, item in enumerate(items):
        if n in restarts:
            follower.restart()
        follower.take(item)
    return follower


def candles(ticks: list[Tick], symbol: str, width_ms: int = WIDTH) -> list[SourcedBar]:
    """What an exchange would give: candles of every whole slot, rising."""
    seconds: dict[int, list[Tick]] = {}
    for tick in ticks:
        if tick.symbol == symbol:
            seconds.setdefault(bar_open(tick.trade_time_ms, 1_000), []).append(tick)
    slots: dict[int, list[int]] = {}
    for second in sorted(seconds):
        slots.setdefault(bar_open(second, width_ms), []).append(second)
    found = []
    for open_ms, inside in sorted(slots.items()):
        bar = roll_up([second_bar(second, seconds[second]) for second in inside], open_ms, width_ms)
        found.append(SourcedBar(symbol, width_ms, *bar[:6], "kline"))
    return found


def pages(bars: list[SourcedBar], size: int) -> list[Bars]:
    """The newest first, as they are fetched."""
    return [tuple(bars[max(end - size, 0) : end]) for end in range(len(bars), 0, -size)]


def assert_same(one: Follower, other: Follower) -> None:
    assert one.run is not None and other.run is not None
    assert (one.run.start_ms, one.followed.first_slot) == (other.run.start_ms, other.followed.first_slot)
    for row in Out:
        columns = [follower.followed.model.column(row) for follower in (one, other)]
        np.testing.assert_array_equal(*columns, err_msg=row.name)
    for of_one, of_other in zip(one.followed.legs, other.followed.legs, strict=True):
        for col in Col:
            np.testing.assert_array_equal(of_one.column(col), of_other.column(col), err_msg=col.name)


def cut_at(share: float, ticks: list[Tick]) -> int:
    return T0 + int(share * (ticks[-1].trade_time_ms - T0))


ARRIVALS = {
    "seed": st.integers(0, 10**6),
    "chosen": st.sampled_from(WAYS),
    "shares": st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    "size": st.sampled_from([7, 40, 500]),
    "places": st.lists(st.floats(0, 1), min_size=80, max_size=80),
    "narrow": st.booleans(),
    "trouble": st.sampled_from([Trouble(), Trouble(gap_at=0.8, gap_late_ms=NEVER), Trouble(gap_at=0.75, late_at=0.85)]),
    "restarts": st.sets(st.integers(1, 1_500), min_size=1, max_size=4),
}


def assert_one_path(
    seed: int, chosen: PairSettings, shares: tuple[float, float], size: int, places: list[float], narrow: bool,
    trouble: Trouble, restarts: set[int],
) -> None:  # fmt: skip
    whole = make_ticks(seed)
    begins = dict(zip(("YUSDT", "XUSDT"), (cut_at(share, whole) for share in shares), strict=True))
    ticks: list[Item] = [t for t in deliver(whole, trouble) if t.trade_time_ms >= begins[t.symbol]]
    width_ms = WIDTH // 2 if narrow else WIDTH
    past = [page for symbol in begins for page in pages(candles(whole, symbol, width_ms), size)]
    arriving: list[Item] = list(ticks)
    for page, place in zip(past, places * 20, strict=False):
        arriving.insert(int(place * len(arriving)), page)
    live = followed(arriving, chosen)
    restarted = followed(arriving, chosen, frozenset(restarts))
    assert restarted.given == live.given and restarted.begun == live.begun, "as given"
    assert_same(restarted, live)
    first = followed([*past, *ticks], chosen)
    last = followed([*ticks, *past], chosen)
    assert_same(first, last)
    assert first.standing() == last.standing(), "current"
    assert_same(live, last)
    assert live.standing() == last.standing()


@settings(max_examples=15, deadline=None, phases=NO_SHRINK)
@given(**ARRIVALS)
def test_when_candles_come_does_not_show(**arrival: Any) -> None:
    assert_one_path(**arrival)


@pytest.mark.soak
@settings(max_examples=300, deadline=None, phases=NO_SHRINK)
@given(**ARRIVALS)
def test_nor_in_many_more_arrivals(**arrival: Any) -> None:
    assert_one_path(**arrival)


@pytest.mark.parametrize("seed", range(4))
def test_prices_are_those_that_the_ticks_would_have_given(seed: int) -> None:
    chosen = replace(SETTINGS, price="last")
    whole = make_ticks(seed)
    begins = cut_at(0.5, whole)
    known: list[Item] = [tick for tick in whole if tick.trade_time_ms >= begins]
    past: list[Item] = [page for symbol in ("YUSDT", "XUSDT") for page in pages(candles(whole, symbol), 60)]
    items: list[Item] = list(whole)
    of_ticks, of_both = followed(items, chosen), followed([*known, *past], chosen)
    for row in (Out.SPREAD, Out.Z, Out.BETA, Out.GATE, Out.ACTION, Out.POSITION):
        columns = [follower.followed.model.column(row) for follower in (of_ticks, of_both)]
        np.testing.assert_array_equal(*columns, err_msg=row.name)
    assert [d[2:4] for d in of_ticks.standing()] == [d[2:4] for d in of_both.standing()] != []


def test_the_boundary_shows_and_ticks_win() -> None:
    whole = make_ticks(1)
    begins = T0 + 100 * WIDTH + 700
    known: list[Item] = [tick for tick in whole if tick.trade_time_ms >= begins]
    strange = [bar._replace(volume=bar.volume + 1_000.0) for s in ("YUSDT", "XUSDT") for bar in candles(whole, s)]
    y, x = strange[: len(strange) // 2], strange[len(strange) // 2 :]
    live = followed([*known, tuple(y), tuple(x)])
    for leg in live.followed.legs:
        flags = leg.inputs.columns[In.FLAGS, : leg.size].astype(int) & LegFlag.SOURCED
        assert leg.first_slot == T0 // WIDTH
        assert (flags[:101] > 0).all() and not flags[101:].any(), "the slot of the first tick is not whole"
        volumes = leg.column(Col.VOLUME)
        assert (volumes[:101] > 1_000.0).all() and (volumes[101:] < 1_000.0).all()
        assert (leg.column(Col.SIDED)[:101] == 0.0).all() and leg.column(Col.SIDED)[102:].any()
        assert leg.sourced_spans_ms() == [(T0, T0 + 101 * WIDTH)]
        assert leg.compared() == (leg.size - 101,) * 2, "each volume differs"
    honest = followed([*known, *(tuple(candles(whole, symbol)) for symbol in ("YUSDT", "XUSDT"))])
    assert [leg.compared() for leg in honest.followed.legs] == [(leg.size - 101, 0) for leg in honest.followed.legs]


def test_a_gap_that_nobody_fills_is_bridged_by_candles_and_is_no_taint() -> None:
    whole = make_ticks(3)
    trouble = Trouble(gap_at=0.5, gap_ids=160, gap_late_ms=NEVER)
    arrived: list[Item] = list(deliver(whole, trouble))
    bare = followed(arrived)
    bridged = followed([*arrived, tuple(candles(whole, "YUSDT"))])
    spans = bridged.pipeline.builder.gap_spans("YUSDT")
    assert len(spans) == 1 == len(bare.pipeline.builder.gap_spans("YUSDT"))
    inside = slice(spans[0][0] // WIDTH - T0 // WIDTH, spans[0][1] // WIDTH - T0 // WIDTH)
    y, bare_y = bridged.followed.legs[0], bare.followed.legs[0]
    assert bare_y.column(Col.TAINTED)[inside].all() and not y.column(Col.TAINTED).any()
    assert y.column(Col.SOURCED)[inside].all() and y.column(Col.SOURCED).sum() <= inside.stop - inside.start + 1
    assert bridged.begun == bare.begun, "nothing earlier has come"


def test_a_fill_takes_its_place_back() -> None:
    whole = make_ticks(3)
    late = list(deliver(whole, Trouble(gap_at=0.5, gap_ids=60, gap_late_ms=60_000)))
    bars = tuple(candles(whole, "YUSDT")[1:])  # the first slot is not whole for want of a tick at its very beginning
    middle = next(n for n, tick in enumerate(late) if tick.trade_time_ms > cut_at(0.6, whole))
    live = followed([*late[:middle], bars, *late[middle:]])
    assert not live.followed.legs[0].column(Col.SOURCED).any()
    never = followed(list(late))
    assert_same(live, never)


def test_candles_alone_are_followed_until_the_first_tick_which_begins_anew() -> None:
    whole = make_ticks(2)
    begins = cut_at(0.8, whole)
    past = {symbol: [bar for bar in candles(whole, symbol) if bar.end_ms <= begins] for symbol in ("YUSDT", "XUSDT")}
    follower = followed([tuple(past["YUSDT"][:80]), tuple(past["XUSDT"][:80])])
    assert follower.begun == [(0, T0)] and follower.followed.model.size == 80
    follower.restart()
    for at in range(80, len(past["YUSDT"])):
        follower.take((past["YUSDT"][at],))
        follower.take((past["XUSDT"][at],))
    assert follower.begun == [(0, T0)] and follower.followed.model.size == len(past["YUSDT"])
    assert follower.followed.current, "decisions are given on candles as on any bars"
    decisions = list(follower.given)
    assert all(decision.late_ms == 0 for decision in decisions if decision.bar_ms >= T0 + 80 * WIDTH)
    at_once = followed([tuple(past["YUSDT"]), tuple(past["XUSDT"])])
    assert_same(follower, at_once)
    rest: list[Item] = [tick for tick in whole if tick.trade_time_ms >= begins]
    for item in rest:
        follower.take(item)
    assert follower.ended == ["history", "history"], "once for each leg"
    assert follower.followed.model.size > len(past["YUSDT"]) + 20


def test_candles_with_a_long_break_begin_after_it() -> None:
    whole = make_ticks(2)
    bars = {symbol: candles(whole, symbol) for symbol in ("YUSDT", "XUSDT")}
    longest = 2 * SETTINGS.test_window  # type: ignore[operator]
    far = {
        s: [bar._replace(open_time_ms=bar.open_time_ms - (longest + 15) * WIDTH) for bar in b[:10]]
        for s, b in bars.items()
    }
    follower = followed([tuple(far["YUSDT"] + bars["YUSDT"]), tuple(far["XUSDT"] + bars["XUSDT"])])
    assert follower.begun == [(0, T0)]
    steps = followed([tuple(far["YUSDT"]), tuple(far["XUSDT"]), tuple(bars["YUSDT"]), tuple(bars["XUSDT"])])
    assert steps.ended == ["gap"] and steps.begun[-1] == (0, T0)
    assert_same(follower, steps)
