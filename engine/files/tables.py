"""Files as tables: a header, and rows of cells in chunks. CSV, NDJSON and Parquet look alike from here on.

A row is one line: a quoted cell may not span two. What is no row is named with its number and left out.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, NamedTuple

from engine.files.columns import has_meaning
from engine.files.containers import (
    BOM,
    MAX_LINE,
    PARQUET,
    Member,
    blocks_of,
    check_lines,
    lines_of,
    opened,
    opened_text,
    refusals,
)
from engine.files.values import shown

CHUNK = 5_000  # rows of Parquet, and of frames
_RAW_BLOCK = 1 << 20  # bytes
_DELIMITERS = ",;\t|"

Cell = str | bool | None


class Chunk(NamedTuple):
    """Some rows by the column, with their numbers (of the line, from 1; in Parquet of the row). ``damaged``: number and
    reason of what is no row of as many cells as the header."""

    numbers: Sequence[int]
    columns: list[Sequence[Any]]
    damaged: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written. ``header``: the names of its columns; empty where it has none.

    ``first``: its first line of values, for a look.
    """

    kind: str  # csv, ndjson, parquet or frames
    encoding: str
    header: tuple[str, ...]
    first: tuple[Cell, ...]
    delimiter: str = ""


def layout_of(member: Member) -> Layout:
    """How a file is written. Raises ValueError where it is none of the known kinds, empty, or has two columns of one
    name."""
    with opened(member) as stream:
        is_parquet = stream.peek(4)[:4] == PARQUET
    if is_parquet:
        from engine.files import parquet  # polars takes a second and 60 MB

        return parquet.layout_of(member)
    with opened_text(member) as (text, encoding):
        lines = lines_of(text, member)
        number, line = next(lines, (0, ""))
        second = next(lines, (0, ""))[1]
    if not number:
        raise ValueError(f"{member} is empty; expected trades or bars")
    if "\0" in line:
        raise ValueError(f"{member} is not text: it has a NUL in row {number}; expected UTF-8, or UTF-16 with its mark")
    layout = _layout_of_text(encoding, line.strip(), second)
    doubled = next((name for name in layout.header if layout.header.count(name) > 1), None)
    if doubled is not None:
        places = [str(at) for at, name in enumerate(layout.header, 1) if name == doubled]
        raise ValueError(f"{member} has columns {' and '.join(places)} of the same name {doubled!r}; expected one")
    return layout


def _is_header(cells: list[str]) -> bool:
    """Whether a first row names columns: by its first cell or, where an index has no name, by all others."""
    first, *others = cells
    if not first:
        return bool(others) and all(other[:1].isalpha() for other in others)
    return any(character.isalpha() for character in first) and not _is_iso(first)


def _layout_of_text(encoding: str, line: str, second: str) -> Layout:
    if line.startswith(("wss://", "ws://")) or line.partition(": ")[2].startswith("{"):
        return Layout("frames", encoding, (), (line,))
    if line.startswith("{"):
        pairs = _pairs_of(line)
        names = tuple(name for name, _ in pairs) if isinstance(pairs, list) else ()
        if {"price", "close"} & {name.strip().lower() for name in names}:
            assert isinstance(pairs, list)
            return Layout("ndjson", encoding, tuple(map(str.strip, names)), tuple(_cell(value) for _, value in pairs))
        return Layout("frames", encoding, (), (line,))
    delimiter = max(_DELIMITERS, key=line.count)
    cells = _split(line, delimiter)
    if not isinstance(cells, list):
        cells = [line]
    if _is_header([cell.strip() for cell in cells]):
        below = _split(second, delimiter)
        first = tuple(below) if isinstance(below, list) else ()
        return Layout("csv", encoding, tuple(cell.strip() for cell in cells), first, delimiter)
    return Layout("csv", encoding, (), tuple(cells), delimiter)


def _is_iso(cell: str) -> bool:
    return cell.strip()[:4].isdecimal()


def chunks_of(member: Member, layout: Layout) -> Iterator[Chunk]:
    """The rows of a file, below its header. Raises ValueError."""
    if layout.kind == "parquet":
        from engine.files import parquet

        yield from parquet.chunks_of(member, layout)
        return
    has_header = layout.kind == "csv" and bool(layout.header)
    with opened_text(member) as (text, _):
        for first, lines in blocks_of(text, member):
            chunk, has_header = _chunk_below(first, lines, layout, has_header)
            if chunk is not None:
                yield chunk


def _chunk_below(first: int, lines: list[str], layout: Layout, has_header: bool) -> tuple[Chunk | None, bool]:
    """The rows of these lines below the header, and whether that is still to come."""
    numbers: Sequence[int] = range(first, first + len(lines))
    if not all(map(str.strip, lines)):
        kept = [(number, line) for number, line in zip(numbers, lines, strict=True) if line.strip()]
        numbers, lines = [number for number, _ in kept], [line for _, line in kept]
    if has_header and lines:
        numbers, lines, has_header = numbers[1:], lines[1:], False
    if not lines:
        return None, has_header
    if layout.kind != "csv":
        return _json_chunk(numbers, lines, layout.header), has_header
    width = len(layout.header) or len(layout.first)
    plain = _plain_chunk(numbers, lines, layout.delimiter, width)
    return plain or _csv_chunk(numbers, lines, layout.delimiter, width), has_header


class RawBlock(NamedTuple):
    """Whole lines of a file as they are, and the number of the first, counted from 1."""

    first: int
    lines: int
    text: bytes

    def chunks(self, member: Member, layout: Layout) -> Iterator[Chunk]:
        """Its rows. Raises ValueError."""
        with refusals(member):
            text = self.text.decode()
        lines = text.replace("\r", "\n").split("\n")[:-1]
        check_lines(member, self.first, lines)
        for at in range(0, len(lines), CHUNK):
            chunk, _ = _chunk_below(self.first + at, lines[at : at + CHUNK], layout, has_header=False)
            if chunk is not None:
                yield chunk


def raw_blocks_of(member: Member, layout: Layout) -> Iterator[RawBlock]:
    """The lines of a CSV in UTF-8 below its header, many at a time. Raises ValueError."""
    has_header = bool(layout.header)
    with opened(member) as stream:
        if stream.peek(3)[:3] == BOM:
            stream.read(3)
        first, rest = 1, b""
        while block := stream.read(_RAW_BLOCK):
            at = block.rfind(b"\n") + 1
            block, rest = rest + block[:at], block[at:] if at else rest + block
            if not at:
                if len(rest) > 4 * MAX_LINE:  # bytes of the longest line
                    check_lines(member, first, [rest.decode(errors="replace")])
                continue
            block = block.replace(b"\r\n", b"\n") if b"\r" in block else block
            while has_header and block:
                head, _, block = block.partition(b"\n")
                first, has_header = first + 1, not head.strip()
            if block:
                count = block.count(b"\n") + block.count(b"\r")
                yield RawBlock(first, count, block)
                first += count
        if rest.strip() and not has_header:
            yield RawBlock(first, 1 + rest.count(b"\r"), rest + b"\n")


def _plain_chunk(numbers: Sequence[int], lines: list[str], delimiter: str, width: int) -> Chunk | None:
    """Lines without quotes, all of the right number of cells; None for others. In a fifth of the time."""
    joined = delimiter.join(lines)
    if '"' in joined or f"{delimiter} " in joined or set(map(methodcaller("count", delimiter), lines)) != {width - 1}:
        return None
    cells = joined.split(delimiter)
    return Chunk(numbers, [cells[at::width] for at in range(width)], [])


def _csv_chunk(numbers: Sequence[int], lines: list[str], delimiter: str, width: int) -> Chunk:
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        rows = []
    if len(rows) == len(lines) and set(map(len, rows)) == {width}:
        return Chunk(numbers, list(zip(*rows, strict=True)), [])
    good: list[list[str]] = []
    places: list[int] = []
    damaged: list[tuple[int, str]] = []
    for number, line in zip(numbers, lines, strict=True):
        cells = _split(line, delimiter)
        if not isinstance(cells, list):
            damaged.append((number, cells))
        elif len(cells) != width:
            damaged.append((number, f"found {len(cells)} cells; expected {width}"))
        else:
            good.append(cells)
            places.append(number)
    return Chunk(places, list(zip(*good, strict=True)), damaged)


def _split(line: str, delimiter: str) -> list[str] | str:
    """The cells of one line, or what is wrong with it."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True), [])
    except csv.Error as error:
        if "end of data" in str(error):
            return "a quote is opened and not closed in this line; expected a row in each line"
        return f"{error}; expected a row of CSV"


def _json_chunk(numbers: Sequence[int], lines: Sequence[str], header: tuple[str, ...]) -> Chunk:
    good: list[list[Cell]] = []
    places: list[int] = []
    damaged: list[tuple[int, str]] = []
    for number, line in zip(numbers, lines, strict=True):
        pairs = _pairs_of(line)
        if not isinstance(pairs, list):
            damaged.append((number, pairs))
            continue
        found = dict(pairs)
        if len(found) < len(pairs):
            damaged.append((number, "an object has one key twice; expected each once"))
        elif missing := [name for name in header if name not in found]:
            damaged.append((number, f"{missing[0]!r} is missing; expected the same keys as in the first row"))
        elif more := [name for name in found if name not in header and has_meaning(name)]:
            damaged.append((number, f"{more[0]!r} is not in the first row; expected the same keys as there"))
        else:
            good.append([_cell(found[name]) for name in header])
            places.append(number)
    return Chunk(places, list(zip(*good, strict=True)), damaged)


class _Object(list[tuple[str, Any]]):
    """The pairs of a JSON object in their order."""


def _pairs_of(line: str) -> _Object | str:
    """A JSON object's pairs, numbers as the text they were; or what is wrong with it."""
    try:
        found = json.loads(line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_Object)
    except (ValueError, RecursionError):
        return f"{shown(line)} is not JSON; expected an object"
    return found if isinstance(found, _Object) else f"{shown(line)} is no object; expected one"


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, (str, bool)) else json.dumps(value)[:100]
