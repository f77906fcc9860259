"""The SQLite backend: ``ticks.db``, written by the server, and ``analysis.db``, written by the dashboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.market.records import Event
from engine.store.interface import TickWriter
from engine.store.sqlite.alerts import SqliteOutbox
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.analysis_reader import SqliteAnalysisReader
from engine.store.sqlite.backtests import SqliteBacktests
from engine.store.sqlite.backup import back_up
from engine.store.sqlite.bar_reader import SqliteBarReader
from engine.store.sqlite.bulk_reader import SqliteBulkReader
from engine.store.sqlite.inventory import SqliteInventoryReader
from engine.store.sqlite.maintenance import keep
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.requests import SqliteRequests
from engine.store.sqlite.scans import SqliteScans
from engine.store.sqlite.trials import SqliteTrials
from engine.store.sqlite.writer import SqliteTickWriter


class SqliteBackend:
    """See ``engine.store.interface.Backend``."""

    def __init__(self, folder: Path) -> None:
        self._ticks_db = folder / "ticks.db"
        self._analysis_db = folder / "analysis.db"

    def tick_reader(self) -> SqliteTickReader:
        """See Backend."""
        return SqliteTickReader(self._ticks_db)

    def bar_reader(self) -> SqliteBarReader:
        """See Backend."""
        return SqliteBarReader(self._ticks_db)

    def bulk_reader(self) -> SqliteBulkReader:
        """See Backend."""
        return SqliteBulkReader(self._ticks_db)

    def inventory_reader(self) -> SqliteInventoryReader:
        """See Backend."""
        return SqliteInventoryReader(self._ticks_db, self._analysis_db)

    def back_up(self, to: Path, with_archive: bool, progress: Callable[[str], None]) -> None:
        """See Backend."""
        back_up(self._ticks_db.parent, to, with_archive, progress)

    async def tick_writer(self, durability: str) -> SqliteTickWriter:
        """See Backend."""
        return await SqliteTickWriter.start(self._ticks_db, durability)

    async def maintain(self, writer: TickWriter, retention_ms: int, note: Callable[[Event], None]) -> None:
        """See Backend."""
        assert isinstance(writer, SqliteTickWriter)
        await keep(writer, retention_ms, note)

    def analysis(self) -> SqliteAnalysis:
        """See Backend."""
        return SqliteAnalysis.start(self._analysis_db)

    def scans(self) -> SqliteScans:
        """See Backend."""
        return SqliteScans(self._analysis_db)

    def trials(self) -> SqliteTrials:
        """See Backend."""
        return SqliteTrials(self._analysis_db)

    def analysis_reader(self) -> SqliteAnalysisReader:
        """See Backend."""
        return SqliteAnalysisReader(self._analysis_db)

    def backtests(self) -> SqliteBacktests:
        """See Backend."""
        return SqliteBacktests(self._analysis_db)

    def outbox(self) -> SqliteOutbox:
        """See Backend."""
        return SqliteOutbox(self._analysis_db)

    def requests(self) -> SqliteRequests:
        """See Backend."""
        return SqliteRequests(self._analysis_db)
