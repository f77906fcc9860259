"""Bars that clients want and the store lacks: asked for in pieces, the newest first, until the exchange has no more.

What is stored already the store says (``ReadSpans``), so a restart goes on where it stood. One bridge of a market that
can fetch candles is asked for all pieces, the next for what it fails in, then the server fetches it itself; what nobody
can bring is tried again later, and ``/health`` says why. That the exchange has no bars of a stretch is known until the
server stops.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.intake.actions import Action, FetchBars, ReadSpans, Send, StoreBars
from engine.intake.history_messages import MAX_BARS, BarSpan
from engine.intake.messages import encode
from engine.intake.wanted_bars import FIRST_PAUSE_MS, WantedBars
from engine.market.stretches import Stretch, length_ms, overlap, united, without

AT_ONCE = 4  # pieces that one bridge is asked for before it has answered
READS_AT_ONCE = 32  # questions to the store, each of another market, symbol or width
ASK_AGAIN_MS = 60_000  # for an answer; then another bridge is asked
RETRY_MS = (FIRST_PAUSE_MS, 3_600_000)  # first and longest pause after nobody could
SHOWN = 50  # wants in /health

SELF = -1  # the server itself, among the connections

_Key = tuple[str, str, int]  # market, symbol, width


@dataclass(frozen=True, slots=True)
class ClientProgress:
    """Bars that one client wants and that are missing; ``unknown``: of so many of its wants the store has not said
    yet. Of the bars ``stuck`` nobody can bring now; ``problems`` says why, by symbol."""

    wanted: int
    missing: int
    unknown: int
    stuck: int
    problems: tuple[tuple[str, str], ...] = ()


class BarHistory:
    """The wants of all clients of all markets."""

    def __init__(self, own_markets: Iterable[str]) -> None:
        """``own_markets``: those whose exchange the server may ask itself."""
        self._own_markets = frozenset(own_markets)
        self._lists: dict[int, dict[_Key, list[Stretch]]] = {}  # by client
        self._urgent: set[int] = set()  # clients
        self._wanted: dict[_Key, WantedBars] = {}
        self._unread: OrderedDict[_Key, None] = OrderedDict()  # of which the store is to be asked
        self._reading: set[_Key] = set()  # of which it was asked
        self._absent: dict[_Key, list[Stretch]] = {}
        self._bridges: dict[int, str] = {}  # who can fetch candles, and of which market
        self._current: dict[str, int] = {}  # the bridge of a market that was asked last
        self.not_asked = 0  # answers to what nobody was asked for then

    def joined(self, conn: int, market: str) -> None:
        """A bridge that can fetch candles has come."""
        self._bridges[conn] = market

    def left(self, conn: int) -> list[Action]:
        """A connection is gone, with its wants and with what it was asked for. Others may want less than all did."""
        self._bridges.pop(conn, None)
        self._lists.pop(conn, None)
        self._urgent.discard(conn)
        for wanted in self._wanted.values():
            wanted.left(conn)
        return self._settle_lists()

    def want(self, conn: int, market: str, spans: Iterable[BarSpan], urgent: bool) -> list[Action]:
        """A client's list, replacing an earlier one."""
        wants: dict[_Key, list[Stretch]] = {}
        for symbol, width_ms, from_ms, to_ms in spans:
            if from_ms < to_ms:
                wants.setdefault((market, symbol, width_ms), []).append((from_ms, to_ms))
        self._lists[conn] = {key: united(parts) for key, parts in wants.items()}
        self._urgent.discard(conn)
        if urgent:
            self._urgent.add(conn)
        return self._settle_lists()

    def known(self, market: str, span: BarSpan, stored: Iterable[Stretch], now_ms: int) -> list[Action]:
        """What the store has of a span."""
        key = (market, span.symbol, span.width_ms)
        self._reading.discard(key)
        wanted = self._wanted.get(key)
        if wanted is not None:
            wanted.known((span.from_ms, span.to_ms), [*stored, *self._absent.get(key, ())])
            if wanted.unread:
                self._unread[key] = None
        actions = self._read()
        if self._reading:  # until all is known, or the first would get all the room
            return actions
        return actions + self.ask(now_ms)

    def ask(self, now_ms: int) -> list[Action]:
        """Ask whoever can for what is missing, the newest pieces of all first."""
        actions: list[Action] = []
        due = self._due(now_ms)
        busy = Counter((key[0], conn) for key, wanted in self._wanted.items() for conn, _ in wanted.asked.values())
        full: set[str] = set()  # markets
        for key, piece in due:
            market, symbol, width_ms = key
            conn = self._chosen(key, piece, busy, now_ms) if market not in full else None
            if conn is None:
                continue
            if not self._has_room(market, conn, busy):
                if conn != SELF:  # a bridge that another is to follow gets no more, or it would never be done
                    full.add(market)
                continue
            busy[market, conn] += 1
            wanted = self._wanted[key]
            span = BarSpan(symbol, width_ms, *piece)
            if conn == SELF:
                actions.append(FetchBars(market, span, wanted.urgent))
            else:
                self._current[market] = conn
                message = {"type": "fetch_bars", **span._asdict(), "urgent": wanted.urgent}
                actions.append(Send(conn, encode(**message)))
            wanted.ask(piece, conn, now_ms)
        return actions

    def stored(self, brought: StoreBars, now_ms: int) -> list[Action]:
        """Bars are stored, whoever brought them. Of a span that was asked of the same connection, now or long ago, they
        are all that there is; others may have brought less than the exchange has."""
        conn, span = brought.conn, brought.span
        key, piece = (brought.market, span.symbol, span.width_ms), (span.from_ms, span.to_ms)
        wanted = self._wanted.get(key)
        if wanted is None or not wanted.is_asked(piece, conn):
            self.not_asked += conn != SELF
        if wanted is None:
            return []
        if wanted.answered(piece, conn):
            self._absent[key] = united([*self._absent.get(key, ()), piece])
            wanted.failed.pop(piece, None)
            wanted.hope()
            wanted.settle([piece])
        else:
            wanted.settle([(bar.open_time_ms, bar.end_ms) for bar in brought.bars])
        return self.ask(now_ms)

    def failed(self, market: str, span: BarSpan, conn: int, reason: str, now_ms: int) -> list[Action]:
        """Somebody could not bring what it was asked for."""
        wanted, piece = self._wanted.get((market, span.symbol, span.width_ms)), (span.from_ms, span.to_ms)
        if wanted is None or not wanted.is_asked(piece, conn):
            self.not_asked += conn != SELF
            if wanted is not None:
                wanted.answered(piece, conn)
            return []
        del wanted.asked[piece]
        wanted.answered(piece, conn)
        wanted.failed.setdefault(piece, set()).add(conn)
        wanted.problem = (f"the server: {reason}" if conn == SELF else f"the bridge: {reason}")[:500]
        return self.ask(now_ms)

    def health(self, market: str) -> list[dict[str, Any]]:
        """The wants of a market as plain JSON values, those with something missing first."""
        found = [
            {
                "symbol": symbol, "width_ms": width_ms,
                "from_ms": wanted.spans[0][0], "to_ms": wanted.spans[-1][1],
                "wanted": length_ms(wanted.spans) // width_ms,
                "missing": None if wanted.unread else length_ms(wanted.missing) // width_ms,
                "problem": wanted.problem or None,
            }
            for (of, symbol, width_ms), wanted in self._wanted.items()
            if of == market
        ]  # fmt: skip
        found.sort(key=lambda each: each["missing"] == 0)
        return found[:SHOWN]

    def progress(self, market: str) -> dict[str, int]:
        """Bars wanted and bars missing, over all wants of a market."""
        mine = [(key[2], wanted) for key, wanted in self._wanted.items() if key[0] == market]
        return {
            "wanted": sum(length_ms(wanted.spans) // width for width, wanted in mine),
            "missing": sum(length_ms(wanted.missing) // width for width, wanted in mine),
            "unknown": sum(bool(wanted.unread) for _, wanted in mine),
        }

    def progress_of(self, conn: int, now_ms: int) -> ClientProgress:
        """How far the wants of one client are."""
        bars = missing = unknown = stuck = 0
        problems: list[tuple[str, str]] = []
        for key, mine in self._lists.get(conn, {}).items():
            wanted, (_, symbol, width_ms) = self._wanted[key], key
            bars += length_ms(mine) // width_ms
            unknown += bool(overlap(wanted.unread, mine))
            lacks = length_ms(overlap(wanted.missing, mine)) // width_ms
            missing += lacks
            if lacks and self._is_stuck(key, wanted, now_ms):
                stuck += lacks
                problems.append((symbol, wanted.problem))
        return ClientProgress(bars, missing, unknown, stuck, tuple(problems))

    def _is_stuck(self, key: _Key, wanted: WantedBars, now_ms: int) -> bool:
        """Whether nothing of a want is on its way, since everybody that there is has failed, or there is nobody."""
        if wanted.asked or not wanted.problem:
            return False
        is_anybody = key[0] in self._own_markets or key[0] in self._bridges.values()
        return now_ms < wanted.retry_ms or not is_anybody

    def _settle_lists(self) -> list[Action]:
        """Keep what somebody still wants, and ask the store about what is new."""
        spans: dict[_Key, list[Stretch]] = {}
        urgent: set[_Key] = set()
        for conn, wants in self._lists.items():
            for key, mine in wants.items():
                spans.setdefault(key, []).extend(mine)
            if conn in self._urgent:
                urgent |= wants.keys()
        self._wanted = {key: wanted for key, wanted in self._wanted.items() if key in spans}
        for key, each in spans.items():
            wanted = self._wanted.setdefault(key, WantedBars())
            wanted.urgent = key in urgent
            wanted.resize(united(each))
        unread = (key for key, wanted in self._wanted.items() if wanted.unread)
        self._unread = OrderedDict.fromkeys(key for key in unread if key not in self._reading)
        return self._read()

    def _read(self) -> list[Action]:
        """Ask the store as much as it may be asked at once, and nothing again that it has not answered: clients change
        their wishes faster than it reads."""
        actions: list[Action] = []
        while self._unread and len(self._reading) < READS_AT_ONCE:
            key, _ = self._unread.popitem(last=False)
            self._reading.add(key)
            market, symbol, width_ms = key
            actions.append(ReadSpans(market, BarSpan(symbol, width_ms, *self._wanted[key].unread[-1])))
        return actions

    def _due(self, now_ms: int) -> list[tuple[_Key, Stretch]]:
        """Pieces to ask for, the newest first: of each want those that begin where nobody has been asked yet."""
        found: list[tuple[_Key, Stretch]] = []
        for key, wanted in self._wanted.items():
            late = [piece for piece, (_, asked_ms) in wanted.asked.items() if now_ms - asked_ms >= ASK_AGAIN_MS]
            for piece in late:
                wanted.failed.setdefault(piece, set()).add(wanted.asked.pop(piece)[0])
                wanted.problem = "no answer within a minute"
            if wanted.missing and now_ms >= wanted.retry_ms:
                found += [(key, piece) for piece in self._pieces(key, wanted)]
        return sorted(found, key=_newest)

    def _pieces(self, key: _Key, wanted: WantedBars) -> list[Stretch]:
        """The newest pieces of what is missing and not asked for."""
        most_ms = MAX_BARS * key[2]
        found: list[Stretch] = []
        for from_ms, to_ms in reversed(without(wanted.missing, wanted.asked)):
            while from_ms < to_ms and len(found) < AT_ONCE:
                begin_ms = max(from_ms, to_ms - most_ms)
                found.append((begin_ms, to_ms))
                to_ms = begin_ms
        return found

    def _has_room(self, market: str, conn: int, busy: Counter[tuple[str, int]]) -> bool:
        """Whether somebody may be asked for one piece more. Of the bridges of a market only one is at work, since each
        has the exchange's weight to itself; the server, which has it too, begins when none is."""
        if any(of == market and other not in (conn, SELF) for of, other in busy):
            return False
        return not _is_own_busy(busy) if conn == SELF else busy[market, conn] < AT_ONCE

    def _chosen(self, key: _Key, piece: Stretch, busy: Counter[tuple[str, int]], now_ms: int) -> int | None:
        """Whom to ask, at once or when there is room: of the bridges that have not failed the one that was asked last,
        else the first, else the server itself; None for nobody now."""
        market, wanted = key[0], self._wanted[key]
        tried = wanted.failed.get(piece, set())
        able = [conn for conn, of in self._bridges.items() if of == market and conn not in tried]
        if able:
            current = self._current.get(market)
            return current if current in able else able[0]
        if market in self._own_markets and SELF not in tried:
            return SELF
        if market in self._own_markets and _is_own_busy(busy):
            return None
        if tried:  # nobody could: after a pause all are asked again
            wanted.failed.clear()
            wanted.retry_ms, wanted.pause_ms = now_ms + wanted.pause_ms, min(2 * wanted.pause_ms, RETRY_MS[1])
        elif not wanted.problem:
            wanted.problem = "no bridge that can fetch candles is connected"
        return None


def _newest(due: tuple[_Key, Stretch]) -> tuple[int, _Key]:
    key, piece = due
    return -piece[1], key


def _is_own_busy(busy: Iterable[tuple[str, int]]) -> bool:
    """Whether the server itself fetches something, of whatever market."""
    return any(conn == SELF for _, conn in busy)
