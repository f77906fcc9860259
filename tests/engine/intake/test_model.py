"""Exactly once: a bridge, the intake and the real writer, driven by Hypothesis in any order.

The model is the set of acknowledged ids. What is in the file must hold it at any moment, each id once and with the
exchange's own values; and after recovery nothing may be missing except ids reported as given up.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.errors import StoreError
from engine.intake.actions import Action, RecordEvent, Send, Store
from engine.intake.gaps import ASK_AGAIN_MS
from engine.intake.intake import Intake
from engine.intake.messages import MAX_IN_FLIGHT
from engine.market.limits import NO_SUCH_IDS
from engine.market.records import Batch, Event
from engine.store.interface import Now
from engine.store.sqlite.writer import SqliteTickWriter

TOKEN = "t" * 43
T0 = 1_790_046_465_000
SYMBOLS = ("BTCUSDT", "ETHUSDT")
BLOCKED = "HTTP 403"
TROUBLES = ("reorder", "duplicate", "disconnect", "kill", "restart", "disk full", "disk free", "wait")

Row = list[Any]
Key = tuple[str, int]


@dataclass
class Exchange:
    """Every trade that there is; some ids were never given to one."""

    rows: dict[Key, Row] = field(default_factory=dict)
    next_id: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, 1_000))

    def trade(self, symbol: str, skipped: int, count: int) -> list[Row]:
        """``count`` new trades, after ``skipped`` ids that do not exist."""
        first = self.next_id[symbol] + skipped
        for agg_id in range(first, first + count):
            price = f"{100 + agg_id % 7}.{agg_id % 10}"
            self.rows[symbol, agg_id] = [symbol, agg_id, price, "1.5", T0 + agg_id * 40, agg_id % 2 == 0]
        self.next_id[symbol] = first + count
        return self.between(symbol, first, first + count - 1)

    def between(self, symbol: str, first: int, last: int) -> list[Row]:
        """The trades with these ids, inclusive."""
        keys = ((symbol, agg_id) for agg_id in range(first, last + 1))
        return [self.rows[key] for key in keys if key in self.rows]


@dataclass
class Bridge:
    """A page's state, kept over server failures."""

    queue: list[Row] = field(default_factory=list)
    unacked: dict[int, list[Row]] = field(default_factory=dict)
    seq: int = 0
    acked: set[Key] = field(default_factory=set)
    conn: int | None = None
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    given_up: list[tuple[str, int, int]] = field(default_factory=list)


class Storm(RuleBasedStateMachine):
    """Bridge, server and exchange; every rule is something that happens to one of them."""

    @initialize()
    def begin(self) -> None:
        self.ends = ExitStack()
        self.path = Path(self.ends.enter_context(tempfile.TemporaryDirectory())) / "ticks.db"
        self.runner = self.ends.enter_context(asyncio.Runner())
        self.ends.callback(lambda: self.run(self.writer.close()))
        self.exchange, self.bridge = Exchange(), Bridge()
        self.now, self.conns, self.is_full = 0, 0, False
        self._start()

    # The exchange, and its messages to the bridge.

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        skipped=st.sampled_from((0, 0, 0, 3)),
        count=st.sampled_from((1, 5, 30, 400)),
        is_heard=st.sampled_from((True, True, False)),
    )
    def trade(self, symbol: str, skipped: int, count: int, is_heard: bool) -> None:
        """New trades come over the stream, or are missed."""
        rows = self.exchange.trade(symbol, skipped, count)
        if is_heard:
            self.bridge.queue += rows

    def reorder(self, seed: int) -> None:
        random.Random(seed).shuffle(self.bridge.queue)

    def duplicate(self, seed: int) -> None:
        """Trades that were acknowledged, or only sent, come in again."""
        known = sorted(self.bridge.acked) + [(row[0], row[1]) for rows in self.bridge.unacked.values() for row in rows]
        for key in random.Random(seed).sample(known, min(len(known), 20)):
            self.bridge.queue.append(self.exchange.rows[key])

    # The wire.

    def connect(self) -> None:
        self.conns += 1
        self.bridge.conn = self.conns
        self.do(self.intake.connected(self.conns, self.now))
        self.say(type="hello", proto=1, token=TOKEN, market="sim", client="page", session="s")
        self.say(type="subscribe", symbols=list(SYMBOLS))
        for seq, rows in list(self.bridge.unacked.items()):
            self.say(type="ticks", seq=seq, rows=rows)

    def disconnect(self) -> None:
        conn, self.bridge.conn, self.bridge.asked = self.bridge.conn, None, []
        if conn is not None:
            self.do(self.intake.disconnected(conn, self.now))

    @precondition(lambda self: self.bridge.queue and len(self.bridge.unacked) < MAX_IN_FLIGHT)
    @rule(size=st.sampled_from((3, 500, 500)))
    def send(self, size: int) -> None:
        bridge = self.bridge
        if bridge.conn is None:
            self.connect()
        bridge.seq += 1
        bridge.unacked[bridge.seq], bridge.queue = bridge.queue[:size], bridge.queue[size:]
        self.say(type="ticks", seq=bridge.seq, rows=bridge.unacked[bridge.seq])

    @precondition(lambda self: self.bridge.asked)
    @rule(can=st.sampled_from((True, True, True, False)))
    def fetch(self, can: bool) -> None:
        """The bridge asks the exchange for the oldest gap that the server wants filled."""
        symbol, first, last = self.bridge.asked.pop(0)
        assert last < self.exchange.next_id[symbol], "nobody can know of an id that is still to come"
        if not can:
            self.bridge.given_up.append((symbol, first, last))
            self.say(type="unfetchable", symbol=symbol, **{"from": first, "to": last}, reason=BLOCKED)
            return
        rows = self.exchange.between(symbol, first, last)
        self.bridge.queue += rows
        had = {row[1] for row in rows}
        for agg_id in range(first, last + 1):
            if agg_id not in had:
                self.say(type="unfetchable", symbol=symbol, **{"from": agg_id, "to": agg_id}, reason=NO_SUCH_IDS)

    # The server.

    @precondition(lambda self: self.waiting or self.events)
    @rule(arrives=st.sampled_from((True, True, False)))
    def commit(self, arrives: bool) -> None:
        """A transaction; its acknowledgements arrive, or the connection breaks before they do."""
        try:
            commit = self.run(self.writer.commit(self.waiting, self.events, Now(T0 + self.now, self.now)))
        except StoreError as error:
            assert self.is_full and "the disk is full" in str(error), error
            return
        self.waiting, self.events = [], []
        actions = self.intake.committed(commit, self.now)
        self.do(actions if arrives else [action for action in actions if not isinstance(action, Send)])
        if not arrives:
            self.disconnect()

    def kill(self) -> None:
        """The server's memory is lost, including uncommitted data."""
        self.run(self.writer._close())
        self._start()
        self.assert_acknowledged_is_stored()

    def restart(self) -> None:
        """A clean stop commits what has come in, if there is room."""
        if self.waiting or self.events:
            self.commit(arrives=True)
        self.run(self.writer.close())
        self._start()
        self.assert_acknowledged_is_stored()

    def fill_or_free_the_disk(self, is_full: bool) -> None:
        self.is_full = is_full
        self._limit()

    def wait(self, ms: int) -> None:
        self.now += ms
        self.do(self.intake.tick(self.now))

    # One rule for all that goes wrong: Hypothesis leaves whole rules out, and few would stay in what is left.

    @rule(what=st.sampled_from(TROUBLES), seed=st.integers(0, 99))
    def trouble(self, what: str, seed: int) -> None:
        happen: dict[str, Callable[[], None]] = {
            "reorder": lambda: self.reorder(seed),
            "duplicate": lambda: self.duplicate(seed),
            "disconnect": self.disconnect,
            "kill": self.kill,
            "restart": self.restart,
            "disk full": lambda: self.fill_or_free_the_disk(True),
            "disk free": lambda: self.fill_or_free_the_disk(False),
            "wait": lambda: self.wait(random.Random(seed).choice((100, 5_000, ASK_AGAIN_MS))),
        }
        happen[what]()

    # Invariants.

    @invariant()
    def the_server_is_never_sent_more_than_it_allows(self) -> None:
        assert len(self.bridge.unacked) <= MAX_IN_FLIGHT

    def teardown(self) -> None:
        """Recovery: everything is sent, requested and answered until no messages remain."""
        with self.ends:
            self.fill_or_free_the_disk(False)
            if self.bridge.conn is None:
                self.connect()
            self._settle()
            self.wait(ASK_AGAIN_MS)
            self._settle()
            self.assert_acknowledged_is_stored()
            stored = self.stored()
            assert {key: self._values(key) for key in stored} == stored
            self._assert_only_what_was_given_up_is_missing(stored)

    def assert_acknowledged_is_stored(self) -> None:
        stored = self.stored()
        assert self.bridge.acked <= stored.keys(), sorted(self.bridge.acked - stored.keys())[:5]

    def _assert_only_what_was_given_up_is_missing(self, stored: dict[Key, Any]) -> None:
        recorded: set[Key] = set()
        for symbol, missing, status, reason in self.query(
            "SELECT symbol, missing, status, reason FROM holes JOIN series USING (series_id) WHERE closed_ms IS NULL"
        ):
            assert (status, reason) == ("unfetchable", BLOCKED)
            recorded |= {(symbol, agg_id) for first, last in json.loads(missing) for agg_id in range(first, last + 1)}
        assert not recorded & stored.keys()
        for symbol in SYMBOLS:
            ids = sorted(agg_id for of, agg_id in stored if of == symbol)
            known = {key for key in self.exchange.rows if key[0] == symbol and ids and ids[0] <= key[1] <= ids[-1]}
            assert known - stored.keys() <= recorded

    # Tools.

    def _settle(self) -> None:
        """Run all pending events, in an order that terminates."""
        while self.bridge.queue or self.waiting or self.events or self.bridge.asked:
            while self.bridge.queue and len(self.bridge.unacked) < MAX_IN_FLIGHT:
                self.send(500)
            if self.waiting or self.events:
                self.commit(arrives=True)
            while self.bridge.asked:
                self.fetch(can=True)
        assert not self.bridge.unacked, "a batch was never acknowledged"

    def _start(self) -> None:
        """A server with the state of its file, without connections."""
        self.bridge.conn, self.bridge.asked = None, []
        self.waiting: list[Batch] = []
        self.events: list[Event] = []
        self.writer = self.run(SqliteTickWriter.open(self.path, "crash"))  # power cuts have their own tests
        high_water = {market: self.writer.high_water(market) for market in self.writer.markets()}
        self.intake = Intake(TOKEN, high_water, self.writer.open_gaps())
        self._limit()

    def _limit(self) -> None:
        """Nothing more fits into the file, or everything."""
        pages = 1 if self.is_full else 1 << 30
        self.run(self.writer._db.execute(f"PRAGMA max_page_count={pages}"))

    def say(self, **message: Any) -> None:
        assert self.bridge.conn is not None
        self.do(self.intake.received(self.bridge.conn, json.dumps(message), self.now))

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Store):
                self.waiting.append(action.batch)
            elif isinstance(action, RecordEvent):
                self.events.append(action.event)
            else:
                assert isinstance(action, Send), action
                self._hear(json.loads(action.text))

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "fetch":
            self.bridge.asked.append((message["symbol"], message["from"], message["to"]))
        elif message["type"] == "ack":
            rows = self.bridge.unacked.pop(message["seq"])
            self.bridge.acked |= {(row[0], row[1]) for row in rows}
            assert message["stored"] + message["duplicates"] == len(rows)
            assert (message["conflicts"], message["rejected"]) == (0, [])
        else:
            assert message["type"] in ("welcome", "lease"), message

    def _values(self, key: Key) -> tuple[Any, ...]:
        _, _, price, quantity, time_ms, maker = self.exchange.rows[key]
        return float(price), float(quantity), time_ms, int(maker)

    def stored(self) -> dict[Key, tuple[Any, ...]]:
        rows = self.query("SELECT symbol, agg_id, price, quantity, trade_time_ms, buyer_is_maker FROM v_ticks")
        found = {(row[0], row[1]): row[2:] for row in rows}
        assert len(found) == len(rows), "an id is there twice"
        return found

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(sql).fetchall()

    def run(self, work: Any) -> Any:
        return self.runner.run(work)


TestStorm = Storm.TestCase
TestStorm.settings = settings(max_examples=100, stateful_step_count=60, deadline=None, derandomize=True)
