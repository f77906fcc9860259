"""What watched pairs lack: bars from before the first trade and beside old gaps, and nothing that ticks have whole."""

from __future__ import annotations

from dataclasses import replace

from engine.intake.history_messages import BarSpan
from engine.market.history import MemoryHistory
from engine.market.ticks import Tick
from engine.pairs.pipeline import Pipeline
from engine.pairs.settings import classic
from engine.store.interface import Watched
from live.wants import CLOCK_MS, GAP_MS, OVERLAP_BARS, SETTLE_MS, wanted_bars
from live.watch import Watch

HOUR = 3_600_000
T0 = 1_790_046_000_000 // HOUR * HOUR
SETTINGS = classic(interval_ms=HOUR)


def watch(width_ms: int = HOUR, market: str = "sim", number: int = 1, problem: str = "") -> Watch:
    settings = replace(SETTINGS, interval_ms=width_ms)
    return Watch(Watched(number, market, "Y", "X", settings.to_json()), settings, problem=problem)


def pipeline_of(*ticks: tuple[str, int, int]) -> Pipeline:
    """(symbol, id, ms after T0) of each trade."""
    history = MemoryHistory()
    pipeline = Pipeline(history)
    for seq, (symbol, agg_id, at) in enumerate(ticks, 1):
        tick = Tick(symbol, agg_id, 100.0, 1.0, T0 + at, True)
        history.add(seq, tick)
        pipeline.feed(seq, tick)
    return pipeline


def wants(pipeline: Pipeline | None, *watches: Watch, bars: int = 100, wall_ms: int = T0) -> dict[str, set[BarSpan]]:
    pipelines = {} if pipeline is None else {"sim": pipeline}
    return {market: set(spans) for market, spans in wanted_bars(watches, pipelines, bars, wall_ms).items()}


def test_before_any_trade_all_bars_up_to_now_are_wanted() -> None:
    found = wants(None, watch(), wall_ms=T0 + CLOCK_MS + SETTLE_MS)
    assert found == {"sim": {BarSpan(symbol, HOUR, T0 - 100 * HOUR, T0) for symbol in ("Y", "X")}}
    late = wants(None, watch(), wall_ms=T0 + CLOCK_MS + SETTLE_MS - 1)
    assert late == {"sim": {BarSpan(symbol, HOUR, T0 - 101 * HOUR, T0 - HOUR) for symbol in ("Y", "X")}}


def test_with_trades_those_up_to_the_first_whole_bar_once_it_is_over() -> None:
    ticks = [("Y", 1, 1_000), ("X", 1, 0), ("Y", 2, HOUR // 2)]
    until = T0
    spans = {BarSpan(symbol, HOUR, until - 100 * HOUR, until) for symbol in ("Y", "X")}
    assert wants(pipeline_of(*ticks), watch()) == {"sim": spans}, "the first hour is not over"
    later = pipeline_of(*ticks, ("Y", 3, HOUR + SETTLE_MS))
    assert wants(later, watch()) == {
        "sim": {
            BarSpan("Y", HOUR, T0 - 99 * HOUR, T0 + HOUR),
            BarSpan("X", HOUR, T0 - 99 * HOUR, T0 + HOUR),
        }
    }
    long_ago = pipeline_of(*ticks, ("Y", 3, 50 * HOUR + SETTLE_MS), ("X", 2, 50 * HOUR + SETTLE_MS))
    assert wants(long_ago, watch()) == {
        "sim": {
            BarSpan("Y", HOUR, T0 - 50 * HOUR, T0 + HOUR + OVERLAP_BARS * HOUR),
            BarSpan("X", HOUR, T0 - 50 * HOUR, T0 + OVERLAP_BARS * HOUR),  # its first trade opened the hour
        }
    }


def test_nothing_is_wanted_that_ticks_have_whole() -> None:
    ticks = [("Y", 1, 0), ("X", 1, 0), ("Y", 2, 200 * HOUR), ("X", 2, 200 * HOUR)]
    assert wants(pipeline_of(*ticks), watch()) == {}


def test_an_old_gap_is_wanted_and_a_young_one_is_left_to_its_trades() -> None:
    ticks = [("Y", 1, 0), ("X", 1, 0), ("Y", 9, 150 * HOUR), ("X", 2, 150 * HOUR)]
    young = pipeline_of(*ticks, ("X", 3, 150 * HOUR + GAP_MS // 2))
    assert wants(young, watch()) == {}
    old = pipeline_of(*ticks, ("X", 3, 151 * HOUR + SETTLE_MS))
    assert wants(old, watch()) == {"sim": {BarSpan("Y", HOUR, T0 + 51 * HOUR, T0 + 151 * HOUR)}}


def test_custom_widths_want_the_longest_candle_that_divides_them() -> None:
    found = wants(None, watch(5_400_000), watch(1_800_000, number=2), watch(30_000, number=3), wall_ms=T0 + 100_000)
    spans = {span.symbol: span for span in found["sim"]}
    assert spans.keys() == {"Y", "X"} and all(span.width_ms == 1_800_000 for span in spans.values())
    assert spans["Y"].to_ms - spans["Y"].from_ms >= 100 * 5_400_000, "one span holds what both pairs lack"
    assert wants(None, watch(problem="failed")) == {}
