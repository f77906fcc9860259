"""The log that screens show: trades outlive any number of refusals, and the count is of all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from engine.market.records import Decision
from engine.store.interface import LoggedDecision
from live.shown_log import LogCount, ShownLog
from services.views import ViewerCursor
from tests.engine.pairs.markets import make_ticks
from tests.live.test_monitor import Harness

NONE = Decision(
    **{field.name: 0 for field in dataclasses.fields(Decision)} | {"run_id": "r", "kind": "no_entry", "reason": ""}  # type: ignore[arg-type]
)


def logged(given: int, kind: str) -> LoggedDecision:
    return LoggedDecision(given, 0, dataclasses.replace(NONE, kind=kind))


def test_refusals_do_not_push_trades_out() -> None:
    log = ShownLog(LogCount(trades=3, refusals=2))
    assert log.newest == 0 and list(log) == []
    log.extend(logged(n, "exit" if n % 4 == 0 else "no_entry") for n in range(1, 19))
    assert [entry.given for entry in log] == [8, 12, 16, 17, 18]
    assert (log.newest, log.count) == (18, LogCount(4, 14))
    log.append(logged(19, "withdrawn"))
    assert [entry.given for entry in log] == [12, 16, 17, 18, 19] and log.count == LogCount(5, 14)
    log.clear()
    assert (list(log), log.newest, log.count) == ([], 0, LogCount())


async def test_a_screen_is_told_of_all_that_is_stored(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(2))
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    found = harness.views.pair(watch_id, ViewerCursor(), 100)
    stored = harness.stored()
    refusals = sum(decision.kind == "no_entry" for decision in stored)
    assert found is not None and found.view.logged == LogCount(len(stored) - refusals, refusals)
    assert refusals > 0 and [entry.decision for entry in found.log] == stored
    assert found.seen.given == found.log[-1].given
    harness.monitor.close()
    await harness.writer.close()
