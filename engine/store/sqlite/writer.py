"""The only writer of ``ticks.db``.

``commit`` writes the collected batches in one transaction: ticks, their one-second bars, the gap index and the clocks.
Only when it returns is the data stored: the file is then synced. When it raises, nothing was stored, or, if the file
was deleted or replaced meanwhile, it was stored in a file that is no longer used.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import DamagedStore, StoreClosed, StoreError
from engine.market.funding import Funding
from engine.market.records import Batch, Commit, Event, GapUpdate
from engine.market.sourced import BarsStored, SourcedBar
from engine.market.stretches import Stretch
from engine.store.interface import Now
from engine.store.sqlite import sourced
from engine.store.sqlite.bar_spans import read_bar_spans
from engine.store.sqlite.commit import load_index, store
from engine.store.sqlite.connection import StoreConnection, in_transaction, roll_back
from engine.store.sqlite.files import LOCK_WAIT_S, is_damage, is_full, prepare, wal_of
from engine.store.sqlite.integrity import LOOK_S, TOO_LARGE, FileIdentity, quarantine, quick_check
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.series_index import SeriesIndex
from engine.store.sqlite.tick_lookup import TickLookup

log = logging.getLogger("pairbridge.store")

T = TypeVar("T")

SYNCHRONOUS = {"power": "FULL", "crash": "NORMAL"}
WAL_KEPT_BYTES = 64 << 20  # a larger log is truncated to this when it restarts
WAL_LARGE_BYTES = 96 << 20  # above this, fewer and larger commits: each writes whole pages
LARGE_WAL_PAUSE_S = 0.1
_AUTO_CHECKPOINT_PAGES = 16_000  # a safety net: ``checkpoint`` runs long before


@dataclass(frozen=True, slots=True)
class WalState:
    """The write-ahead log after a checkpoint: its size, and its pages that are not in the file yet."""

    bytes: int
    waiting_pages: int


class SqliteTickWriter:
    """Owns the only writing connection of ``ticks.db``. Create one with ``start`` or ``open``."""

    def __init__(self, path: Path, durability: str) -> None:
        self.path = path
        self.store_id = ""
        self.last_seq = 0
        self.note: str | None = None  # the fate of an earlier file, for display
        self.openings = 0  # number of files opened: after a replacement the path leads to another one
        self._synchronous = SYNCHRONOUS[durability]
        self._lookup = TickLookup(path)
        self._index = SeriesIndex()
        self._is_stale = True  # the index must be reloaded from the file before use
        self._turn = asyncio.Lock()
        self._is_open = False  # also between a displaced file and the next
        self._is_closed = False  # for good
        self._db: StoreConnection
        self._place: FileIdentity | None = None

    @classmethod
    async def open(cls, path: Path, durability: str = "power") -> SqliteTickWriter:
        """Create, migrate or open the file. Raises StoreError and its subclasses.

        ``durability``: with "power" a returned commit survives a power cut; with "crash" only a process crash: a power
        cut may lose the last commits, but never the file.
        """
        writer = cls(path, durability)
        await writer._open()
        return writer

    @classmethod
    async def start(cls, path: Path, durability: str = "power", look_s: float = LOOK_S) -> SqliteTickWriter:
        """As ``open``, but checks the file first: a damaged one is renamed and a new one created."""
        try:
            if not await asyncio.to_thread(quick_check, path, look_s):
                log.warning(TOO_LARGE, path, look_s)
            return await cls.open(path, durability)
        except DamagedStore as error:
            writer = cls(path, durability)
            writer._quarantine(str(error))
            await writer._open()
            return writer

    async def close(self) -> None:
        """Close the file cleanly, without a log. Whatever is asked later raises StoreClosed."""
        async with self._turn:
            self._is_closed = True
            if not self._is_open:
                return
            try:
                await self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                log.warning("%s keeps its log: %s", self.path, error)
            await self._close()

    def high_water(self, market: str) -> dict[str, int]:
        """Greatest id ever stored, by symbol."""
        return {
            symbol: series.coverage.high_water
            for (of, symbol), series in self._index.series.items()
            if of == market and series.coverage.high_water is not None
        }

    def markets(self) -> list[str]:
        """Every market with a stored tick."""
        return sorted({market for market, _ in self._index.series})

    def open_gaps(self) -> list[GapUpdate]:
        """Every open gap of every symbol."""
        return [news for series in self._index.series.values() for news in series.open_gaps()]

    def watermark_ms(self, market: str) -> int | None:
        """Latest plausible trade time of a market."""
        watermark = self._index.watermarks.get(market)
        return watermark.time_ms if watermark else None

    def health_fields(self) -> dict[str, Any]:
        """See TickWriter."""
        return {"store_id": self.store_id, "store_note": self.note, "wal_bytes": self.wal_bytes()}

    def wal_bytes(self) -> int:
        """Size of the write-ahead log now."""
        try:
            return wal_of(self.path).stat().st_size
        except FileNotFoundError:
            return 0

    def pause_s(self) -> float:
        """How long to collect rows before the next commit: while a reader holds the log, each commit makes it grow."""
        return LARGE_WAL_PAUSE_S if self.wal_bytes() > WAL_LARGE_BYTES else 0.0

    async def commit(self, batches: Sequence[Batch], events: Sequence[Event], now: Now) -> Commit:
        """Store the batches, then the events, in one synced transaction.

        Raises StoreError when the file cannot be written; the same batches can then be retried. Raises
        FileNotFoundError when its folder was deleted meanwhile; retrying is then useless.
        """
        return await self._do(self._commit, batches, events, now)

    async def store_bars(self, market: str, bars: Sequence[SourcedBar]) -> BarsStored:
        """See TickWriter."""
        return await self._do(self._write_sourced, lambda db: sourced.store_bars(db, market, bars, self.last_seq))

    async def store_all_bars(self, parts: Sequence[tuple[str, Sequence[SourcedBar]]]) -> list[BarsStored]:
        """See TickWriter."""

        def work(db: sqlite3.Connection) -> list[BarsStored]:
            return [sourced.store_bars(db, market, bars, self.last_seq) for market, bars in parts]

        return await self._do(self._write_sourced, work)

    async def store_funding(self, market: str, rows: Sequence[Funding]) -> int:
        """See TickWriter."""
        return await self._do(self._write_sourced, lambda db: sourced.store_funding(db, market, rows))

    async def bar_spans(self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int) -> list[Stretch]:
        """See TickWriter. In short reads, between which commits have their turn."""
        opening = await self._do(lambda _: self.openings)
        read = partial(self._do, self._while_open, opening)
        return await read_bar_spans(read, market, symbol, width_ms, from_ms, to_ms)

    async def settled_ms(self) -> dict[tuple[str, str], int]:
        """See TickWriter."""
        return await self._do(sourced.read_settled)

    async def transact(self, opening: int, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run other writes between two commits, as one synced transaction. Raises StoreError like ``commit``.

        ``opening``: the value of ``openings`` when the caller read the file; a later file is not written. ``work`` must
        not change what ``commit`` keeps in memory: coverage, gaps, clocks, the newest ``seq``.
        """
        return await self._do(self._transact, opening, work)

    async def checkpoint(self) -> WalState:
        """Copy the log into the file as far as readers allow, without waiting for them. Raises StoreError."""
        return await self._do(self._checkpoint)

    async def _do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run one function on the connection's thread, exclusively."""
        async with self._turn:
            if self._is_closed:
                raise StoreClosed(f"{self.path} was closed; expected nothing more to read or write")
            if not self._is_open:
                await self._open()
            try:
                done = await self._db.run(work, *arguments)
            except sqlite3.Error as error:
                raise await self._failed(error) from error
            if FileIdentity.of(self.path) != self._place:
                raise await self._displaced()
            return done

    async def _failed(self, error: sqlite3.Error) -> StoreError:
        self._is_stale = True
        await self._db.run(roll_back)
        if is_damage(error):
            await self._close()
            self._quarantine(f"{self.path} is damaged: {error}")
        words = f"the disk is full ({error})" if is_full(error, self.path) else str(error)
        return StoreError(f"{self.path} cannot be written: {words}")

    async def _displaced(self) -> StoreError:
        """Handle a deleted or replaced file: the last write went to a file that is no longer reachable."""
        self._is_stale = True
        await self._close()
        assert self._place is not None
        self._insist_on_folder()
        self._place.leave()
        self.note = f"{self.path} was deleted or replaced while the server ran; it continues with the current file"
        log.error(self.note)
        return StoreError(f"{self.path} cannot be written: it was deleted or replaced")

    def _insist_on_folder(self) -> None:
        """The folder is gone and the server's lock with it: a new folder would not be locked."""
        if not self.path.parent.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path.parent))

    def _quarantine(self, problem: str) -> None:
        kept = quarantine(self.path)
        self.note = f"{problem}; it is kept as {kept.name}, and a new {self.path.name} was created"
        log.error(self.note)

    async def _open(self) -> None:
        if self.openings:
            self._insist_on_folder()
        self.store_id = await asyncio.to_thread(prepare, self.path, TICKS)
        try:
            self._db = await StoreConnection.open(self._connect)
            self._is_open = True
            self.openings += 1
            await self._db.run(self._load)
        except sqlite3.Error as error:
            if self._is_open:
                await self._close()
            raise (DamagedStore if is_damage(error) else StoreError)(f"{self.path} cannot be read: {error}") from error
        self._place = FileIdentity.of(self.path)

    async def _close(self) -> None:
        self._is_open = False
        await self._db.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=LOCK_WAIT_S)
        db.execute(f"PRAGMA synchronous={self._synchronous}")
        db.execute(f"PRAGMA wal_autocheckpoint={_AUTO_CHECKPOINT_PAGES}")
        db.execute(f"PRAGMA journal_size_limit={WAL_KEPT_BYTES}")
        return db

    def _commit(self, db: sqlite3.Connection, batches: Sequence[Batch], events: Sequence[Event], now: Now) -> Commit:
        if self._is_stale:
            self._load(db)
        self._is_stale = True  # the plan changes the index before the file
        db.execute("BEGIN IMMEDIATE")
        commit = store(db, self._index, self._lookup, self.last_seq, batches, events, now)
        db.execute("COMMIT")
        self.last_seq = commit.last_seq
        self._is_stale = False
        return commit

    def _while_open(self, db: sqlite3.Connection, opening: int, work: Callable[[sqlite3.Connection], T]) -> T:
        if opening != self.openings:
            raise StoreError(f"{self.path} was replaced meanwhile")
        return work(db)

    def _transact(self, db: sqlite3.Connection, opening: int, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._while_open(db, opening, lambda db: in_transaction(db, work))

    def _write_sourced(self, db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._is_stale:  # else ``last_seq`` may be ahead of the file
            self._load(db)
        return in_transaction(db, work)

    def _load(self, db: sqlite3.Connection) -> None:
        self._index, self.last_seq = load_index(db)
        self._is_stale = False

    def _checkpoint(self, db: sqlite3.Connection) -> WalState:
        _, in_log, copied = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return WalState(self.wal_bytes(), max(in_log - copied, 0))
