"""What a file is: looked at from its first row to its last before anything of it is stored.

Whatever a file does not say itself becomes a question; nothing is stored while one is open. Of an exchange's dump of
candles the head says all of it, so its rows may be looked at while they are stored (``seen``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.files.columns import BARS, TICKS, Columns, columns_of
from engine.files.containers import Member, usual_growth
from engine.files.frames import FRAMES, trades_of_frames
from engine.files.names import read_file_name
from engine.files.plain_blocks import BlockReader
from engine.files.rows import Manner, Notes, Recorded, RecordedBar, RowReader
from engine.files.tables import Chunk, Layout, chunks_of, layout_of, raw_blocks_of
from engine.files.values import read_symbol_name, read_zone
from engine.files.vectors import Block
from engine.market.intervals import MAX_WIDTH_MS, SECOND_MS, parse_interval

_SMALL = 1 << 17  # bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What whoever brings a file says of it. ``columns``: meaning -> name of the column that it is."""

    symbol: str = ""
    interval: str = ""
    zone: str = ""
    decimal: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """What must be said first: ``of`` is the field of Told that answers it."""

    of: str
    text: str


@dataclass(slots=True)
class Inspected:
    """One file, and what was found in it.

    ``spans``: symbol -> its least and greatest place in the order to store, which is the id where the file has ids of
    an exchange, else the time. ``is_sorted``: the rows of each symbol are in that order already.
    """

    member: Member
    layout: Layout
    columns: Columns | None
    manner: Manner
    questions: list[Question]
    notes: Notes = field(default_factory=Notes)
    rows: int = 0
    symbols: Counter[str] = field(default_factory=Counter)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    widths_ms: set[int] = field(default_factory=set)
    first_ms: int | None = None
    last_ms: int | None = None
    is_sorted: bool = True
    first_rows: list[Any] = field(default_factory=list)
    last_rows: list[Any] = field(default_factory=list)
    is_seen: bool = False

    @property
    def kind(self) -> str:
        """``ticks``, ``bars`` or ``funding``."""
        return TICKS if self.columns is None else self.columns.kind

    @property
    def has_ids(self) -> bool:
        """Whether the rows have the exchange's aggregate ids."""
        return self.columns is None or self.columns.has_ids

    @property
    def is_of_exchange(self) -> bool:
        """Whether the rows can be told from others of their exchange: by ids, or as candles or funding of its dumps."""
        return self.has_ids or (self.columns is not None and self.columns.is_dump)

    @property
    def is_clear(self) -> bool:
        """Whether its head has said everything: bars of an exchange's dump, in whatever order."""
        return self.kind == BARS and self.is_of_exchange and not self.questions

    @property
    def format(self) -> str:
        """In words."""
        if self.columns is None:
            return "recorded frames"
        name = {"csv": "CSV", "ndjson": "NDJSON", "parquet": "Parquet"}[self.layout.kind]
        return f"{name}, {self.kind}{' with ids' if self.has_ids else ''}{'' if self.layout.header else ', no header'}"

    def read(self) -> Iterator[Recorded]:
        """The trades, bars or rates in the order of the file, some at a time. Raises ValueError."""
        if self.columns is None:
            self.notes = Notes()
            yield from trades_of_frames(self.member, self.notes)
            return
        reader = RowReader(self.columns, self.manner)
        self.notes = reader.notes
        for chunk in chunks_of(self.member, self.layout):
            yield reader.read(chunk)

    def blocks(self) -> Iterator[Recorded | Block]:
        """The same as ``read``, the plain blocks of a large CSV by the column. Raises ValueError."""
        columns, layout = self.columns, self.layout
        is_plain = layout.kind == "csv" and layout.encoding.startswith("utf-8")
        if columns is None or not is_plain or not BlockReader.can_take(columns, self.manner) or self._is_small():
            yield from self.read()
            return
        reader = RowReader(columns, self.manner)
        self.notes = reader.notes
        plain = BlockReader(columns, self.manner, layout.delimiter, len(layout.header) or len(layout.first))
        for raw, block, notes in plain.taken(raw_blocks_of(self.member, layout), usual_growth(self.member)):
            if block is not None:
                _add(reader.notes, notes)
                yield block
            else:
                yield from map(reader.read, raw.chunks(self.member, layout))

    def _is_small(self) -> bool:
        """Whether it is read before what reads faster is loaded."""
        return self.member.path.stat().st_size < _SMALL


def _add(notes: Notes, others: Notes) -> None:
    """What was seen of a plain block, of which no row is refused."""
    notes.counted += others.counted
    for symbol, written in others.spellings.items():
        notes.spellings.setdefault(symbol, set()).update(written)


def begun(member: Member, told: Told, may_be_zero: bool = False) -> Inspected:
    """What the head of a file says; its rows are not looked at. ``may_be_zero``: prices and quantities of 0 are kept,
    else only in rows with ids. Raises ValueError where it is no file of trades or bars, or what was told cannot be."""
    layout = layout_of(member)
    if layout.kind == FRAMES:
        return Inspected(member, layout, None, Manner(), [])
    columns = columns_of(layout.header, layout.first, told.columns)
    questions = [Question("columns", columns.question)] if columns.question else []
    name = read_file_name(member.name)
    if name.symbol is None:
        name = read_file_name(member.path.name)._replace(width_ms=name.width_ms)
    symbol = read_symbol_name(told.symbol) if told.symbol else name.symbol or ""
    if "symbol" in columns.places:
        symbol = ""
    elif not symbol:
        questions.append(Question("symbol", f"{member} does not say whose rows it has; say its symbol"))
    sample = next(chunks_of(member, layout), Chunk([], [], []))
    comma, question = _decimal_comma(columns, sample, told.decimal)
    questions += [question] if question else []
    is_dump_of_bars = columns.kind == BARS and columns.is_dump  # whose times are UTC
    zone = read_zone(told.zone or "UTC") if told.zone or is_dump_of_bars else None
    manner = Manner(symbol, 0, zone, comma, may_be_zero or columns.has_ids)
    if columns.kind == BARS and "width" not in columns.places:
        width_ms = parse_interval(told.interval) if told.interval else name.width_ms
        width_ms = width_ms or _width_of(RowReader(columns, manner).read(sample))
        manner = replace(manner, width_ms=width_ms or 0)
        if not width_ms:
            questions.append(Question("interval", f"{member} does not say how wide its bars are; say its interval"))
    return Inspected(member, layout, columns, manner, questions)


def _decimal_comma(columns: Columns, sample: Chunk, told: str) -> tuple[bool, Question | None]:
    """Whether numbers have a decimal comma, and the question where that cannot be seen."""
    if told:
        if told not in (".", ","):
            raise ValueError(f"decimal is {told!r}; expected '.' or ','")
        return told == ",", None
    meanings = ("price", "quantity", "open", "high", "low", "close", "volume")
    places = [columns.places[meaning] for meaning in meanings if meaning in columns.places]
    cells = [cell for at in places if sample.numbers for cell in sample.columns[at] if isinstance(cell, str)]
    with_comma = [cell for cell in cells if "," in cell]
    if not with_comma or any("." in cell for cell in cells):
        return False, None
    if all(len(cell.partition(",")[2]) == 3 for cell in with_comma):
        return True, Question("decimal", f"{with_comma[0]!r} may have a decimal comma, or count thousands; say decimal")
    return True, None


def _width_of(bars: Recorded) -> int | None:
    """The smallest step between bars of one symbol; None where that is no width."""
    times: dict[str, set[int]] = {}
    for bar in bars:
        if isinstance(bar, RecordedBar):
            times.setdefault(bar.symbol, set()).add(bar.open_time_ms)
    steps = [
        after - before for each in times.values() for before, after in zip(sorted(each), sorted(each)[1:], strict=False)
    ]
    width_ms = min(steps, default=0)
    return width_ms if width_ms and width_ms % SECOND_MS == 0 and width_ms <= MAX_WIDTH_MS else None
