"""Store maintenance between commits: checkpoints several times a second, retention periodically."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engine.errors import StoreError
from engine.market.records import Event
from engine.store.sqlite.retention import SWEEP_EVERY_S, RetentionJob
from engine.store.sqlite.writer import SqliteTickWriter

log = logging.getLogger("pairbridge.store")

CHECKPOINT_EVERY_S = 0.25
WAL_WARN_BYTES = 256 << 20


async def keep(writer: SqliteTickWriter, retention_ms: int, note: Callable[[Event], None]) -> None:
    """Runs until cancelled. ``note`` receives events to commit: gaps that are now unfetchable."""
    await asyncio.gather(_checkpoints(writer), _sweeps(RetentionJob(writer, retention_ms), note))


async def _checkpoints(writer: SqliteTickWriter) -> None:
    """Checkpoints often and without waiting, so that each is short; the log restarts when no reader needs it."""
    is_large = False
    written = -1
    while True:
        await asyncio.sleep(CHECKPOINT_EVERY_S)
        if writer.last_seq == written and not is_large:
            continue
        written = writer.last_seq
        try:
            wal = await writer.checkpoint()
        except StoreError as error:
            log.debug("%s", error)  # the next commit reports it
            continue
        if (wal.bytes > WAL_WARN_BYTES) != is_large:
            is_large = not is_large
            if is_large:
                log.warning(
                    "the log of %s has %d MB: some program holds the file in a long read", writer.path, wal.bytes >> 20
                )


async def _sweeps(job: RetentionJob, note: Callable[[Event], None]) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        try:
            result = await job.sweep()
        except StoreError as error:
            log.error("retention failed, retrying in %g s: %s", SWEEP_EVERY_S, error)
            continue
        if result.archived or result.deleted:
            log.info("archived %d ticks, deleted %d", result.archived, result.deleted)
        for event in result.given_up:
            note(event)
