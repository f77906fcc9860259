"""The reads and writes of one transaction, as functions on the writer's connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from itertools import chain

from engine.market.bars import SecondFold
from engine.market.clock import Watermark
from engine.market.coverage import Coverage, Gap
from engine.market.limits import NO_SUCH_IDS
from engine.market.records import Batch, Commit, Event, GapUpdate, Receipt
from engine.market.ticks import Tick
from engine.store.interface import Now
from engine.store.sqlite.posts import Posts
from engine.store.sqlite.series_index import UNKNOWN, CommitPlan, Series, SeriesIndex, TickRow
from engine.store.sqlite.tick_lookup import TickLookup

_ROW = f"(?,?,?,?,?,?,nullif(?,{UNKNOWN}),?)"
_INSERT = {many: "INSERT INTO ticks VALUES " + ",".join([_ROW] * many) for many in (1_000, 100, 10, 1)}
_INSERT_BAR = f"INSERT OR REPLACE INTO bars VALUES ({','.join('?' * 18)})"


def load_index(db: sqlite3.Connection) -> tuple[SeriesIndex, int]:
    """The file's state of every symbol, and its newest ``seq``."""
    index = SeriesIndex()
    for market, watermark_ms, seen_wall_ms in db.execute("SELECT market, watermark_ms, seen_wall_ms FROM markets"):
        index.watermarks[market] = Watermark(watermark_ms, seen_wall_ms)
    missing: dict[int, list[tuple[Gap, Gap]]] = {}
    given_up: dict[int, dict[Gap, str]] = {}
    gaps = db.execute("SELECT series_id, first_id, last_id, missing, reason FROM holes WHERE closed_ms IS NULL")
    for series_id, first, last, runs, reason in gaps:
        gap = Gap(first, last)
        missing.setdefault(series_id, []).extend((gap, Gap(*run)) for run in json.loads(runs))
        if reason:
            given_up.setdefault(series_id, {})[gap] = reason
    rows = db.execute(
        "SELECT series_id, market, symbol, first_id, high_water,"
        " (SELECT max(open_time_ms) FROM bars WHERE bars.series_id=series.series_id) FROM series"
    )
    for series_id, market, symbol, first_id, high_water, reached_ms in rows:
        coverage = Coverage(first_id, high_water, missing.get(series_id, ()))
        reached_ms = -1 if reached_ms is None else reached_ms
        index.enter(Series(series_id, market, symbol, coverage, reached_ms, given_up=given_up.get(series_id, {})))
    last_seq = db.execute("SELECT value FROM meta WHERE key='last_seq'").fetchone()
    return index, int(last_seq[0]) if last_seq else 0


def store(
    db: sqlite3.Connection, index: SeriesIndex, lookup: TickLookup, after_seq: int, batches: Sequence[Batch],
    events: Sequence[Event], now: Now,
) -> Commit:  # fmt: skip
    """Write the batches, then the events, inside the open transaction. The index is ahead of the file until COMMIT."""
    plan, posts = CommitPlan(after_seq), Posts(db, batches)
    _enter_new(db, index, posts.fresh)
    for batch in posts.fresh:
        index.plan_batch(plan, batch if batch.is_numbered else index.numbered(batch), now)
    for event in events:
        index.plan_event(plan, event)
    bars = _bars(db, index, lookup, plan)  # before the new ticks are written: they are merged with the stored ones
    _insert_ticks(db, plan.rows)
    db.executemany(_INSERT_BAR, bars)
    gaps = _write_gaps(db, index, plan, now)
    _write_clocks(db, index, plan)
    db.executemany(
        "INSERT INTO events (after_seq, at_ms, market, symbol, kind, detail) VALUES (?,?,?,?,?,?)",
        [(plan.seq, now.wall_ms, e.market, e.symbol, e.kind, json.dumps(e.detail)) for e in events],
    )
    conflicts = [_conflicts(db, known) for known in plan.known]
    receipts = [
        Receipt(batch, stored, len(known) - conflicting, conflicting, newest, gaps)
        for batch, stored, known, conflicting, newest, gaps in zip(
            posts.fresh, plan.stored, plan.known, conflicts, plan.newest, plan.gap_counts, strict=True
        )
    ]
    return Commit(
        tuple(posts.answered(receipts, now.wall_ms) if posts.keyed else receipts),
        tuple(index.by_id[of].extent(plan.opened.get(of)) for of in plan.fresh),
        tuple(gaps),
        plan.seq,
    )


def _enter_new(db: sqlite3.Connection, index: SeriesIndex, batches: Sequence[Batch]) -> None:
    for market, symbol in index.unknown(batches):
        cursor = db.execute(
            "INSERT INTO series (market, symbol, first_id, high_water) VALUES (?,?,0,0)", (market, symbol)
        )
        assert cursor.lastrowid is not None
        index.enter(Series(cursor.lastrowid, market, symbol, Coverage()))


def _insert_ticks(db: sqlite3.Connection, rows: list[TickRow]) -> None:
    """Insert many rows in one statement: ``executemany`` releases the GIL at each row, and under load waits for the
    event loop each time to reacquire it."""
    at = 0
    for many, statement in _INSERT.items():
        while len(rows) - at >= many:
            db.execute(statement, list(chain.from_iterable(rows[at : at + many])))
            at += many


def _bars(db: sqlite3.Connection, index: SeriesIndex, lookup: TickLookup, plan: CommitPlan) -> list[tuple[object, ...]]:
    """The bars of the plan's ticks, each from all of its ticks."""
    rows: list[tuple[object, ...]] = []
    for of, seconds in plan.fresh.items():
        series = index.by_id[of]
        folds = {second: series.fold(second) for second in seconds}
        older = [second for second, fold in folds.items() if fold is None]
        earlier = lookup.seconds(db, of, series.symbol, older) if older else {}
        for second, ticks in seconds.items():
            fold = folds[second]
            if fold is None:
                before = earlier.get(second, [])
                if before is None:  # a bar of only the late ticks would be wrong; keep the old one
                    continue
                fold = SecondFold(second, before)
            for _, tick in ticks:
                fold.add(tick)
            rows.append((of, *fold.bar(), ticks[-1][0]))
        if seconds:
            series.reach(max(seconds))  # once: it looks through all open seconds
    return rows


def _write_gaps(db: sqlite3.Connection, index: SeriesIndex, plan: CommitPlan, now: Now) -> list[GapUpdate]:
    """Write the gaps that the plan changed, and return their state."""
    rows, news = [], []
    for of, gaps in plan.gaps.items():
        series = index.by_id[of]
        for gap in sorted(gaps):
            missing = series.coverage.missing_of(gap)
            reason = series.given_up.get(gap) if missing else series.given_up.pop(gap, None)
            if missing:
                status = "unfetchable" if reason else "open"
            elif gap in plan.absent:
                status, reason = "absent", NO_SUCH_IDS
            else:
                status, reason = "filled", None
            closed_ms = None if missing else now.wall_ms
            runs = f"[[{gap[0]}, {gap[1]}]]" if missing == (gap,) else json.dumps(missing)
            news.append(GapUpdate(series.market, series.symbol, gap, missing, reason if missing else None))
            rows.append((of, *gap, runs, status, reason, now.wall_ms, closed_ms))
    db.executemany(
        "INSERT INTO holes (series_id, first_id, last_id, missing, status, reason, opened_ms, closed_ms)"
        " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (series_id, first_id, last_id) DO UPDATE SET"
        " missing=excluded.missing, status=excluded.status, reason=excluded.reason, closed_ms=excluded.closed_ms",
        rows,
    )
    return news


def _write_clocks(db: sqlite3.Connection, index: SeriesIndex, plan: CommitPlan) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES ('last_seq', ?)", (plan.seq,))
    touched = [index.by_id[of] for of in plan.fresh]
    db.executemany(
        "UPDATE series SET first_id=?, high_water=? WHERE series_id=?",
        [(s.coverage.first, s.coverage.high_water, s.series_id) for s in touched],
    )
    clocks = [(name, index.watermarks[name]) for name in plan.markets]
    db.executemany(
        "INSERT INTO markets VALUES (?,?,?) ON CONFLICT DO UPDATE SET"
        " watermark_ms=excluded.watermark_ms, seen_wall_ms=excluded.seen_wall_ms",
        [(name, clock.time_ms, clock.wall_ms) for name, clock in clocks if clock.time_ms is not None],
    )


def _conflicts(db: sqlite3.Connection, known: list[tuple[int, Tick]]) -> int:
    """The number of a batch's known ids with a price or quantity other than the stored one.

    An archived tick is not compared: it counts as a duplicate.
    """
    by_series: dict[int, list[Tick]] = {}
    for series_id, tick in known:
        by_series.setdefault(series_id, []).append(tick)
    query = (
        "SELECT t.agg_id, t.price, t.quantity FROM json_each(?) AS j"
        " CROSS JOIN ticks AS t ON t.series_id=? AND t.agg_id=j.value"
    )
    found = 0
    for series_id, offered in by_series.items():
        ids = json.dumps([tick.agg_id for tick in offered])
        stored = {agg_id: (price, quantity) for agg_id, price, quantity in db.execute(query, (ids, series_id))}
        found += sum(stored.get(t.agg_id, (t.price, t.quantity)) != (t.price, t.quantity) for t in offered)
    return found
