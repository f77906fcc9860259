"""The bridge server: ticks come in over a WebSocket, are committed to SQLite, and only then acknowledged.

    python server.py                      wait for the bridge page
    python server.py --feed binance       also read the exchange from here, without a browser
    python server.py --feed FILE          also replay a recording

This file is a shell: the protocol is decided in ``engine.intake``, the transaction in ``engine.store``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from config import Config, load_or_exit, stop
from engine.errors import StoreError
from engine.intake.actions import Action, Close, Note, Send, Store
from engine.intake.health import health
from engine.intake.intake import Intake
from engine.intake.messages import MAX_BYTES
from engine.market.records import Batch, Event
from engine.store.book import Now
from engine.store.keeping import keep
from engine.store.writer import TickWriter
from feeds.link import RefusedError
from feeds.start import Feed, feed_from_arguments, feed_options
from hosting.lock import FolderLock, FolderLockedError
from hosting.logs import log_to
from hosting.page import BridgePage, respond
from hosting.token import read_or_create_token

log = logging.getLogger("pairbridge.server")

TICK_S = 0.1
RETRY_S = 0.5
MAX_COMMIT_ROWS = 20_000  # bounds the time to the next acknowledgement when a backlog drains
SEND_QUEUE = 2_000  # messages waiting for a client that does not read; then it is cut off


def now() -> Now:
    """Both clocks of this machine."""
    return Now(int(time.time() * 1_000), time.monotonic_ns() // 1_000_000)


class BridgeServer:
    """The sockets, the page and the writer task. ``async with`` starts and stops it cleanly."""

    def __init__(self, config: Config, page: BridgePage, writer: TickWriter, token: str) -> None:
        self._config = config
        self._page = page
        self._token = token
        self._writer = writer
        markets = writer.markets()
        self.intake = Intake(token, {m: writer.high_water(m) for m in markets}, writer.all_open_holes())
        self._outboxes: dict[int, asyncio.Queue[Send | Close]] = {}
        self._sockets: dict[int, ServerConnection] = {}
        self._batches: list[Batch] = []
        self._events: list[Event] = []
        self._waiting_since_ms: int | None = None
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._store_error: str | None = None
        self._commit_ms = 0
        self._next_conn = 0
        self._server: Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._started_ms = now().mono_ms
        self._is_stopping = False

    @classmethod
    async def open(cls, config: Config, bridge_dir: Path) -> BridgeServer:
        """Open the store and read the token. Raises StoreError."""
        token = config.token or read_or_create_token(config.data_dir / "token")
        writer = await TickWriter.start(config.ticks_db, config.durability)
        return cls(config, BridgePage(bridge_dir, token), writer, token)

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
                max_size=4 * MAX_BYTES,  # up to here the refusal is ours, with its reason; beyond it is a bare 1009
                compression=None,
                ping_interval=None,  # beats and ticks tell life; a pong of a frozen page would not
            )
        except OSError:
            await self._writer.close()
            raise
        self._page.publish(self.port)
        retention_ms = int(self._config.retention_hours * 3_600_000)
        keeping = keep(self._writer, retention_ms, lambda event: self._perform([Note(event)]))
        self._tasks = [asyncio.create_task(job) for job in (self._write(), self._keep_time(), keeping)]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the sockets, then commit what they had sent, then the file."""
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        self._is_stopping = True
        self._wake.set()
        writing, *others = self._tasks
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await writing
        await self._writer.close()

    async def feed(self, feed: Feed) -> None:
        """Run a feed against this server; its failure is told, and does not end the server."""
        try:
            await feed.run(f"ws://127.0.0.1:{self.port}/", self._token)
        except (RefusedError, ValueError) as error:
            log.error("the feed stopped: %s", error)

    def health(self) -> dict[str, Any]:
        """What ``GET /health`` answers."""
        mono_ms = now().mono_ms
        unstored_ms = 0 if self._waiting_since_ms is None else mono_ms - self._waiting_since_ms
        limit_ms = int(self._config.heartbeat_limit_s * 1_000)
        return {
            **health(self.intake, mono_ms, now().wall_ms, limit_ms, unstored_ms, self._store_error),
            "store_id": self._writer.store_id,
            "store_note": self._writer.note,
            "wal_bytes": self._writer.wal_bytes(),
            "uptime_ms": mono_ms - self._started_ms,
            "commit_ms": self._commit_ms,
            "waiting_batches": len(self._batches),
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
        conn, self._next_conn = self._next_conn, self._next_conn + 1
        outbox: asyncio.Queue[Send | Close] = asyncio.Queue(SEND_QUEUE)
        self._outboxes[conn], self._sockets[conn] = outbox, socket
        sender = asyncio.create_task(self._send_all(socket, outbox))
        self._perform(self.intake.connected(conn, now().mono_ms))
        try:
            async for message in socket:
                self._perform(self.intake.received(conn, message, now().mono_ms))
                while self.intake.must_wait(conn):
                    await self._progress.wait()
        except ConnectionClosed as closed:
            log.info("connection %d was lost: %s", conn, closed)
        finally:
            self._perform(self.intake.disconnected(conn, now().mono_ms))
            del self._outboxes[conn], self._sockets[conn]
            sender.cancel()

    async def _send_all(self, socket: ServerConnection, outbox: asyncio.Queue[Send | Close]) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                action = await outbox.get()
                if isinstance(action, Close):
                    await socket.close(action.code, action.reason)
                    return
                await socket.send(action.text)

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Store):
                self._batches.append(action.batch)
                self._wake_writer()
            elif isinstance(action, Note):
                log.info("event: %s", action.event)
                self._events.append(action.event)
                self._wake_writer()
            elif action.conn in self._outboxes:
                self._post(action)

    def _post(self, action: Send | Close) -> None:
        if isinstance(action, Close):
            log.info("closing connection %d: %s", action.conn, action.reason)
        try:
            self._outboxes[action.conn].put_nowait(action)
        except asyncio.QueueFull:
            log.warning("connection %d does not read what it is sent; cut off", action.conn)
            self._sockets[action.conn].transport.abort()

    def _wake_writer(self) -> None:
        if self._waiting_since_ms is None:
            self._waiting_since_ms = now().mono_ms
        self._wake.set()

    async def _write(self) -> None:
        """Commit whatever gathered as soon as the commit before has ended."""
        while not (self._is_stopping and not self._batches and not self._events):
            await self._wake.wait()
            self._wake.clear()
            while self._batches or self._events:
                await self._commit_once()
                await asyncio.sleep(self._writer.pause_s())

    async def _commit_once(self) -> None:
        rows = taken = 0
        while taken < len(self._batches) and rows < MAX_COMMIT_ROWS:
            rows += len(self._batches[taken].ticks)
            taken += 1
        batches, events = self._batches[:taken], self._events[:]
        started = now()
        try:
            commit = await self._writer.commit(batches, events, started)
        except StoreError as error:
            if self._store_error != str(error):
                log.error("%s; %d batches wait", error, len(self._batches))
            self._store_error = str(error)
            if self._is_stopping:
                log.error("stopping with %d batches that could not be stored; the bridge still has them", taken)
                self._batches, self._events = [], []
                return
            await asyncio.sleep(RETRY_S)
            return
        del self._batches[:taken]
        del self._events[: len(events)]
        ended_ms = now().mono_ms
        self._commit_ms = ended_ms - started.mono_ms
        self._store_error = None
        self._waiting_since_ms = started.mono_ms if self._batches or self._events else None
        self._perform(self.intake.committed(commit, ended_ms))
        self._progress.set()
        self._progress = asyncio.Event()

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._perform(self.intake.tick(now().mono_ms))


async def run(config: Config, feed: Feed | None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    server = await BridgeServer.open(config, Path(__file__).parent / "bridge")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, ended.set)
        except NotImplementedError:  # Windows
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(ended.set))
    async with server:
        print(f"Bridge server  http://127.0.0.1:{server.port}/", flush=True)
        log.info("listening on port %d, storing to %s", server.port, config.ticks_db)
        feeding = asyncio.create_task(server.feed(feed)) if feed else None
        await ended.wait()
        if feeding:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
    log.info("stopped")


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python server.py", description=(__doc__ or "").split("\n")[0])
    feed_options(parser)
    options = parser.parse_args(arguments)
    config = load_or_exit()
    try:
        feed = feed_from_arguments(options)
        with FolderLock(config.data_dir, "server"):
            log_to(config.data_dir, "server", config.log_level)
            asyncio.run(run(config, feed))
    except (StoreError, FolderLockedError, ValueError) as error:
        stop(str(error))
    except OSError as error:
        if error.filename is not None:
            stop(f"{error.filename} cannot be used: {error.strerror}; set PAIRBRIDGE_DATA_DIR to another folder")
        stop(f"port {config.bridge_port} cannot be used: {error}; set PAIRBRIDGE_BRIDGE_PORT to another one")


if __name__ == "__main__":
    main()
