"""Rows of cells as trades and bars. Whatever is not exactly one is refused with its row and column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

from engine.errors import RowRefused
from engine.files.columns import BARS, FUNDING, Columns
from engine.files.tables import Cell, Chunk
from engine.files.values import (
    are_epoch_ms,
    read_flag,
    read_number,
    read_rate,
    read_symbol_name,
    read_time,
    read_whole,
    shown,
)
from engine.market.intervals import interval_name, parse_interval
from engine.market.ticks import are_decimals

MILLISECONDS = "milliseconds"

_EXAMPLES = 20  # refused rows that are told in full
_TICK = ("symbol", "id", "price", "quantity", "time", "maker", "first", "last")
_PRICES = ("open", "high", "low", "close")
_BAR = ("symbol", "width", "time", *_PRICES, "volume")
_FUNDING = ("symbol", "time", "rate")
_QUOTED, _DIGITS = re.compile(r"'[^']*'"), re.compile(r"[0-9]+")  # what varies in a reason


class RecordedTrade(NamedTuple):
    """One trade as a file has it. ``agg_id``, ``maker`` and ``fills`` (first and last fill) are None where it does not
    say. Price and quantity are plain decimal strings."""

    symbol: str
    agg_id: int | None
    price: str
    quantity: str
    time_ms: int
    maker: bool | None
    fills: tuple[int, int] | None = None


class Trades(NamedTuple):
    """Some trades by the column, in the order of the file. ``ids``, ``makers`` and ``fills`` are None where it does not
    say."""

    symbols: Sequence[str]
    ids: Sequence[int] | None
    prices: Sequence[str]
    quantities: Sequence[str]
    times: Sequence[int]
    makers: Sequence[bool | None] | None
    fills: Sequence[tuple[int, int]] | None = None

    def rows(self) -> list[RecordedTrade]:
        """The same by the row."""
        return self.part(slice(None))

    def part(self, which: slice) -> list[RecordedTrade]:
        """Some of them by the row."""
        columns = [repeat(None) if column is None else column[which] for column in self]
        return [RecordedTrade(*row) for row in zip(*columns, strict=False)]


class RecordedBar(NamedTuple):
    """One bar as a file has it. Prices and volume are plain decimal strings."""

    symbol: str
    width_ms: int
    open_time_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str


class RecordedFunding(NamedTuple):
    """One rate that was paid, as a file has it: a plain decimal string, with ``-`` where shorts paid."""

    symbol: str
    time_ms: int
    rate: str


Recorded = Trades | list[RecordedBar] | list[RecordedFunding]


@dataclass(slots=True)
class Notes:
    """What was seen while rows were read. ``counted``: values by what they were taken for; ``refused``: rows by reason;
    ``examples``: the first of these in full; ``spellings``: symbol -> how the file writes it."""

    counted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    spellings: dict[str, set[str]] = field(default_factory=dict)

    def refuse(self, number: int, reason: str, why: str, column: str = "") -> None:
        """Count a row. ``why``: the sentence; ``reason``: the same without what varies."""
        self.refused[f"{column!r} {reason}" if column else reason] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"row {number}, column {column!r}: {why}" if column else f"row {number}: {why}")


class _Field(NamedTuple):
    """One value of a row: its column's number and name, and what reads a cell into the value and a note.

    ``are_plain``: whether ``as_plain`` reads all these cells, with ``plain_note``; for speed."""

    place: int
    name: str
    read: Callable[[Any], tuple[Any, str | None]]
    are_plain: Callable[[Sequence[Any]], bool] = lambda _: False
    as_plain: Callable[[Any], Any] = str
    plain_note: str | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How the rows of one file are written, beside its columns."""

    symbol: str = ""  # of every row, where no column says
    width_ms: int = 0  # of every bar, where no column says
    zone: tzinfo | None = None
    comma: bool = False
    may_be_zero: bool = False  # prices and quantities of ticks


class RowReader:
    """Reads chunks of one file. ``notes`` gathers what was seen."""

    def __init__(self, columns: Columns, manner: Manner) -> None:
        self.notes = Notes()
        self._kind, self._manner, self._columns = columns.kind, manner, columns
        self._symbols: dict[Any, str] = {}
        meanings = {BARS: _BAR, FUNDING: _FUNDING}.get(columns.kind, _TICK)
        self._meanings = [meaning for meaning in meanings if meaning in columns.places]
        self._fields = [self._field(meaning) for meaning in self._meanings]

    def read(self, chunk: Chunk) -> Recorded:
        """The chunk's trades, bars or rates, in the order of the file."""
        for number, why in chunk.damaged:
            self.notes.refuse(number, in_general(why), why)
        numbers = chunk.numbers
        columns = self._by_column(chunk.columns) if numbers else None
        if columns is None:
            numbers, columns = self._one_by_one(chunk)
        found = dict(zip(self._meanings, columns, strict=True))
        count = len(numbers)
        symbols = found.get("symbol") or [self._manner.symbol] * count
        if self._kind == BARS:
            return self._bars(numbers, symbols, found)
        if self._kind == FUNDING:
            return list(map(RecordedFunding, symbols, found["time"], found["rate"]))
        fills = list(zip(found["first"], found["last"], strict=True)) if {"first", "last"} <= found.keys() else None
        return Trades(
            symbols, found.get("id"), found["price"], found["quantity"], found["time"], found.get("maker"), fills
        )

    def _field(self, meaning: str) -> _Field:
        place, name = self._columns.places[meaning], self._columns.names[self._columns.places[meaning]]
        manner = self._manner
        if meaning == "symbol":
            return _Field(place, name, self._symbol, self._are_known, self._symbols.__getitem__)
        if meaning == "time":
            return _Field(place, name, partial(read_time, zone=manner.zone), are_epoch_ms, int, MILLISECONDS)
        if meaning == "maker":
            return _Field(place, name, lambda cell: (read_flag(cell), None))
        if meaning in ("id", "first", "last"):
            return _Field(place, name, lambda cell: (read_whole(cell), None))
        if meaning == "width":
            return _Field(place, name, lambda cell: (read_width(cell), None))
        if meaning == "rate":
            return _Field(place, name, partial(read_rate, comma=manner.comma))
        is_volume = meaning == "volume"
        may_be_zero = is_volume or (self._kind != BARS and manner.may_be_zero)
        read = partial(_number, comma=manner.comma, is_volume=is_volume, may_be_zero=may_be_zero)
        return _Field(place, name, read, are_decimals if may_be_zero else _are_positive)

    def _symbol(self, cell: Any) -> tuple[str, None]:
        """A symbol; how it was written is noted."""
        symbol = self._symbols.get(cell)
        if symbol is None:
            symbol = self._symbols[cell] = read_symbol_name(cell)
            self.notes.spellings.setdefault(symbol, set()).add(cell)
        return symbol, None

    def _are_known(self, cells: Sequence[Any]) -> bool:
        """Whether all are symbols that ``_symbol`` has read."""
        return set(cells) <= self._symbols.keys()

    def _by_column(self, cells: Sequence[Sequence[Cell]]) -> list[Sequence[Any]] | None:
        """Every field of every row; None where some row is to be refused."""
        counted: Counter[str] = Counter()
        columns: list[Sequence[Any]] = []
        for each in self._fields:
            texts = cells[each.place]
            if set(map(type, texts)) == {str} and each.are_plain(texts):
                columns.append(texts if each.as_plain is str else list(map(each.as_plain, texts)))
                counted.update({each.plain_note: len(texts)} if each.plain_note else {})
                continue
            try:
                values, notes = zip(*map(each.read, texts), strict=True)
            except RowRefused:
                return None
            columns.append(values)
            counted.update(note for note in notes if note)
        self.notes.counted.update(counted)
        return columns

    def _one_by_one(self, chunk: Chunk) -> tuple[list[int], list[Sequence[Any]]]:
        """The numbers of the rows that can be used, and their fields."""
        numbers: list[int] = []
        columns: list[list[Any]] = [[] for _ in self._fields]
        for number, *row in zip(chunk.numbers, *chunk.columns, strict=True):
            values: list[Any] = []
            notes: list[str] = []
            for each in self._fields:
                cell = row[each.place]
                try:
                    value, note = each.read(cell)
                except RowRefused as refused:
                    said = str(refused)
                    reason = said.replace(shown(cell), "").partition(";")[0].strip()
                    self.notes.refuse(number, _QUOTED.sub("it", reason), said, each.name)
                    break
                values.append(value)
                notes += [note] if note else []
            else:
                self.notes.counted.update(notes)
                numbers.append(number)
                for column, value in zip(columns, values, strict=True):
                    column.append(value)
        return numbers, [*columns]

    def _bars(self, numbers: Sequence[int], symbols: Sequence[str], found: dict[str, Any]) -> list[RecordedBar]:
        widths = found.get("width") or [self._manner.width_ms] * len(numbers)
        values = zip(*(found[meaning] for meaning in ("time", *_PRICES, "volume")), strict=True)
        bars = []
        for number, symbol, width_ms, row in zip(numbers, symbols, widths, values, strict=True):
            bar = RecordedBar(symbol, width_ms, *row)
            if (wrong := _wrong_with(bar)) is None:
                bars.append(bar)
            else:
                self.notes.refuse(number, wrong[0], wrong[1])
        return bars


def in_general(why: str) -> str:
    """A reason without what varies from row to row.

    >>> in_general("found 7 cells; expected 12"), in_general("quantity is '0'; expected more than 0")
    ('found N cells', 'quantity is it')
    """
    return _DIGITS.sub("N", _QUOTED.sub("it", why).partition(";")[0])


def _wrong_with(bar: RecordedBar) -> tuple[str, str] | None:
    """Why a bar cannot be, in general and in full; None when it can."""
    opening, high, low, close = map(float, bar[3:7])
    if not low <= min(opening, close) <= max(opening, close) <= high:
        what = "high and low do not hold open and close"
        return what, f"{what}: open {bar.open}, high {bar.high}, low {bar.low}, close {bar.close}"
    if bar.width_ms and bar.open_time_ms % bar.width_ms:
        name = interval_name(bar.width_ms)
        what = f"a {name} bar opens off the grid"
        return what, f"a {name} bar opens at {bar.open_time_ms} ms; expected a multiple of {name} since 1970 in UTC"
    return None


def _number(cell: Any, comma: bool, is_volume: bool, may_be_zero: bool) -> tuple[str, str | None]:
    number, note = read_number(cell, comma, is_volume)
    if not may_be_zero and float(number) <= 0.0:
        raise RowRefused(f"{shown(cell)} is 0; expected more than 0")
    return number, note


def _are_positive(texts: Sequence[str]) -> bool:
    return are_decimals(texts) and min(map(float, texts)) > 0.0


def read_width(cell: Any) -> int:
    """The width of a bar in ms. Raises RowRefused."""
    try:
        return parse_interval(cell or "")
    except (ValueError, TypeError):
        raise RowRefused(f"{shown(cell)} is no width; expected one such as 1m") from None
