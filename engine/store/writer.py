"""The one writer of ``ticks.db``.

``commit`` takes whatever batches have gathered and makes one transaction of them: ticks, the
one-second bars they touch, the hole ledger and the clocks. Only when it returns may anyone say
"stored": the file is synced by then. When it raises, nothing of it happened.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import aiosqlite

from engine.errors import StoreError
from engine.market.bars import SecondFold
from engine.market.clock import Watermark
from engine.market.coverage import Coverage, Hole
from engine.market.records import Batch, Commit, Event, HoleNews, Receipt
from engine.market.ticks import Tick
from engine.store.book import Book, Now, Plan, Series
from engine.store.files import prepare
from engine.store.rows import tick_of
from engine.store.schema import TICKS

_BAR_PLACES = ",".join("?" * 18)


class TickWriter:
    """Owns the only writing connection of ``ticks.db``. Make one with ``open``; calls must not overlap."""

    def __init__(self, db: aiosqlite.Connection, path: Path, store_id: str) -> None:
        self._db = db
        self.path = path
        self.store_id = store_id
        self.last_seq = 0
        self._book = Book()
        self._is_stale = True  # the book must be read from the file before it is used

    @classmethod
    async def open(cls, path: Path) -> TickWriter:
        """Create, migrate or resume the file. Raises StoreError and its kinds."""
        store_id = prepare(path, TICKS)
        db = await aiosqlite.connect(path, isolation_level=None)
        await db.execute("PRAGMA synchronous=FULL")
        writer = cls(db, path, store_id)
        await writer._load()
        return writer

    async def close(self) -> None:
        """Leave one tidy file behind."""
        await self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        await self._db.close()

    def high_water(self, market: str) -> dict[str, int]:
        """Greatest id ever stored, by symbol."""
        return {
            symbol: series.coverage.high_water
            for (of, symbol), series in self._book.series.items()
            if of == market and series.coverage.high_water is not None
        }

    def markets(self) -> list[str]:
        """Every market with a stored tick."""
        return sorted({market for market, _ in self._book.series})

    def all_open_holes(self) -> list[HoleNews]:
        """Every hole of every symbol that still misses something."""
        return [news for market, symbol in self._book.series for news in self.open_holes(market, symbol)]

    def open_holes(self, market: str, symbol: str) -> list[HoleNews]:
        """Every hole of one symbol that still misses something, rising."""
        series = self._book.series.get((market, symbol))
        holes = dict.fromkeys(hole for hole, _ in series.coverage.missing()) if series else {}
        return [series.news(hole) for hole in holes] if series else []

    def watermark_ms(self, market: str) -> int | None:
        """Latest believable trade time of a market."""
        watermark = self._book.watermarks.get(market)
        return watermark.time_ms if watermark else None

    async def commit(self, batches: Sequence[Batch], events: Sequence[Event], now: Now) -> Commit:
        """Store the batches, then the events, in one synced transaction.

        Raises StoreError when the file cannot be written; then nothing of it is stored, and the same
        batches can be tried again.
        """
        try:
            if self._is_stale:
                await self._load()
            self._is_stale = True  # the plan changes the book ahead of the file
            await self._db.execute("BEGIN IMMEDIATE")
            await self._enter_new(batches)
            plan = Plan(self.last_seq)
            for batch in batches:
                self._book.plan_batch(plan, batch, now)
            for event in events:
                self._book.plan_event(plan, event)
            await self._write(plan, events, now)
            conflicts = [await self._conflicts(plan, index) for index in range(len(batches))]
            await self._db.execute("COMMIT")
        except sqlite3.Error as error:
            await self._roll_back()
            raise StoreError(f"{self.path} cannot be written: {error}") from error
        self.last_seq = plan.seq
        self._is_stale = False
        return Commit(
            tuple(
                Receipt(batch, plan.stored[index], len(plan.known[index]) - conflicts[index], conflicts[index])
                for index, batch in enumerate(batches)
            ),
            tuple(self._book.by_id[of].news(hole) for of, holes in plan.holes.items() for hole in sorted(holes)),
            plan.seq,
        )

    async def _write(self, plan: Plan, events: Sequence[Event], now: Now) -> None:
        await self._db.executemany("INSERT INTO ticks VALUES (?,?,?,?,?,?,?,?)", plan.rows)
        await self._db.execute("INSERT OR REPLACE INTO meta VALUES ('last_seq', ?)", (plan.seq,))
        await self._write_bars(plan)
        await self._write_holes(plan, now)
        await self._db.executemany(
            "INSERT INTO events (after_seq, at_ms, market, symbol, kind, detail) VALUES (?,?,?,?,?,?)",
            [(plan.seq, now.wall_ms, e.market, e.symbol, e.kind, json.dumps(e.detail)) for e in events],
        )
        touched = [self._book.by_id[of] for of in plan.fresh]
        await self._db.executemany(
            "UPDATE series SET first_id=?, high_water=? WHERE series_id=?",
            [(s.coverage.first, s.coverage.high_water, s.series_id) for s in touched],
        )
        clocks = [(name, self._book.watermarks[name]) for name in plan.markets]
        await self._db.executemany(
            "INSERT INTO markets VALUES (?,?,?) ON CONFLICT DO UPDATE SET"
            " watermark_ms=excluded.watermark_ms, seen_wall_ms=excluded.seen_wall_ms",
            [(name, clock.time_ms, clock.wall_ms) for name, clock in clocks if clock.time_ms is not None],
        )

    async def _enter_new(self, batches: Sequence[Batch]) -> None:
        for market, symbol in self._book.unknown(batches):
            cursor = await self._db.execute(
                "INSERT INTO series (market, symbol, first_id, high_water) VALUES (?,?,0,0)", (market, symbol)
            )
            assert cursor.lastrowid is not None
            self._book.enter(Series(cursor.lastrowid, market, symbol, Coverage()))

    async def _write_bars(self, plan: Plan) -> None:
        rows: list[tuple[object, ...]] = []
        for of, seconds in plan.fresh.items():
            series = self._book.by_id[of]
            for second, ticks in seconds.items():
                fold = series.fold(second)
                if fold is None:  # an older second: all of its ticks, the new ones among them, are in the file now
                    fold = SecondFold(second, [tick_of(series.symbol, row) for row in await self._second(of, second)])
                else:
                    for _, tick in ticks:
                        fold.add(tick)
                series.reach(second)
                rows.append((of, *fold.bar(), ticks[-1][0]))
        await self._db.executemany(f"INSERT OR REPLACE INTO bars VALUES ({_BAR_PLACES})", rows)

    async def _second(self, series_id: int, second_ms: int) -> list[tuple[object, ...]]:
        query = (
            "SELECT agg_id, price, quantity, trade_time_ms, buyer_is_maker, future FROM ticks"
            " WHERE series_id=? AND trade_time_ms>=? AND trade_time_ms<? AND NOT future"
        )
        async with self._db.execute(query, (series_id, second_ms, second_ms + 1_000)) as cursor:
            return [tuple(row) for row in await cursor.fetchall()]

    async def _write_holes(self, plan: Plan, now: Now) -> None:
        rows = []
        for of, holes in plan.holes.items():
            series = self._book.by_id[of]
            for hole in sorted(holes):
                missing = series.coverage.missing_of(hole)
                reason = series.given_up.get(hole)
                if missing:
                    status = "unfetchable" if reason else "open"
                elif hole in plan.absent:
                    status, reason = "absent", "the exchange has no such ids"
                else:
                    status, reason = "filled", None
                closed_ms = None if missing else now.wall_ms
                rows.append((of, *hole, json.dumps(missing), status, reason, now.wall_ms, closed_ms))
        await self._db.executemany(
            "INSERT INTO holes (series_id, first_id, last_id, missing, status, reason, opened_ms, closed_ms)"
            " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (series_id, first_id, last_id) DO UPDATE SET"
            " missing=excluded.missing, status=excluded.status, reason=excluded.reason, closed_ms=excluded.closed_ms",
            rows,
        )

    async def _conflicts(self, plan: Plan, index: int) -> int:
        """How many of a batch's known ids came with another price or quantity than the one stored."""
        by_series: dict[int, list[Tick]] = {}
        for series_id, tick in plan.known[index]:
            by_series.setdefault(series_id, []).append(tick)
        query = (
            "SELECT t.agg_id, t.price, t.quantity FROM json_each(?) AS j"
            " CROSS JOIN ticks AS t ON t.series_id=? AND t.agg_id=j.value"
        )
        found = 0
        for series_id, offered in by_series.items():
            ids = json.dumps([tick.agg_id for tick in offered])
            rows = await self._db.execute_fetchall(query, (ids, series_id))
            stored = {agg_id: (price, quantity) for agg_id, price, quantity in rows}
            found += sum(stored.get(t.agg_id, (t.price, t.quantity)) != (t.price, t.quantity) for t in offered)
        return found

    async def _load(self) -> None:
        """Read the book from the file."""
        book = Book()
        async with self._db.execute("SELECT * FROM markets") as cursor:
            async for market, watermark_ms, seen_wall_ms in cursor:
                book.watermarks[market] = Watermark(watermark_ms, seen_wall_ms)
        query = (
            "SELECT series_id, market, symbol, first_id, high_water,"
            " (SELECT max(open_time_ms) FROM bars WHERE bars.series_id=series.series_id) FROM series"
        )
        rows = [tuple(row) for row in await self._db.execute_fetchall(query)]
        for series_id, market, symbol, first_id, high_water, reached_ms in rows:
            missing, given_up = await self._open_holes_of(series_id)
            reached_ms = -1 if reached_ms is None else reached_ms
            coverage = Coverage(first_id, high_water, missing)
            book.enter(Series(series_id, market, symbol, coverage, reached_ms, given_up=given_up))
        last = list(await self._db.execute_fetchall("SELECT value FROM meta WHERE key='last_seq'"))
        self.last_seq = int(last[0][0]) if last else 0
        self._book = book
        self._is_stale = False

    async def _open_holes_of(self, series_id: int) -> tuple[list[tuple[Hole, Hole]], dict[Hole, str]]:
        missing: list[tuple[Hole, Hole]] = []
        given_up: dict[Hole, str] = {}
        query = "SELECT first_id, last_id, missing, reason FROM holes WHERE series_id=? AND closed_ms IS NULL"
        async with self._db.execute(query, (series_id,)) as cursor:
            async for first, last, runs, reason in cursor:
                hole = Hole(first, last)
                missing += [(hole, Hole(*run)) for run in json.loads(runs)]
                if reason:
                    given_up[hole] = reason
        return missing, given_up

    async def _roll_back(self) -> None:
        if self._db.in_transaction:
            await self._db.execute("ROLLBACK")
