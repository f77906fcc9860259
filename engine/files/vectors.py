"""Rows of a plain CSV by the column, without an object for each row: for the speed of large files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.files.columns import BARS
from engine.files.rows import RecordedBar, RecordedTrade
from engine.market.sourced_columns import bytes_of

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
    """Bars of one symbol and width, from a time to before another, as the bytes that they are sent as
    (``engine.market.sourced_columns``)."""

    symbol: str
    width_ms: int
    from_ms: int
    to_ms: int
    data: bytes


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
        times = self.frame["time"].to_numpy()
        return int(times.min()), int(times.max())

    def widths(self) -> list[int]:
        """Of bars, in ms."""
        return self.frame["width"].unique().to_list() if self.kind == BARS else []

    def orders(self) -> list[Order]:
        """How the rows of each symbol lie."""
        import numpy as np  # and not polars, which waits for its threads, and those read the next blocks

        keys = "id" if "id" in self.frame.columns else "time"
        found = []
        symbols = self.symbols()
        for symbol in symbols:
            frame = self.frame if len(symbols) == 1 else self.frame.filter(self.frame["symbol"] == symbol)
            own = frame[keys].to_numpy()
            step = int(np.diff(own).min()) if len(own) > 1 else 1
            found.append(Order(symbol, int(own[0]), int(own[-1]), int(own.min()), int(own.max()), step))
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
        series = self.frame.select("symbol", "width").unique(maintain_order=True).rows()
        for symbol, width_ms in series:
            is_own = (self.frame["symbol"] == symbol) & (self.frame["width"] == width_ms)
            own = self.frame if len(series) == 1 else self.frame.filter(is_own)
            rising = own if own["time"].is_sorted() else own.sort("time", maintain_order=True)
            yield from _encoded_bars(symbol, width_ms, rising)


def _encoded_bars(symbol: str, width_ms: int, rising: pl.DataFrame) -> Iterator[EncodedBars]:
    import polars as pl

    numbers = rising.select("time", pl.col(*PRICES, "volume").cast(pl.Float64))
    columns = [column.to_numpy() for column in numbers]
    for at in range(0, len(rising), _BARS_AT_ONCE):
        some = [column[at : at + _BARS_AT_ONCE] for column in columns]
        ends = int(some[0][0]), int(some[0][-1]) + width_ms
        yield EncodedBars(symbol, width_ms, *ends, bytes_of(some))


def _literal_or_column(part: str) -> pl.Expr:
    import polars as pl

    return pl.col(part).cast(pl.String) if part.isalpha() else pl.lit(part)
