"""What perpetual contracts cost to hold: settled funding rates, and the marks between two settlements."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from engine.errors import RowRefused
from engine.market.ticks import MAX_TIME_MS, MIN_TIME_MS, read_symbol

SETTLED = "settled"
MARK = "mark"

_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,18})?", re.ASCII).fullmatch


class Funding(NamedTuple):
    """One reading of one symbol. Longs pay shorts where ``rate`` is more than 0; it is a fraction of the notional.

    ``kind`` is ``settled`` (``rate`` was paid at ``time_ms``) or ``mark`` (as it stood at ``time_ms``: ``rate`` is the
    last one estimated, to be paid at ``next_ms``). What the source does not say is None.
    """

    symbol: str
    kind: str
    time_ms: int
    rate: float | None
    mark_price: float | None = None
    index_price: float | None = None
    next_ms: int | None = None


def read_funding(row: Any) -> Funding:
    """``[symbol, kind, time ms, rate, mark price, index price, next funding ms]``, numbers as decimal strings or null.

    >>> read_funding(["BTCUSDT", "settled", 1790035200000, "0.00010000", None, None, None]).rate
    0.0001

    Raises RowRefused with the first thing that is wrong.
    """
    if not isinstance(row, (list, tuple)) or len(row) != 7:
        raise RowRefused(f"funding is {repr(row)[:60]}; expected seven values")
    symbol, kind, time_ms, rate, mark_price, index_price, next_ms = row
    if kind not in (SETTLED, MARK):
        raise RowRefused(f"kind is {repr(kind)[:40]}; expected {SETTLED} or {MARK}")
    times = {"time": time_ms} | ({} if next_ms is None else {"next funding time": next_ms})
    for name, value in times.items():
        if type(value) is not int or not MIN_TIME_MS <= value < MAX_TIME_MS:
            raise RowRefused(f"{name} is {value!r}; expected whole milliseconds since 1970, from 2009 to before 2100")
    if kind == SETTLED and rate is None:
        raise RowRefused("rate is None; expected the rate that was settled")
    read_rate, mark, index = (
        _number(name, text) for name, text in (("rate", rate), ("mark price", mark_price), ("index price", index_price))
    )
    for name, price in (("mark", mark), ("index", index)):
        if price is not None and price <= 0.0:
            raise RowRefused(f"{name} price is {price!r}; expected more than 0")
    return Funding(read_symbol(symbol), kind, time_ms, read_rate, mark, index, next_ms)


def _number(name: str, text: Any) -> float | None:
    if text is None:
        return None
    if not isinstance(text, str) or not _NUMBER(text) or not math.isfinite(float(text)):
        raise RowRefused(f"{name} is {repr(text)[:60]}; expected a decimal string such as '0.00010000', or null")
    return float(text)
