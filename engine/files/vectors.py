"""Rows of a plain CSV by the column, without an object for each row: for the speed of large files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.files.columns import BARS
from engine.files.rows import RecordedBar, RecordedTrade

if TYPE_CHECKING:
    import polars as pl

PRICES = ("open", "high", "low", "close")
_ROWS_AT_ONCE = 500  # of a message of trades
_BARS_AT_ONCE = 1_000


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
            of_bar = ("symbol", "width", "time", *PRICES, "volume")
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

    texts = [pl.col(name).str.join('","') for name in (*PRICES, "volume")]
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
