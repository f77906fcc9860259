"""Requests for an exchange's history: a quarter of its rate limit (more only while the user waits for a market scan),
one at a time, with the pauses it requires.

Urgent requests may bring the sum of the weight a minute to 60 %; all others together never take more than 25 %. So a
scan does not keep a gap from being filled, and a full quarter does not keep the user waiting.
"""

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
LOOK_AGAIN_S = 5.0  # at a full budget
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
        self._spent: deque[tuple[float, int, bool]] = deque()  # when, what, and whether it was urgent
        self._turn = asyncio.Lock()
        self._pause = (0.0, 0.0, 0)  # end time, duration, and the HTTP status that required it

    async def trades(self, http: httpx.AsyncClient, symbol: str, params: Mapping[str, int]) -> list[Trade]:
        """One page, in id order. Raises HistoryError as ``get`` does."""
        query: dict[str, str | int] = {"symbol": symbol, **params}
        found = await self.get(http, Request(self._route.trades_url, query, self._route.trades_weight), list[Trade])
        return sorted(found, key=lambda trade: trade.a)

    async def get(self, http: httpx.AsyncClient, request: Request, kind: type[T]) -> T:
        """One answer, read as ``kind``. Raises HistoryError; in no more than a few minutes, whatever the exchange
        does."""
        failures, paused_s = 0, 0.0
        while True:
            paused_s += await self._wait_out(LONGEST_PAUSE_S - paused_s)
            async with self._turn:  # held only while it is asked, or one that has to wait would hold up all others
                wait_s = self._wait_s(request)
                if wait_s == 0.0:
                    try:
                        found = await self._ask_booked(http, request, kind)
                    except _Passing as passing:
                        failures, wait_s = failures + 1, BACK_OFF_S * 2 ** (failures + 1)
                        if failures == TRIES:
                            raise HistoryError(str(passing)) from None
                    else:
                        if found is not None:
                            return found
            await asyncio.sleep(wait_s)

    async def _ask_booked(self, http: httpx.AsyncClient, request: Request, kind: type[T]) -> T | None:
        """Ask, and book the weight from the answer on: the exchange counts it when the request arrives there."""
        try:
            return await self._ask(http, request, kind)
        finally:
            _, weight, urgent = self._spent.pop()
            self._spent.append((time.monotonic(), weight, urgent))

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

    def _wait_s(self, request: Request) -> float:
        """How long the budget, or a pause that began meanwhile, has no room for a request; 0: it is booked."""
        now = time.monotonic()
        if now < self._pause[0]:
            return min(self._pause[0] - now, BACK_OFF_S)  # then waited out as any other
        while self._spent and self._spent[0][0] < now - 60:
            self._spent.popleft()
        usual = sum(weight for _, weight, urgent in self._spent if not urgent)
        room = self._route.minute * URGENT_SHARE - sum(weight for _, weight, _ in self._spent)
        if not request.urgent:
            room = min(room, self._route.minute * SHARE - usual)
        if request.weight <= room or not self._spent:
            self._spent.append((now, request.weight, request.urgent))
            return 0.0
        return min(max(self._spent[0][0] + 60 - now, 0.001), LOOK_AGAIN_S)  # more than 0, which means booked
