"""The trade history of one symbol, in bounded memory.

Trades are numpy structured arrays (``TRADES``). Prices and quantities are integers in units of the last decimal place,
so that the sent text has exactly the original digits.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# 55 bytes a trade. The time it is sent (E) is time_ms + lag_ms; the last fill is first_fill + fills - 1.
TRADES = np.dtype(
    [
        ("id", "i8"), ("time_ms", "i8"), ("price", "i8"), ("quantity", "i8"), ("normal", "i8"),
        ("first_fill", "i8"), ("fills", "i4"), ("lag_ms", "i4"),
        ("price_decimals", "u1"), ("quantity_decimals", "u1"), ("maker", "?"),
    ]
)  # fmt: skip

Rows = npt.NDArray[Any]
"""Trades of one symbol, dtype ``TRADES``, ids ascending."""

CHUNK_ROWS = 1 << 15
_PLAIN = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?", re.ASCII)


class Trade(NamedTuple):
    """One aggregate trade of the exchange, with the digits on the wire."""

    symbol: str
    agg_id: int
    price: str
    quantity: str
    trade_time_ms: int
    buyer_is_maker: bool


@lru_cache(maxsize=1 << 16)
def decimal_text(units: int, decimals: int) -> str:
    """``units`` of the last decimal place as text; cached because prices repeat.

    >>> decimal_text(8559590, 2), decimal_text(7, 3), decimal_text(42, 0)
    ('85595.90', '0.007', '42')
    """
    if not decimals:
        return str(units)
    digits = f"{units:0{decimals + 1}d}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def decimal_units(text: str) -> tuple[int, int]:
    """The units and decimals of plain decimal text; the inverse of ``decimal_text``.

    >>> decimal_units("85595.90")
    (8559590, 2)

    Raises ValueError if the text is not a plain decimal of at most 18 digits.
    """
    if not _PLAIN.fullmatch(text) or len(text) > 19:
        raise ValueError(f"{text[:40]!r} is no plain decimal of at most 18 digits")
    whole, _, part = text.partition(".")
    return int(whole + part), len(part)


def trades_of(symbol: str, rows: Rows) -> list[Trade]:
    """The rows as Trade values."""
    return [
        Trade(symbol, row[0], decimal_text(row[2], row[8]), decimal_text(row[3], row[9]), row[1], row[10])
        for row in rows.tolist()
    ]


def digest_of(trades: list[Trade]) -> str:
    """SHA-256, in hex, over one line ``id,price,quantity,time_ms,0|1`` a trade (1: the buyer is the maker)."""
    lines = "".join(f"{t.agg_id},{t.price},{t.quantity},{t.trade_time_ms},{int(t.buyer_is_maker)}\n" for t in trades)
    return hashlib.sha256(lines.encode()).hexdigest()


class TradeHistory:
    """The trades of one symbol. Whole chunks are dropped once either bound is exceeded."""

    def __init__(self, remember_trades: int, remember_ms: int) -> None:
        self._remember_trades = remember_trades
        self._remember_ms = remember_ms
        self._full: list[Rows] = []
        self._open: Rows = np.empty(CHUNK_ROWS, TRADES)
        self._used = 0
        self.count = 0
        self.before_forgetting: Callable[[], None] | None = None  # whoever needs the oldest takes them then

    @property
    def first_id(self) -> int | None:
        """The least id in the history; None before the first trade."""
        return int(self._parts()[0]["id"][0]) if self.count else None

    @property
    def last_id(self) -> int | None:
        """The greatest id in the history; None before the first trade."""
        return int(self._parts()[-1]["id"][-1]) if self.count else None

    def append(self, rows: Rows) -> None:
        """Append ``rows``; their ids must be greater than all before."""
        while len(rows):
            taken = min(len(rows), CHUNK_ROWS - self._used)
            self._open[self._used : self._used + taken] = rows[:taken]
            self._used += taken
            self.count += taken
            rows = rows[taken:]
            if self._used == CHUNK_ROWS:
                self._full.append(self._open)
                self._open, self._used = np.empty(CHUNK_ROWS, TRADES), 0
        self._forget_the_oldest()

    def from_id(self, agg_id: int, limit: int) -> Rows:
        """The first ``limit`` trades whose id is at least ``agg_id``."""
        parts = self._parts()
        at = max(bisect_right(parts, agg_id, key=lambda part: int(part["id"][0])) - 1, 0)
        taken: list[Rows] = []
        while at < len(parts) and limit > 0:
            low = int(np.searchsorted(parts[at]["id"], agg_id))
            taken.append(parts[at][low : low + limit])
            limit -= len(taken[-1])
            at += 1
        return joined(taken)

    def between(self, start_ms: int, end_ms: int) -> Rows:
        """Every trade with ``start_ms <= time <= end_ms``, in id order.

        Checks each row: the times of a recording need not increase with its ids.
        """
        inside = [part[(part["time_ms"] >= start_ms) & (part["time_ms"] <= end_ms)] for part in self._parts()]
        return joined(inside)

    def latest(self, limit: int) -> Rows:
        """The last ``limit`` trades."""
        taken: list[Rows] = []
        for part in reversed(self._parts()):
            if limit <= 0:
                break
            taken.append(part[-limit:])
            limit -= len(taken[-1])
        return joined(taken[::-1])

    def snapshot(self) -> list[Rows]:
        """Every trade in the history, as views that later appends do not change."""
        return self._parts()

    def forget(self, ids: Rows) -> None:
        """Delete these trades, ids ascending: REST no longer has them."""
        kept = [part if _apart(part, ids) else part[~np.isin(part["id"], ids)] for part in self._full]
        self._full = [part for part in kept if len(part)]
        newest = self._open[: self._used][~np.isin(self._open["id"][: self._used], ids)]
        # A new array, because a snapshot may still use the old one.
        self._open, self._used = np.empty(CHUNK_ROWS, TRADES), len(newest)
        self._open[: self._used] = newest
        self.count = sum(map(len, self._full)) + self._used

    def _parts(self) -> list[Rows]:
        return [*self._full, self._open[: self._used]] if self._used else list(self._full)

    def _forget_the_oldest(self) -> None:
        newest = self._parts()[-1]["time_ms"][-1] if self.count else 0
        while self._full and (
            self.count - len(self._full[0]) >= self._remember_trades
            or self._full[0]["time_ms"][-1] < newest - self._remember_ms
        ):
            if self.before_forgetting is not None:
                self.before_forgetting()
            self.count -= len(self._full.pop(0))


def _apart(part: Rows, ids: Rows) -> bool:
    return not len(ids) or bool(part["id"][-1] < ids[0] or part["id"][0] > ids[-1])


def joined(parts: list[Rows]) -> Rows:
    """The parts as one array, which may be empty."""
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, TRADES)
