"""Guarantee 2, one code path: restarts have no effect, a replay in commit order gives the same decisions in the same
order, and a replay of the final set gives the current decisions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from engine.market.history import MemoryHistory
from engine.market.records import Decision, Event, Run
from engine.market.ticks import Tick
from engine.pairs.layout import Out
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from tests.engine.pairs.markets import NEVER, SETTINGS, T0, WAYS, Trouble, deliver, make_ticks, run_of

Item = Tick | Event
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)  # the seed tells enough


class Replay:
    """A pipeline over its own in-memory history, with one run; can be restarted anywhere."""

    def __init__(self, run: Run) -> None:
        self.history = MemoryHistory()
        self.pipeline = Pipeline(self.history)
        self.run = run
        self.given = self.pipeline.begin(run, 0)
        self.seq = 0

    def take(self, item: Item) -> None:
        if isinstance(item, Event):
            self.given += self.pipeline.note(item)
            return
        self.seq += 1
        self.history.add(self.seq, item)
        self.given += self.pipeline.feed(self.seq, item)

    def restart(self) -> None:
        state = json.loads(json.dumps(self.pipeline.state()))
        self.pipeline = Pipeline.resume(state, self.history, self.seq + 1)
        self.given += self.pipeline.begin(self.run, self.seq, self.given)

    @property
    def followed(self) -> PairRun:
        return self.pipeline.runs[self.run.run_id]

    def columns(self) -> dict[str, np.ndarray]:
        return {row.name: self.followed.model.column(row) for row in Out}


def replayed(items: list[Item], run: Run, restarts: frozenset[int] = frozenset()) -> Replay:
    replay = Replay(run)
    for n, item in enumerate(items):
        if n in restarts:
            replay.restart()
        replay.take(item)
    return replay


def assert_same_columns(one: Replay, other: Replay) -> None:
    assert one.followed.first_slot == other.followed.first_slot
    for name, values in one.columns().items():
        np.testing.assert_array_equal(values, other.columns()[name], err_msg=name)


def standing(replay: Replay) -> list[tuple[object, ...]]:
    return [
        decision.content() for _, decision in sorted(replay.followed.current.items()) if decision.kind != "withdrawn"
    ]


def kinds(decisions: list[Decision]) -> dict[str, int]:
    return {kind: sum(d.kind == kind for d in decisions) for kind in {d.kind for d in decisions}}


def has_traded(replay: Replay) -> bool:
    """At least 3 entries and exits: an example without them shows little."""
    counts = kinds(replay.given)
    return counts.get("exit", 0) >= 3 and counts.get("enter_long", 0) + counts.get("enter_short", 0) >= 3


def troubles(gap_late_ms: st.SearchStrategy[int]) -> st.SearchStrategy[Trouble]:
    return st.builds(
        Trouble,
        gap_at=st.floats(0.3, 0.8),
        gap_ids=st.integers(5, 60),
        gap_late_ms=gap_late_ms,
        late_at=st.floats(0.3, 0.8),
        late_ms=st.sampled_from([4_000, 12_000]),
    )


filled = troubles(st.sampled_from([500, 3_000, 9_000, 30_000]))
never_filled = troubles(st.just(NEVER))
some_restarts = st.sets(st.integers(1, 2_400), min_size=1, max_size=4)
ways = st.sampled_from(WAYS)


def assert_one_path(ticks: list[Tick], trouble: Trouble, chosen: PairSettings, restarts: set[int]) -> Replay:
    arrived: list[Item] = list(deliver(ticks, trouble))
    live = replayed(arrived, run_of(chosen))
    restarted = replayed(arrived, run_of(chosen), frozenset(restarts))
    assert restarted.given == live.given, "as given"
    assert_same_columns(restarted, live)
    came = set(arrived)
    final = replayed([tick for tick in ticks if tick in came], run_of(chosen))
    assert_same_columns(final, live)
    assert standing(final) == standing(live), "current"
    return live


@settings(max_examples=120, deadline=None, phases=NO_SHRINK)
@given(st.integers(0, 10**6), filled, ways, some_restarts)
def test_restarts_and_order_do_not_show(seed: int, trouble: Trouble, chosen: PairSettings, restarts: set[int]) -> None:
    live = assert_one_path(make_ticks(seed), trouble, chosen, restarts)
    assume(has_traded(live))
    assert live.pipeline.builder.gap_count("YUSDT") == 0


def test_what_a_robust_gate_draws_follows_one_path_too() -> None:
    """The spread comes back in half a minute, so that the draws decide: some open a gate, some keep it closed."""
    found, chosen = np.array([]), next(way for way in WAYS if way.gate == "robust")
    for seed in range(12):
        live = assert_one_path(make_ticks(seed, stays=0.998), Trouble(late_ms=12_000), chosen, {900, 1_700})
        found = np.append(found, live.columns()["GATE_BOOTSTRAP"])
    pvalues = np.unique(found[~np.isnan(found)])
    assert pvalues.size > 8 and pvalues.min() <= chosen.gate_level / 100.0 < pvalues.max()


@settings(max_examples=40, deadline=None, phases=NO_SHRINK)
@given(st.integers(0, 10**6), never_filled, ways, some_restarts)
def test_nor_beside_a_gap_that_stays(seed: int, trouble: Trouble, chosen: PairSettings, restarts: set[int]) -> None:
    live = assert_one_path(make_ticks(seed), trouble, chosen, restarts)
    assert live.pipeline.builder.gap_count("YUSDT") == 1


def test_a_filled_gap_and_a_late_trade_revise_what_was_given() -> None:
    revised = 0
    for seed in range(6):
        live = replayed(list(deliver(make_ticks(seed), Trouble(late_ms=12_000))), run_of())
        revised += sum(decision.revision > 0 for decision in live.given)
        keys = [(d.bar_ms, d.revision) for d in live.given]
        assert len(set(keys)) == len(keys), "no decision is given twice under one key"
        for decision in live.given:
            if decision.revision:
                assert any(d.bar_ms == decision.bar_ms and d.revision == decision.revision - 1 for d in live.given)
    assert revised > 0


@settings(max_examples=40, deadline=None, phases=NO_SHRINK)
@given(st.integers(0, 10**6), filled, ways, st.floats(0.4, 0.95))
def test_removing_the_future_changes_nothing_before(
    seed: int, trouble: Trouble, chosen: PairSettings, share: float
) -> None:
    """Without any trade after some moment, however late the others came, every bar before it is the same."""
    ticks = make_ticks(seed)
    arrived = list(deliver(ticks, trouble))
    until_ms = T0 + share * (ticks[-1].trade_time_ms - T0)
    whole = replayed(list(arrived), run_of(chosen))
    part = replayed([tick for tick in arrived if tick.trade_time_ms < until_ms], run_of(chosen))
    bars = part.followed.model.size
    assert 40 < bars < whole.followed.model.size
    for name, values in part.columns().items():
        np.testing.assert_array_equal(values, whole.columns()[name][:bars], err_msg=name)
    last_ms = part.followed.model.open_time_ms(bars - 1)
    assert standing(part) == [d for d in standing(whole) if d[1] <= last_ms]
    assume(has_traded(whole))


def test_a_bar_beside_an_open_gap_gives_no_entry_and_says_why() -> None:
    seen = 0
    for seed in range(8):
        trouble = Trouble(gap_at=0.6, gap_ids=20, gap_late_ms=NEVER)
        live = replayed(list(deliver(make_ticks(seed), trouble)), run_of())
        builder = live.pipeline.builder
        assert builder.gap_count("YUSDT") == 1
        touches = builder.is_touched("YUSDT")
        touched = [ms for ms in range(T0, builder.watermark_ms, 1_000) if touches(ms, ms + 1_000)]
        from_ms, to_ms = touched[0], touched[-1] + 1_000
        width = SETTINGS.interval_ms
        until_ms = (to_ms - 1) // width * width + 50 * width  # the longest window has left the gap behind
        for decision in live.followed.current.values():
            is_near = from_ms - width < decision.bar_ms < until_ms
            if decision.kind.startswith("enter"):
                assert not is_near
            seen += decision.reason == "TAINTED_GAP"
    assert seen > 0


def test_ids_that_do_not_exist_clear_the_taint() -> None:
    ticks = make_ticks(5)
    missing = [t for t in ticks if t.symbol == "YUSDT" and 1_300 <= t.agg_id < 1_320]
    rest: list[Item] = [t for t in ticks if t not in missing]
    event = Event("absent", "sim", "YUSDT", {"first": 1_300, "last": 1_319}, after_seq=len(rest))
    live = replayed([*rest, event], run_of())
    assert live.pipeline.builder.gap_count("YUSDT") == 0
    renumbered: list[Item] = [
        t._replace(agg_id=t.agg_id - 20) if isinstance(t, Tick) and t.symbol == "YUSDT" and t.agg_id >= 1_320 else t
        for t in rest
    ]
    clean = replayed(renumbered, run_of())
    assert_same_columns(live, clean)


def test_bars_of_an_outage_give_no_entry() -> None:
    blocked = 0
    for seed in range(6):
        ticks = make_ticks(seed)
        cut = 1_400
        back_ms = ticks[cut].trade_time_ms + 20_000
        late = [t._replace(trade_time_ms=t.trade_time_ms + 20_000) for t in ticks[cut:]]
        down = Event("bridge", "sim", None, {"state": "down"}, after_seq=cut)
        up = Event("bridge", "sim", None, {"state": "up"}, after_seq=cut)
        live = replayed([*ticks[:cut], down, up, *late], run_of(), frozenset({cut + 1, cut + 2, cut + 300}))
        left_ms = ticks[cut - 1].trade_time_ms
        inside = [d for d in live.given if left_ms < d.bar_ms + SETTINGS.interval_ms and d.bar_ms <= back_ms]
        assert not any(d.kind.startswith("enter") for d in inside)
        blocked += sum(d.reason == "BRIDGE_DOWN" for d in inside)
    assert blocked > 0


def test_a_run_begun_late_says_what_it_would_have_said_from_the_start() -> None:
    ticks = make_ticks(9)
    early = replayed(list(ticks), run_of())
    late = Replay(run_of())
    late.pipeline.end(late.run.run_id, late.seq, "settings")
    for tick in ticks[:1_800]:
        late.seq += 1
        late.history.add(late.seq, tick)
        late.pipeline.feed(late.seq, tick)
    late.given = late.pipeline.begin(late.run, late.seq)
    for tick in ticks[1_800:]:
        late.take(tick)
    assert_same_columns(late, early)
    assert [d.content() for d in late.given] == [d.content() for d in early.given]


def test_quantities_are_those_of_two_legs_and_an_exit_trades_them_back() -> None:
    live = replayed(list(make_ticks(2)), run_of())
    entries = [d for d in live.given if d.kind.startswith("enter")]
    exits = [d for d in live.given if d.kind == "exit"]
    assert len(entries) >= 3
    for entry, leave in zip(entries, exits, strict=False):
        side = 1 if entry.kind == "enter_long" else -1
        assert entry.quantity_y * entry.y_price == pytest.approx(side * 10_000)
        assert entry.beta is not None
        assert entry.quantity_x * entry.x_price == pytest.approx(-side * entry.beta * 10_000)
        assert (leave.quantity_y, leave.quantity_x) == (-entry.quantity_y, -entry.quantity_x)


def test_every_bar_beyond_the_threshold_has_exactly_one_row_with_its_reason() -> None:
    live = replayed(list(make_ticks(7)), run_of())
    z = live.followed.model.column(Out.Z)
    position = live.followed.model.column(Out.POSITION)
    beyond = {live.followed.model.open_time_ms(int(i)) for i in np.flatnonzero(np.abs(z) >= SETTINGS.entry_z)}
    by_bar = {d.bar_ms: d for d in live.given}
    assert len(by_bar) == len(live.given)
    assert beyond <= by_bar.keys()
    assert all(d.reason for d in live.given if d.kind in ("no_entry", "exit"))
    assert min(beyond) >= T0
    assert set(np.unique(position)) <= {-1.0, 0.0, 1.0}
