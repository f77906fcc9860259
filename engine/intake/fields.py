"""Fields of messages: read exactly, or refused by name."""

from __future__ import annotations

from typing import Any

from engine.errors import MessageRefused, RowRefused
from engine.market.ticks import MAX_ID, read_symbol


def message_symbol(value: Any) -> str:
    """A symbol in upper case. Raises MessageRefused."""
    try:
        return read_symbol(value)
    except RowRefused as refused:
        raise MessageRefused("malformed", str(refused)) from None


def read_text(message: dict[str, Any], key: str, longest: int) -> str:
    """Text of 1 to ``longest`` characters. Raises MessageRefused."""
    value = message.get(key)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        shown = "hidden" if key == "token" else repr(value)[:40]
        raise MessageRefused("malformed", f"{key} is {shown}; expected text of 1 to {longest} characters")
    return value


def read_whole(message: dict[str, Any], key: str, least: int) -> int:
    """A whole number from ``least`` to below 2^53. Raises MessageRefused."""
    value = message.get(key)
    if type(value) is not int or not least <= value < MAX_ID:
        raise MessageRefused("malformed", f"{key} is {repr(value)[:40]}; expected a whole number from {least}")
    return value


def read_number(message: dict[str, Any], key: str) -> float:
    """A number below 2^53, as float. Raises MessageRefused."""
    value = message.get(key)
    if type(value) not in (int, float) or not -MAX_ID < value < MAX_ID:  # type: ignore[operator]
        raise MessageRefused("malformed", f"{key} is {repr(value)[:40]}; expected a number below 2^53")
    return float(value)  # type: ignore[arg-type]


def read_number_or_none(message: dict[str, Any], key: str) -> float | None:
    """As ``read_number``; None where it is null or not there. Raises MessageRefused."""
    return None if message.get(key) is None else read_number(message, key)
