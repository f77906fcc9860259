"""Bridges that hold what they are asked for, around an intake and a store of bars in a dict."""

from __future__ import annotations

import json
from typing import Any

from engine.intake.actions import Action, Close, FetchBars, FetchTickers, ReadSpans, Send, StoreBars, StoreFunding
from engine.intake.history_messages import BarSpan
from engine.intake.intake import Intake
from engine.market.sourced import BarsStored, SourcedBar, spans_of
from tests.engine.intake.harness import HELLO, TOKEN

HOUR = 3_600_000
T0 = 1_790_046_000_000 // HOUR * HOUR
LISTED = T0 - 2_500 * HOUR  # the exchange has no bar before


def bar_row(open_ms: int) -> list[Any]:
    return [open_ms, "10", "12.5", "9", f"{10 + open_ms // HOUR % 3}", "1.25"]


def span_of(message: dict[str, Any]) -> BarSpan:
    return BarSpan(*(message[key] for key in BarSpan._fields))


class HistoryHarness:
    """An intake, bridges that hold what they are asked for until told to answer, and a store of bars in a dict."""

    def __init__(self, own_markets: tuple[str, ...] = (), store: dict[Any, SourcedBar] | None = None) -> None:
        self.intake = Intake(TOKEN, own_markets=own_markets)
        self.store: dict[Any, SourcedBar] = {} if store is None else store
        self.now = 0
        self.asked: dict[int, list[dict[str, Any]]] = {}
        self.answers: dict[int, list[dict[str, Any]]] = {}
        self.own: list[FetchBars | FetchTickers] = []
        self.closed: list[int] = []
        self.reads: list[tuple[str, BarSpan]] = []  # that the store has not answered
        self.holds_reads = False

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(conn, text):
                    message = json.loads(text)
                    kind = "asked" if message["type"].startswith("fetch_") else "answers"
                    getattr(self, kind).setdefault(conn, []).append(message)
                case Close(conn, _, _):
                    self.closed.append(conn)
                case FetchBars() | FetchTickers():
                    self.own.append(action)
                case ReadSpans(market, span):
                    self.reads.append((market, span))
                case StoreBars(_, market, _, bars):
                    new = [bar for bar in bars if (market, bar.symbol, bar.open_time_ms) not in self.store]
                    self.store |= {(market, bar.symbol, bar.open_time_ms): bar for bar in new}
                    self.do(self.intake.bars_stored(action, BarsStored(len(new), len(bars) - len(new), 0), self.now))
                case StoreFunding():
                    self.do(self.intake.funding_stored(action, len(action.rows)))
        while self.reads and not self.holds_reads:
            self.read()

    def read(self) -> None:
        """Let the store answer the oldest question."""
        market, span = self.reads.pop(0)
        self.do(self.intake.history.spans_known(market, span, self.spans(market, span), self.now))

    def spans(self, market: str, span: BarSpan) -> list[tuple[int, int]]:
        known = sorted(at for of, name, at in self.store if (of, name) == (market, span.symbol))
        return spans_of([at for at in known if span.from_ms <= at < span.to_ms], span.width_ms)

    def say(self, conn: int, message: dict[str, Any] | bytes) -> None:
        frame = message if isinstance(message, bytes) else json.dumps(message)
        self.do(self.intake.received(conn, frame, self.now))

    def join(self, conn: int, *can: str, market: str = "sim", symbols: tuple[str, ...] = ()) -> None:
        self.do(self.intake.connected(conn, self.now))
        self.say(conn, HELLO | {"market": market, "can": list(can)})
        self.say(conn, {"type": "subscribe", "symbols": list(symbols)})

    def leave(self, conn: int) -> None:
        self.asked.pop(conn, None)
        self.do(self.intake.disconnected(conn, self.now))

    def want(self, conn: int, *symbols: str, bars: int = 2_160, to_ms: int = T0) -> None:
        wanted = [[symbol, HOUR, to_ms - bars * HOUR, to_ms] for symbol in symbols]
        self.say(conn, {"type": "want", "bars": wanted})

    def answer(self, conn: int, how: str = "bars") -> BarSpan:
        """The oldest request that a bridge holds."""
        asked = self.asked[conn].pop(0)
        span = span_of(asked)
        message = span._asdict()
        if how == "bars":
            rows = [bar_row(at) for at in range(max(span.from_ms, LISTED), span.to_ms, HOUR)]
            self.say(conn, {"type": "bars", **message, "rows": rows})
        else:
            self.say(conn, {"type": "unfetchable_bars", **message, "reason": how})
        return span

    def pass_time(self, ms: int) -> None:
        self.now += ms
        self.do(self.intake.tick(self.now))

    def missing(self) -> int:
        progress = self.intake.history.bars.progress("sim")
        assert progress["unknown"] == 0
        return progress["missing"]


def told(harness: HistoryHarness, conn: int = 3) -> list[dict[str, Any]]:
    """What a client heard besides the greeting."""
    return [message for message in harness.answers[conn] if message["type"] not in ("welcome", "lease")]
