"""Lookup of stored ticks: in the file, in the archive, or temporarily in both."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.market.intervals import SECOND_MS, bar_open
from engine.market.ticks import Tick
from engine.store.archive.parquet import ArchiveError, TickRow, archive_of, read_file
from engine.store.sqlite.row_mapping import TICK_COLUMNS, tick_of

log = logging.getLogger("pairbridge.store")

_END = 2**63 - 1
_ById = dict[int, tuple[int, Tick]]  # agg id: (seq, tick)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A second's ticks according to its bar."""

    second_ms: int
    first_id: int
    last_id: int
    trades: int


class TickLookup:
    """Stored ticks of one file. For a consistent snapshot pass a connection inside a transaction."""

    def __init__(self, path: Path) -> None:
        """``path`` of the ticks file; the archive is the folder beside it."""
        self._archive = archive_of(path)

    def seconds(
        self, db: sqlite3.Connection, series_id: int, symbol: str, seconds: Iterable[int], before_seq: int = _END
    ) -> dict[int, list[Tick] | None]:
        """The plausible ticks of these seconds stored before ``before_seq``, in id order.

        Seconds without a bar have no ticks and are omitted. None for a second with ticks in a missing archive file.
        """
        kept = self._bars(db, series_id, seconds)
        found: dict[int, _ById] = {bar.second_ms: {} for bar in kept}
        for first_id, last_id in _ranges(kept):
            rows = db.execute(
                f"SELECT seq, {TICK_COLUMNS} FROM ticks WHERE series_id=? AND agg_id BETWEEN ? AND ?",
                (series_id, first_id, last_id),
            )
            _sort_in(found, symbol, rows)
        unreadable = {bar.second_ms for bar in kept if not self._complete(db, series_id, symbol, bar, found)}
        return {
            second: None
            if second in unreadable
            else [tick for _, (seq, tick) in sorted(by_id.items()) if seq < before_seq]
            for second, by_id in found.items()
        }

    def _complete(
        self, db: sqlite3.Connection, series_id: int, symbol: str, bar: _Kept, found: dict[int, _ById]
    ) -> bool:
        """Add ticks from the archive if the file has fewer than the bar counts."""
        if len(found[bar.second_ms]) >= bar.trades:
            return True
        try:
            _sort_in(found, symbol, _read_archived(db, self._archive, series_id, bar.first_id, bar.last_id))
        except ArchiveError as error:
            log.error("the ticks of %s in the second %d cannot be read back: %s", symbol, bar.second_ms, error)
        return len(found[bar.second_ms]) >= bar.trades

    def _bars(self, db: sqlite3.Connection, series_id: int, seconds: Iterable[int]) -> list[_Kept]:
        rows = db.execute(
            "SELECT b.open_time_ms, b.first_id, b.last_id, b.trades FROM json_each(?) AS j"
            " CROSS JOIN bars AS b ON b.series_id=? AND b.open_time_ms=j.value ORDER BY b.first_id",
            (json.dumps(list(seconds)), series_id),
        )
        return [_Kept(*row) for row in rows]


def _ranges(kept: list[_Kept]) -> list[tuple[int, int]]:
    """Ids to read, ascending: overlapping ranges are merged, so an unordered source takes one pass."""
    found: list[tuple[int, int]] = []
    for bar in kept:
        if found and bar.first_id <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], bar.last_id))
        else:
            found.append((bar.first_id, bar.last_id))
    return found


def _sort_in(found: dict[int, _ById], symbol: str, rows: Iterable[tuple[int, ...]]) -> None:
    for seq, *row in rows:
        tick = tick_of(symbol, row)
        second = found.get(bar_open(tick.trade_time_ms, SECOND_MS))
        if second is not None and not tick.future:
            second[tick.agg_id] = (seq, tick)


def _read_archived(
    db: sqlite3.Connection, folder: Path, series_id: int, first_id: int, last_id: int
) -> Iterator[TickRow]:
    """The archived rows of one symbol with these ids, unordered. Raises ArchiveError."""
    files = db.execute(
        "SELECT file FROM archive WHERE series_id=? AND first_id<=? AND last_id>=? AND state<>'begun'",
        (series_id, last_id, first_id),
    ).fetchall()
    for (file,) in files:
        yield from read_file(folder, file, first_id, last_id)
