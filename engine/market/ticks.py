"""A trade, and the validation that every trade passes.

Rows arrive from sockets, REST answers and files; all of them become a Tick here or are refused with a reason. Prices
and quantities stay decimal strings up to here, so that no earlier step can round them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import repeat
from types import NoneType
from typing import Any, NamedTuple

from engine.errors import RowRefused

OWN_MARKET = "file-"  # how the name of a market begins that is no exchange's
MAX_ID = 2**53  # the first whole number that JavaScript cannot distinguish from its successor
MIN_TIME_MS = 1_230_768_000_000  # 2009-01-01 UTC: no cryptocurrency traded before
MAX_TIME_MS = 4_102_444_800_000  # 2100-01-01 UTC
MICROSECONDS_FROM = 10**14  # a time in a file from this value on is in microseconds
MAX_SIGNIFICANT_DIGITS = 15  # float64 round-trips any decimal of up to 15 digits

_SHORT = 12  # characters: such a decimal has no more digits before or behind its point than it may
_DECIMAL_TEXT = r"[0-9]{1,12}(?:\.[0-9]{1,12})?"
_DECIMAL = re.compile(_DECIMAL_TEXT, re.ASCII).fullmatch
_DECIMALS = re.compile(rf"{_DECIMAL_TEXT}(?:\n{_DECIMAL_TEXT})*", re.ASCII).fullmatch
_SYMBOL_EXTRA = str.maketrans("", "", "_-")


class Tick(NamedTuple):
    """One aggregate trade. (A named tuple, not a dataclass: made for every trade, written as a row.)

    ``agg_id`` rises by 1 within (market, symbol). ``buyer_is_maker`` true means the taker sold; None means unknown.
    ``future`` marks an implausible trade time, too far ahead: such a tick is stored, but moves no clock and enters no
    bar.
    """

    symbol: str
    agg_id: int
    price: float
    quantity: float
    trade_time_ms: int
    buyer_is_maker: bool | None
    future: bool = False


def read_symbol(value: Any) -> str:
    """``value`` as a symbol: 1..32 upper-case letters, digits, ``_`` or ``-`` of any script."""
    if not isinstance(value, str):
        raise RowRefused(f"symbol is {value!r}; expected text")
    plain = value.translate(_SYMBOL_EXTRA)
    if not (1 <= len(value) <= 32 and (plain.isalnum() or (not plain and value))):
        raise RowRefused(f"symbol is {value[:40]!r}; expected 1 to 32 letters, digits, _ or -")
    if value != value.upper():
        raise RowRefused(f"symbol is {value!r}; expected upper case, {value.upper()!r}")
    return value


def read_id(value: Any) -> int:
    """``value`` as an aggregate id: a whole number, 0 <= id < 2**53."""
    if type(value) is not int or not 0 <= value < MAX_ID:
        raise RowRefused(f"aggregate id is {value!r}; expected a whole number from 0 to 2^53 - 1")
    return value


def read_decimal(name: str, value: Any) -> float:
    """A positive decimal string of at most 15 significant digits, as the float64 that round-trips."""
    if not isinstance(value, str) or not _DECIMAL(value):
        shown = repr(value)[:60]
        raise RowRefused(f"{name} is {shown}; expected a decimal string such as '85595.90'")
    if len(value) > MAX_SIGNIFICANT_DIGITS and significant_digits(value) > MAX_SIGNIFICANT_DIGITS:
        raise RowRefused(f"{name} is {value!r}; expected at most {MAX_SIGNIFICANT_DIGITS} significant digits")
    number = float(value)
    if number <= 0.0:
        raise RowRefused(f"{name} is {value!r}; expected more than 0")
    return number


def significant_digits(decimal: str) -> int:
    """The number of significant digits: without leading zeros and trailing zeros after the point.

    >>> significant_digits("00120.3400"), significant_digits("1000")
    (5, 4)
    """
    if "." in decimal:
        decimal = decimal.rstrip("0").replace(".", "")
    return len(decimal.lstrip("0"))


def read_time(value: Any) -> int:
    """``value`` as a trade time in milliseconds since 1970, UTC."""
    if type(value) is not int or not MIN_TIME_MS <= value < MAX_TIME_MS:
        raise RowRefused(
            f"trade time is {value!r}; expected whole milliseconds since 1970 from {MIN_TIME_MS} (2009) to before"
            f" {MAX_TIME_MS} (2100)"
        )
    return value


def read_row(row: Any) -> Tick:
    """``[symbol, aggregate id, price, quantity, trade time ms, buyer is maker]`` as a Tick.

    >>> read_row(["BTCUSDT", 7, "85595.90", "0.411", 1790046465580, False]).price
    85595.9

    Raises RowRefused with the first error.
    """
    if not isinstance(row, (list, tuple)) or len(row) != 6:
        raise RowRefused(f"row is {repr(row)[:60]}; expected six values")
    symbol, agg_id, price, quantity, trade_time_ms, maker = row
    if maker is not None and type(maker) is not bool:
        raise RowRefused(f"buyer-is-maker is {maker!r}; expected true, false or null")
    return _tick(
        (
            _known_symbol(symbol) if type(symbol) is str else read_symbol(symbol),
            read_id(agg_id),
            read_decimal("price", price),
            read_decimal("quantity", quantity),
            read_time(trade_time_ms),
            maker,
            False,
        )
    )


def key_of(row: Any) -> tuple[str, int] | None:
    """Symbol and aggregate id of a row, regardless of its other errors; None if these are invalid."""
    if not isinstance(row, (list, tuple)) or len(row) < 2:
        return None
    try:
        return _known_symbol(row[0]) if type(row[0]) is str else read_symbol(row[0]), read_id(row[1])
    except RowRefused:
        return None


def has_no_quantity(row: Any) -> bool:
    """Whether a row's quantity is written as zero."""
    return isinstance(row, list) and len(row) == 6 and isinstance(row[3], str) and not row[3].strip("0.")


def are_decimals(texts: Sequence[str]) -> bool:
    """Whether all are plain decimals of at most 15 characters, which ``float`` reads as they are."""
    lines = "\n".join(texts)
    is_one_a_line = lines.count("\n") < len(texts)
    return is_one_a_line and _DECIMALS(lines) is not None and max(map(len, texts)) <= MAX_SIGNIFICANT_DIGITS


def read_decimals(texts: Sequence[str]) -> list[float] | None:
    """What ``float`` reads of plain decimals; None where not all are. (Short ones of digits and points alone need no
    pattern: what is left to go wrong with them ``float`` refuses.)"""
    lines = "\n".join(texts)
    is_short = max(map(len, texts)) <= _SHORT and lines.count("\n") < len(texts) and lines.isascii()
    if not is_short or lines.encode().translate(None, b"0123456789.\n") or "\n." in lines or ".\n" in lines:
        return list(map(float, texts)) if are_decimals(texts) else None
    if lines.startswith(".") or lines.endswith("."):
        return None
    try:
        return list(map(float, texts))
    except ValueError:
        return None


def read_rows(rows: list[Any]) -> list[Tick] | None:
    """``read_row`` of every row, a column at a time; None if any row is unusual.

    Then call ``read_row`` for each row, which accepts it or gives the reason. A fast path for the intake.
    """
    if set(map(type, rows)) != {list}:
        return None
    try:
        symbols, ids, prices, quantities, times, makers = zip(*rows, strict=True)
    except ValueError:
        return None
    decimals = prices + quantities
    is_typed = set(map(type, ids + times)) == {int} and set(map(type, makers)) <= {bool, NoneType}
    if not is_typed or set(map(type, symbols + decimals)) != {str}:
        return None
    if min(ids) < 0 or max(ids) >= MAX_ID or min(times) < MIN_TIME_MS or max(times) >= MAX_TIME_MS:
        return None
    numbers = read_decimals(decimals)
    if numbers is None or min(numbers) <= 0.0:
        return None
    try:
        for symbol in set(symbols):
            _known_symbol(symbol)
    except RowRefused:
        return None
    columns = zip(symbols, ids, numbers[: len(rows)], numbers[len(rows) :], times, makers, repeat(False))
    return list(map(_tick, columns))


_known_symbol = lru_cache(4_096)(read_symbol)  # the same few in every row; refused ones are not cached
_tick: partial[Tick] = partial(tuple.__new__, Tick)  # as Tick(...) in a third of the time


def row_of_frame(frame: Any) -> list[Any] | None:
    """The row inside a raw Binance aggTrade frame, wrapped or not; None for any other frame.

    Only ``e == "aggTrade"`` counts: in a ``trade`` frame ``a`` is an order id, in other events ``p``
    is something else. ``E``, ``nq``, ``st`` and future fields are ignored.
    """
    if not isinstance(frame, dict):
        return None
    data = frame.get("data", frame)
    if not isinstance(data, dict) or data.get("e") != "aggTrade":
        return None
    return [data.get(key) for key in ("s", "a", "p", "q", "T", "m")]
