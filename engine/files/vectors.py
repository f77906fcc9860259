"""Blocks of plain CSV by the column, without an object for each row: for the speed of large files.

A block is taken only where every cell that is used is written in the plainest way, so that ``engine.files.rows`` would
give the same values; for any other block None is returned, and its rows are read there. So there stays one parser:
this module decides what is plain, never what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import RowRefused
from engine.files.columns import BARS, TICKS, Columns
from engine.files.containers import MAX_LINE
from engine.files.rows import Manner, Notes, RecordedBar, RecordedTrade, read_width
from engine.files.values import UNITS, read_flag, read_symbol_name
from engine.market.ticks import MAX_SIGNIFICANT_DIGITS, MAX_TIME_MS, MIN_TIME_MS

if TYPE_CHECKING:
    import polars as pl

_DECIMAL = r"^[0-9]{1,12}(?:\.[0-9]{1,12})?$"  # as engine.market.ticks.are_decimals
_WHOLE = r"^[0-9]{1,16}$"
_PRICES = ("open", "high", "low", "close")
_DIGITS = {10: 0, 13: 1, 16: 2, 19: 3}  # of a time -> its place in UNITS
_ROWS_AT_ONCE = 500  # of a message of trades
_BARS_AT_ONCE = 1_000
_TEXTS = ("symbol", "maker", "width")
_WHOLES = ("time", "id", "first", "last")
_MOST_TEXTS = 64  # different ones in one column of one block


class Order(NamedTuple):
    """The ids (else the times) of one symbol in a block, and the least step from one to the next."""

    symbol: str
    first: int
    last: int
    least: int
    greatest: int
    step: int


class EncodedRows(NamedTuple):
    """Rows of the bridge protocol as the JSON array that they are sent as."""

    rows: int
    text: str


class EncodedBars(NamedTuple):
    """Bars of one symbol and width, from a time to before another, as the JSON array of columns that they are sent as:
    times, opens, highs, lows, closes, volumes."""

    symbol: str
    width_ms: int
    from_ms: int
    to_ms: int
    rows: int
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of a file in their order. ``frame``: ``symbol``, ``time`` (ms), and of ticks ``price``, ``quantity``, and
    where the file has them ``id``, ``maker``, ``first`` and ``last``; of bars ``width`` (ms), ``open``, ``high``,
    ``low``, ``close``, ``volume``. Numbers are plain decimal strings."""

    kind: str
    frame: pl.DataFrame

    def __len__(self) -> int:
        return len(self.frame)

    def symbols(self) -> dict[str, int]:
        """Symbol -> its number of rows, in order of appearance."""
        return dict(self.frame["symbol"].value_counts(sort=False).sort("symbol").iter_rows())

    def times(self) -> tuple[int, int]:
        """The first and the last time, in ms."""
        first: Any = self.frame["time"].min()
        last: Any = self.frame["time"].max()
        return first, last

    def widths(self) -> list[int]:
        """Of bars, in ms."""
        return self.frame["width"].unique().to_list() if self.kind == BARS else []

    def orders(self) -> list[Order]:
        """How the rows of each symbol lie."""
        keys = "id" if "id" in self.frame.columns else "time"
        found = []
        for symbol in self.symbols():
            own = self.frame.filter(self.frame["symbol"] == symbol)[keys]
            steps: Any = own.diff().min()
            least: Any = own.min()
            greatest: Any = own.max()
            found.append(Order(symbol, own[0], own[-1], least, greatest, 1 if steps is None else steps))
        return found

    def part(self, which: slice) -> list[Any]:
        """Some rows, as ``engine.files.rows`` gives them."""
        columns = {name: self.frame[name][which].to_list() for name in self.frame.columns}
        if self.kind == BARS:
            of_bar = ("symbol", "width", "time", *_PRICES, "volume")
            return [RecordedBar(*row) for row in zip(*map(columns.__getitem__, of_bar), strict=True)]
        nothing = [None] * len(columns["time"])
        fills = zip(columns["first"], columns["last"], strict=True) if {"first", "last"} <= columns.keys() else nothing
        names = ("symbol", "id", "price", "quantity", "time", "maker")
        return [RecordedTrade(*row) for row in zip(*(columns.get(name, nothing) for name in names), fills, strict=True)]

    def encoded(self, begins: Callable[[str, int], int]) -> Iterator[EncodedRows]:
        """Trades as rows of the bridge protocol. ``begins(symbol, count)``: the first of so many numbers, where the
        rows have no id."""
        import polars as pl

        frame = self.frame
        if "id" not in frame.columns:
            starts = {symbol: begins(symbol, count) for symbol, count in self.symbols().items()}
            own = pl.int_range(pl.len()).over("symbol")
            frame = frame.with_columns(id=own + pl.col("symbol").replace_strict(starts, return_dtype=pl.Int64))
        maker = pl.lit("null")
        if "maker" in frame.columns:
            maker = pl.when("maker").then(pl.lit("true")).when(~pl.col("maker")).then(pl.lit("false")).otherwise(maker)
        parts: list[str | pl.Expr] = [
            '["',
            "symbol",
            '",',
            "id",
            ',"',
            "price",
            '","',
            "quantity",
            '",',
            "time",
            ",",
            maker,
            "]",
        ]
        texts = [_literal_or_column(part) if isinstance(part, str) else part for part in parts]
        rows = frame.select(pl.concat_str(texts).alias("row"))["row"]
        for at in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[at : at + _ROWS_AT_ONCE]
            yield EncodedRows(len(some), f"[{some.str.join(',').item()}]")

    def bars(self) -> Iterator[EncodedBars]:
        """Bars as columns of the bridge protocol, those of one symbol and width together, rising."""
        for (symbol, width_ms), frame in self.frame.group_by(["symbol", "width"], maintain_order=True):
            rising = frame if frame["time"].is_sorted() else frame.sort("time", maintain_order=True)
            yield from _encoded_bars(symbol, width_ms, rising)


def _encoded_bars(symbol: str, width_ms: int, rising: pl.DataFrame) -> Iterator[EncodedBars]:
    import polars as pl

    texts = [pl.col(name).str.join('","') for name in (*_PRICES, "volume")]
    times = pl.col("time").cast(pl.String).str.join(",").alias("times")
    ends = pl.col("time").first().alias("first"), pl.col("time").last().alias("last"), pl.len()
    message = (pl.int_range(pl.len()) // _BARS_AT_ONCE).alias("message")
    joined = rising.group_by(message, maintain_order=True).agg(*ends, times, *texts)
    for _, first_ms, last_ms, rows, time, *columns in joined.iter_rows():
        cells = '"],["'.join(columns)
        text = f'[[{time}],["{cells}"]]'
        yield EncodedBars(symbol, width_ms, first_ms, last_ms + width_ms, rows, text)


def _literal_or_column(part: str) -> pl.Expr:
    import polars as pl

    return pl.col(part).cast(pl.String) if part.isalpha() else pl.lit(part)


class BlockReader:
    """Takes the plain blocks of one file of ticks or bars."""

    def __init__(self, columns: Columns, manner: Manner, delimiter: str, width: int) -> None:
        self._columns, self._manner, self._delimiter, self._width = columns, manner, delimiter, width
        is_positive = columns.kind == TICKS and not manner.may_be_zero
        self._positive = ("price", "quantity") if is_positive else ()  # of bars the lows, below

    @staticmethod
    def can_take(columns: Columns, manner: Manner) -> bool:
        """Whether blocks of such a file may be plain."""
        return columns.kind in (TICKS, BARS) and not manner.comma

    def take(self, block: bytes, rows: int, notes: Notes) -> Block | None:
        """The rows of whole lines; None where some cell is not plain. Adds to ``notes`` what was seen."""
        import polars as pl

        if not block.isascii() or b'"' in block or b"\r" in block:
            return None
        if block.count(self._delimiter.encode()) != rows * (self._width - 1):
            return None
        try:
            frame = pl.read_csv(
                block, has_header=False, separator=self._delimiter, quote_char=None, infer_schema=False,
                schema={str(at): pl.String for at in range(self._width)},
            )  # fmt: skip
        except pl.exceptions.PolarsError:
            return None
        return self._read(frame, notes) if len(frame) == rows else None

    def _read(self, cells: pl.DataFrame, notes: Notes) -> Block | None:
        """Two queries: what is in the cells, and, where all are plain, their values."""
        seen = cells.select(**self._questions()).row(0, named=True)
        if seen["longest"] > MAX_LINE or not all(seen[f"{name} plain"] for name in self._columns.places):
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
        lengths = [pl.col(str(at)).str.len_bytes().max().fill_null(0) for at in range(self._width)]
        asked["longest"] = pl.sum_horizontal(lengths) + self._width
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
            found |= {name: self._cell(name) for name in (*_PRICES, "volume")}
            width = pl.lit(self._manner.width_ms)
            found["width"] = pl.repeat(self._manner.width_ms, pl.len(), dtype=pl.Int64)
            if "width" in places:
                width = _mapped(self._cell("width"), {each: read_width(each) for each in seen["width"]}, pl.Int64)
                found["width"] = width
            opening, high, low, close = (self._cell(name).cast(pl.Float64) for name in _PRICES)
            is_good &= (low > 0.0) & (low <= opening) & (low <= close) & (high >= opening) & (high >= close)
            is_good &= (width == 0) | (time % pl.max_horizontal(width, 1) == 0)
        return found | {"is good": is_good}, spellings


def _mapped(cell: pl.Expr, values: Mapping[str, Any], kind: Any) -> pl.Expr:
    """Few different texts as what they stand for."""
    return (
        cell if all(text == value for text, value in values.items()) else cell.replace_strict(values, return_dtype=kind)
    )
