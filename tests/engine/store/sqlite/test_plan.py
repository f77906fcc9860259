"""The plan of a commit does not depend on how its ticks were batched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.market.coverage import Coverage
from engine.market.records import Batch
from engine.market.ticks import Tick
from engine.store.interface import Now
from engine.store.sqlite.series_index import CommitPlan, Series, SeriesIndex

WALL = 1_790_000_000_000
HOUR, DAY = 3_600_000, 86_400_000

offsets = st.one_of(
    st.integers(-2 * DAY, 2 * DAY), st.integers(-400_000, 400_000), st.sampled_from([-1, 0, 1, 300_000, 300_001])
)


def planned(ticks: list[Tick], size: int, later_ms: int) -> tuple[CommitPlan, SeriesIndex]:
    index = SeriesIndex()
    for n, symbol in enumerate(("X", "Y"), 1):
        index.enter(Series(n, "sim", symbol, Coverage()))
    plan = CommitPlan(0)
    half = len(ticks) // 2
    for part, now in ((ticks[:half], Now(WALL, 0)), (ticks[half:], Now(WALL + later_ms, later_ms))):
        for at in range(0, len(part), size):
            index.plan_batch(plan, Batch(0, 0, "sim", tuple(part[at : at + size])), now)
    return plan, index


@given(st.lists(st.tuples(st.sampled_from("XY"), offsets), max_size=30), st.integers(0, HOUR))
def test_what_is_believed_of_each_tick_is_the_same_in_any_batches(rows: list[tuple[str, int]], later_ms: int) -> None:
    """Ticks before and after the wall clock and the market's own: which are of the future, and where the clock ends."""
    ticks = [Tick(symbol, n, 1.0, 1.0, WALL + offset, None) for n, (symbol, offset) in enumerate(rows)]
    (one, whole), (each, single) = planned(ticks, 1_000, later_ms), planned(ticks, 1, later_ms)
    assert one.rows == each.rows and one.fresh == each.fresh
    assert whole.watermarks.get("sim") == single.watermarks.get("sim")
    newest = {tick.symbol: tick.agg_id for part in each.newest for tick, _ in part}
    assert {tick.symbol: tick.agg_id for part in one.newest for tick, _ in part} == newest
