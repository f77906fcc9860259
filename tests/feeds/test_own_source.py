"""Sources of the user's own: every trade once, over lost connections and restarts; what is wrong is named."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from config import Config, ConfigError
from feeds.example_source import ExampleSource
from feeds.own_source import OwnFeed, Source, SourceTrade, load_source
from tests.conftest import ServerHarness, until

T = 1_790_046_465_580
QUICK = (0.01, 0.05)


@contextlib.asynccontextmanager
async def feeding(harness: ServerHarness, source: Source) -> AsyncIterator[asyncio.Task[None]]:
    running = asyncio.create_task(OwnFeed(source, QUICK).run(harness.url, harness.token))
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def stored(harness: ServerHarness) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        return db.execute("SELECT market, symbol, agg_id, price FROM v_ticks ORDER BY 1, 2, 3").fetchall()


class Exchange:
    """A simulated source of lines that closes its connections after so many."""

    def __init__(self, count: int, close_after: int) -> None:
        self._lines = iter(range(count))
        self._close_after = close_after
        self.connections = 0

    async def __aenter__(self) -> Exchange:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for _, n in zip(range(self._close_after), self._lines, strict=False):
            trade = {"symbol": "BTCUSDT", "price": f"{100 + n}.5", "size": "0.25", "time": T + n}
            writer.write(json.dumps(trade).encode() + b"\n")
        await writer.drain()
        writer.close()


def mine(port: int) -> ExampleSource:
    """The example, at another port."""
    source = ExampleSource()
    source.port = port
    return source


async def test_the_example_over_lost_connections_and_a_restart(harness: ServerHarness) -> None:
    async with Exchange(50, close_after=20) as exchange:
        async with feeding(harness, mine(exchange.port)):
            await until(lambda: len(stored(harness)) == 50, what="fifty trades")
        assert exchange.connections >= 3
    async with Exchange(10, close_after=10) as exchange, feeding(harness, mine(exchange.port)):
        await until(lambda: len(stored(harness)) == 60, what="ten more, numbered on")
    prices = [100.5 + n for n in [*range(50), *range(10)]]
    assert stored(harness) == [("file-example", "BTCUSDT", n, price) for n, price in enumerate(prices)]


class LibraryError(Exception):
    """As a WebSocket or HTTP library has its own, of no built-in kind."""


class Given:
    """Gives these trades on each connection."""

    symbols = ("BTCUSDT",)

    def __init__(self, *trades: Any, market: str = "file-given") -> None:
        self._trades, self.market, self.connections = trades, market, 0

    async def connect(self) -> None:
        self.connections += 1
        if self.connections == 2:
            raise ConnectionRefusedError("not now")
        if self.connections == 3:
            raise LibraryError("the handshake failed")

    async def trades(self) -> AsyncIterator[SourceTrade]:
        for trade in self._trades:
            yield trade


async def test_with_ids_a_trade_that_comes_again_is_stored_once(harness: ServerHarness) -> None:
    source = Given(*(SourceTrade("BTCUSDT", f"{n}.5", "1", T + n, True, n) for n in range(7, 10)), market="usdm")
    async with feeding(harness, source):
        await until(lambda: source.connections >= 4 and len(stored(harness)) == 3)
    assert [row[:3] for row in stored(harness)] == [("usdm", "BTCUSDT", n) for n in range(7, 10)]


async def test_what_cannot_be_used_takes_no_number(harness: ServerHarness, caplog: pytest.LogCaptureFixture) -> None:
    good = SourceTrade("BTCUSDT", "1.5", "1", T)
    source = Given(good, good._replace(price="-1"), good._replace(price="2.5"), ("BTCUSDT", "3.5", "1", T))
    async with feeding(harness, source):
        await until(lambda: len(stored(harness)) >= 2)
    assert [row[2:] for row in stored(harness)][:2] == [(0, 1.5), (1, 2.5)]
    assert "a trade of the source is refused: price is '-1'" in caplog.text
    assert "TypeError: trades gave ('BTCUSDT', '3.5', '1'" in caplog.text


async def test_without_ids_nothing_enters_an_exchanges_market(harness: ServerHarness) -> None:
    source = Given(SourceTrade("BTCUSDT", "1.5", "1", T), market="usdm")
    async with feeding(harness, source) as running:
        with pytest.raises(ValueError, match="has no agg_id and cannot go into market 'usdm'; expected ids of that"):
            await asyncio.wait_for(running, 10)
    assert stored(harness) == []


WRONG = """
class NoTrades:
    symbols = ("A",)
    async def connect(self): ...
class Plain(NoTrades):
    def trades(self): ...
class Needs(NoTrades):
    def __init__(self, key): ...
    async def trades(self):
        yield
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "no_such_module:X",
            "which cannot be imported (No module named 'no_such_module'); expected module:Class as feeds.",
        ),
        ("wrong_source:Missing", "wrong_source has no class 'Missing'; expected one of NoTrades, Plain, Needs"),
        ("wrong_source:NoTrades", "NoTrades has no trades; expected symbols, connect, trades, found symbols, connect"),
        ("wrong_source:Plain", "expected `async def connect(self)`, and `async def trades(self)` that yields trades"),
        ("wrong_source:Needs", "Needs() fails (Needs.__init__() missing 1 required positional argument: 'key')"),
    ],
)
def test_a_wrong_class_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    (tmp_path / "wrong_source.py").write_text(WRONG)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError) as refused:
        load_source(name)
    assert str(refused.value).startswith(f"PAIRBRIDGE_FEED is '{name}'") and said in str(refused.value)
    sys.modules.pop("wrong_source", None)


def test_the_setting() -> None:
    name = "feeds.example_source:ExampleSource"
    assert isinstance(load_source(Config.from_environ({"PAIRBRIDGE_FEED": name}).feed), ExampleSource)
    with pytest.raises(ConfigError, match=r"PAIRBRIDGE_FEED is 'mine'; expected module:Class, such as feeds\."):
        Config.from_environ({"PAIRBRIDGE_FEED": "mine"})
    with pytest.raises(ValueError, match="symbols are \\[\\]; expected names such as 'BTCUSDT'"):
        OwnFeed(type("Empty", (Given,), {"symbols": ()})())
