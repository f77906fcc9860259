"""Incomplete requests: limited in time and number, while complete ones are answered."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from api import bounded_http
from tests.conftest import until


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {len(await request.body())}")


APP = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[int, type[bounded_http.BoundedHttp]]]:
    protocol = bounded_http.bounded_http()
    config = uvicorn.Config(APP, port=0, http=protocol, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server._serve())
    try:
        await until(lambda: server.started, 5, "the server")
        yield int(server.servers[0].sockets[0].getsockname()[1]), protocol
    finally:
        server.should_exit = True
        await running


async def opened(port: int, begin: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begin)
    await writer.drain()
    return reader, writer


@pytest.mark.parametrize("begin", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: "])
async def test_a_head_that_does_not_arrive_is_dropped(begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "HEAD_S", 0.2)
    async with serving() as (port, protocol):
        reader, writer = await opened(port, begin)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        assert protocol.unfinished == {}
        writer.close()


async def test_a_body_that_does_not_arrive_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "BODY_S", 0.2)
    async with serving() as (port, protocol):
        reader, writer = await opened(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        with contextlib.suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 5)
        assert protocol.unfinished == {}
        writer.close()


async def test_a_slow_request_that_arrives_in_time_and_the_next_on_its_connection_are_answered() -> None:
    async with serving() as (port, protocol):
        reader, writer = await opened(port, b"GET / HT")
        writer.write(b"TP/1.1\r\nHost: x\r\n\r\n")
        assert b"hello 0" in await asyncio.wait_for(reader.readuntil(b"hello 0"), 5)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        assert b"hello 3" in await asyncio.wait_for(reader.readuntil(b"hello 3"), 5)
        assert protocol.unfinished == {}
        writer.close()


async def test_beside_a_thousand_half_requests_everyone_is_answered_and_few_are_kept() -> None:
    async with serving() as (port, protocol):
        held = [await opened(port, b"GET / HTTP/1.1\r\nHost: x\r\n") for _ in range(1_000)]
        await until(lambda: len(protocol.unfinished) <= bounded_http.MAX_UNFINISHED, 5, "the bound")
        waits_s = []
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(50):
                asked_s = time.monotonic()
                assert (await client.get(f"http://127.0.0.1:{port}/")).text == "hello 0"
                waits_s.append(time.monotonic() - asked_s)
        assert len(protocol.unfinished) <= bounded_http.MAX_UNFINISHED
        assert statistics.median(waits_s) < 1.0
        for _, writer in held:
            writer.close()
