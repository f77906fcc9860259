"""The archive: ticks that left ``ticks.db``, as Parquet files by market, symbol and day (UTC).

A file is immutable. It is renamed to its final name only when complete and synced, and is valid only once the table
``archive`` lists it as written; other files in the folder are never read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import StoreError
from engine.store.sqlite.files import make_folder, sync_folder

if TYPE_CHECKING:
    import polars  # imported on use: a server without anything to archive does not load it

TickRow = tuple[Any, ...]  # seq, then as in TICK_COLUMNS

DAY_MS = 24 * 3_600_000
_GROUP_ROWS = 20_000  # the least that a lookup of a few ids decompresses
_COLUMNS = {
    "seq": "Int64", "agg_id": "Int64", "price": "Float64", "quantity": "Float64", "trade_time_ms": "Int64",
    "buyer_is_maker": "Boolean", "future": "Boolean",
}  # fmt: skip


class ArchiveError(StoreError):
    """An archive file cannot be written, is missing, or is corrupt."""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One listed file; ``file`` is its path below the archive folder."""

    file: str
    series_id: int
    first_id: int
    last_id: int
    first_seq: int
    last_seq: int
    ticks: int


def archive_of(ticks_db: Path) -> Path:
    """The archive folder beside a ticks file."""
    return ticks_db.parent / "archive"


def frame_of(rows: Sequence[TickRow]) -> polars.DataFrame:
    """Rows as columns; they must be in id order."""
    import polars

    columns = zip(*rows, strict=True) if rows else ((),) * len(_COLUMNS)
    series = []
    for (name, kind), values in zip(_COLUMNS.items(), columns, strict=True):
        is_flag = kind == "Boolean"  # SQLite has no boolean type: it returns 0, 1 or NULL
        column = polars.Series(name, values, dtype=polars.Int8 if is_flag else getattr(polars, kind))
        series.append(column.cast(polars.Boolean) if is_flag else column)
    return polars.DataFrame(series)


def by_day(frame: polars.DataFrame) -> list[tuple[str, polars.DataFrame]]:
    """(day as YYYY-MM-DD, its ticks), by trade time."""
    days = frame["trade_time_ms"] // DAY_MS
    found = [(int(day), frame.filter(days == day)) for day in days.unique().sort()]
    return [((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat(), of) for day, of in found]


def describe(
    market: str, symbol: str, series_id: int, store_id: str, day: str, frame: polars.DataFrame
) -> ArchivedFile:
    """The name and table entry of the file for these ticks.

    The name contains the store's id: a restored older store must not overwrite files of the newer one.
    """
    seqs, ids = frame["seq"], frame["agg_id"]
    last_seq = int(seqs.max())  # type: ignore[arg-type]  # a frame of ticks is never empty
    name = f"{ids[0]}-{ids[-1]}-{last_seq}-{store_id[:8]}.parquet"
    folder = f"market={market}/symbol={symbol}/day={day}"
    first_seq = int(seqs.min())  # type: ignore[arg-type]
    return ArchivedFile(f"{folder}/{name}", series_id, ids[0], ids[-1], first_seq, last_seq, len(frame))


def write_file(folder: Path, file: str, frame: polars.DataFrame) -> None:
    """Write one file so that it survives a power cut. Raises ArchiveError; the file then does not exist."""
    import polars

    path = folder / file
    part = part_of(path)
    try:
        make_folder(path.parent)
        frame.write_parquet(part, compression="zstd", row_group_size=_GROUP_ROWS)
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        if not polars.read_parquet(part, hive_partitioning=False).equals(frame):
            raise ArchiveError(f"{part} does not read back as it was written; nothing was deleted")
        part.replace(path)
        sync_folder(path.parent)
    except (OSError, polars.exceptions.PolarsError) as error:
        raise ArchiveError(f"{path} cannot be written: {error}") from error


def part_of(path: Path) -> Path:
    """The name of a file while it is being written."""
    return path.with_name(path.name + ".part")


def read_file(folder: Path, file: str, first_id: int = 0, last_id: int = 2**63 - 1) -> Iterator[TickRow]:
    """The rows of one listed file with these ids, in id order. Raises ArchiveError."""
    return iter(read_page(folder, file, first_id, last_id).iter_rows())


def read_page(folder: Path, file: str, first_id: int, last_id: int, limit: int | None = None) -> polars.DataFrame:
    """The first ``limit`` rows of one listed file with these ids, in id order. Raises ArchiveError."""
    import polars

    path = folder / file
    wanted = polars.col("agg_id").is_between(first_id, last_id)
    try:
        frame = polars.scan_parquet(path, hive_partitioning=False).filter(wanted)
        return (frame if limit is None else frame.head(limit)).collect()
    except (OSError, polars.exceptions.PolarsError) as error:
        raise ArchiveError(f"{path} is listed in the archive but cannot be read: {error}") from error
