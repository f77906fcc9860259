"""The files of a backtest: its whole tables, kept when it ends, its tear sheet and its record."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.backtest import Result
from engine.errors import SettingsError
from engine.files.writers import MEDIA_TYPES, check_format, encode
from engine.market.intervals import interval_name
from engine.store.backtests import BacktestStore
from services.export import ExportFile, NothingToExport
from services.jobs import Json
from services.reports.tables import write_tables
from services.reports.tear_sheet import tear_sheet

TABLES = ("trades", "equity", "decisions")
FOLDER = "backtests"  # of the data folder
MOST_KEPT = 200  # backtests whose tables stay, the newest: 0.3 MB each for a month of minutes
_SLICE = 50_000  # rows that are written at a time


def keep_tables(found: Result, data_dir: Path) -> str:
    """Write the tables of a backtest into the data folder; returns the name to find them by. The oldest go."""
    parent = data_dir / FOLDER
    name = secrets.token_hex(8)
    write_tables(found, parent / name, ("parquet",))
    known = sorted(parent.iterdir(), key=lambda each: each.stat().st_mtime_ns, reverse=True)
    for old in known[MOST_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return name


class BacktestFiles:
    """The files of the stored backtests of one data folder. Any thread may call."""

    def __init__(self, store: BacktestStore, data_dir: Path) -> None:
        self._store = store
        self._folder = data_dir / FOLDER

    def table(self, backtest_id: int, name: str, form: str) -> ExportFile:
        """One of ``TABLES`` as a file. Raises SettingsError for another one, ValueError for another format, and
        NothingToExport."""
        if name not in TABLES:
            raise SettingsError(f"table is {name[:20]!r}; expected {', '.join(TABLES)}")
        try:
            check_format(form)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        record = self._record(backtest_id)
        path = self._folder / str(record.get("tables", "")) / f"{name}.parquet"
        if not record.get("tables") or not path.exists():
            raise NothingToExport(
                f"the tables of backtest {backtest_id} are not kept any more; expected one of the newest {MOST_KEPT}:"
                " run it again"
            )
        return ExportFile(f"{_stem(backtest_id, record)}-{name}.{form}", MEDIA_TYPES[form], _encoded(path, form))

    def tear_sheet(self, backtest_id: int) -> ExportFile:
        """One page of HTML that opens from disk. Raises NothingToExport."""
        record = self._record(backtest_id)
        page = tear_sheet(record).encode()
        return ExportFile(f"{_stem(backtest_id, record)}.html", "text/html; charset=utf-8", (each for each in [page]))

    def record(self, backtest_id: int) -> ExportFile:
        """Everything that is stored of a backtest, as JSON. Raises NothingToExport."""
        record = self._record(backtest_id)
        text = json.dumps(record, allow_nan=False, indent=1).encode()
        return ExportFile(f"{_stem(backtest_id, record)}.json", "application/json", (each for each in [text]))

    def _record(self, backtest_id: int) -> Json:
        record = self._store.result(backtest_id)
        if record is None:
            raise NothingToExport(f"no backtest with number {backtest_id} is stored; expected one of the list")
        return record


def _encoded(path: Path, form: str) -> Iterator[bytes]:
    import polars

    frame = polars.read_parquet(path)
    yield from encode(frame.iter_slices(_SLICE) if frame.height else iter([frame]), form)


def _stem(backtest_id: int, record: Json) -> str:
    """The name of a file, without its ending."""
    width = interval_name(record["interval_ms"])
    return f"backtest-{backtest_id}-{record['market']}-{record['y']}-{record['x']}-{width}"
