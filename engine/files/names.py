"""What a file's name says: its symbol, and for bars their width."""

from __future__ import annotations

import re
from typing import NamedTuple

from engine.errors import RowRefused
from engine.files.values import read_symbol_name
from engine.market.intervals import parse_interval

_KINDS = {"aggtrades", "trades", "ticks", "klines", "kline", "candles", "ohlc", "ohlcv", "bars", "fundingrate"}
_NO_SYMBOLS = _KINDS | {"data", "prices", "price", "export", "download", "history", "untitled", "file", "test", "new"}
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "BTC", "ETH", "BNB", "EUR", "GBP", "TRY", "JPY", "BRL")
_DATE = re.compile(r"(?:20[0-9]{2}(?:-?[01][0-9](?:-?[0-3][0-9])?)?|[01][0-9]|[0-3][0-9])")
_WIDTH = re.compile(r"[0-9]{1,5}(?:s|m|min|h|d|S|T|H|D)")


class FileName(NamedTuple):
    """None: the name does not say."""

    symbol: str | None
    width_ms: int | None


def read_file_name(name: str) -> FileName:
    """``BTCUSDT-aggTrades-2026-01-01.csv``, ``BTC-USDT_1m.csv``, ``BTCUSD_PERP-1h-2026-01.zip``.

    Only words that are understood may stand beside the symbol: of any other name it is not guessed.

    >>> read_file_name("RENUSDT_aggTrades_2026-01-01.csv"), read_file_name("export (3).csv")
    (FileName(symbol='RENUSDT', width_ms=None), FileName(symbol=None, width_ms=None))
    """
    stem = name.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    words = re.split(r"[-_ ]+", stem.strip())
    symbol, rest = _leading_symbol(words)
    width_ms = None
    for word in rest:
        if _WIDTH.fullmatch(word) and width_ms is None:
            try:
                width_ms = parse_interval(word)
            except ValueError:
                symbol = None
        elif word.lower() not in _KINDS and not _DATE.fullmatch(word):
            symbol = None
    return FileName(symbol, width_ms)


def _leading_symbol(words: list[str]) -> tuple[str | None, list[str]]:
    """The symbol that the first words are, and the other words."""
    first, second = words[0], words[1] if len(words) > 1 else ""
    if second.upper() in _QUOTES:
        return _clean(first + second), words[2:]
    if second == "PERP" or (re.fullmatch("[0-9]{6}", second) and first.isupper() and first.endswith(("USD", "USDT"))):
        return _clean(f"{first}_{second}"), words[2:]
    is_name = first.isupper() or first.upper().endswith(_QUOTES)
    return (_clean(first) if is_name and first.lower() not in _NO_SYMBOLS else None), words[1:]


def _clean(name: str) -> str | None:
    try:
        symbol = read_symbol_name(name)
    except RowRefused:
        return None
    return symbol if any(map(str.isalpha, symbol)) else None
