"""The live trades of symbols, on request: the bridge server asks the connected page or feed for them, or starts a feed.

Each request is one connection to the bridge server, as a helper, until the answer is there, or the first trades are.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from engine.errors import PairbridgeError, SettingsError
from engine.market.limits import COIN_M_MARKETS, NO_COIN_M
from engine.market.ticks import read_symbol
from feeds.bridge_client import RefusedError
from feeds.tick_link import LinkLost, greeted
from services.jobs import JobBusy
from services.requests import Changed, not_logged
from services.tick_post import FeedAway, FeedRefused

ANSWER_S = 75.0  # three bridges, one after the other, and the server itself may be asked for 20 s each
MOST_AT_ONCE = 8  # requests: the server takes 64 of all bridges

Message = dict[str, Any]


class NoBridge(PairbridgeError):
    """Nobody is connected who could receive the symbols, and no feed can be started."""


class UnknownSymbol(PairbridgeError):
    """The exchange does not have some of the symbols; none was added."""


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Who receives the symbols. ``how``: ``already`` (nothing was to do), ``asked`` (a connected bridge added some) or
    ``started`` (the server started a feed); ``by``: that bridge; ``without_trade``: of which none is stored yet."""

    market: str
    symbols: tuple[str, ...]
    how: str
    by: str
    added: tuple[str, ...]
    without_trade: tuple[str, ...]


class IngestionService:
    """Asks one bridge server, from one event loop."""

    def __init__(
        self, url: str, token: Callable[[], str | None], require_owner: Callable[[], None],
        changed: Changed = not_logged,
    ) -> None:  # fmt: skip
        """``token`` gives None while there is none; ``require_owner`` raises NotAllowed for callers with read access
        only; ``changed`` logs a change."""
        self._url = url
        self._token = token
        self._require_owner = require_owner
        self._changed = changed
        self._running = 0

    async def start(self, market: str, symbols: Sequence[str], wait_s: float = 0.0) -> Ingestion:
        """Have symbols received, and wait for a first trade of each for so long.

        Raises NotAllowed, RowRefused and SettingsError for what cannot be a symbol or a market, UnknownSymbol,
        NoBridge, JobBusy, FeedRefused, FeedAway.
        """
        self._require_owner()
        if market in COIN_M_MARKETS:
            raise SettingsError(f"market is {market!r}; {NO_COIN_M}")
        wanted = tuple(dict.fromkeys(read_symbol(symbol.strip()) for symbol in symbols))
        if self._running >= MOST_AT_ONCE:
            raise JobBusy(f"{MOST_AT_ONCE} requests for symbols are waiting; ask again when they have ended")
        self._running += 1
        try:
            return await self._asked(market, wanted, wait_s)
        except RefusedError as error:
            raise FeedRefused(f"the bridge server refused: {error}") from None
        except LinkLost as error:
            raise FeedAway(str(error)) from None
        except (ConnectionClosed, TimeoutError) as error:
            raise FeedAway(f"the bridge server does not answer: {error or type(error).__name__}") from None
        finally:
            self._running -= 1

    async def _asked(self, market: str, wanted: tuple[str, ...], wait_s: float) -> Ingestion:
        token = await asyncio.to_thread(self._token)
        if token is None:
            raise FeedAway("the bridge server was never started; expected it to run")
        async with await greeted(self._url, token, market) as socket:
            await socket.send(json.dumps({"type": "want_symbols", "symbols": wanted}))
            answer = await _heard(socket, "symbols", ANSWER_S)
            added = tuple(answer["added"])
            if added:
                after = {"market": market, "symbols": list(added), "how": answer["how"], "by": answer["by"]}
                await asyncio.to_thread(self._changed, f"receive symbols of {market}", None, after)
            without = await _without_trade(socket, set(answer["awaited"]), wait_s)
        return Ingestion(market, wanted, answer["how"], answer["by"], added, without)


async def _without_trade(socket: ClientConnection, awaited: set[str], wait_s: float) -> tuple[str, ...]:
    """Those of ``awaited`` of which no trade is stored after ``wait_s``."""
    until_s = time.monotonic() + wait_s
    with contextlib.suppress(TimeoutError):
        while awaited and wait_s:
            awaited -= set((await _heard(socket, "first_trades", until_s - time.monotonic()))["symbols"])
    return tuple(sorted(awaited))


async def _heard(socket: ClientConnection, kind: str, within_s: float) -> Message:
    """The next message of a kind. Raises UnknownSymbol, NoBridge, FeedRefused, TimeoutError."""
    async with asyncio.timeout(within_s):
        while True:
            message: Message = json.loads(await socket.recv())
            if message["type"] == kind:
                return message
            if message["type"] == "refused":
                raise FeedRefused(f"the bridge server refused: {message['message']}")
            if message["type"] == "symbols_refused":
                raise (NoBridge if message["code"] == "nobody" else UnknownSymbol)(message["reason"])
