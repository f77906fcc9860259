"""Read-only access to ``ticks.db`` for all but its writer. Short reads, without held locks."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import StoreError, StoreMissing
from engine.market.bars import Bar, second_bar
from engine.market.records import Event
from engine.market.sourced import SourcedBar
from engine.market.ticks import Tick
from engine.store.sqlite import sourced
from engine.store.sqlite.files import check_identity, connect_reader, readable
from engine.store.sqlite.row_mapping import TICK_COLUMNS, tick_of
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.tick_lookup import TickLookup

_BAR_COLUMNS = ", ".join(Bar._fields)


class SqliteTickReader:
    """One read-only connection. Not for use by two threads at once."""

    def __init__(self, path: Path) -> None:
        """Raises StoreMissing while the file does not exist or is being created, NewerSchema, StoreError."""
        self._db = connect_reader(path)
        self.path = path
        try:
            if not self._rows("SELECT 1 FROM sqlite_master WHERE name='meta'"):
                raise StoreMissing(f"{path} is still being created by the bridge server")
            with readable(path):
                check_identity(self._db, path, TICKS)
        except StoreError:
            self._db.close()
            raise
        self._lookup = TickLookup(path)
        self._inode = path.stat().st_ino
        self._names: dict[int, tuple[str, str]] = {}
        self._ids: dict[tuple[str, str], int] = {}

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def is_current(self) -> bool:
        """Whether the path still leads to the open file."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def store_id(self) -> str:
        """The identity of the file: another id means another history."""
        return str(self._rows("SELECT value FROM meta WHERE key='store_id'")[0][0])

    def changed_since(self, token: Hashable) -> Hashable | None:
        """See TickReader. ``PRAGMA data_version`` changes whenever the writer commits."""
        version = int(self._rows("PRAGMA data_version")[0][0])
        return None if version == token else version

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads inside see the same committed state."""
        self._rows("BEGIN")
        try:
            yield
        finally:
            if self._db.in_transaction:  # else SQLite has rolled back and raised already
                self._rows("COMMIT")

    def last_seq(self) -> int:
        """The newest position in the order of commits."""
        return self._number("last_seq")

    def ticks_after(self, seq: int, limit: int) -> list[tuple[int, str, Tick]]:
        """(seq, market, tick) of the next ticks in the order of commits."""
        rows = self._rows(
            f"SELECT seq, series_id, {TICK_COLUMNS} FROM ticks WHERE seq>? ORDER BY seq LIMIT ?", (seq, limit)
        )
        found = []
        for row in rows:
            market, symbol = self._name(row[1])
            found.append((row[0], market, tick_of(symbol, row[2:])))
        return found

    def events_after(self, event_id: int, up_to_seq: int) -> list[Event]:
        """The next events up to directly after the tick ``up_to_seq``."""
        rows = self._rows(
            "SELECT kind, market, symbol, detail, after_seq, event_id FROM events"
            " WHERE event_id>? AND after_seq<=? ORDER BY event_id",
            (event_id, up_to_seq),
        )
        return [Event(kind, market, symbol, json.loads(detail), *ids) for kind, market, symbol, detail, *ids in rows]

    def deleted_seq(self) -> int:
        """The newest tick moved to the archive: readers at an earlier position have missed ticks."""
        return self._number("deleted_seq")

    def ticks_of_second(self, market: str, symbol: str, second_ms: int, before_seq: int) -> list[Tick]:
        """The plausible ticks of one second that were stored before ``before_seq``, in id order.

        Raises StoreError when they are in an archived file that cannot be read.
        """
        found = self._earlier(self._id(market, symbol), symbol, [second_ms], before_seq)
        ticks = found.get(second_ms, [])
        if ticks is None:
            raise StoreError(f"the ticks of {symbol} in the second {second_ms} are archived, and their file is gone")
        return ticks

    def newest_second(self, market: str, symbol: str) -> int | None:
        """See TickReader."""
        query = "SELECT max(open_time_ms) FROM bars WHERE series_id=?"
        found: int | None = self._rows(query, (self._id(market, symbol),))[0][0]
        return found

    def bars(self, market: str, symbol: str, from_ms: int, to_ms: int, before_seq: int | None = None) -> list[Bar]:
        """One-second bars in ``[from_ms, to_ms)``, as of before the tick ``before_seq`` (None: now)."""
        series_id = self._id(market, symbol)
        rows = self._rows(
            f"SELECT seq, {_BAR_COLUMNS} FROM bars WHERE series_id=? AND open_time_ms>=? AND open_time_ms<?"
            " ORDER BY open_time_ms",
            (series_id, from_ms, to_ms),
        )
        if before_seq is None:
            return [Bar._make(columns) for _, *columns in rows]
        newer = [columns[0] for seq, *columns in rows if seq >= before_seq]
        earlier = self._earlier(series_id, symbol, newer, before_seq) if newer else {}
        found = []
        for seq, *columns in rows:
            bar = Bar._make(columns)
            ticks = [] if seq < before_seq else earlier.get(bar.open_time_ms)
            if seq < before_seq or ticks is None:  # None: missing in the archive; the current bar is the best known
                found.append(bar)
            elif ticks:
                found.append(second_bar(bar.open_time_ms, ticks))
        return found

    def sourced_bars(
        self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int, up_to_event: int | None = None
    ) -> list[SourcedBar]:
        """See TickReader."""
        with readable(self.path):
            return sourced.read_bars(self._db, market, symbol, width_ms, (from_ms, to_ms), up_to_event)

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with readable(self.path):
            return self._db.execute(query, values).fetchall()

    def _number(self, key: str) -> int:
        return next((int(value) for (value,) in self._rows("SELECT value FROM meta WHERE key=?", (key,))), 0)

    def _earlier(
        self, series_id: int, symbol: str, seconds: list[int], before_seq: int
    ) -> dict[int, list[Tick] | None]:
        with readable(self.path):
            return self._lookup.seconds(self._db, series_id, symbol, seconds, before_seq)

    def _name(self, series_id: int) -> tuple[str, str]:
        if series_id not in self._names:
            self._read_names()
        return self._names[series_id]

    def _id(self, market: str, symbol: str) -> int:
        if (market, symbol) not in self._ids:
            self._read_names()
        return self._ids.get((market, symbol), -1)

    def _read_names(self) -> None:
        for series_id, market, symbol in self._rows("SELECT series_id, market, symbol FROM series"):
            self._names[series_id] = (market, symbol)
            self._ids[market, symbol] = series_id
