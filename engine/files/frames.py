"""Recorded frames of the exchange, one a line: as they were, wrapped as ``raw``, or behind the time of receiving."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from engine.files.containers import Member, lines_of, opened_text
from engine.files.rows import Notes, Trades
from engine.files.tables import CHUNK
from engine.files.values import shown
from engine.market.ticks import key_of, row_of_frame

FRAMES = "frames"


def trades_of_frames(member: Member, notes: Notes) -> Iterator[Trades]:
    """The aggregate trades of a file, some at a time; every other frame is noted as refused. Raises ValueError."""
    with opened_text(member) as (text, _):
        lines = lines_of(text, member)
        while some := list(islice(lines, CHUNK)):
            rows = [row for number, line in some if (row := _row(number, line.strip(), notes)) is not None]
            if rows:
                yield Trades(*zip(*rows, strict=True))


def _row(number: int, text: str, notes: Notes) -> list[Any] | None:
    if text.startswith(("wss://", "ws://")):
        return None
    if not text.startswith("{"):
        text = text.partition(": ")[2]
    try:
        frame = json.loads(text)
        if isinstance(frame, dict) and isinstance(frame.get("raw"), str):
            frame = json.loads(frame["raw"])
    except (ValueError, RecursionError):
        notes.refuse(number, "not JSON", "the frame is not JSON")
        return None
    row = row_of_frame(frame)
    if row is None:
        reason = f"not an aggTrade: {_kind_of(frame)}"
        notes.refuse(number, reason, reason)
        return None
    if key_of(row) is None or type(row[4]) is not int:
        notes.refuse(number, "no symbol, id or time", f"{shown(row)} has no symbol, id or time; expected an aggTrade")
        return None
    return row


def _kind_of(frame: Any) -> str:
    if not isinstance(frame, dict):
        return type(frame).__name__
    data = frame.get("data", frame)
    if isinstance(data, dict) and "e" in data:
        return str(data["e"])[:40]
    return next((key for key in ("result", "error", "code") if key in frame), "unknown")
