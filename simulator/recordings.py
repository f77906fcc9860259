"""Recorded files as trades or frames, in every format that ``engine.files`` reads.

Invalid lines are counted by reason, never repaired.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.errors import RowRefused
from engine.files.columns import TICKS
from engine.files.containers import Member, lines_of, members_of, opened_text
from engine.files.frames import FRAMES
from engine.files.inspection import Inspected, Told
from engine.files.row_summary import inspect
from engine.files.rows import RecordedTrade, Trades
from engine.files.tables import layout_of
from engine.market.ticks import MAX_TIME_MS, read_row, row_of_frame
from simulator.errors import RecordingRefused
from simulator.trade_history import TRADES, Rows, decimal_units

_EPOCH_FRAME = re.compile(r"([0-9]{9,11}(?:\.[0-9]+)?): (.*)", re.DOTALL)


class TimedFrame(NamedTuple):
    """A recorded frame and its receive time, in ms since 1970; None if unknown."""

    at_ms: float | None
    text: str


@dataclass(slots=True)
class Recording:
    """The content of one file: trades per symbol, or frames. ``skipped`` counts the skipped lines by reason."""

    trades: dict[str, Rows] = field(default_factory=dict)
    frames: list[TimedFrame] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def read_recording(path: Path, symbol: str | None = None, skip_zero: bool = False) -> Recording:
    """The file at ``path``. ``symbol`` is that of a dump without a symbol in its name.

    ``skip_zero`` skips rows with a price or quantity of 0. Raises RecordingRefused for an unreadable file or one
    without trades.
    """
    try:
        recording = _read(path, symbol, skip_zero)
    except ValueError as error:
        raise RecordingRefused(str(error)) from None
    if not recording.trades and not recording.frames:
        skipped = ", ".join(f"{count} x {reason}" for reason, count in recording.skipped.items())
        raise RecordingRefused(f"{path} holds nothing to replay ({skipped or 'no line'}); expected at least one trade")
    return recording


def trade_row(
    agg_id: int, time_ms: int, price: str, quantity: str, maker: bool,
    fills: tuple[int, int] | None = None, normal: str | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """One row of ``TRADES``. ``fills`` are the first and last fill ids, by default the id itself.

    Raises ValueError if a price or quantity is not a plain decimal, or an id or time is out of range.
    """
    price_units, price_decimals = decimal_units(price)
    units, decimals = decimal_units(quantity)
    normal_units, normal_decimals = decimal_units(normal) if normal is not None else (units, decimals)
    first, last = fills or (agg_id, agg_id)
    if not (0 <= agg_id < 2**53 and 0 < time_ms < MAX_TIME_MS and first <= last < first + 2**31):
        raise ValueError(f"ids {agg_id}, {first}..{last} or time {time_ms} do not fit")
    return (
        agg_id, time_ms, price_units, units, normal_units if normal_decimals == decimals else units,
        first, last - first + 1, 0, price_decimals, decimals, maker,
    )  # fmt: skip


def _read(path: Path, symbol: str | None, skip_zero: bool) -> Recording:
    members = members_of(path)
    if len(members) != 1:
        raise ValueError(f"{path} holds {len(members)} files; expected one")
    layout = layout_of(members[0])
    if layout.kind == FRAMES:
        return _read_frames(members[0], is_raw=str(layout.first[0]).startswith("{"))
    file = inspect(members[0], Told(symbol or "", zone="UTC"), may_be_zero=True)
    if file.kind != TICKS:
        raise ValueError(f"{path} holds bars; expected trades or frames")
    if file.questions:
        raise ValueError(f"{file.questions[0].text} (--replay-{file.questions[0].of})")
    recording = Recording(skipped=+Counter({"malformed": file.notes.refused.total()}))  # + drops a count of 0
    if file.has_ids:
        _add_dump(recording, file, skip_zero)
    else:
        _add_ticks(recording, file, skip_zero)
    return recording


def _trades_of(file: Inspected) -> Iterator[RecordedTrade]:
    return (trade for some in file.read() if isinstance(some, Trades) for trade in some.rows())


def _add_dump(recording: Recording, file: Inspected, skip_zero: bool) -> None:
    """Trades rising by id; of those with one id the first."""
    by_id: dict[int, RecordedTrade] = {}
    for trade in _trades_of(file):
        assert trade.agg_id is not None
        if by_id.setdefault(trade.agg_id, trade) is not trade:
            recording.skipped["duplicate"] += 1
    rows: list[tuple[Any, ...]] = []
    for agg_id in sorted(by_id):
        _take(recording, rows, by_id[agg_id], agg_id, bool(by_id[agg_id].maker), skip_zero)
    if rows:
        recording.trades[next(iter(by_id.values())).symbol] = np.array(rows, TRADES)


def _add_ticks(recording: Recording, file: Inspected, skip_zero: bool) -> None:
    """Ticks in file order, ids from 1 on per symbol.

    The file does not contain the maker side: a price below the symbol's previous one counts as a sale.
    """
    rows: dict[str, list[tuple[Any, ...]]] = {}
    last: dict[str, tuple[Decimal, bool]] = {}
    for trade in _trades_of(file):
        price = Decimal(trade.price)
        before, maker = last.get(trade.symbol, (price, False))
        maker = price < before if price != before else maker
        mine = rows.setdefault(trade.symbol, [])
        if _take(recording, mine, trade, len(mine) + 1, maker, skip_zero) and price:
            last[trade.symbol] = (price, maker)
    recording.trades = {name: np.array(mine, TRADES) for name, mine in rows.items() if mine}


def _take(
    recording: Recording, rows: list[tuple[Any, ...]], trade: RecordedTrade, agg_id: int, maker: bool, skip_zero: bool
) -> bool:
    """Add a trade if its numbers are in range; returns whether they are."""
    try:
        row = trade_row(agg_id, trade.time_ms, str(trade.price), str(trade.quantity), maker, trade.fills)
    except ValueError:
        recording.skipped["malformed"] += 1
        return False
    if skip_zero and (row[2] == 0 or row[3] == 0):
        recording.skipped["zero price or quantity"] += 1
    else:
        rows.append(row)
    return True


def _read_frames(member: Member, is_raw: bool) -> Recording:
    with opened_text(member) as (text, _):
        lines = (line for _, line in lines_of(text, member) if not line.startswith(("ws://", "wss://")))
        return _read_raw_frames(lines) if is_raw else _read_epoch_frames(lines)


def _read_epoch_frames(lines: Iterator[str]) -> Recording:
    recording = Recording()
    for line in lines:
        found = _EPOCH_FRAME.fullmatch(line)
        if found is None:
            recording.skipped["no receive time"] += 1
            continue
        recording.frames.append(TimedFrame(float(found[1]) * 1_000, found[2]))
    return recording


def _read_raw_frames(lines: Iterator[str]) -> Recording:
    recording = Recording()
    for line in lines:
        try:
            raw = json.loads(line)["raw"]
        except (ValueError, KeyError, TypeError):
            raw = None
        if isinstance(raw, str):
            recording.frames.append(TimedFrame(None, raw))
        else:
            recording.skipped["malformed"] += 1
    return recording


def agg_trade_of(text: str) -> tuple[str, tuple[Any, ...]] | None:
    """Symbol and row of a recorded frame that is a valid aggTrade; None for every other frame."""
    try:
        frame = json.loads(text)
        row = row_of_frame(frame)
        if row is None:
            return None
        tick = read_row(row)
        data = frame.get("data", frame)
        fills = (data["f"], data["l"]) if type(data.get("f")) is int and type(data.get("l")) is int else None
        normal = data.get("nq") if isinstance(data.get("nq"), str) else None
        return tick.symbol, trade_row(tick.agg_id, tick.trade_time_ms, row[2], row[3], row[5] is True, fills, normal)
    except (ValueError, RowRefused, RecursionError):
        return None
