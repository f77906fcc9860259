"""Parquet as rows of cells. Times with a zone become numbers, times without one stay ISO text without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars
from polars.exceptions import PolarsError

from engine.files.containers import Member
from engine.files.tables import Chunk, Layout

_ROWS = 20_000  # that are read at a time


def layout_of(member: Member) -> Layout:
    """The columns and the first row. Raises ValueError."""
    frame = _scan(member)
    try:
        names = tuple(frame.collect_schema().names())
        first = [column[0] for column in _cells(frame.head(1).collect()) if column]
    except PolarsError as error:
        raise _refused(member, error) from None
    if not names:
        raise ValueError(f"{member} has no columns; expected trades or bars")
    return Layout("parquet", "", names, tuple(first))


def chunks_of(member: Member, layout: Layout) -> Iterator[Chunk]:
    """The rows, some at a time. Raises ValueError."""
    frame, at = _scan(member), 0
    while True:
        try:
            cells = _cells(frame.slice(at, _ROWS).collect())
        except PolarsError as error:
            raise _refused(member, error) from None
        count = len(cells[0])
        if count:
            yield Chunk(range(at + 1, at + count + 1), cells, [])
        at += _ROWS
        if count < _ROWS:
            return


def _scan(member: Member) -> polars.LazyFrame:
    if member.inside is not None or member.path.suffix == ".gz":
        raise ValueError(
            f"{member} is Parquet in a container; expected the .parquet file itself: it is compressed already, and"
            " read from its end"
        )
    return polars.scan_parquet(member.path, hive_partitioning=False, glob=False)


def _refused(member: Member, error: PolarsError) -> ValueError:
    said = str(error).partition("\n")[0][:200]
    return ValueError(f"{member} is damaged, or is no Parquet file ({said}); expected Parquet")


def _cells(frame: polars.DataFrame) -> list[Sequence[Any]]:
    return [_column(frame.get_column(name)) for name in frame.columns]


def _column(values: polars.Series) -> list[Any]:
    kind = values.dtype
    if isinstance(kind, polars.Datetime):
        unit = kind.time_unit
        if kind.time_zone is not None:
            return _texts(values.dt.epoch(unit), str)
        return values.dt.to_string("iso").to_list()
    if kind == polars.Float64:
        return _texts(values, repr)
    if kind == polars.Boolean:
        return values.to_list()
    if kind.is_nested() or kind == polars.Binary or kind == polars.Object:
        return [None] * len(values)
    return values.cast(polars.String).to_list()


def _texts(values: polars.Series, text: Callable[[Any], str]) -> list[str | None]:
    return [None if value is None else text(value) for value in values.to_list()]
