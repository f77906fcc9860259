"""A pair's view for screens: its evidence as of its last bar, and the bars beyond entry with their reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.pairs.enums import Action, Reason
from engine.pairs.evidence import evidence_of
from engine.pairs.executable import executable_now
from engine.pairs.layout import Out
from screen.pages.pair.frames import frame
from services.views import ViewerCursor
from tests.engine.pairs.markets import T0, make_ticks
from tests.live.test_monitor import Harness


async def test_the_evidence_is_that_of_the_run_and_is_made_once_for_each_bar(tmp_path: Path) -> None:
    ticks = make_ticks(1)
    harness = await Harness.open(tmp_path)
    await harness.write(ticks[:-300])
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    found = harness.views.pair(watch_id, ViewerCursor(), 100)
    again = harness.views.pair(watch_id, ViewerCursor(), 100)
    run = harness.monitor.followed(harness.monitor.watches[watch_id])
    assert found is not None and again is not None and run is not None
    assert repr(found.view.evidence) == repr(evidence_of(run.model))
    executable = found.view.executable
    assert executable == executable_now(run.model) and found.view.latest is not None
    assert executable is not None and executable.short < executable.mid == found.view.latest.z < executable.long
    assert again.view.evidence is found.view.evidence
    await harness.write(ticks[-300:])
    harness.read_all()
    later = harness.views.pair(watch_id, found.seen, 100)
    assert later is not None and repr(later.view.evidence) == repr(evidence_of(run.model))
    assert later.view.evidence != found.view.evidence and later.view.bars > found.view.bars
    harness.monitor.close()
    await harness.writer.close()


async def test_bars_beyond_entry_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(2))
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    found = harness.views.pair(watch_id, ViewerCursor(), 100)
    run = harness.monitor.followed(harness.monitor.watches[watch_id])
    assert found is not None and run is not None
    kinds = [decision.kind for decision in run.current.values()]
    assert found.view.entries == sum(kind.startswith("enter") for kind in kinds) >= 3
    reasons = [decision.reason for decision in run.current.values() if decision.kind == "no_entry"]
    assert {reason.name: count for reason, count in found.view.refused.items()} == {
        name: reasons.count(name) for name in set(reasons)
    }
    z, action = run.model.column(Out.Z), run.model.column(Out.ACTION)
    beyond = np.abs(z) >= found.view.settings.entry_z
    assert found.view.entries + sum(found.view.refused.values()) == np.count_nonzero(beyond & (action != Action.EXIT))
    assert Reason.IN_POSITION in found.view.refused
    harness.monitor.close()
    await harness.writer.close()


async def test_each_leg_has_its_own_newest_trade_whatever_else_its_market_trades(tmp_path: Path) -> None:
    ticks = make_ticks(1)[:900]
    harness = await Harness.open(tmp_path)
    await harness.write(ticks)
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    found = harness.views.pair(watch_id, ViewerCursor(), 100)
    assert found is not None
    newest = {tick.symbol: (tick.agg_id, tick.trade_time_ms) for tick in ticks}  # ids rise
    legs = {"y": newest[found.view.y], "x": newest[found.view.x]}
    assert found.view.newest == legs and legs["y"] != legs["x"]
    assert frame(found)["newest"] == {leg: list(trade) for leg, trade in legs.items()}
    harness.monitor.close()
    await harness.writer.close()


async def test_before_the_first_bar_there_is_no_evidence(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write([tick for tick in make_ticks(1) if tick.trade_time_ms < T0 + 1_500])
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    found = harness.views.pair(watch_id, ViewerCursor(), 100)
    assert found is not None and found.view.has_run
    assert (found.view.bars, found.view.evidence, found.view.refused) == (0, None, {})
    harness.monitor.close()
    await harness.writer.close()


async def test_older_bars_are_those_of_the_run_and_end_where_the_viewer_begins(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(2))
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    run = harness.monitor.followed(harness.monitor.watches[watch_id])
    found = harness.views.pair(watch_id, ViewerCursor(), 40)
    assert found is not None and run is not None and found.first > 80
    older = harness.views.older(watch_id, found.first, found.columns["t"][0], 70)
    assert older is not None and (older.first, older.count) == (found.first - 70, 70)
    assert set(older.columns) == set(found.columns) - {"t"}
    whole = harness.views.pair(watch_id, ViewerCursor(), run.model.size)
    assert whole is not None and whole.first == 0
    for name, values in older.columns.items():
        expected = [np.nan if value is None else value for value in whole.columns[name][older.first : found.first]]
        np.testing.assert_array_equal(values, expected, err_msg=name)
    from_ms, to_ms = whole.columns["t"][older.first], found.columns["t"][0]
    assert [each.bar_ms for each in older.decisions] == [at for at in sorted(run.current) if from_ms <= at < to_ms]
    assert older.decisions and older.columns["pays"][-1] > run.settings.exit_z
    beginning = harness.views.older(watch_id, 30, whole.columns["t"][30], 250)
    assert beginning is not None and (beginning.first, beginning.count) == (0, 30)
    harness.monitor.close()
    await harness.writer.close()


async def test_there_are_no_older_bars_of_another_pair_or_run(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1))
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    found = harness.views.pair(watch_id, ViewerCursor(), 10)
    assert found is not None
    begin_ms, width_ms = found.columns["t"][0], found.view.settings.interval_ms
    assert harness.views.older(watch_id, found.first, begin_ms, 5) is not None
    assert harness.views.older(watch_id, found.first, begin_ms + width_ms, 5) is None
    assert harness.views.older(watch_id + 1, found.first, begin_ms, 5) is None
    harness.monitor.close()
    await harness.writer.close()
