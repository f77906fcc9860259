"""Recorded trades: detects a file's format and converts its trades to the rows sent to the server.

Known formats: Binance aggTrade dumps (USD-M with 7 columns, spot with 8, with or without header), tick CSV
``timestamp,symbol,price,size``, tick NDJSON ``{"symbol", "ts", "price", "size"}``, and recorded exchange frames, one
a line. Times are ISO 8601 (UTC where they name no zone), or a number of seconds, milliseconds or microseconds. Numbers
keep their text from the file. ``engine.market.ticks`` validates the rows, not this module.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any, NamedTuple

from engine.errors import RowRefused
from engine.market.ticks import MICROSECONDS_FROM, read_row, row_of_frame

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEADER = "agg_trade_id"
_SECONDS_BELOW = 10**11  # a time this small is in seconds
_KINDS = {"dump": "aggTrades dump", "csv": "tick CSV", "ndjson": "tick NDJSON"}
_ALIASES = {
    "timestamp": "ts", "time": "ts", "date": "ts", "datetime": "ts", "ts_ms": "ts",
    "size": "size", "quantity": "size", "qty": "size", "amount": "size", "volume": "size", "pair": "symbol",
}  # fmt: skip


class RecordedTrade(NamedTuple):
    """One trade as a file has it. ``agg_id``, ``maker`` and ``fills`` (first and last fill) are None if absent."""

    symbol: Any
    agg_id: int | None
    price: Any
    quantity: Any
    time_ms: int
    maker: bool | None
    fills: tuple[int, int] | None = None


@dataclass(slots=True)
class TickFile:
    """What was read. ``rows`` are wire rows in the order to send them; ``skipped`` counts lines by reason."""

    kind: str
    has_ids: bool
    rows: list[list[Any]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def read_tick_file(name: str, lines: Iterable[str]) -> TickFile:
    """Read a file of trades. ``name`` gives the symbol of a dump (``BTCUSDT-aggTrades-2025-01-01.csv``).

    Raises ValueError for an unknown format.
    """
    source = iter(lines)
    first = next((line for line in source if line.strip()), None)
    if first is None:
        raise ValueError(f"{name} is empty; expected trades")
    kind, everything = kind_of(name, first), chain([first], source)
    if kind == "frames":
        return _read_frames(everything)
    file = TickFile(_KINDS[kind], has_ids=kind == "dump")
    if kind == "dump":
        symbol = name.replace("\\", "/").rpartition("/")[2].partition("-")[0].upper()
        trades = trades_of_dump(symbol, everything, file.skipped)
        file.rows = [
            [symbol, trade.agg_id, trade.price, trade.quantity, trade.time_ms, trade.maker] for trade in trades
        ]
    else:
        read = trades_of_ndjson if kind == "ndjson" else trades_of_csv
        file.rows = _number(read(everything, file.skipped))
    return file


def kind_of(name: str, first: str) -> str:
    """The format of a file by its first line: ``dump``, ``csv``, ``ndjson`` or ``frames``. Raises ValueError."""
    head = first.strip()
    if head.startswith("{"):
        return "ndjson" if '"price"' in head and '"symbol"' in head else "frames"
    if head.startswith(("wss://", "ws://")) or head.partition(": ")[2].startswith("{"):
        return "frames"
    cells = [cell.strip() for cell in head.split(",")]
    if len(cells) in (7, 8) and (cells[0].isdecimal() or cells[0].lower() in (_HEADER, "a")):
        return "dump"
    if {"ts", "symbol", "price", "size"} <= {_column(cell) for cell in cells}:
        return "csv"
    raise ValueError(
        f"{name} begins with {head[:80]!r}; expected a Binance aggTrades dump, a tick CSV"
        " (timestamp,symbol,price,size), tick NDJSON, or recorded frames"
    )


def trades_of_dump(symbol: str, lines: Iterable[str], skipped: Counter[str]) -> list[RecordedTrade]:
    """The trades of an aggTrade dump in ascending id order; the first of each duplicate id."""
    by_id: dict[int, RecordedTrade] = {}
    for cells in csv.reader(lines):
        if not cells or not cells[0].strip().isdecimal():
            if cells and cells[0].strip().lower() not in (_HEADER, "a"):
                skipped["not a trade"] += 1
            continue
        try:
            agg_id, price, quantity, first, last, time, maker = cells[:7]
            trade = RecordedTrade(
                symbol, int(agg_id), price, quantity, _time(time), _flag(maker), (int(first), int(last))
            )
        except ValueError:
            skipped["cut off or malformed"] += 1
            continue
        if by_id.setdefault(int(agg_id), trade) is not trade:
            skipped["the same id again"] += 1
    return [by_id[agg_id] for agg_id in sorted(by_id)]


def trades_of_ndjson(lines: Iterable[str], skipped: Counter[str]) -> Iterator[RecordedTrade]:
    """The ticks of an NDJSON file, in the order of the file."""
    for line in lines:
        if not line.strip():
            continue
        try:
            tick = json.loads(line, parse_float=_plain, parse_int=str)
            yield RecordedTrade(tick["symbol"], None, tick["price"], tick["size"], _time(tick["ts"]), None)
        except (ValueError, KeyError, TypeError, InvalidOperation):
            skipped["not a tick"] += 1


def trades_of_csv(lines: Iterable[str], skipped: Counter[str]) -> Iterator[RecordedTrade]:
    """The ticks of a CSV file with a header, in the order of the file."""
    table = csv.reader(lines)
    columns = [_column(cell) for cell in next(table)]
    for cells in table:
        if not cells:
            continue
        tick = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        try:
            yield RecordedTrade(tick["symbol"].upper(), None, tick["price"], tick["size"], _time(tick["ts"]), None)
        except (ValueError, KeyError, InvalidOperation):
            skipped["not a tick"] += 1


def _read_frames(lines: Iterator[str]) -> TickFile:
    file = TickFile("recorded frames", has_ids=True)
    for line in lines:
        text = line.strip()
        if not text or text.startswith(("wss://", "ws://")):
            continue
        if not text.startswith("{"):
            text = text.partition(": ")[2]
        try:
            frame = json.loads(text)
            if isinstance(frame, dict) and isinstance(frame.get("raw"), str):
                frame = json.loads(frame["raw"])
        except ValueError:
            file.skipped["not JSON"] += 1
            continue
        row = row_of_frame(frame)
        if row is None:
            file.skipped[f"not an aggTrade: {_kind_of(frame)}"] += 1
        else:
            file.rows.append(row)
    return file


def _number(trades: Iterable[RecordedTrade]) -> list[list[Any]]:
    """Give ids to ticks that have none: each symbol's good rows count up from 0, so that a refused row
    leaves no gap, and reading the same file again gives the same ids."""
    following: Counter[str] = Counter()
    rows = []
    for trade in trades:
        name = str(trade.symbol)
        row = [trade.symbol, following[name], trade.price, trade.quantity, trade.time_ms, None]
        rows.append(row)
        if _is_good(row):
            following[name] += 1
    return rows


def _is_good(row: list[Any]) -> bool:
    try:
        read_row(row)
    except RowRefused:
        return False
    return True


def _plain(number: str) -> str:
    """A JSON number in plain decimal notation: 1.5e-3 is 0.0015."""
    return format(Decimal(number), "f") if "e" in number.lower() else number


def _column(cell: str) -> str:
    name = cell.strip().strip('"').lower()
    return _ALIASES.get(name, name)


def _flag(text: str) -> bool:
    if text.strip().lower() not in ("true", "false"):
        raise ValueError(text)
    return text.strip().lower() == "true"


def _time(text: str) -> int:
    """Milliseconds since 1970."""
    if text.strip().replace(".", "", 1).isdecimal():
        number = Decimal(text)
        if number >= MICROSECONDS_FROM:
            return int(number // 1_000)
        return int(number if number >= _SECONDS_BELOW else number * 1_000)
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _kind_of(frame: Any) -> str:
    if not isinstance(frame, dict):
        return type(frame).__name__
    data = frame.get("data", frame)
    if isinstance(data, dict) and "e" in data:
        return str(data["e"])
    return next((key for key in ("result", "error", "code") if key in frame), "unknown")
