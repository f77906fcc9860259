"""Where bars that were not made from ticks are: their opening times alone, in reads that are short and hold little."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from engine.market.intervals import bar_open
from engine.market.sourced import spans_of, whole_slots
from engine.market.stretches import Stretch, united
from engine.store.sqlite.sourced import read_series

TIMES_AT_ONCE = 10_000  # opening times that one read holds

Read = Callable[[Callable[[sqlite3.Connection], Any]], Awaitable[Any]]


async def read_bar_spans(
    read: Read, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int
) -> list[Stretch]:
    """See SourcedWriter. ``read`` runs one function on the connection; others have their turn between two of them."""
    begin_ms, end_ms = (bar_open(at + width_ms - 1, width_ms) for at in (from_ms, to_ms))
    found: list[Stretch] = []
    for sourced_id, narrower_ms in await read(partial(read_series, market=market, symbol=symbol, width_ms=width_ms)):
        covered: list[Stretch] = []
        at: int | None = begin_ms
        while at is not None:
            some, at = await read(
                partial(_next_stretches, sourced_id=sourced_id, width_ms=narrower_ms, from_ms=at, to_ms=end_ms)
            )
            covered += some
        found += whole_slots(united(covered), width_ms)
    return united(found)


def _next_stretches(
    db: sqlite3.Connection, sourced_id: int, width_ms: int, from_ms: int, to_ms: int
) -> tuple[list[Stretch], int | None]:
    """What the first bars of a series that open in ``[from_ms, to_ms)`` cover, and where to read on (None: nowhere)."""
    rows = db.execute(
        "SELECT open_time_ms FROM sourced_bars WHERE sourced_id=? AND open_time_ms>=? AND open_time_ms<?"
        " ORDER BY open_time_ms LIMIT ?",
        (sourced_id, from_ms, to_ms, TIMES_AT_ONCE),
    )
    times = [time_ms for (time_ms,) in rows]
    return spans_of(times, width_ms), times[-1] + 1 if len(times) == TIMES_AT_ONCE else None
