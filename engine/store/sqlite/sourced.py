"""Bars that were not made from ticks, and funding: read and written on a connection that is given."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, groupby
from operator import itemgetter

from engine.market.funding import Funding
from engine.market.intervals import bar_open
from engine.market.sourced import BarsStored, SourcedBar, at_width, is_same
from engine.market.sourced_columns import SourcedColumns
from engine.store.sourced import SourcedExtent

_ROWS_AT_ONCE = 200
_COLUMNS = "open_time_ms, open, high, low, close, volume, source"
_FUNDING = "symbol, kind, time_ms, rate, mark_price, index_price, next_ms"


def store_bars(db: sqlite3.Connection, market: str, bars: Sequence[SourcedBar], after_seq: int) -> BarsStored:
    """Write the new ones of these bars, and an event for each symbol and width, inside the open transaction."""
    stored = conflicts = 0
    for (symbol, width_ms), offered in _by_series(bars).items():
        sourced_id = _entered(db, market, symbol, width_ms)
        times = offered.times if isinstance(offered, SourcedColumns) else list(map(_open_time, offered))
        known = _known(db, sourced_id, offered, times)
        fresh, differing = (offered, 0) if not known and len(set(times)) == len(times) else _compared(offered, known)
        if fresh:
            event_id = _note(db, market, fresh, times if fresh is offered else list(map(_open_time, fresh)), after_seq)
            _insert(db, sourced_id, event_id, fresh)
        stored += len(fresh)
        conflicts += differing
    return BarsStored(stored, len(bars) - stored - conflicts, conflicts)


def _by_series(bars: Sequence[SourcedBar]) -> dict[tuple[str, int], Sequence[SourcedBar]]:
    if isinstance(bars, SourcedColumns):
        return {(bars.symbol, bars.width_ms): bars}
    if len(keys := set(map(_series, bars))) == 1:
        return {keys.pop(): bars}
    by_series: dict[tuple[str, int], list[SourcedBar]] = {}
    for bar in bars:
        by_series.setdefault((bar.symbol, bar.width_ms), []).append(bar)
    return {**by_series}


def store_funding(db: sqlite3.Connection, market: str, rows: Iterable[Funding]) -> int:
    """Write the new ones of these readings inside the open transaction; returns how many there were."""
    before = db.total_changes
    db.executemany(
        f"INSERT INTO funding (market, {_FUNDING}) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
        [(market, *row) for row in rows],
    )
    return db.total_changes - before


def read_bars(
    db: sqlite3.Connection, market: str, symbol: str, width_ms: int, span: tuple[int, int],
    up_to_event: int | None = None,
) -> list[SourcedBar]:  # fmt: skip
    """See TickReader. ``span``: from and to; whole bars of the width are read."""
    from_ms, to_ms = bar_open(span[0] + width_ms - 1, width_ms), bar_open(span[1] + width_ms - 1, width_ms)
    known = 2**62 if up_to_event is None else up_to_event
    by_width = {}
    for sourced_id, width in read_series(db, market, symbol, width_ms):
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM sourced_bars WHERE sourced_id=? AND open_time_ms>=? AND open_time_ms<?"
            " AND event_id<=? ORDER BY open_time_ms",
            (sourced_id, from_ms, to_ms, known),
        )
        by_width[width] = [SourcedBar(symbol, width, *row) for row in rows]
    return at_width(width_ms, by_width)


def read_series(db: sqlite3.Connection, market: str, symbol: str, width_ms: int) -> list[tuple[int, int]]:
    """The series of a width and of those that make one up: their ``sourced_id`` and width."""
    return db.execute(
        "SELECT sourced_id, width_ms FROM sourced_series WHERE market=? AND symbol=? AND ? % width_ms = 0",
        (market, symbol, width_ms),
    ).fetchall()


def read_extents(db: sqlite3.Connection) -> list[SourcedExtent]:
    """See BarReader."""
    rows = db.execute(
        "SELECT market, symbol, width_ms,"
        " (SELECT min(open_time_ms) FROM sourced_bars AS b WHERE b.sourced_id=s.sourced_id) AS first_ms,"
        " (SELECT max(open_time_ms) FROM sourced_bars AS b WHERE b.sourced_id=s.sourced_id) + width_ms"
        " FROM sourced_series AS s WHERE first_ms IS NOT NULL ORDER BY market, symbol, width_ms"
    )
    return [SourcedExtent(*row) for row in rows]


def read_settled(db: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """See SourcedWriter."""
    rows = db.execute("SELECT market, symbol, max(time_ms) FROM funding WHERE kind='settled' GROUP BY market, symbol")
    return {(market, symbol): time_ms for market, symbol, time_ms in rows}


def read_funding(
    db: sqlite3.Connection, market: str, symbol: str, kind: str, from_ms: int, to_ms: int
) -> list[Funding]:
    """See BarReader."""
    rows = db.execute(
        f"SELECT {_FUNDING} FROM funding WHERE market=? AND symbol=? AND kind=? AND time_ms>=? AND time_ms<?"
        " ORDER BY time_ms",
        (market, symbol, kind, from_ms, to_ms),
    )
    return [Funding(*row) for row in rows]


def _entered(db: sqlite3.Connection, market: str, symbol: str, width_ms: int) -> int:
    key = (market, symbol, width_ms)
    db.execute("INSERT INTO sourced_series (market, symbol, width_ms) VALUES (?,?,?) ON CONFLICT DO NOTHING", key)
    found = db.execute("SELECT sourced_id FROM sourced_series WHERE market=? AND symbol=? AND width_ms=?", key)
    return int(found.fetchone()[0])


def _compared(offered: Sequence[SourcedBar], known: dict[int, SourcedBar]) -> tuple[list[SourcedBar], int]:
    """The bars that are new, and how many of the others say something else than what is there."""
    fresh: dict[int, SourcedBar] = {}
    differing = 0
    for bar in offered:
        before = known.get(bar.open_time_ms) or fresh.setdefault(bar.open_time_ms, bar)
        differing += not is_same(bar, before)
    return list(fresh.values()), differing


def _known(
    db: sqlite3.Connection, sourced_id: int, offered: Sequence[SourcedBar], times: list[int]
) -> dict[int, SourcedBar]:
    """What is stored of the stretches of these bars, by opening time."""
    span = (sourced_id, min(times), max(times))
    within = "SELECT 1 FROM sourced_bars WHERE sourced_id=? AND open_time_ms BETWEEN ? AND ? LIMIT 1"
    if db.execute(within, span).fetchone() is None:
        return {}
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM json_each(?) AS j"
        " CROSS JOIN sourced_bars AS b ON b.sourced_id=? AND b.open_time_ms=j.value",
        (json.dumps(times), sourced_id),
    )
    symbol, width_ms = offered[0].symbol, offered[0].width_ms
    return {row[0]: SourcedBar(symbol, width_ms, *row) for row in rows}


def _note(db: sqlite3.Connection, market: str, bars: Sequence[SourcedBar], times: Sequence[int], after_seq: int) -> int:
    """Give the bars their place in the order of commits. The time is SQLite's own: it is only shown."""
    symbol, width_ms, *_ = bars[0]
    ends = {"from_ms": min(times), "to_ms": max(times) + width_ms}
    cursor = db.execute(
        "INSERT INTO events (after_seq, at_ms, market, symbol, kind, detail)"
        " VALUES (?, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), ?, ?, 'bars', ?)",
        (after_seq, market, symbol, json.dumps({"width_ms": width_ms, **ends, "bars": len(bars)})),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _insert(db: sqlite3.Connection, sourced_id: int, event_id: int, bars: Sequence[SourcedBar]) -> None:
    """Many rows in one statement, their values by the column; what is the same in all is bound once."""
    for part in _by_source(bars):
        for at in range(0, len(part), _ROWS_AT_ONCE):
            some = part[at : at + _ROWS_AT_ONCE]
            values = chain.from_iterable(some.values)
            db.execute(_insertion(len(some)), [sourced_id, event_id, part.source, *values])


def _by_source(bars: Sequence[SourcedBar]) -> Iterator[SourcedColumns]:
    if isinstance(bars, SourcedColumns):
        yield bars
    else:
        for _, some in groupby(bars, key=_source):
            yield SourcedColumns.of(list(some))


@cache
def _insertion(rows: int) -> str:
    """Parameters: series, event, source, then all opening times, opens, highs, lows, closes and volumes."""
    places = (",".join(f"?{4 + column * rows + row}" for column in range(6)) for row in range(rows))
    return "INSERT INTO sourced_bars VALUES " + ",".join(f"(?1,{each},?3,?2)" for each in places)


_open_time = itemgetter(2)  # of a SourcedBar
_series = itemgetter(0, 1)
_source = itemgetter(8)
