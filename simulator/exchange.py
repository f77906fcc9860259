"""The simulated exchange as a service on loopback: one port for WebSocket and HTTP.

``venue``, ``streams``, ``rest`` and ``control`` determine its responses; this module has the sockets, the clock, and
the task that advances the market.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections import Counter
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from simulator.clients import Client, Clients
from simulator.connection_policy import ConnectionPolicy
from simulator.control import as_json, ledger, perform
from simulator.errors import FaultRefused, PortTaken
from simulator.factory import assemble
from simulator.faults import Faults
from simulator.frames import mark_frame
from simulator.market import LAG_MS
from simulator.market_data import premium_index
from simulator.rate_limit import RequestWeights
from simulator.rest import Answer, Rest, error_body
from simulator.settings import ExchangeSettings
from simulator.streams import Close, Session, route_of
from simulator.trade_history import Trade

HOST = "127.0.0.1"
TURN_S = 0.003  # how late a trade may be sent after its E
BACKLOG_TURN_S = 0.001
HIGH_WATER_BYTES = 1 << 20
MARKS_EVERY_MS = 1_000


class SimulatedExchange:
    """A simulated exchange, running inside ``async with``.

    Raises on entry: PortTaken, RecordingRefused, or SettingsRefused for an unusable state file.
    """

    def __init__(self, settings: ExchangeSettings | None = None) -> None:
        self.settings = settings or ExchangeSettings()
        self._factory = assemble(self.settings, int(time.time() * 1_000))
        self._venue, self._clock, self._state_writer = (
            self._factory.venue,
            self._factory.clock,
            self._factory.state_writer,
        )
        self._clients = Clients()
        self._gate = ConnectionPolicy(
            self.settings.rotation_s, self.settings.shutdown_notice_s, self.settings.geo_block
        )
        weights = RequestWeights(self.settings.weight_limit, self.settings.ban_after, self.settings.ban_s)
        self._rest = Rest(self._venue, weights, self._gate, self.settings.weight_limit)
        self.faults = Faults(self._venue, self._gate, weights, self._clients)
        self.finished = asyncio.Event()
        self._settled = asyncio.Event()
        self._marked = 0  # the second of the newest marks
        self._server: Server | None = None
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            raise RuntimeError("the exchange is not running")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def ws_url(self) -> str:
        """``ws://127.0.0.1:PORT``"""
        return f"ws://{HOST}:{self.port}"

    @property
    def rest_url(self) -> str:
        """``http://127.0.0.1:PORT``"""
        return f"http://{HOST}:{self.port}"

    @property
    def symbols(self) -> list[str]:
        """The traded symbols."""
        return list(self._venue.trade_histories)

    @property
    def skipped(self) -> Counter[str]:
        """Counts of skipped lines in the recordings, by reason."""
        return self._factory.skipped

    @property
    def now_ms(self) -> int:
        """The exchange's time."""
        return self._venue.now_ms

    @property
    def readers(self) -> int:
        """The number of connections with a subscription on a live route."""
        return len(self._clients.readers())

    @property
    def backlog_bytes(self) -> int:
        """The unread bytes of the slowest reader."""
        return self._clients.backlog_bytes()

    def trades(self, symbol: str) -> list[Trade]:
        """Every trade in the history, in id order; raises FaultRefused for an unknown symbol."""
        return self._venue.trades(symbol)

    async def start(self) -> None:
        """Listen, and start the market; in catch-up and replay it waits for its first subscriber."""
        try:
            self._server = await serve(
                self._serve, HOST, self.settings.port, process_request=self._request, compression=None,
                server_header=None, ping_interval=180, ping_timeout=600, close_timeout=2,
            )  # fmt: skip
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortTaken(f"port {self.settings.port} is in use; expected a free one on {HOST}") from None
        if not self._factory.waits:
            self._begin()
        self._pump = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send all trades, then serverShutdown, and close; the state file is then exact.

        Raises the error that stopped the market, if any.
        """
        if self._server is None or self._pump is None:
            return
        server, self._server = self._server, None
        self._pump.cancel()
        await asyncio.wait([self._pump])
        try:
            if not self._pump.cancelled():
                self._pump.result()
            self._close_the_books()
        finally:
            server.close()
            await server.wait_closed()

    async def wait_failed(self) -> None:
        """Never returns; raises the error that stops the market."""
        if self._pump is not None:
            await asyncio.shield(self._pump)

    async def close_market(self) -> None:
        """Stop trading, and return once every reader has been sent all trades."""
        self._venue.halt()
        self._settled.clear()
        await self._settled.wait()

    def _begin(self) -> None:
        real_ms = time.time() * 1_000
        begin_ms = self._factory.begins_ms(int(real_ms))
        self._venue.begin(begin_ms)
        self._clock.start(begin_ms, real_ms)

    def _close_the_books(self) -> None:
        if self._clock.started:
            self._venue.halt()
            self._advance(self._venue.now_ms + LAG_MS[1])
            if self._state_writer:
                self._state_writer.close(self._venue.source_ms, self._venue.now_ms)
        self._clients.notice_all(self._venue.now_ms)

    async def _run(self) -> None:
        while True:
            self._clients.retire(self._gate, self._venue.now_ms)
            pause_s = self._turn()
            # Otherwise time that waits for a reader would hold back the rest forever.
            if self._venue.settled() or (self._clock.as_read and not self._reading()):
                self._settled.set()
            await asyncio.sleep(pause_s)

    def _reading(self) -> bool:
        if self._venue.verbatim:
            return bool(self._clients.readers())
        return not self._clients.wanted().isdisjoint(self._venue.trade_histories)

    def _turn(self) -> float:
        """One turn of the market; how long to sleep after it, in seconds."""
        if not self._clock.started:
            if not self._reading():
                return TURN_S
            self._begin()
        if self._clock.as_read:
            if not self._reading() or self.finished.is_set():
                return TURN_S
            if self._clients.backlog_bytes() > HIGH_WATER_BYTES:
                return BACKLOG_TURN_S
        else:
            self._clients.drop_the_slow()
        self._advance(self._clock.advance(time.time() * 1_000))
        return 0.0 if self._clock.as_read else TURN_S

    def _advance(self, now_ms: int) -> None:
        frames = self._venue.advance(now_ms, self._clients.wanted())
        if self._state_writer:
            self._state_writer.note(self._venue.source_ms, now_ms)
        self._clients.send(frames)
        self._send_marks(now_ms)
        if self._venue.source.finished and self._venue.settled():
            self.finished.set()

    def _send_marks(self, now_ms: int) -> None:
        """Once a second, to who reads them."""
        if now_ms // MARKS_EVERY_MS == self._marked:
            return
        self._marked = now_ms // MARKS_EVERY_MS
        wanted = self._clients.marked() & set(self._venue.trade_histories)
        marks = [premium_index(self._venue, symbol) for symbol in sorted(wanted)]
        self._clients.send_marks([mark_frame(mark) for mark in marks if mark is not None])

    async def _serve(self, connection: ServerConnection) -> None:
        route = route_of(connection.request.path) if connection.request else None
        if route is None:
            raise RuntimeError("a connection without a route was let in")
        client = Client(connection, Session(route, self.settings.messages_per_s))
        self._clients.add(client)
        try:
            async for message in connection:
                answer = client.session.received(message, time.monotonic())
                if isinstance(answer, Close):
                    await connection.close(answer.code, answer.reason)
                else:
                    await connection.send(answer.text)
        except ConnectionClosed:
            pass  # a client that disconnects without a close frame is no error
        finally:
            self._clients.remove(client)

    async def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        path, _, query = request.path.partition("?")
        if path.startswith("/sim/"):
            return _response(await self._control(path, query))
        if self._gate.refuses(time.monotonic()):
            connection.transport.abort()
            await connection.wait_closed()
            return None
        if route_of(request.path) is None:
            return _response(self._rest.answer(request.path, time.time()))
        if self._gate.blocks_sockets:
            return _response(
                Answer(HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, error_body(0, "Restricted location."), {})
            )
        return None

    async def _control(self, path: str, query: str) -> Answer:
        try:
            if path == "/sim/fault":
                return Answer(HTTPStatus.OK, as_json(perform(self.faults, query)), {})
            if path == "/sim/ledger":
                symbol = dict(parse_qsl(query)).get("symbol", "")
                parts = self._venue.trade_history(symbol).snapshot()
                # Millions of rows take seconds: in a thread, so that the market continues.
                did = await asyncio.to_thread(ledger, symbol, parts, self._venue.settled())
                return Answer(HTTPStatus.OK, as_json(did), {})
        except FaultRefused as error:
            return Answer(HTTPStatus.BAD_REQUEST, as_json({"error": str(error)}), {})
        expected = "/sim/fault or /sim/ledger"
        return Answer(HTTPStatus.NOT_FOUND, as_json({"error": f"path is {path!r}; expected {expected}"}), {})


def _response(answer: Answer) -> Response:
    body = answer.body.encode()
    headers = Headers(answer.headers)
    headers.update({"Content-Type": "application/json;charset=UTF-8", "Content-Length": str(len(body))})
    headers["Connection"] = "close"
    return Response(answer.status, HTTPStatus(answer.status).phrase, headers, body)
