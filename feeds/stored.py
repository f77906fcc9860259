"""Stored trades once more through the bridge protocol, at 1 to 100 times their speed.

python -m feeds.stored --market usdm --symbols BTCUSDT,ETHUSDT --speed 20
python -m feeds.stored --market usdm --from 2026-11-01 --to 2026-11-02 --stopped

They go into a market of their own, ``replay-<market>``, with their ids and times; the dashboard shows that market as it
shows a live one. While it runs, a line on the standard input controls it: ``stop``, ``go``, ``faster``, ``slower``, and
an empty line or ``step`` for the next second with a trade.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC
from decimal import Decimal
from itertools import chain, islice, takewhile
from pathlib import Path

from config import load_or_exit, stop
from engine.errors import SettingsError, StoreError
from engine.files.values import read_time
from engine.store import open_backend
from engine.store.bulk import BulkReader
from feeds.batch_queue import Row
from feeds.bridge_client import BridgeLink, RefusedError
from feeds.cli import running_server
from feeds.pace import SPEEDS, Pace

log = logging.getLogger("pairbridge.feed")

PREFIX = "replay-"  # how the name of a market of replayed trades begins
COMMANDS = "stop, go, faster, slower or step"
_ROWS_AT_ONCE = 500
_LONG_GAP_MS = 60_000  # a stretch without trades that is left out
_TURN_S = 0.05  # how long commands wait at most


class StoredFeed:
    """Sends a stored range of some symbols of a market, in the order of trade times."""

    def __init__(
        self, folder: Path, market: str, symbols: tuple[str, ...], span: tuple[int, int], speed: float,
        is_stopped: bool = False,
    ) -> None:  # fmt: skip
        """``folder``: the data folder it reads; ``symbols`` empty: all; ``span``: trade times, ms, the end excluded.

        Raises ValueError for a speed that is not offered.
        """
        self._reader = (folder, market, symbols, span)
        self.market = f"{PREFIX}{market}"
        self.pace = Pace(0, speed, 0.0, is_stopped)
        self.next_ms: int | None = None  # of the next trade; None before the first
        self._asked = asyncio.Event()

    def command(self, line: str) -> str:
        """Do what a line says; returns what to tell the user."""
        word, now_s = line.strip().lower() or "step", time.monotonic()
        if word == "stop":
            self.pace.stop(now_s)
        elif word == "go":
            self.pace.go(now_s)
        elif word in ("faster", "slower"):
            self.pace.change(1 if word == "faster" else -1, now_s)
        elif word == "step" and self.next_ms is not None:
            self.pace.step(self.next_ms, now_s)
        elif word != "step":
            return f"{word[:40]!r} is no command; expected {COMMANDS}"
        self._asked.set()
        return f"{'stopped' if self.pace.is_stopped else 'running'}, {self.pace.speed:g} x"

    async def run(self, url: str, token: str) -> int:
        """Send until the end of the range; returns how many trades are stored. Raises SettingsError where nothing is
        stored there, StoreError, RefusedError."""
        folder, market, symbols, span = self._reader
        with closing(open_backend(folder).bulk_reader()) as reader:
            rows = rows_in_order(reader, market, symbols, span)
            first = await asyncio.to_thread(next, rows, None)
            if first is None:
                raise SettingsError(f"market {market!r} has no trade in this range; expected one that has")
            async with BridgeLink(url, token, self.market, f"replay of {market}"[:64], max_queue=20_000) as link:
                link.upstream = "open"
                async for some in self._due(chain([first], rows)):
                    link.last_frame_s = time.monotonic()
                    await link.put(some)
                await link.drained()
                link.farewell = f"the range of {market} is replayed"
                return link.tally.stored + link.tally.duplicates

    async def _due(self, rows: Iterator[Row]) -> AsyncIterator[list[Row]]:
        """The rows, some at a time, when they are due."""
        while some := await asyncio.to_thread(lambda: list(islice(rows, _ROWS_AT_ONCE))):
            while some:
                if self.next_ms is None:
                    self.pace.skip_to(some[0][4] - self.pace.is_stopped, time.monotonic())
                self.next_ms = some[0][4]
                await self._wait_for(some[0][4])
                reached = self.pace.reached_ms(time.monotonic())
                due = list(takewhile(lambda row: row[4] <= reached, some))  # noqa: B023 - used at once
                yield due
                del some[: len(due)]

    async def _wait_for(self, trade_ms: int) -> None:
        while True:
            now_s = time.monotonic()
            if not self.pace.is_stopped and trade_ms - self.pace.reached_ms(now_s) > _LONG_GAP_MS:
                self.pace.skip_to(trade_ms, now_s)
            wait_s = self.pace.wait_s(trade_ms, now_s)
            if wait_s == 0.0:
                return
            self._asked.clear()
            try:
                await asyncio.wait_for(self._asked.wait(), wait_s)
            except TimeoutError:
                continue


def rows_in_order(reader: BulkReader, market: str, symbols: tuple[str, ...], span: tuple[int, int]) -> Iterator[Row]:
    """Rows of the bridge protocol by trade time, of one symbol by id. Raises SettingsError for unknown symbols."""
    stored = [each.symbol for each in reader.spans(market)]
    unknown = [name for name in symbols if name not in stored]
    if unknown:
        raise SettingsError(
            f"market {market!r} has no trades of {', '.join(unknown)}; expected one of: {', '.join(stored) or 'none'}"
        )
    each = [_rows_of(reader, market, name, span) for name in sorted(symbols or stored)]
    return heapq.merge(*each, key=lambda row: (row[4], row[0]))


def _rows_of(reader: BulkReader, market: str, symbol: str, span: tuple[int, int]) -> Iterator[Row]:
    for frame in reader.ticks(market, symbol, *span):
        for agg_id, price, quantity, time_ms, maker in frame.iter_rows():
            yield [symbol, agg_id, _decimal(price), _decimal(quantity), time_ms, maker]


def _decimal(value: float) -> str:
    """The shortest decimal of this number, without an exponent."""
    return format(Decimal(repr(value)), "f")


def main(arguments: list[str] | None = None) -> None:
    """The command line; exit code 2 with the reason when nothing can be done."""
    parser = argparse.ArgumentParser(prog="python -m feeds.stored", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--market", required=True, help="whose stored trades are sent, such as usdm")
    parser.add_argument("--symbols", default="", help="comma separated; without: all of the market")
    parser.add_argument("--from", dest="begin", default="1970-01-01", help="UTC unless it names a zone")
    parser.add_argument("--to", dest="end", default="2100-01-01", help="the end, not included")
    parser.add_argument("--speed", type=float, default=1.0, help=f"one of {', '.join(f'{each:g}' for each in SPEEDS)}")
    parser.add_argument("--stopped", action="store_true", help="wait for `go` or `step`")
    parser.add_argument("--data", type=Path, help="the data folder to read; without: the running server's")
    options = parser.parse_args(arguments)
    config = load_or_exit()
    logging.basicConfig(format="%(message)s")
    try:
        token, _ = running_server(config)
        symbols = tuple(name.strip().upper() for name in options.symbols.split(",") if name.strip())
        span = read_time(options.begin, UTC)[0], read_time(options.end, UTC)[0]
        folder = options.data or config.data_dir
        stored = asyncio.run(_replayed(folder, options, symbols, span, f"ws://127.0.0.1:{config.bridge_port}/", token))
        log.warning("%s", f"{stored:,} trades are in market {PREFIX}{options.market}")
    except (ValueError, RefusedError, StoreError) as error:
        stop(str(error))
    except KeyboardInterrupt:
        stop("stopped; acknowledged trades are stored")


async def _replayed(
    folder: Path, options: argparse.Namespace, symbols: tuple[str, ...], span: tuple[int, int], url: str, token: str
) -> int:
    feed = StoredFeed(folder, options.market, symbols, span, options.speed, options.stopped)
    loop = asyncio.get_running_loop()
    log.warning("%s: %s; commands: %s", feed.market, feed.command("stop" if options.stopped else "go"), COMMANDS)
    threading.Thread(target=_listen, args=(loop, feed), daemon=True).start()  # a read of a terminal cannot be cancelled
    return await feed.run(url, token)


def _listen(loop: asyncio.AbstractEventLoop, feed: StoredFeed) -> None:
    def obey(line: str) -> None:
        log.warning("%s", feed.command(line))

    for line in sys.stdin:
        loop.call_soon_threadsafe(obey, line)


if __name__ == "__main__":
    main()
