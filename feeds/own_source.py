"""Trades from a class of the user's (``PAIRBRIDGE_FEED=module:Class``), through the same intake as all others.

``feeds/example_source.py`` shows such a class.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from engine.errors import RowRefused
from engine.market.ticks import OWN_MARKET, read_row
from feeds.batch_queue import Row
from feeds.bridge_client import BridgeLink

log = logging.getLogger("pairbridge.feed")

T = TypeVar("T")

EXAMPLE = "feeds.example_source:ExampleSource"

_RETRY_S = (0.5, 30.0)
_STABLE_S = 60.0  # connected for longer: the next pause is a short one again
_QUEUE = 20_000  # rows; past it the source waits for the disk
_MEMBERS = ("symbols", "connect", "trades")


class SourceTrade(NamedTuple):
    """One trade. Price and quantity are decimal strings. ``buyer_is_maker``: None where the source does not say;
    ``agg_id``: the exchange's aggregate id, None where it has none."""

    symbol: str
    price: str
    quantity: str
    time_ms: int
    buyer_is_maker: bool | None = None
    agg_id: int | None = None


class Source(Protocol):
    """What the class must have. It may also have ``market``."""

    symbols: Sequence[str]

    async def connect(self) -> None:
        """Open the connection; called again after each failure and end of ``trades``."""

    def trades(self) -> AsyncIterator[SourceTrade]:
        """Trades until the connection ends."""


def load_source(name: str) -> Source:
    """An instance of ``module:Class``. Raises ValueError with what was found and what was expected."""
    setting = f"PAIRBRIDGE_FEED is {name!r}"
    module_name, _, class_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ValueError(
            f"{setting}, which cannot be imported ({error}); expected module:Class as {EXAMPLE}"
        ) from error
    found: Any = getattr(module, class_name, None)
    is_class = inspect.isclass(found)  # a name: mypy would narrow what follows to object
    if not is_class:
        names = [
            each for each, value in vars(module).items() if inspect.isclass(value) and value.__module__ == module_name
        ]
        raise ValueError(
            f"{setting}, and {module_name} has no class {class_name!r}; expected one of {', '.join(names)}"
        )
    missing = [member for member in _MEMBERS if not hasattr(found, member)]
    if missing:
        has = ", ".join(member for member in _MEMBERS if member not in missing) or "none of them"
        raise ValueError(
            f"{setting}, and {class_name} has no {missing[0]}; expected {', '.join(_MEMBERS)}, found {has}"
        )
    if not inspect.iscoroutinefunction(found.connect) or not inspect.isasyncgenfunction(found.trades):
        raise ValueError(
            f"{setting}; expected `async def connect(self)`, and `async def trades(self)` that yields trades"
        )
    try:
        source: Source = found()
    except TypeError as error:
        raise ValueError(
            f"{setting}, and {class_name}() fails ({error}); expected a class without arguments"
        ) from error
    return source


class OwnFeed:
    """Forwards the trades of one source until cancelled."""

    def __init__(self, source: Source, retry_s: tuple[float, float] = _RETRY_S) -> None:
        """Raises ValueError where the source's market or symbols cannot be. ``retry_s``: first and longest pause."""
        self._source = source
        self._retry_s = retry_s
        self.market = str(getattr(source, "market", f"{OWN_MARKET}{type(source).__name__.lower()}"))
        self.symbols = list(source.symbols)
        if not self.symbols or not all(isinstance(symbol, str) for symbol in self.symbols):
            raise ValueError(f"symbols are {self.symbols!r}; expected names such as 'BTCUSDT'")
        self._next: dict[str, int] = {}

    async def run(self, url: str, token: str) -> None:
        """``url`` and ``token`` of the bridge server. Raises RefusedError when it does not want us, ValueError for a
        trade that cannot go into the market."""
        link = BridgeLink(url, token, self.market, f"own source {type(self._source).__name__}"[:64], self.symbols,
                          max_queue=_QUEUE)  # fmt: skip
        async with link:
            self._next = {symbol: last + 1 for symbol, last in (await link.greeted()).items()}
            wait_s = self._retry_s[0]
            while True:
                began_s = time.monotonic()
                why = await self._connection(link)
                link.upstream = "connecting"
                log.warning("the source %s ended: %s; connecting again", type(self._source).__name__, why)
                is_stable = time.monotonic() - began_s > _STABLE_S
                wait_s = self._retry_s[0] if is_stable else min(wait_s * 2, self._retry_s[1])
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))

    async def _connection(self, link: BridgeLink) -> str:
        """One connection from its beginning to its end; why it ended."""
        trades = self._source.trades()
        try:
            await _of_source(self._source.connect())
            link.upstream = "open"
            while True:
                trade: Any = await _of_source(anext(trades))  # what it gives, whatever it says
                if not isinstance(trade, SourceTrade):
                    return f"TypeError: trades gave {repr(trade)[:80]}; expected a SourceTrade"
                row = self._row(trade)
                link.last_frame_s = time.monotonic()
                if row is not None:
                    await link.put([row])
        except _SourceEndedError as ended:
            return str(ended)
        finally:
            try:
                await _of_source(trades.aclose())  # type: ignore[attr-defined]  # as load_source has checked
            except _SourceEndedError as ended:
                log.warning("closing the source failed: %s", ended)

    def _row(self, trade: SourceTrade) -> Row | None:
        """A row of the bridge protocol; None where it cannot be used, which is logged: it must not take a number.
        Raises ValueError for a trade that cannot go into the market."""
        symbol, price, quantity, time_ms, maker, agg_id = trade
        if agg_id is None and not self.market.startswith(OWN_MARKET):
            raise ValueError(
                f"a trade of {symbol} has no agg_id and cannot go into market {self.market!r};"
                f" expected ids of that exchange, or a market of its own such as '{OWN_MARKET}{self.market}'"
            )
        number = self._next.get(symbol, 0) if agg_id is None else agg_id
        row = [symbol, number, price, quantity, time_ms, maker]
        try:
            read_row(row)
        except RowRefused as refused:
            log.warning("a trade of the source is refused: %s", refused)
            return None
        if agg_id is None:
            self._next[symbol] = number + 1
        return row


class _SourceEndedError(Exception):
    """The user's own code ended or failed; the message says how."""


async def _of_source(work: Awaitable[T]) -> T:
    """The result of the user's own code. Whatever it raises ends the connection, and another begins."""
    try:
        return await work
    except StopAsyncIteration:
        raise _SourceEndedError("it has no more trades") from None
    except Exception as error:
        raise _SourceEndedError(f"{type(error).__name__}: {error}") from error
