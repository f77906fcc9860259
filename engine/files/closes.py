"""A table of closes, times in the first column and one column a symbol, as a frame for a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import RowRefused
from engine.files.containers import members_of
from engine.files.tables import Chunk, chunks_of, layout_of
from engine.files.values import NAIVE, read_time, read_zone, shown

if TYPE_CHECKING:
    import pandas as pd


def read_closes(path: str | Path, zone: str = "") -> pd.DataFrame:
    """The closes with their times in UTC, rising; an empty cell is NaN.

    ``zone``: of times that name none. Raises ValueError with row and column of what is no time or number, for a time
    that comes twice, and for times that name no zone where none is said.
    """
    import pandas as pd

    (member,) = members_of(Path(path))
    layout = layout_of(member)
    if layout.kind not in ("csv", "parquet") or len(layout.header) < 2:
        raise ValueError(f"{path} begins with {', '.join(layout.header)[:80]!r}; expected a header, times and closes")
    named = read_zone(zone) if zone else None
    times: list[int] = []
    columns: list[list[float]] = [[] for _ in layout.header[1:]]
    for chunk in chunks_of(member, layout):
        if chunk.damaged:
            number, why = chunk.damaged[0]
            raise ValueError(f"{path}, row {number}: {why}")
        for number, text in zip(chunk.numbers, chunk.columns[0], strict=True):
            try:
                time_ms, kind = read_time(text, named)
            except RowRefused as refused:
                raise ValueError(f"{path}, row {number}, column {layout.header[0]!r}: {refused}") from None
            if kind == NAIVE:
                raise ValueError(f"{path}, row {number}: {shown(text)} names no zone; say it, such as zone='UTC'")
            times.append(time_ms)
        _add_numbers(columns, chunk, layout.header, path)
    index = pd.DatetimeIndex(pd.to_datetime(times, unit="ms", utc=True), name=layout.header[0])
    frame = pd.DataFrame(dict(zip(layout.header[1:], columns, strict=True)), index=index).sort_index()
    if not frame.index.is_unique:
        raise ValueError(f"{path} has {frame.index[frame.index.duplicated()][0]} twice; expected each time once")
    return frame


def _add_numbers(columns: list[list[float]], chunk: Chunk, header: tuple[str, ...], path: str | Path) -> None:
    for name, values, cells in zip(header[1:], columns, chunk.columns[1:], strict=True):
        for number, cell in zip(chunk.numbers, cells, strict=True):
            try:
                values.append(float(cell) if cell not in (None, "") else float("nan"))
            except (TypeError, ValueError):
                raise ValueError(f"{path}, row {number}, column {name!r}: {shown(cell)} is no number") from None
