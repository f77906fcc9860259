"""The builder against its definition: bars of the set, monotonic closings, restarts without effect."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.bars import Bar, second_bar
from engine.market.builder import BarBuilder
from engine.market.history import MemoryHistory
from engine.market.symbol_seconds import Change, Closed, Revised
from engine.market.ticks import Tick

T0 = 1_790_046_465_000


class Feed:
    """A builder with its history; ticks are given as (symbol, id, milliseconds after T0)."""

    def __init__(self) -> None:
        self.history = MemoryHistory()
        self.builder = BarBuilder(self.history)
        self.seq = 0
        self.stored = set[tuple[str, int]]()

    def __call__(
        self, symbol: str, agg_id: int, at: int, *, price: float = 100.0, future: bool = False
    ) -> list[Change]:
        self.seq += 1
        tick = Tick(symbol, agg_id, price, 1.0, T0 + at, agg_id % 2 == 0, future)
        changes = self.builder.feed(self.seq, tick)
        if (symbol, agg_id) not in self.stored:
            self.stored.add((symbol, agg_id))
            self.history.add(self.seq, tick)
        return changes


def touched(builder: BarBuilder, symbol: str) -> list[int]:
    """The seconds after T0 that an open gap overlaps."""
    touches = builder.is_touched(symbol)
    return [second for second in range(-10, 30) if touches(T0 + second * 1_000, T0 + (second + 1) * 1_000)]


def seconds(bars: tuple[Bar, ...]) -> list[tuple[int, int]]:
    """(seconds after T0, trades) of each bar."""
    return [((bar.open_time_ms - T0) // 1_000, bar.trades) for bar in bars]


def test_a_later_trade_without_a_gap_closes_the_seconds_before_it() -> None:
    feed = Feed()
    assert feed("X", 1, 100) == []
    assert feed("X", 2, 900) == []
    (closed,) = feed("X", 3, 3_100)
    assert isinstance(closed, Closed)
    assert closed.through_ms == T0 + 3_000
    assert seconds(closed.bars) == [(0, 2)]


def test_a_quiet_symbol_closes_when_the_market_is_two_seconds_past_its_end() -> None:
    feed = Feed()
    feed("Q", 1, 100)
    feed("X", 1, 2_900)
    closings = [(c.symbol, c.through_ms - T0) for c in feed("X", 2, 3_000) if isinstance(c, Closed)]
    assert ("Q", 1_000) in closings
    assert ("X", 3_000) in closings


def test_a_gap_holds_its_bars_back_for_the_grace_and_the_fill_revises_them() -> None:
    feed = Feed()
    feed("X", 1, 100)
    assert feed("X", 5, 1_100) == []  # ids 2..4 are missing: second 0 may still get trades
    assert feed("X", 6, 2_100) == []
    given_out = [c for c in feed("X", 7, 3_100) if isinstance(c, Closed)]
    assert [seconds(c.bars) for c in given_out] == [[(0, 1)]]  # by grace, touched by the gap
    assert touched(feed.builder, "X") == [0, 1] and feed.builder.gap_count("X") == 1
    feed("X", 2, 200)
    feed("X", 3, 300)
    changes = feed("X", 4, 1_000)
    revised, closed = changes
    assert isinstance(revised, Revised) and seconds(revised.bars) == [(0, 3)]
    assert isinstance(closed, Closed) and seconds(closed.bars) == [(1, 2), (2, 1)]
    assert touched(feed.builder, "X") == [] and feed.builder.gap_count("X") == 0


def test_a_gap_found_after_its_bars_were_given_out_marks_them() -> None:
    feed = Feed()
    feed("Q", 1, 900)
    feed("X", 1, 4_500)
    assert feed.builder.closed_through("Q") == T0 + 2_000
    marked = feed("Q", 5, 5_000)[0]
    assert marked == Revised("Q", T0, T0 + 2_000, ())
    assert touched(feed.builder, "Q") == [0, 1, 2, 3, 4, 5] and feed.builder.gap_count("Q") == 1


def test_a_gap_the_exchange_does_not_have_clears_without_new_bars() -> None:
    feed = Feed()
    feed("X", 1, 100)
    feed("X", 5, 1_100)
    feed("X", 6, 3_100)
    changes = feed.builder.absent("X", 2, 4)
    assert [type(change) for change in changes] == [Revised, Closed]
    assert changes[0].bars == ()
    assert touched(feed.builder, "X") == [] and feed.builder.gap_count("X") == 0


def test_a_trade_later_than_the_grace_revises_its_bar() -> None:
    feed = Feed()
    feed("Q", 1, 100)
    feed("X", 1, 5_000)
    assert feed.builder.closed_through("Q") == T0 + 3_000
    assert feed("Q", 2, 500) == []  # contiguous, but its second was given out
    (revised, _) = [change for change in feed("Q", 3, 5_100) if change.symbol == "Q"]
    assert isinstance(revised, Revised) and seconds(revised.bars) == [(0, 2)]


def test_an_unbelievable_time_enters_no_bar_and_moves_no_clock() -> None:
    feed = Feed()
    feed("X", 1, 100)
    assert feed("X", 2, 10**9, future=True) == []
    assert feed.builder.watermark_ms == T0 + 100
    (closed,) = feed("X", 3, 1_100)
    assert isinstance(closed, Closed) and seconds(closed.bars) == [(0, 1)]


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Ticks of two symbols, each in time order by id, delivered out of order, with losses and repeats."""
    arrivals: list[tuple[float, str, int, int]] = []
    for symbol in ("X", "Y"):
        at = draw(st.integers(0, 2_000))
        for agg_id in range(1, draw(st.integers(2, 25))):
            at += draw(st.sampled_from([0, 40, 300, 900, 1_500, 4_000]))
            delay = draw(st.sampled_from([0, 0, 0, 0, 2_500, 6_000, 20_000]))
            if draw(st.integers(0, 11)) > 0:
                arrivals.append((at + delay, symbol, agg_id, at))
            if draw(st.integers(0, 15)) == 0:
                arrivals.append((at + 1_000, symbol, agg_id, at))
    return [(symbol, agg_id, at) for _, symbol, agg_id, at in sorted(arrivals)]


@settings(max_examples=300)
@given(streams(), st.sets(st.integers(0, 60), max_size=6))
def test_closings_and_revisions_add_up_to_the_bars_of_the_set(
    stream: list[tuple[str, int, int]], restarts: set[int]
) -> None:
    plain, restarted = Feed(), Feed()
    given_out: dict[tuple[str, int], Bar] = {}
    through: dict[str, int] = {}
    for n, (symbol, agg_id, at) in enumerate(stream):
        changes = plain(symbol, agg_id, at, price=100.0 + agg_id / 8)
        if n in restarts:
            state = json.loads(json.dumps(restarted.builder.state()))
            restarted.builder = BarBuilder.resume(state, restarted.history, restarted.seq + 1)
        assert restarted(symbol, agg_id, at, price=100.0 + agg_id / 8) == changes
        for change in changes:
            if isinstance(change, Closed):
                assert change.through_ms > through.get(change.symbol, 0), "closings only move forward"
                assert all(change.symbol not in key or key[1] < change.through_ms for key in given_out)
                through[change.symbol] = change.through_ms
            given_out.update({(change.symbol, bar.open_time_ms): bar for bar in change.bars})
    by_second: dict[tuple[str, int], dict[int, Tick]] = {}
    for symbol, agg_id, at in stream:
        tick = Tick(symbol, agg_id, 100.0 + agg_id / 8, 1.0, T0 + at, agg_id % 2 == 0)
        second = tick.trade_time_ms - tick.trade_time_ms % 1_000
        by_second.setdefault((symbol, second), {})[agg_id] = tick
    stale = {
        (symbol, at)
        for symbol in ("X", "Y")
        for at, _ in plain.builder.state()["series"].get(symbol, {}).get("stale", [])
    }
    for key, ticks in by_second.items():
        if key[1] < through.get(key[0], 0) and key not in stale:
            assert given_out[key] == second_bar(key[1], ticks.values())
