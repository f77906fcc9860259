"""A server's intake: the sessions of all connections, without the sockets.

The server calls ``connected``, ``received``, ``committed``, ``disconnected`` and ``tick`` with its monotonic clock in
ms, and performs the returned actions in order.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping

from engine.errors import MessageRefused
from engine.intake.actions import Action, Close, FetchSelf, RecordEvent, Send, Store, StoreBars, StoreFunding
from engine.intake.gap_recovery import GapRecovery
from engine.intake.gaps import MAX_FETCH_IDS, OpenGaps
from engine.intake.history_intake import HistoryIntake
from engine.intake.history_messages import Bars, FundingRows, HistoryMessage, Want
from engine.intake.leases import Leases
from engine.intake.messages import (
    MAX_IN_FLIGHT,
    MAX_ROWS,
    PROTO,
    Beat,
    Bye,
    Frame,
    Hello,
    Message,
    Subscribe,
    Ticks,
    Unfetchable,
    decode,
    encode,
)
from engine.intake.metrics import IntakeMetrics
from engine.intake.registry import MAX_MARKETS, Bridge, Registry
from engine.intake.row_reader import RowReader
from engine.market.records import Commit, Event, GapUpdate, Receipt
from engine.market.sourced import BarsStored

HELLO_WITHIN_MS = 2_000
MAX_BRIDGES = 64
MAX_UNAUTHENTICATED = 32  # connections without hello; the most that a hostile page can open
SILENT_MS = 2_500  # after this long without a beat, a bridge that has sent beats counts as gone
_RAW = -1  # the number of a batch that came as a raw frame
_OWN = -1  # no connection: rows fetched by the server
_STORED_EVERY_MS = 1_000

_CLOSE_CODES = {"bad-token": 4401, "late": 4408, "protocol-version": 4409, "too-many": 4429}
_MALFORMED = 4400


class Intake:
    """All bridges of one server."""

    def __init__(
        self,
        token: str,
        high_water: dict[str, dict[str, int]] | None = None,
        gaps: Iterable[GapUpdate] = (),
        warm_start_ms: int = 0,
        own_markets: Iterable[str] = (),
        fetch_limit_ids: int = MAX_FETCH_IDS,
        settled_ms: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        """``high_water`` by market and symbol, and the open ``gaps``, both from the store at start; the rest as in
        ``GapRecovery`` and ``HistoryIntake``."""
        own_markets = tuple(own_markets)
        self._token = token.encode()
        self.registry = Registry(high_water or {})
        self.leases = Leases()
        self._recovery = GapRecovery(self.leases, gaps, warm_start_ms, own_markets, fetch_limit_ids)
        self.history = HistoryIntake(self.leases, own_markets, settled_ms)
        self.metrics = IntakeMetrics()
        self.rows = RowReader(self.metrics)
        self.refused: Counter[str] = Counter()  # connections that were ended, by reason

    @property
    def gaps(self) -> OpenGaps:
        """Every open gap."""
        return self._recovery.gaps

    def started(self) -> list[Action]:
        """The server has started: records every market's previous bridge as gone."""
        return [_bridge_note(name, is_up=False) for name in self.registry.markets]

    def connected(self, conn: int, now_ms: int) -> list[Action]:
        """A socket has opened."""
        self.registry.bridges[conn] = Bridge(now_ms)
        unauthenticated = self.registry.unauthenticated()
        if len(unauthenticated) > MAX_UNAUTHENTICATED:  # closes the oldest: clients with the token send hello at once
            return self._refuse(unauthenticated[0], "too-many", f"{MAX_UNAUTHENTICATED} others wait to greet", now_ms)
        return []

    def received(self, conn: int, text: str | bytes, now_ms: int) -> list[Action]:
        """A message came in."""
        bridge = self.registry.bridges.get(conn)
        if bridge is None:
            return []
        try:
            message = decode(text)
            if bridge.hello is None:
                return self._greet(conn, bridge, message, now_ms)
            return self._handle(conn, bridge, bridge.hello, message, now_ms)
        except MessageRefused as refused:
            return self._refuse(conn, refused.code, str(refused), now_ms)

    def committed(self, commit: Commit, now_ms: int) -> list[Action]:
        """A transaction has committed: acknowledge, and request missing ids."""
        actions: list[Action] = []
        for extent in commit.extents:
            self.registry.market(extent.market).high_water[extent.symbol] = extent.high_water
        for receipt in commit.receipts:
            batch = receipt.batch
            if not receipt.again:
                self.metrics.stored(batch.market, receipt, now_ms)
            bridge = self.registry.bridges.get(batch.conn)
            if bridge is None:
                continue
            bridge.in_flight -= 1
            if batch.number == _RAW:
                bridge.owes_stored = True
            else:
                actions.append(_ack(receipt))
        return actions + self._recovery.committed(commit, now_ms) + self.history.symbols.committed(commit)

    def fetched_rows(self, market: str, rows: list[object]) -> list[Action]:
        """Rows of history fetched by the server."""
        batch = self.rows.batch(_OWN, 0, market, "the server itself", rows)
        return [Store(batch), *self._recovery.refused(market, batch.refused)]

    def fetched_self(self, asked: FetchSelf, problem: str | None) -> list[Action]:
        """A FetchSelf has ended; ``problem`` is why some ids are missing, None when all arrived."""
        return self._recovery.fetched_self(asked, problem)

    def bars_stored(self, asked: StoreBars, stored: BarsStored, now_ms: int) -> list[Action]:
        """A StoreBars has ended well."""
        self._landed(asked.conn)
        return self.history.bars_stored(asked, stored, now_ms)

    def funding_stored(self, asked: StoreFunding, stored: int) -> list[Action]:
        """A StoreFunding has ended well."""
        self._landed(asked.conn)
        return self.history.funding_stored(asked, stored)

    def _landed(self, conn: int) -> None:
        bridge = self.registry.bridges.get(conn)
        if bridge is not None:
            bridge.in_flight -= 1

    def disconnected(self, conn: int, now_ms: int) -> list[Action]:
        """A socket has closed, from either side."""
        bridge = self.registry.bridges.pop(conn, None)
        if bridge is None or bridge.hello is None:
            return []
        self._recovery.left(conn)
        asked = self.history.left(conn)
        return asked + self._tell_leases(self.leases.leave(conn), now_ms) + self._watch_market(bridge.hello)

    def tick(self, now_ms: int) -> list[Action]:
        """Call a few times a second: handles timeouts."""
        actions: list[Action] = []
        for conn, bridge in list(self.registry.bridges.items()):
            if bridge.hello is None:
                if now_ms - bridge.opened_ms >= HELLO_WITHIN_MS:
                    actions += self._refuse(conn, "late", "no hello within 2 s of connecting", now_ms)
                continue
            if bridge.beat is not None and now_ms - bridge.beat_ms > SILENT_MS:
                actions += self._tell_leases(self.leases.sleep(conn) | {conn}, now_ms) if self._holds(conn) else []
            if bridge.beat is None and not bridge.hello.helper:  # a forwarder without beats lives as long as its socket
                self.registry.market(bridge.hello.market).sign_ms = now_ms
            if bridge.owes_stored and now_ms - bridge.stored_ms >= _STORED_EVERY_MS:
                bridge.owes_stored, bridge.stored_ms = False, now_ms
                high_water = self.registry.high_water(bridge.hello.market)
                actions.append(Send(conn, encode(type="stored", high_water=high_water)))
        return actions + self._recovery.ask_again(now_ms) + self.history.tick(now_ms)

    def has_greeted(self, conn: int) -> bool:
        """Whether a connection is authenticated and not being closed."""
        bridge = self.registry.bridges.get(conn)
        return bridge is not None and bridge.hello is not None

    def must_wait(self, conn: int) -> bool:
        """Whether to pause reading from a connection until more of its batches are committed."""
        bridge = self.registry.bridges.get(conn)
        return bridge is not None and bridge.in_flight >= MAX_IN_FLIGHT

    def _greet(self, conn: int, bridge: Bridge, message: Message, now_ms: int) -> list[Action]:
        if not isinstance(message, Hello):
            raise MessageRefused("malformed", "the first message must be hello")
        if not hmac.compare_digest(message.token.encode(), self._token):
            raise MessageRefused(
                "bad-token", "the token is not this server's; reload the page after the server started"
            )
        if len(self.registry.bridges) - len(self.registry.unauthenticated()) >= MAX_BRIDGES:
            raise MessageRefused("too-many", f"{MAX_BRIDGES} bridges are connected; close some")
        if not self.registry.has_room(message.market):
            raise MessageRefused(
                "too-many", f"market {message.market!r} would be one of more than {MAX_MARKETS}; expected fewer markets"
            )
        bridge.hello = message
        self.history.joined(conn, message)
        if not message.helper:  # a helper's market counts from its first rows on
            market = self.registry.market(message.market)
            market.sign_ms, market.last_word = now_ms, ""
        limits = {"rows": MAX_ROWS, "in_flight": MAX_IN_FLIGHT}
        high_water = self.registry.high_water(message.market)
        welcome = encode(type="welcome", proto=PROTO, high_water=high_water, limits=limits)
        return [Send(conn, welcome), *self._watch_market(message)]

    def _handle(self, conn: int, bridge: Bridge, hello: Hello, message: Message, now_ms: int) -> list[Action]:
        if isinstance(message, Ticks):
            return self._take(conn, bridge, hello, message, now_ms)
        if isinstance(message, Frame):
            return self._take_frame(conn, bridge, hello, message, now_ms)
        if isinstance(message, Beat):
            bridge.beat, bridge.beat_ms = message, now_ms
            self.registry.sign(hello, now_ms)
            return self._tell_leases(self.leases.wake(conn), now_ms)
        if isinstance(message, Subscribe):
            changed = self.leases.want(conn, hello.market, message.symbols)
            return self._tell_leases({conn} | changed, now_ms) + self.history.symbols.ask(now_ms)
        if isinstance(message, Unfetchable):
            return self._recovery.unfetchable(conn, hello.market, message)
        if isinstance(message, Bye):
            if not hello.helper:
                self.registry.market(hello.market).last_word = message.reason
            return [Close(conn, 1000, "bye"), *self.disconnected(conn, now_ms)]
        if isinstance(message, HistoryMessage):
            bridge.in_flight += isinstance(message, (Bars, FundingRows))
            if isinstance(message, (Bars, FundingRows)) or (isinstance(message, Want) and message.spans):
                self.registry.market(hello.market)
            return self.history.handle(conn, hello.market, message, now_ms)
        raise MessageRefused("malformed", "hello came twice")

    def _take(self, conn: int, bridge: Bridge, hello: Hello, message: Ticks, now_ms: int) -> list[Action]:
        if bridge.last_number is not None and message.seq != bridge.last_number + 1:
            raise MessageRefused(
                "malformed", f"seq is {message.seq} after {bridge.last_number}; expected it to rise by 1"
            )
        bridge.last_number = message.seq
        return self._store(conn, bridge, hello, message, now_ms)

    def _take_frame(self, conn: int, bridge: Bridge, hello: Hello, message: Frame, now_ms: int) -> list[Action]:
        if message.row is None:
            return []
        return self._store(conn, bridge, hello, Ticks(_RAW, [message.row]), now_ms)

    def _store(self, conn: int, bridge: Bridge, hello: Hello, sent: Ticks, now_ms: int) -> list[Action]:
        self.registry.sign(hello, now_ms)
        bridge.in_flight += 1
        batch = self.rows.batch(conn, sent.seq, hello.market, hello.client, sent.rows, sent.key)
        if batch.ticks:
            self.registry.market(hello.market)
        return [Store(batch), *self._recovery.refused(hello.market, batch.refused)]

    def _tell_leases(self, conns: set[int], now_ms: int) -> list[Action]:
        actions: list[Action] = []
        for conn in sorted(conns):
            bridge = self.registry.bridges.get(conn)
            if bridge is None or bridge.hello is None:
                continue
            active, standby = self.leases.of(conn)
            actions.append(Send(conn, encode(type="lease", active=active, standby=standby)))
            for symbol in active:
                actions += self._recovery.ask(bridge.hello.market, symbol, now_ms)
        return actions

    def _holds(self, conn: int) -> bool:
        return bool(self.leases.of(conn)[0])

    def _watch_market(self, hello: Hello) -> list[Action]:
        """Record that a bridge connected or disconnected, so that a replay sees it in the same place as live."""
        if hello.helper:
            return []
        market, is_up = self.registry.market(hello.market), bool(self.registry.live(hello.market))
        if is_up == market.is_up:
            return []
        market.is_up = is_up
        return [_bridge_note(hello.market, is_up)]

    def _refuse(self, conn: int, code: str, message: str, now_ms: int) -> list[Action]:
        self.refused[code] += 1
        refused = Send(conn, encode(type="refused", code=code, message=message))
        close = Close(conn, _CLOSE_CODES.get(code, _MALFORMED), code)
        return [refused, close, *self.disconnected(conn, now_ms)]


def _bridge_note(market: str, is_up: bool) -> RecordEvent:
    return RecordEvent(Event("bridge", market, None, {"state": "up" if is_up else "down"}))


def _ack(receipt: Receipt) -> Send:
    batch = receipt.batch
    counts = {"stored": receipt.stored, "duplicates": receipt.duplicates, "conflicts": receipt.conflicts}
    gaps = {"gaps": list(receipt.gaps)} if any(receipt.gaps) else {}
    rejected = [list(pair) for pair in batch.rejected]
    again = {"again": receipt.again} if receipt.again else {}
    return Send(batch.conn, encode(type="ack", seq=batch.number, **counts, rejected=rejected, **gaps, **again))
