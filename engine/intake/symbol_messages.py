"""Messages about which symbols are received: what a client wants, and what a bridge will not add."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import MessageRefused
from engine.intake.fields import message_symbol, read_text

MAX_SYMBOLS = 1_024  # of one list


@dataclass(frozen=True, slots=True)
class WantSymbols:
    """A client wants the live trades of these symbols of its market; replaces its earlier wish."""

    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unaddable:
    """A bridge adds none of the symbols that it was asked to add, and why."""

    symbols: tuple[str, ...]
    reason: str


def read_symbols(message: dict[str, Any], least: int = 0) -> tuple[str, ...]:
    """The symbols of a message, each once. Raises MessageRefused."""
    symbols = message.get("symbols")
    if not isinstance(symbols, list):
        raise MessageRefused("malformed", f"symbols is {repr(symbols)[:40]}; expected a list")
    if not least <= len(symbols) <= MAX_SYMBOLS:
        raise MessageRefused("malformed", f"found {len(symbols)} symbols; expected {least} to {MAX_SYMBOLS}")
    return tuple(dict.fromkeys(message_symbol(symbol) for symbol in symbols))


def _want_symbols(message: dict[str, Any]) -> WantSymbols:
    return WantSymbols(read_symbols(message, 1))


def _unaddable(message: dict[str, Any]) -> Unaddable:
    return Unaddable(read_symbols(message, 1), read_text(message, "reason", 500))


SymbolMessage = WantSymbols | Unaddable

READERS: dict[str, Any] = {"want_symbols": _want_symbols, "unaddable": _unaddable}
