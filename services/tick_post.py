"""Trades that programs post: forwarded to the bridge server, the one writer of trades, through the bridge protocol.

The dashboard holds one connection for each market that was posted to lately. A request is one batch of the protocol, so
its key and its rows are one transaction there; after a lost connection the same batch is sent once more, and stored
once, because it has a key: where the client gave none, one of this request alone.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import PairbridgeError, SettingsError
from engine.intake.messages import MAX_KEY, MAX_ROWS
from engine.market.records import AGAIN, OTHER_ROWS
from feeds.bridge_client import RefusedError
from feeds.tick_link import LinkLost, TickLink
from services.requests import OtherRequest

IDLE_S = 30.0
TRIES = 2


class FeedAway(PairbridgeError):
    """The bridge server does not answer; the rows may or may not be stored: post them again with the same key."""


class FeedRefused(PairbridgeError):
    """The bridge server refused the batch as a whole."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of the rows. ``again``: the key was known, and this is the first answer; ``rejected``: index and
    reason of refused rows; ``gaps``: opened and filled."""

    stored: int
    duplicates: int
    conflicts: int
    rejected: tuple[tuple[int, str], ...]
    gaps: tuple[int, int]
    again: bool


class TickPostService:
    """Posts to one bridge server, from one event loop."""

    def __init__(self, url: str, token: Callable[[], str | None]) -> None:
        """``token`` gives None while there is none."""
        self._url = url
        self._token = token
        self._links: dict[str, TickLink] = {}
        self._used_s: dict[str, float] = {}
        self._opening = asyncio.Lock()

    async def post(self, market: str, rows: list[Any], key: str = "") -> Posted:
        """Store rows as the protocol has them, at most 500; returns after the commit.

        Raises SettingsError, OtherRequest for a key of other rows, FeedRefused, FeedAway.
        """
        if not 1 <= len(rows) <= MAX_ROWS:
            raise SettingsError(f"found {len(rows)} rows; expected 1 to {MAX_ROWS} in one request")
        if len(key) > MAX_KEY:
            raise SettingsError(f"the key has {len(key)} characters; expected at most {MAX_KEY}")
        ack = await self._sent(market, rows, key or f"once-{secrets.token_hex(16)}")
        if ack.get("again") == OTHER_ROWS:
            raise OtherRequest(f"the Idempotency-Key {key[:40]!r} belongs to other rows; expected a new key")
        rejected = tuple((index, reason) for index, reason in ack["rejected"])
        opened, filled = ack.get("gaps", (0, 0))
        return Posted(
            ack["stored"], ack["duplicates"], ack["conflicts"], rejected, (opened, filled), ack.get("again") == AGAIN
        )

    async def close(self) -> None:
        """Close every connection."""
        for link in self._links.values():
            await link.close()
        self._links.clear()

    async def _sent(self, market: str, rows: list[Any], key: str) -> dict[str, Any]:
        lost = ""
        for _ in range(TRIES):
            try:
                return await (await self._link(market)).send(rows, key)
            except RefusedError as error:
                raise FeedRefused(f"the bridge server refused the batch: {error}") from None
            except LinkLost as error:
                lost = str(error)
        raise FeedAway(f"{lost}; expected it to run: post the same rows again with the same Idempotency-Key")

    async def _link(self, market: str) -> TickLink:
        async with self._opening:
            now_s = time.monotonic()
            await self._close_idle(now_s, market)
            link = self._links.get(market)
            if link is None or not link.is_open:
                token = self._token()
                if token is None:
                    raise LinkLost("the bridge server was never started")
                link = self._links[market] = await TickLink.open(self._url, token, market)
            self._used_s[market] = now_s
            return link

    async def _close_idle(self, now_s: float, but: str) -> None:
        for market in [name for name, at_s in self._used_s.items() if now_s - at_s > IDLE_S and name != but]:
            del self._used_s[market]
            link = self._links.pop(market, None)
            if link is not None:
                await link.close()


def tick_row(
    symbol: str, agg_id: str | int | None, price: str, quantity: str, time_ms: int, buyer_is_maker: bool | None
) -> list[Any]:
    """A row of the protocol; an id may be text, as JavaScript has long ones. Raises SettingsError.

    >>> tick_row("A", "7", "1.5", "2", 1_700_000_000_000, None)[1]
    7
    """
    if isinstance(agg_id, str):
        if not (agg_id.isascii() and agg_id.isdecimal() and len(agg_id) < 20):
            raise SettingsError(f"id is {agg_id[:40]!r}; expected a whole number")
        agg_id = int(agg_id)
    return [symbol, agg_id, price, quantity, time_ms, buyer_is_maker]
