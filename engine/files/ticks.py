"""Recorded trades: which format a file is in, and its rows for the door.

Known formats: Binance aggTrade dumps (USD-M with 7 columns, spot with 8, with or without header,
milli- or microseconds), tick CSV ``timestamp,symbol,price,size``, tick NDJSON
``{"symbol", "ts", "price", "size"}``, and recorded exchange frames, one a line. Numbers stay the text
they were in the file. What a row is worth is decided at the door, not here.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

from engine.errors import RowRefused
from engine.market.ticks import MICROSECONDS_FROM, read_row, row_of_frame

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEADER = "agg_trade_id"
_ALIASES = {
    "timestamp": "ts", "time": "ts", "date": "ts", "datetime": "ts", "ts_ms": "ts",
    "size": "size", "quantity": "size", "qty": "size", "amount": "size", "volume": "size", "pair": "symbol",
}  # fmt: skip


@dataclass(slots=True)
class TickFile:
    """What was read. ``rows`` are wire rows in the order to send them; ``skipped`` counts lines by reason."""

    kind: str
    has_ids: bool
    rows: list[list[Any]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def read_tick_file(name: str, lines: Iterable[str]) -> TickFile:
    """Read a file of trades. ``name`` gives the symbol of a dump (``BTCUSDT-aggTrades-2025-01-01.csv``).

    Raises ValueError when the format is none of the known ones.
    """
    source = iter(lines)
    first = next((line for line in source if line.strip()), None)
    if first is None:
        raise ValueError(f"{name} is empty; expected trades")
    read = _reader_for(name, first)
    return read(name, chain([first], source))


def _reader_for(name: str, first: str) -> Callable[[str, Iterator[str]], TickFile]:
    head = first.strip()
    if head.startswith("{"):
        return _read_ndjson if '"price"' in head and '"symbol"' in head else _read_frames
    if head.startswith(("wss://", "ws://")) or head.partition(": ")[2].startswith("{"):
        return _read_frames
    cells = [cell.strip() for cell in head.split(",")]
    if len(cells) in (7, 8) and (cells[0].isdecimal() or cells[0].lower() in (_HEADER, "a")):
        return _read_dump
    if {"ts", "symbol", "price", "size"} <= {_column(cell) for cell in cells}:
        return _read_tick_csv
    raise ValueError(
        f"{name} begins with {head[:80]!r}; expected a Binance aggTrades dump, a tick CSV"
        " (timestamp,symbol,price,size), tick NDJSON, or recorded frames"
    )


def _read_dump(name: str, lines: Iterator[str]) -> TickFile:
    file = TickFile("aggTrades dump", has_ids=True)
    symbol = name.replace("\\", "/").rpartition("/")[2].partition("-")[0].upper()
    by_id: dict[int, list[Any]] = {}
    for cells in csv.reader(lines):
        if not cells or not cells[0].strip().isdecimal():
            if cells and cells[0].strip().lower() not in (_HEADER, "a"):
                file.skipped["not a trade"] += 1
            continue
        try:
            agg_id, price, quantity, _, _, time, maker = cells[:7]
            number = int(agg_id)
            row = [symbol, number, price, quantity, _milliseconds(int(time)), _flag(maker)]
        except ValueError:
            file.skipped["cut off or malformed"] += 1
            continue
        if by_id.setdefault(number, row) is not row:
            file.skipped["the same id again"] += 1
    file.rows = [by_id[agg_id] for agg_id in sorted(by_id)]
    return file


def _read_frames(name: str, lines: Iterator[str]) -> TickFile:
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


def _read_ndjson(name: str, lines: Iterator[str]) -> TickFile:
    file = TickFile("tick NDJSON", has_ids=False)
    rows: list[list[Any]] = []
    for line in lines:
        if not line.strip():
            continue
        try:
            tick = json.loads(line, parse_float=_plain, parse_int=str)
            rows.append([tick["symbol"], tick["price"], tick["size"], _time(tick["ts"])])
        except (ValueError, KeyError, TypeError):
            file.skipped["not a tick"] += 1
    file.rows = _number(rows)
    return file


def _read_tick_csv(name: str, lines: Iterator[str]) -> TickFile:
    file = TickFile("tick CSV", has_ids=False)
    table = csv.reader(lines)
    columns = [_column(cell) for cell in next(table)]
    rows: list[list[Any]] = []
    for cells in table:
        if not cells:
            continue
        tick = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        try:
            rows.append([tick["symbol"].upper(), tick["price"], tick["size"], _time(tick["ts"])])
        except (ValueError, KeyError):
            file.skipped["not a tick"] += 1
    file.rows = _number(rows)
    return file


def _number(ticks: list[list[Any]]) -> list[list[Any]]:
    """Give ids to ticks that have none: each symbol's good rows count up from 0, so that a refused row
    leaves no gap, and reading the same file again gives the same ids."""
    following: Counter[str] = Counter()
    rows = []
    for symbol, price, size, time_ms in ticks:
        row = [symbol, following[str(symbol)], price, size, time_ms, None]
        rows.append(row)
        if _is_good(row):
            following[str(symbol)] += 1
    return rows


def _is_good(row: list[Any]) -> bool:
    try:
        read_row(row)
    except RowRefused:
        return False
    return True


def _plain(number: str) -> str:
    """A JSON number as the decimal it stands for: 1.5e-3 is 0.0015."""
    return format(Decimal(number), "f") if "e" in number.lower() else number


def _column(cell: str) -> str:
    name = cell.strip().strip('"').lower()
    return _ALIASES.get(name, name)


def _flag(text: str) -> bool:
    if text.strip().lower() not in ("true", "false"):
        raise ValueError(text)
    return text.strip().lower() == "true"


def _milliseconds(time: int) -> int:
    return time // 1_000 if time >= MICROSECONDS_FROM else time


def _time(text: str) -> int:
    """Milliseconds since 1970 from ISO 8601 (UTC when it names no zone) or a number of ms or us."""
    if text.isdecimal():
        return _milliseconds(int(text))
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
