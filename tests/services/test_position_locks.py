"""Locks of positions: kept over a restart and a change of settings, taken back, refused to visitors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import NotAllowed, StoreError
from services.position_locks import PositionLockService
from services.views import ViewerCursor, ViewService
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness


async def test_a_lock_is_kept_over_settings_and_restarts_and_can_be_taken_back(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    ticks = make_ticks(1)
    await harness.write(ticks[:2_000])
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    locks = PositionLockService(harness.monitor, lambda: None)
    version = harness.monitor.version
    lock = locks.lock(watch_id)
    assert lock is not None and locks.lock(watch_id) == lock and harness.monitor.version > version
    await harness.write(ticks[2_000:])
    harness.read_all()
    harness.monitor.watch("sim", "YUSDT", "XUSDT", replace(SETTINGS, exit_z=0.4))
    harness.monitor.close()
    harness.monitor = harness.fresh()
    harness.monitor.step()
    locks = PositionLockService(harness.monitor, lambda: None)
    views = ViewService(harness.monitor, harness.views._heartbeat, locks=locks)
    found = views.pair(watch_id, ViewerCursor(), 10)
    assert found is not None and found.view.locked is not None
    assert found.view.locked.lock == lock and found.view.locked.gross != 0.0
    assert locks.unlock(watch_id) == lock and locks.unlock(watch_id) is None
    assert harness.monitor.analysis.locks() == []
    locks.restore(lock)
    assert harness.monitor.analysis.locks() == [lock]
    locks.remove(lock)
    after = views.pair(watch_id, ViewerCursor(), 10)
    assert after is not None and after.view.locked is None
    assert locks.lock(99) is None and locks.unlock(99) is None
    harness.monitor.close()
    await harness.writer.close()


async def test_a_failed_write_leaves_no_lock(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(make_ticks(1))
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    locks = PositionLockService(harness.monitor, lambda: None)
    harness.monitor.analysis._db.execute("PRAGMA query_only=1")  # type: ignore[attr-defined]
    with pytest.raises(StoreError):
        locks.lock(watch_id)
    harness.monitor.analysis._db.execute("PRAGMA query_only=0")  # type: ignore[attr-defined]
    run = harness.monitor.followed(harness.monitor.watches[watch_id])
    assert run is not None and locks.position(run) is None
    assert locks.lock(watch_id) is not None
    harness.monitor.close()
    await harness.writer.close()


async def test_visitors_lock_nothing(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)

    def refuse() -> None:
        raise NotAllowed("view only")

    locks = PositionLockService(harness.monitor, refuse)
    for change in (locks.lock, locks.unlock):
        with pytest.raises(NotAllowed):
            change(1)
    harness.monitor.close()
    await harness.writer.close()
