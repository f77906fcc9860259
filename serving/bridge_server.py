"""The bridge server as a class: connects sockets, page, commit queue and intake."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from config import Config
from engine.intake.actions import Action, Close, FetchSelf, RecordEvent, Send, StartFeed, Store
from engine.intake.health import Moment, health
from engine.intake.intake import Intake
from engine.intake.messages import MAX_BYTES
from engine.intake.symbol_messages import Unaddable
from engine.intake.ticker_requests import SELF
from engine.market.records import Commit
from engine.store import open_backend
from engine.store.interface import Backend, Now, TickWriter
from feeds.bridge_client import RefusedError
from feeds.cli import Feed
from feeds.direct import DirectFeed
from feeds.markets import ROUTES, Route
from feeds.server_backfill import ServerBackfill
from runtime.memory import memory_bytes
from runtime.secrets import read_or_create_token
from serving.background import BackgroundTasks
from serving.bridge_page import BridgePage, respond
from serving.commit_queue import CommitQueue, IntakeSink
from serving.connections import TAKEN_AT_ONCE, BridgeConnection, ConnectionLimiter, SendQueue, queue_more
from serving.history_store import HistoryStore

log = logging.getLogger("pairbridge.server")

TICK_S = 0.1
OPEN_FILE = "open-bridge.html"  # of the data folder: opens the bridge page with the token


def now() -> Now:
    """Both clocks of this machine."""
    return Now(int(time.time() * 1_000), time.monotonic_ns() // 1_000_000)


class BridgeServer:
    """The sockets, the page and the writer task. ``async with`` starts and stops it cleanly."""

    def __init__(
        self, config: Config, page: BridgePage, backend: Backend, writer: TickWriter, token: str,
        routes: Mapping[str, Route], settled_ms: Mapping[tuple[str, str], int],
    ) -> None:  # fmt: skip
        self._config = config
        self._page = page
        self._token = token
        self._backend = backend
        self._writer = writer
        markets = writer.markets()
        self.intake = Intake(
            token,
            {market: writer.high_water(market) for market in markets},
            writer.open_gaps(),
            int(config.warm_start_minutes * 60_000),
            routes,
            config.fetch_limit_ids,
            settled_ms,
        )
        self._commits = CommitQueue(writer, now, self._committed)
        self._limiter = ConnectionLimiter(self.intake.refused, 4 * MAX_BYTES)  # above it, a bare 1009
        self._send_queues: dict[int, SendQueue] = {}
        self._sockets: dict[int, BridgeConnection] = {}
        self._routes = routes
        self._own = ServerBackfill(self._sink_of, routes)
        self._history = HistoryStore(
            backend, writer, self.intake, self._own, self._perform, lambda: now().mono_ms, self._commits.nudge
        )
        self._fetches = BackgroundTasks()
        self._next_conn = 0
        self._server: Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._started_ms = now().mono_ms
        self._is_closing = False

    @classmethod
    async def open(cls, config: Config, bridge_dir: Path, routes: Mapping[str, Route] = ROUTES) -> BridgeServer:
        """Open the store and read the token. Raises StoreError.

        ``routes``: the exchanges from which the server may fetch what no bridge could.
        """
        token = config.token or read_or_create_token(config.data_dir / "token")
        backend = open_backend(config.data_dir)
        writer = await backend.tick_writer(config.durability)
        page = BridgePage(bridge_dir, token, config.data_dir / OPEN_FILE)
        return cls(config, page, backend, writer, token, routes, await writer.settled_ms())

    @property
    def port(self) -> int:
        """The port that was bound."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def __aenter__(self) -> BridgeServer:
        try:
            self._server = await serve(
                self._converse,
                "127.0.0.1",
                self._config.bridge_port,
                process_request=self._answer,
                create_connection=self._limiter.receive,  # type: ignore[arg-type]  # a factory will do, its docs say
                backlog=TAKEN_AT_ONCE,
                compression=None,
                ping_interval=None,  # beats and ticks show activity; a frozen page still answers pings
            )
        except OSError:
            await self._writer.close()
            raise
        queue_more(self._server.sockets)
        self._page.publish(self.port)
        self._perform(self.intake.started())
        retention_ms = int(self._config.retention_hours * 3_600_000)
        keeping = self._backend.maintain(self._writer, retention_ms, self._commits.add)
        jobs = (self._commits.run(), self._keep_time(), keeping, self._history.failed(), self._fetches.failed())
        self._tasks = [asyncio.create_task(job) for job in jobs]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the sockets, commit what they had sent, then close the file. Raises the error of a failed task."""
        assert self._server is not None
        self._is_closing = True
        self._commits.nudge()  # who waits for room reads on, and sees that the connection is closed
        writing, *others = self._tasks
        for task in others:
            task.cancel()
        self._server.close()
        await self._server.wait_closed()
        ended = [*await asyncio.gather(self._fetches.close(), self._history.close(), return_exceptions=True)]
        self._commits.stop()
        ended += await asyncio.gather(writing, *others, return_exceptions=True)
        await self._writer.close()
        for each in ended:
            if isinstance(each, Exception):  # a cancelled task is none
                raise each

    async def broken(self) -> None:
        """Return when a server task has failed; then stop the server, which raises its error."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def feed(self, feed: Feed) -> None:
        """Run a feed against this server; its failure is logged, and does not stop the server."""
        try:
            await feed.run(f"ws://127.0.0.1:{self.port}/", self._token)
        except (RefusedError, ValueError) as error:
            log.error("the feed stopped: %s", error)
        except Exception:
            log.exception("the feed failed")

    def health(self) -> dict[str, Any]:
        """The response of ``GET /health``."""
        mono_ms, commits = now().mono_ms, self._commits
        limit_ms = int(self._config.heartbeat_limit_s * 1_000)
        moment = Moment(mono_ms, now().wall_ms, commits.unstored_ms(), commits.error, commits.waiting_rows)
        return {
            **health(self.intake, moment, limit_ms),
            **self._writer.health_fields(),
            "uptime_ms": mono_ms - self._started_ms,
            "commit_ms": commits.last_ms,
            "waiting_batches": commits.waiting_batches,
            "ack_ms": commits.ack_ms(),
            "memory_bytes": memory_bytes(),
        }

    def _answer(self, _: ServerConnection, request: Request) -> Response | None:
        objection = self._page.objection(request)
        if objection is not None:
            return objection
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        path = request.path.partition("?")[0]
        if path == "/health":
            return respond(HTTPStatus.OK, json.dumps(self.health()), "application/json")
        return self._page.answer(path) or respond(HTTPStatus.NOT_FOUND, "There is no such page here.\n")

    async def _converse(self, socket: ServerConnection) -> None:
        assert isinstance(socket, BridgeConnection)
        conn, self._next_conn = self._next_conn, self._next_conn + 1
        send_queue = self._send_queues[conn] = SendQueue()
        self._sockets[conn] = socket
        sender = asyncio.create_task(self._send_all(socket, send_queue))
        self._perform(self.intake.connected(conn, now().mono_ms))
        try:
            async for message in socket:
                self._perform(self.intake.received(conn, message, now().mono_ms))
                if self.intake.has_greeted(conn):
                    socket.let_in()
                await asyncio.sleep(0)  # yields, or the buffered messages of one connection would delay all others
                while self.intake.must_wait(conn) and not self._is_closing:
                    await self._commits.moved()
        except ConnectionClosed as closed:
            log.info("connection %d was lost: %s", conn, closed)
        finally:
            self._perform(self.intake.disconnected(conn, now().mono_ms))
            self._send_queues.pop(conn, None)
            del self._sockets[conn]
            sender.cancel()

    async def _send_all(self, socket: ServerConnection, send_queue: SendQueue) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                action = await send_queue.get()
                if isinstance(action, Close):
                    await socket.close(action.code, action.reason)
                    return
                await socket.send(action.text)

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Store):
                self._commits.add(action.batch)
            elif isinstance(action, RecordEvent):
                log.info("event: %s", action.event)
                self._commits.add(action.event)
            elif isinstance(action, FetchSelf):
                self._fetches.start(self._fetch(action))
            elif isinstance(action, StartFeed):
                self._fetches.start(self._start_feed(action))
            elif not isinstance(action, (Send, Close)):
                self._history.take(action)
            elif action.conn in self._send_queues:
                self._post(action)

    def _post(self, action: Send | Close) -> None:
        if isinstance(action, Close):
            log.info("closing connection %d: %s", action.conn, action.reason)
        try:
            self._send_queues[action.conn].put_nowait(action)
        except asyncio.QueueFull:
            log.warning("connection %d does not read its messages; closing it", action.conn)
            del self._send_queues[action.conn]
            self._sockets[action.conn].cut_off("does not read")

    async def _fetch(self, asked: FetchSelf) -> None:
        first, last = asked.ids
        log.info("the server fetches %s %s %d..%d: %s", asked.market, asked.symbol, first, last, asked.reason)
        problem = await self._own.fetch(asked.market, asked.symbol, first, last)
        self._perform(self.intake.fetched_self(asked, problem))

    async def _start_feed(self, asked: StartFeed) -> None:
        """A direct feed as long as the server runs, unless its symbols are wrong."""
        symbols = self.intake.history.symbols
        if wrong := await self._own.wrong_symbols(asked.market, asked.symbols):
            self._perform(symbols.unaddable(SELF, asked.market, Unaddable(asked.symbols, wrong)))
            return
        log.info("starting the direct feed of %s: %s", asked.market, ", ".join(asked.symbols))
        await self.feed(DirectFeed(self._routes[asked.market], list(asked.symbols)))
        self._perform(symbols.feed_ended(asked.market, "the direct feed has ended; see the log", now().mono_ms))

    def _sink_of(self, market: str) -> IntakeSink:
        return IntakeSink(self._commits, lambda rows: self._perform(self.intake.fetched_rows(market, rows)))

    def _committed(self, commit: Commit, mono_ms: int) -> None:
        self._perform(self.intake.committed(commit, mono_ms))

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._perform(self.intake.tick(now().mono_ms))
