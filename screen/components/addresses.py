"""The addresses of the pages: which paths there are, and a pair in an address."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

OVERVIEW, SCAN, PAIR, SIGNALS, DATA = "/", "/scan", "/pair", "/signals", "/data"
BACKTEST, ALERTS = "/backtest", "/alerts"
GLOSSARY = "/glossary"
_PAIR = re.compile(r"/pair/([a-z0-9_.-]{1,40})/([^/~]{1,60})~([^/~]{1,60})")


class PairAddress(NamedTuple):
    """The pair in an address: ``y`` on ``x`` in one market."""

    market: str
    y: str
    x: str


def pair_path(market: str, y: str, x: str, close_ms: int | None = None) -> str:
    """The address of a pair's page; ``close_ms``: with the bar that closed then in view.

    >>> pair_path("usdm", "ETHUSDT", "BTCUSDT")
    '/pair/usdm/ETHUSDT~BTCUSDT'
    >>> pair_path("usdm", "ETHUSDT", "BTCUSDT", 1790046465000)
    '/pair/usdm/ETHUSDT~BTCUSDT?close=1790046465000'
    """
    bar = "" if close_ms is None else f"?close={close_ms}"
    return f"{PAIR}/{market}/{_quoted(y)}~{_quoted(x)}{bar}"


def _quoted(symbol: str) -> str:
    return quote(symbol, safe="").replace("~", "%7E")


def pair_in(path: str) -> PairAddress | None:
    """The pair in an address; None if it has none.

    >>> pair_in("/pair/usdm/ETHUSDT~BTCUSDT")
    PairAddress(market='usdm', y='ETHUSDT', x='BTCUSDT')
    """
    found = _PAIR.fullmatch(path)
    return PairAddress(found[1], unquote(found[2]), unquote(found[3])) if found else None
