"""A pair's view for screens: its evidence as of its last bar, and the bars beyond entry with their reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.pairs.enums import Action, Reason
from engine.pairs.evidence import evidence_of
from engine.pairs.executable import executable_now
from engine.pairs.layout import Out
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
