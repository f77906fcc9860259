"""The exchange without sockets: what is due when, and what each fault of the stream does to it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import FaultRefused
from simulator.frames import Frame, wrapped
from simulator.market import SyntheticMarket
from simulator.recordings import TimedFrame
from simulator.settings import Coin, coins_named
from simulator.sources import RecordedFrames, RecordedTrades, SyntheticSource
from simulator.trade_history import TRADES, Rows
from simulator.venue import Venue

START = 1_790_000_000_000
BOTH = {"BTCUSDT", "ETHUSDT"}
BUSY = coins_named(["BTCUSDT", "ETHUSDT"], rate=5.0)


def synthetic(coins: Sequence[Coin] = BUSY) -> Venue:
    market = SyntheticMarket(coins, 3, START, first_id=1)
    return Venue(SyntheticSource(market, coins, START), 1_000_000, 48)


def ids(frames: list[Frame], symbol: str = "BTCUSDT") -> list[int]:
    return [json.loads(frame.text)["a"] for frame in frames if frame.symbol == symbol]


def run(venue: Venue, until_ms: int, step_ms: int = 100, wanted: set[str] = BOTH) -> list[Frame]:
    """The frames of many small steps up to ``until_ms`` after the start."""
    frames = []
    for now_ms in range(venue.now_ms + step_ms, START + until_ms + 1, step_ms):
        frames += venue.advance(now_ms, wanted)
    return frames


class TestFrames:
    def test_a_frame_has_every_field_in_the_real_order(self) -> None:
        rows = np.zeros(1, TRADES)
        row = (3460311795, 1790046465580, 8559590, 411, 400, 8105706701, 19, 122, 2, 3, False)
        rows[0] = row
        venue = Venue(RecordedTrades({"BTCUSDT": rows}, seed=1), 1_000, 48)
        (frame,) = venue.advance(1790046465580 + 200, {"BTCUSDT"})
        sent_ms = json.loads(frame.text)["E"]
        assert wrapped(frame) == (
            f'{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":{sent_ms},"a":3460311795,"s":"BTCUSDT",'
            '"p":"85595.90","q":"0.411","nq":"0.400","f":8105706701,"l":8105706719,"T":1790046465580,'
            '"m":false,"st":1}}'
        )
        assert 4 <= sent_ms - 1790046465580 <= 160

    def test_nothing_is_sent_before_its_e_and_all_of_it_after(self) -> None:
        venue = synthetic()
        for now_ms in range(START, START + 20_000, 50):
            for frame in venue.advance(now_ms, BOTH):
                assert now_ms - 50 < frame.sent_ms <= now_ms

    def test_rest_knows_a_trade_from_its_own_time_on(self) -> None:
        venue = synthetic()
        venue.advance(START + 10_000, BOTH)
        assert venue.trades("BTCUSDT")[-1].trade_time_ms <= START + 10_000
        times = [trade.trade_time_ms for trade in synthetic_trades(20_000)]
        assert len(venue.trades("BTCUSDT")) == sum(time <= START + 10_000 for time in times)

    def test_streams_of_several_symbols_are_merged_by_e(self) -> None:
        frames = synthetic().advance(START + 60_000, BOTH)
        assert {frame.symbol for frame in frames} == BOTH
        assert [frame.sent_ms for frame in frames] == sorted(frame.sent_ms for frame in frames)

    @settings(deadline=None, max_examples=20)
    @given(st.lists(st.integers(1, 60_000), max_size=15))
    def test_the_frames_do_not_depend_on_the_steps(self, cuts: list[int]) -> None:
        stepped = synthetic()
        frames = [f for at in sorted(cuts) for f in stepped.advance(START + at, BOTH)]
        frames += stepped.advance(START + 60_000, BOTH)
        whole = synthetic().advance(START + 60_000, BOTH)
        for symbol in BOTH:
            assert [f for f in frames if f.symbol == symbol] == [f for f in whole if f.symbol == symbol]

    def test_without_a_reader_the_market_trades_on_and_the_reader_has_a_gap(self) -> None:
        venue = synthetic()
        seen = ids(run(venue, 10_000))
        assert run(venue, 20_000, wanted=set()) == []
        later = ids(run(venue, 30_000))
        assert later[0] > seen[-1] + 100
        traded = [trade.agg_id for trade in venue.trades("BTCUSDT")]
        assert traded[: later[-1]] == list(range(1, later[-1] + 1))


def synthetic_trades(until_ms: int) -> list[object]:
    venue = synthetic()
    venue.advance(START + until_ms, BOTH)
    return list(venue.trades("BTCUSDT"))


class TestStreamFaults:
    def test_dropped_ids_are_not_streamed_and_rest_has_them(self) -> None:
        venue = synthetic()
        before = ids(run(venue, 5_000))
        venue.disturbance("BTCUSDT").drop(41, forget=False)
        after = run(venue, 20_000)
        gap = list(range(before[-1] + 1, before[-1] + 42))
        assert ids(after)[0] == gap[-1] + 1
        assert venue.disturbance("BTCUSDT").dropped == gap
        assert venue.trade_history("BTCUSDT").from_id(gap[0], 41)["id"].tolist() == gap
        assert ids(after, "ETHUSDT")[0] == max(ids(run(synthetic(), 5_000), "ETHUSDT")) + 1, "only one symbol suffers"

    def test_forgotten_ids_are_nowhere(self) -> None:
        venue = synthetic()
        before = ids(run(venue, 5_000))
        venue.disturbance("BTCUSDT").drop(41, forget=True)
        run(venue, 20_000)
        assert venue.trade_history("BTCUSDT").from_id(before[-1] + 1, 1)["id"].tolist() == [before[-1] + 42]
        assert before[-1] + 1 not in {trade.agg_id for trade in venue.trades("BTCUSDT")}

    def test_a_stall_delivers_late_and_in_order(self) -> None:
        venue = synthetic()
        before = ids(run(venue, 5_000))
        venue.disturbance("BTCUSDT").stall(START + 8_000, lost=False)
        during = run(venue, 7_900)
        after = ids(run(venue, 20_000))
        assert ids(during) == []
        assert ids(during, "ETHUSDT")
        assert before + after == list(range(1, after[-1] + 1))

    @pytest.mark.parametrize("step_ms", [50, 1_000, 5_000])
    def test_a_losing_stall_loses_what_was_due_meanwhile(self, step_ms: int) -> None:
        venue = synthetic()
        before = ids(run(venue, 5_000))
        venue.disturbance("BTCUSDT").stall(START + 8_000, lost=True)
        after = ids(run(venue, 20_000, step_ms))
        lost = venue.disturbance("BTCUSDT").dropped
        due = [frame for frame in run(synthetic(), 20_000) if START + 5_000 < frame.sent_ms <= START + 8_000]
        assert lost == ids(due)
        assert before + lost + after == list(range(1, after[-1] + 1))
        assert len(lost) > 60

    def test_duplicates_are_the_same_frame_twice(self) -> None:
        venue = synthetic()
        venue.disturbance("BTCUSDT").duplicate(30)
        frames = run(venue, 5_000)
        found = ids(frames)
        assert found[:60] == [n for n in range(1, 31) for _ in range(2)]
        assert found[60:] == list(range(31, found[-1] + 1))

    def test_frames_are_reordered_within_a_window(self) -> None:
        venue = synthetic()
        venue.disturbance("BTCUSDT").reorder(10, window=4)
        found = ids(run(venue, 5_000))
        assert found[:12] == [4, 3, 2, 1, 8, 7, 6, 5, 10, 9, 11, 12]
        assert sorted(found) == list(range(1, max(found) + 1))

    def test_a_reordered_stream_keeps_its_order_beside_others(self) -> None:
        venue = synthetic()
        venue.disturbance("BTCUSDT").reorder(1_000, window=7)
        found = ids(venue.advance(START + 20_000, BOTH))
        assert found[:7] == [7, 6, 5, 4, 3, 2, 1]

    def test_lag_delays_frames_and_leaves_e_alone(self) -> None:
        venue = synthetic()
        venue.lag(1_500)
        arrivals = [(now, f) for now in range(START, START + 9_000, 50) for f in venue.advance(now, BOTH)]
        assert arrivals
        assert all(now - 50 < frame.sent_ms + 1_500 <= now for now, frame in arrivals)

    def test_a_halt_stops_trading_and_goes_on_with_the_next_id(self) -> None:
        venue = synthetic()
        run(venue, 5_000)
        venue.halt(3_000)
        run(venue, 7_900)
        during = len(venue.trades("BTCUSDT"))
        run(venue, 20_000)
        trades = venue.trades("BTCUSDT")
        assert [trade.agg_id for trade in trades] == list(range(1, len(trades) + 1))
        assert trades[during - 1].trade_time_ms <= START + 5_000
        assert START + 8_000 <= trades[during].trade_time_ms < START + 9_000
        unhalted = synthetic_trades(20_000)
        assert [trade[2:4] for trade in trades] == [trade[2:4] for trade in unhalted[: len(trades)]]

    def test_faults_told_before_time_begins_count_from_its_beginning(self) -> None:
        venue = synthetic()
        venue.disturbance("BTCUSDT").stall(venue.now_ms + 3_000, lost=False)
        venue.halt(2_000)
        venue.begin(START - 1_000_000)
        frames = [venue.advance(START - 1_000_000 + at, BOTH) for at in range(100, 20_000, 100)]
        sent = {symbol: [at for at, each in enumerate(frames) if ids(each, symbol)] for symbol in BOTH}
        assert 18 < sent["ETHUSDT"][0] < 25
        assert sent["BTCUSDT"][0] == 29

    def test_a_halted_market_settles_even_with_half_a_window(self) -> None:
        venue = synthetic()
        venue.disturbance("BTCUSDT").reorder(1_000_000, window=1_000)
        frames = run(venue, 5_000)
        venue.halt()
        assert not venue.settled()
        frames += run(venue, 6_000)
        assert venue.settled()
        assert sorted(ids(frames)) == [trade.agg_id for trade in venue.trades("BTCUSDT")]

    def test_clear_ends_everything(self) -> None:
        venue = synthetic()
        fault = venue.disturbance("BTCUSDT")
        fault.drop(10_000, forget=False)
        venue.disturbance("ETHUSDT").stall(START + 10**9, lost=False)
        venue.lag(60_000)
        assert run(venue, 5_000) == []
        venue.halt()
        venue.clear()
        after = run(venue, 10_000)
        assert ids(after)
        assert ids(after, "ETHUSDT")[0] == 1

    def test_a_jump_breaks_one_leg(self) -> None:
        calm, broken = synthetic(), synthetic()
        for venue in (calm, broken):
            venue.advance(START + 5_000, BOTH)
        broken.jump("ETHUSDT", -300)
        for venue in (calm, broken):
            venue.advance(START + 200_000, BOTH)
        assert broken.trades("BTCUSDT") == calm.trades("BTCUSDT")
        ratio = float(broken.trades("ETHUSDT")[-1].price) / float(calm.trades("ETHUSDT")[-1].price)
        assert ratio == pytest.approx(0.97, abs=2e-4)


class TestRefusals:
    def test_an_unknown_symbol(self) -> None:
        with pytest.raises(FaultRefused, match="symbol is 'XYZ'; expected one of BTCUSDT, ETHUSDT"):
            synthetic().disturbance("XYZ")

    def test_faults_of_trades_where_frames_are_replayed(self) -> None:
        text = '{"e":"aggTrade","a":1,"s":"BTCUSDT","p":"1","q":"1","f":1,"l":1,"T":1790000000000,"m":true}'
        venue = Venue(RecordedFrames([TimedFrame(None, text)], restamp=False), 1_000, 48)
        with pytest.raises(FaultRefused, match="replays recorded frames"):
            venue.disturbance("BTCUSDT")
        with pytest.raises(FaultRefused, match="jump needs a synthetic market"):
            venue.jump("BTCUSDT", 5)

    def test_a_jump_of_recorded_trades(self) -> None:
        rows: Rows = np.zeros(1, TRADES)
        rows["time_ms"] = START
        venue = Venue(RecordedTrades({"BTCUSDT": rows}, seed=1), 1_000, 48)
        with pytest.raises(FaultRefused, match="jump needs a synthetic market"):
            venue.jump("BTCUSDT", 5)
