"""The two clients: one waits, one is awaited. Both ask what ``client.calls`` describes."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import httpx

from client import calls
from client.calls import Call, Json
from client.stream import Wanted, async_messages, messages

P = ParamSpec("P")
T = TypeVar("T")

URL = "http://127.0.0.1:8050"
TIMEOUT_S = 90.0  # a backtest is waited for


class Method(Generic[P, T]):
    """A call as a method of both clients: of one it gives the result, of the other what is awaited for it."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: Pairbridge, kind: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, client: AsyncPairbridge, kind: type) -> Callable[P, Awaitable[T]]: ...

    @overload
    def __get__(self, client: None, kind: type) -> Callable[P, Call[T]]: ...

    def __get__(self, client: Any, kind: type) -> Any:
        if client is None:
            return self._make

        @functools.wraps(self._make)
        def asked(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.run(self._make(*args, **kwargs))

        return asked


class Methods:
    """What both clients can ask."""

    health = Method(calls.health)
    symbols = Method(calls.symbols)
    ticks = Method(calls.ticks)
    start_ingestion = Method(calls.start_ingestion)
    ohlc = Method(calls.ohlc)
    pair = Method(calls.pair)
    signals = Method(calls.signals)
    trades = Method(calls.trades)
    pairs = Method(calls.pairs)
    watch = Method(calls.watch)
    backtest = Method(calls.backtest)
    scan = Method(calls.scan)
    scan_state = Method(calls.scan_state)
    upload_ohlc_data = Method(calls.upload_ohlc_data)
    alert_rules = Method(calls.alert_rules)
    alerts = Method(calls.alerts)
    post_alert_rule = Method(calls.post_alert_rule)
    add_alert_rule = Method(calls.add_alert_rule)


class Pairbridge(Methods):
    """Waits for each answer. Errors of the API are ApiProblem, those of the connection httpx.TransportError."""

    def __init__(
        self, token: str | None = None, url: str = URL, *, key: str | None = None, transport: Any = None
    ) -> None:
        """``token``: of `python -m services.tokens make`; ``key``: that of the data folder instead."""
        self._client = httpx.Client(base_url=url, headers=_headers(token, key), timeout=TIMEOUT_S, transport=transport)
        self._url, self._headers = url, _headers(token, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def run(self, call: Call[T]) -> T:
        """Ask, and follow the pages of a list."""
        pages = call.pages()
        params = next(pages)
        while True:
            answer = self._client.request(call.method, call.path, params=params, json=call.json, content=call.content)
            try:
                params = pages.send(calls.answer_of(answer))
            except StopIteration as done:
                found: T = done.value
                return found

    def stream(self, *topics: str | Json) -> Generator[Json]:
        """Messages of `/api/stream`, as docs/api.md has them, of topics by name or with a filter; without end: after a
        lost connection it goes on after the last message that was taken. Raises ApiProblem."""
        return messages(self._url, self._headers, Wanted(topics))


class AsyncPairbridge(Methods):
    """The same, awaited. Errors of the API are ApiProblem, those of the connection httpx.TransportError."""

    def __init__(
        self, token: str | None = None, url: str = URL, *, key: str | None = None, transport: Any = None
    ) -> None:
        """``token``: of `python -m services.tokens make`; ``key``: that of the data folder instead."""
        self._client = httpx.AsyncClient(
            base_url=url, headers=_headers(token, key), timeout=TIMEOUT_S, transport=transport
        )
        self._url, self._headers = url, _headers(token, key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def run(self, call: Call[T]) -> T:
        """Ask, and follow the pages of a list."""
        pages = call.pages()
        params = next(pages)
        while True:
            answer = await self._client.request(
                call.method, call.path, params=params, json=call.json, content=call.content
            )
            try:
                params = pages.send(calls.answer_of(answer))
            except StopIteration as done:
                found: T = done.value
                return found

    def stream(self, *topics: str | Json) -> AsyncGenerator[Json]:
        """As that of ``Pairbridge``."""
        return async_messages(self._url, self._headers, Wanted(topics))


def _headers(token: str | None, key: str | None) -> dict[str, str]:
    if token:
        return {"Authorization": f"Bearer {token}"}
    return {"X-Pairbridge-Key": key} if key else {}
