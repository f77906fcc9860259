"""An intake without sockets or a file: bridges speak JSON to it, a small store answers at once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from engine.intake.actions import Action, Close, FetchSelf, RecordEvent, Send, Store
from engine.intake.intake import Intake
from engine.market.records import Batch, Commit, Event, GapUpdate, IdRange, Receipt
from engine.market.ticks import Tick

TOKEN = "t" * 43
T0 = 1_790_046_465_000
HELLO = {"type": "hello", "proto": 1, "token": TOKEN, "market": "sim", "client": "page", "session": "s"}


def row(agg_id: int, symbol: str = "BTCUSDT", price: str = "100.5") -> list[Any]:
    return [symbol, agg_id, price, "1", T0 + agg_id, False]


def newest_of(batch: Batch) -> tuple[tuple[Tick, int], ...]:
    """As the store has it in a receipt, where all of a batch is new."""
    newest = {tick.symbol: tick for tick in sorted(batch.ticks, key=lambda tick: tick.agg_id)}
    counts = Counter(tick.symbol for tick in batch.ticks)
    return tuple((tick, counts[name]) for name, tick in newest.items())


class Harness:
    """An intake with a controlled clock; records sent messages and uncommitted batches."""

    def __init__(self, **known: Any) -> None:
        self.intake = Intake(TOKEN, **known)
        self.now = 0
        self.sent: dict[int, list[dict[str, Any]]] = {}
        self.closed: dict[int, int] = {}
        self.batches: list[Batch] = []
        self.events: list[Event] = []
        self.own: list[FetchSelf] = []
        known_ids = known.get("high_water", {})
        self.stored = {(market, name): {last} for market, ids in known_ids.items() for name, last in ids.items()}

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(conn, text):
                    self.sent.setdefault(conn, []).append(json.loads(text))
                case Close(conn, code, _):
                    self.closed[conn] = code
                    self.do(self.intake.disconnected(conn, self.now))
                case Store(batch):
                    self.batches.append(batch)
                case RecordEvent(event):
                    self.events.append(event)
                case FetchSelf():
                    self.own.append(action)

    def say(self, conn: int, message: Any) -> None:
        text = message if isinstance(message, (str, bytes)) else json.dumps(message)
        self.do(self.intake.received(conn, text, self.now))

    def bridge(self, conn: int, *symbols: str, market: str = "sim", session: str = "s") -> None:
        self.do(self.intake.connected(conn, self.now))
        self.say(
            conn, {"type": "hello", "proto": 1, "token": TOKEN, "market": market, "client": "page", "session": session}
        )
        if symbols:
            self.say(conn, {"type": "subscribe", "symbols": list(symbols)})

    def beat(self, conn: int, upstream: str = "open") -> None:
        self.say(
            conn,
            {
                "type": "beat",
                "upstream": upstream,
                "age_ms": 5,
                "queued": 0,
                "unacked": 0,
                "visible": True,
                "clock_ms": T0,
            },
        )

    def commit(self, *gaps: GapUpdate) -> None:
        """The batches that wait, all new; ``gaps``: what that does to gaps."""
        receipts = tuple(Receipt(batch, len(batch.ticks), 0, 0, newest_of(batch)) for batch in self.batches)
        extents = tuple(self._store())
        self.batches = []
        self.do(self.intake.committed(Commit(receipts, extents, gaps, 0), self.now))

    def commit_nothing_new(self) -> None:
        """Commit batches of which the store has every id already."""
        receipts = tuple(Receipt(batch, 0, len(batch.ticks), 0) for batch in self.batches)
        self.batches = []
        self.do(self.intake.committed(Commit(receipts, (), (), 0), self.now))

    def _store(self) -> Iterator[IdRange]:
        """The result of a store without a file for the waiting batches."""
        fresh: dict[tuple[str, str], list[Tick]] = {}
        for batch in self.batches:
            for tick in batch.ticks:
                fresh.setdefault((batch.market, tick.symbol), []).append(tick)
        for key, ticks in fresh.items():
            opened = None if key in self.stored else ticks[0]
            ids = self.stored.setdefault(key, set())
            ids.update(tick.agg_id for tick in ticks)
            yield IdRange(*key, min(ids), max(ids), opened)

    def pass_time(self, ms: int) -> None:
        self.now += ms
        self.do(self.intake.tick(self.now))

    def last(self, conn: int) -> dict[str, Any]:
        return self.sent[conn][-1]

    def of(self, conn: int, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.sent.get(conn, []) if message["type"] == kind]
