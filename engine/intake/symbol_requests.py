"""More symbols for a market: a client wants their live trades, and whoever can receive them is asked.

What a bridge forwards already is left alone. The rest is asked of one bridge that can add symbols, then of the next,
then the server starts a feed of its own where it can; when nobody is left, the client is told what to do. A bridge adds
all or none: what the exchange does not have is told to the client, and nobody else is asked. Then the client is told
of each symbol's first trade that is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.intake.actions import Action, Send, StartFeed
from engine.intake.leases import Leases
from engine.intake.messages import Hello, encode
from engine.intake.symbol_messages import Unaddable, WantSymbols
from engine.intake.ticker_requests import SELF
from engine.market.records import Commit

ABILITY = "subscribe"  # in the ``can`` of a hello
ASK_AGAIN_MS = 20_000  # for a subscription; longer than the page waits for the exchange's list of symbols


@dataclass(slots=True)
class _Wish:
    """What one client waits for. ``asked``: of whom it was asked last, and when; ``awaited``: once who receives them is
    said, the symbols without a trade."""

    market: str
    symbols: tuple[str, ...]
    added: tuple[str, ...]
    asked: tuple[int, int] | None = None
    failed: set[int] = field(default_factory=set)
    awaited: set[str] | None = None
    problem: str = ""


class SymbolRequests:
    """Of all markets. A client has one wish at a time; a later one replaces it."""

    def __init__(self, leases: Leases, own_markets: Iterable[str]) -> None:
        """``own_markets``: those of which the server may start a feed."""
        self._leases = leases
        self._own_markets = frozenset(own_markets)
        self._bridges: dict[int, Hello] = {}
        self._wishes: dict[int, _Wish] = {}  # by client
        self._starting: set[str] = set()  # markets whose feed has not connected yet
        self._traded: set[tuple[str, str]] = set()  # stored since the server started, and since they were last added

    def joined(self, conn: int, hello: Hello) -> None:
        """A connection has greeted."""
        if not hello.helper:
            self._bridges[conn] = hello
            if ABILITY in hello.can:
                self._starting.discard(hello.market)

    def left(self, conn: int) -> None:
        """A connection is gone; what it was asked for is asked of another at the next ``ask``."""
        self._bridges.pop(conn, None)
        self._wishes.pop(conn, None)
        for wish in self._wishes.values():
            if wish.asked is not None and wish.asked[0] == conn:
                wish.asked, wish.problem = None, "the bridge that was asked has disconnected"

    def want(self, conn: int, market: str, wanted: WantSymbols, now_ms: int) -> list[Action]:
        """A client wants symbols of its market."""
        missing = self._missing(market, wanted.symbols)
        self._traded.difference_update((market, symbol) for symbol in missing)
        self._wishes[conn] = _Wish(market, wanted.symbols, missing)
        return self.ask(now_ms)

    def unaddable(self, conn: int, market: str, found: Unaddable) -> list[Action]:
        """Whoever was asked adds none of them: the clients who wait for these are told why."""
        actions: list[Action] = []
        for client, wish in list(self._wishes.items()):
            is_asked = wish.awaited is None and wish.asked is not None and wish.asked[0] == conn
            if is_asked and wish.market == market and set(self._missing(market, wish.symbols)) <= set(found.symbols):
                actions.append(self._refuse(client, "unknown-symbol", found.reason))
        if conn == SELF:
            self._starting.discard(market)
        return actions

    def feed_ended(self, market: str, problem: str, now_ms: int) -> list[Action]:
        """The feed that the server started has ended."""
        self._starting.discard(market)
        for wish in self._wishes.values():
            if wish.market == market and wish.asked is not None and wish.asked[0] == SELF:
                self._pass_on(wish, problem)
        return self.ask(now_ms)

    def committed(self, commit: Commit) -> list[Action]:
        """Trades were stored: tell whose first one somebody waits for."""
        stored = {(extent.market, extent.symbol) for extent in commit.extents}
        self._traded |= stored
        actions: list[Action] = []
        for client, wish in self._wishes.items():
            found = [symbol for symbol in wish.awaited or () if (wish.market, symbol) in stored]
            if found and wish.awaited is not None:
                wish.awaited.difference_update(found)
                actions.append(Send(client, encode(type="first_trades", symbols=sorted(found))))
        return actions

    def ask(self, now_ms: int) -> list[Action]:
        """Answer what is received, ask for what is not and not on its way, and tell those for whom nobody is left."""
        actions: list[Action] = []
        for client, wish in list(self._wishes.items()):
            if wish.awaited is not None:
                continue
            missing = self._missing(wish.market, wish.symbols)
            if not missing:
                actions.append(self._received(client, wish))
            elif wish.asked is None or now_ms - wish.asked[1] >= ASK_AGAIN_MS:
                if wish.asked is not None:
                    self._pass_on(wish, f"no answer within {ASK_AGAIN_MS // 1_000} s")
                actions += self._ask_next(client, wish, missing, now_ms)
        return actions

    def _ask_next(self, client: int, wish: _Wish, missing: tuple[str, ...], now_ms: int) -> list[Action]:
        market = wish.market
        able = (conn for conn, hello in self._bridges.items() if hello.market == market and ABILITY in hello.can)
        chosen = next((conn for conn in able if conn not in wish.failed and self._leases.is_awake(conn)), None)
        if chosen is not None:
            wish.asked = (chosen, now_ms)
            return [Send(chosen, encode(type="add_symbols", symbols=list(missing)))]
        if market in self._starting:
            return []  # that feed can be asked soon
        if market in self._own_markets and SELF not in wish.failed:
            wish.asked = (SELF, now_ms)
            self._starting.add(market)
            return [StartFeed(market, missing)]
        return [self._refuse(client, "nobody", self._nobody(wish))]

    def _received(self, client: int, wish: _Wish) -> Action:
        """Every symbol is forwarded by somebody now."""
        wish.awaited = {symbol for symbol in wish.symbols if (wish.market, symbol) not in self._traded}
        holder = self._leases.holder(wish.market, wish.added[0]) if wish.added else None
        bridge = self._bridges.get(-1 if holder is None else holder)
        how = "already" if not wish.added else "started" if wish.asked and wish.asked[0] == SELF else "asked"
        told = {"how": how, "by": bridge.client if bridge else "", "added": list(wish.added)}
        return Send(client, encode(type="symbols", **told, awaited=sorted(wish.awaited)))

    def _refuse(self, client: int, code: str, reason: str) -> Action:
        del self._wishes[client]
        return Send(client, encode(type="symbols_refused", code=code, reason=reason[:500]))

    def _missing(self, market: str, symbols: Iterable[str]) -> tuple[str, ...]:
        return tuple(symbol for symbol in symbols if self._leases.holder(market, symbol) is None)

    def _pass_on(self, wish: _Wish, problem: str) -> None:
        if wish.asked is not None:
            wish.failed.add(wish.asked[0])
        wish.asked, wish.problem = None, problem

    def _nobody(self, wish: _Wish) -> str:
        others = sorted({hello.client for hello in self._bridges.values() if hello.market == wish.market})
        if wish.problem:
            found = f"nobody could add the symbols: {wish.problem}"
        elif others:
            found = f"no bridge of market {wish.market!r} can add symbols; connected are {', '.join(others)}"
        else:
            found = f"no bridge of market {wish.market!r} is connected"
        return f"{found}; open the bridge page, choose this market, press Start Bridge, then ask again"
