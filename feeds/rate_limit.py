"""Requests for an exchange's history: a quarter of its rate limit (more only while the user waits for a market scan),
one at a time, with the pauses it requires."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import httpx
import msgspec

from engine.errors import PairbridgeError
from feeds.agg_trades import Trade
from feeds.markets import Route

log = logging.getLogger("pairbridge.feed")

T = TypeVar("T")

ANSWER_S = 15.0  # for the complete response
TRIES = 3  # of transient errors: no response, HTTP 5xx, an unreadable response
BACK_OFF_S = 0.5
LONGEST_PAUSE_S = 120.0  # the longest pause to wait for one page; a longer one aborts the fetch
SHARE = 0.25  # of the weight per minute that the exchange allows per address
URGENT_SHARE = 0.6
_PAUSE_S = {429: 60.0, 418: 180.0}  # without a Retry-After


class HistoryError(PairbridgeError):
    """Trades could not be fetched; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """One GET. ``urgent``: the user waits for a market scan."""

    url: str
    params: Mapping[str, str | int]
    weight: int
    urgent: bool = False


class _Passing(Exception):
    """A transient error."""


class RateLimitedClient:
    """The REST client of one exchange. The budget and the pauses apply to all of its requests."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._spent: deque[tuple[float, int]] = deque()
        self._turn = asyncio.Lock()
        self._pause = (0.0, 0.0, 0)  # end time, duration, and the HTTP status that required it

    async def trades(self, http: httpx.AsyncClient, symbol: str, params: Mapping[str, int]) -> list[Trade]:
        """One page, in id order. Raises HistoryError as ``get`` does."""
        query: dict[str, str | int] = {"symbol": symbol, **params}
        found = await self.get(http, Request(self._route.trades_url, query, self._route.trades_weight), list[Trade])
        return sorted(found, key=lambda trade: trade.a)

    async def get(self, http: httpx.AsyncClient, request: Request, kind: type[T]) -> T:
        """One answer, read as ``kind``. Raises HistoryError. Returns within a few minutes in all cases."""
        async with self._turn:
            failures, paused_s = 0, 0.0
            while True:
                paused_s += await self._wait_out(LONGEST_PAUSE_S - paused_s)
                await self._afford(request)
                try:
                    found = await self._ask(http, request, kind)
                except _Passing as passing:
                    failures += 1
                    if failures == TRIES:
                        raise HistoryError(str(passing)) from None
                    await asyncio.sleep(BACK_OFF_S * 2**failures)
                    continue
                if found is not None:
                    return found

    async def _ask(self, http: httpx.AsyncClient, request: Request, kind: type[T]) -> T | None:
        """None: the exchange requires a pause first."""
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await http.get(request.url, params=dict(request.params))
        except TimeoutError:
            raise _Passing(f"{self._route.rest} did not answer within {ANSWER_S:g} s") from None
        except httpx.HTTPError as error:
            raise _Passing(f"{self._route.rest} could not be reached: {error or type(error).__name__}") from None
        status = answer.status_code
        if status in _PAUSE_S:
            self._be_told_to_wait(status, answer.headers.get("Retry-After", ""))
            return None
        if status == 200:
            try:
                return msgspec.json.decode(answer.content, type=kind)
            except msgspec.DecodeError:
                raise _Passing("the exchange's answer cannot be read") from None
        if status == 451:
            raise HistoryError("geo-blocked: the exchange does not serve this country (HTTP 451)")
        if status == 403:
            raise HistoryError("blocked by the exchange's firewall (HTTP 403)")
        said = f"the exchange answered HTTP {status}: {answer.text[:100]}"
        raise _Passing(said) if status >= 500 else HistoryError(said)

    def _be_told_to_wait(self, status: int, retry_after: str) -> None:
        pause_s = float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else _PAUSE_S[status]
        pause_s = max(pause_s, 1.0)  # an immediate retry risks a ban
        log.warning("the exchange asks for a pause of %.0f s (HTTP %d)", pause_s, status)
        self._pause = (time.monotonic() + pause_s, pause_s, status)

    async def _wait_out(self, patience_s: float) -> float:
        """Wait while the exchange requires a pause; returns the seconds. Raises HistoryError for a longer pause."""
        until, pause_s, status = self._pause
        left_s = until - time.monotonic()
        if left_s <= 0:
            return 0.0
        if left_s > patience_s:
            raise HistoryError(f"the exchange asked for a pause of {pause_s:.0f} s (HTTP {status})")
        await asyncio.sleep(left_s)
        return left_s

    async def _afford(self, request: Request) -> None:
        """Wait until the budget allows a request."""
        budget = self._route.minute * (URGENT_SHARE if request.urgent else SHARE)
        while True:
            now = time.monotonic()
            while self._spent and self._spent[0][0] < now - 60:
                self._spent.popleft()
            if not self._spent or sum(weight for _, weight in self._spent) + request.weight <= budget:
                self._spent.append((now, request.weight))
                return
            await asyncio.sleep(self._spent[0][0] + 60 - now)
