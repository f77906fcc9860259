"""Which blocks of a CSV are plain, and their cells by the column; two blocks are read at the same time.

A block is taken only where every cell that is used is written in the plainest way, so that ``engine.files.rows`` would
give the same values; for any other block None is returned, and its rows are read there. So there stays one parser:
this module decides what is plain, never what is right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import RowRefused
from engine.files.columns import BARS, TICKS, Columns
from engine.files.containers import MAX_LINE
from engine.files.rows import Manner, Notes, read_width
from engine.files.tables import RawBlock
from engine.files.values import UNITS, read_flag, read_symbol_name
from engine.files.vectors import PRICES, Block
from engine.market.ticks import MAX_SIGNIFICANT_DIGITS, MAX_TIME_MS, MIN_TIME_MS

if TYPE_CHECKING:
    import polars as pl

_DECIMAL = r"^[0-9]{1,12}(?:\.[0-9]{1,12})?$"  # as engine.market.ticks.are_decimals
_WHOLE = r"^[0-9]{1,16}$"
_DIGITS = {10: 0, 13: 1, 16: 2, 19: 3}  # of a time -> its place in UNITS
_TEXTS = ("symbol", "maker", "width")
_WHOLES = ("time", "id", "first", "last")
_MOST_TEXTS = 64  # different ones in one column of one block
_AT_ONCE = 2  # blocks that are read at the same time


class Taken(NamedTuple):
    """A block as it is in the file; the same by the column, or None where it is not plain; what was seen of it."""

    raw: RawBlock
    block: Block | None
    notes: Notes


class BlockReader:
    """Takes the plain blocks of one file of ticks or bars."""

    def __init__(self, columns: Columns, manner: Manner, delimiter: str, width: int) -> None:
        self._columns, self._manner, self._delimiter, self._width = columns, manner, delimiter, width
        self._used = sorted(set(columns.places.values()))
        is_positive = columns.kind == TICKS and not manner.may_be_zero
        self._positive = ("price", "quantity") if is_positive else ()  # of bars the lows, below

    @staticmethod
    def can_take(columns: Columns, manner: Manner) -> bool:
        """Whether blocks of such a file may be plain."""
        return columns.kind in (TICKS, BARS) and not manner.comma

    def taken(self, blocks: Iterator[RawBlock], usual: tuple[int, int]) -> Iterator[Taken]:
        """Each block, in order. ``usual``: how many bytes a file has at least and at most; beyond them nothing is
        taken: a bomb would make us load what takes 60 MB."""
        least, most = usual
        count = 0
        ahead: deque[tuple[RawBlock, Future[Block | None] | None, Notes]] = deque()
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for raw in blocks:
                count += len(raw.text)
                notes = Notes()
                is_usual = least < count < most
                ahead.append((raw, threads.submit(self.take, raw.text, raw.lines, notes) if is_usual else None, notes))
                if len(ahead) > _AT_ONCE:
                    yield _finished(*ahead.popleft())
            while ahead:
                yield _finished(*ahead.popleft())

    def take(self, block: bytes, rows: int, notes: Notes) -> Block | None:
        """The rows of whole lines; None where some cell is not plain. Adds to ``notes`` what was seen."""
        import polars as pl

        if not block.isascii() or b'"' in block or b"\r" in block:
            return None
        if block.count(self._delimiter.encode()) != rows * (self._width - 1) or _has_longer_line(block, MAX_LINE):
            return None
        try:
            frame = pl.read_csv(
                block, has_header=False, separator=self._delimiter, quote_char=None, infer_schema=False,
                schema={str(at): pl.String for at in range(self._width)}, columns=self._used,
            )  # fmt: skip
        except pl.exceptions.PolarsError:
            return None
        return self._read(frame, notes) if len(frame) == rows else None

    def _read(self, cells: pl.DataFrame, notes: Notes) -> Block | None:
        """Two queries: what is in the cells, and, where all are plain, their values."""
        seen = cells.select(**self._questions()).row(0, named=True)
        if not all(seen[f"{name} plain"] for name in self._columns.places):
            return None
        if not all(seen[f"{name} least"] > 0.0 for name in self._positive):
            return None
        unit = _DIGITS.get(seen["time longest"]) if seen["time longest"] == seen["time shortest"] else None
        if unit is None:
            return None
        try:
            found, spellings = self._values(seen, unit)
        except RowRefused:
            return None
        frame = cells.select(**found)
        if not frame["is good"].all():
            return None
        notes.counted[UNITS[unit][0]] += len(frame)
        for symbol, written in spellings.items():
            notes.spellings.setdefault(symbol, set()).update(written)
        return Block(self._columns.kind, frame.drop("is good"))

    def _cell(self, name: str) -> pl.Expr:
        import polars as pl

        return pl.col(str(self._columns.places[name]))

    def _questions(self) -> dict[str, pl.Expr]:
        import polars as pl

        asked: dict[str, pl.Expr] = {}
        for name in self._columns.places:
            cell = self._cell(name)
            if name in _TEXTS:
                asked[f"{name} plain"] = (cell.null_count() == 0) & (cell.n_unique() <= _MOST_TEXTS)
                asked[name] = cell.unique().sort().head(_MOST_TEXTS).implode()
                continue
            pattern = _WHOLE if name in _WHOLES else _DECIMAL
            most = pl.lit(True) if name in _WHOLES else cell.str.len_bytes().max() <= MAX_SIGNIFICANT_DIGITS
            asked[f"{name} plain"] = (cell.null_count() == 0) & cell.str.contains(pattern).all() & most
        for name in self._positive:
            asked[f"{name} least"] = self._cell(name).cast(pl.Float64, strict=False).min().fill_null(0.0)
        asked["time shortest"] = self._cell("time").str.len_bytes().min()
        asked["time longest"] = self._cell("time").str.len_bytes().max()
        return asked

    def _values(self, seen: dict[str, Any], unit: int) -> tuple[dict[str, pl.Expr], dict[str, set[str]]]:
        """The columns of the block, and how its symbols are written. Raises RowRefused."""
        import polars as pl

        places, per_ms = self._columns.places, UNITS[unit][1]
        number = self._cell("time").cast(pl.Int64, strict=False)
        time = number * per_ms if per_ms > 0 else number // -per_ms
        is_good = time.is_between(MIN_TIME_MS, MAX_TIME_MS, closed="left").fill_null(False)
        found: dict[str, pl.Expr] = {"time": time}
        spellings: dict[str, set[str]] = {}
        if "symbol" in places:
            names = {each: read_symbol_name(each) for each in seen["symbol"]}
            for each, name in names.items():
                spellings.setdefault(name, set()).add(each)
            found["symbol"] = _mapped(self._cell("symbol"), names, pl.String)
        else:
            found["symbol"] = pl.repeat(self._manner.symbol, pl.len(), dtype=pl.String)
        if self._columns.kind == TICKS:
            found |= {name: self._cell(name) for name in ("price", "quantity")}
            found |= {name: self._cell(name).cast(pl.Int64) for name in ("id", "first", "last") if name in places}
            if "maker" in places:
                found["maker"] = _mapped(
                    self._cell("maker"), {each: read_flag(each) for each in seen["maker"]}, pl.Boolean
                )
        else:
            found |= {name: self._cell(name) for name in (*PRICES, "volume")}
            width = pl.lit(self._manner.width_ms)
            found["width"] = pl.repeat(self._manner.width_ms, pl.len(), dtype=pl.Int64)
            if "width" in places:
                width = _mapped(self._cell("width"), {each: read_width(each) for each in seen["width"]}, pl.Int64)
                found["width"] = width
            opening, high, low, close = (self._cell(name).cast(pl.Float64) for name in PRICES)
            is_good &= (low > 0.0) & (low <= opening) & (low <= close) & (high >= opening) & (high >= close)
            is_good &= (width == 0) | (time % pl.max_horizontal(width, 1) == 0)
        return found | {"is good": is_good}, spellings


def _finished(raw: RawBlock, taken: Future[Block | None] | None, notes: Notes) -> Taken:
    return Taken(raw, taken.result() if taken is not None else None, notes)


def _has_longer_line(block: bytes, most: int) -> bool:
    """Whether a line has more bytes than that, by jumps of whole lines."""
    at = 0
    while at < len(block):
        end = block.rfind(b"\n", at, at + most + 1)
        if end < 0:
            return True
        at = end + 1
    return False


def _mapped(cell: pl.Expr, values: Mapping[str, Any], kind: Any) -> pl.Expr:
    """Few different texts as what they stand for."""
    return (
        cell if all(text == value for text, value in values.items()) else cell.replace_strict(values, return_dtype=kind)
    )
