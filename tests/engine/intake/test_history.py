"""Wants, bars and funding on the protocol: what is missing is asked for once, the newest first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import MessageRefused
from engine.intake.actions import Action, Close, FetchBars, FetchTickers, ReadSpans, Send, StoreBars, StoreFunding
from engine.intake.bar_history import ASK_AGAIN_MS, AT_ONCE, RETRY_MS
from engine.intake.funding_schedule import MARKS_EVERY_MS, SETTLED_EVERY_MS
from engine.intake.history_messages import MAX_BARS, BarSpan
from engine.intake.intake import Intake
from engine.intake.messages import decode
from engine.intake.ticker_requests import ASK_AGAIN_MS as TICKERS_AGAIN_MS
from engine.intake.ticker_requests import BRIDGE_WITHIN_MS
from engine.intake.want_progress import TELL_EVERY_MS
from engine.market.limits import COIN_M_MARKETS
from engine.market.sourced import BarsStored, SourcedBar, spans_of
from tests.engine.intake.harness import HELLO, TOKEN

HOUR = 3_600_000
T0 = 1_790_046_000_000 // HOUR * HOUR
LISTED = T0 - 2_500 * HOUR  # the exchange has no bar before


def bar_row(open_ms: int) -> list[Any]:
    return [open_ms, "10", "12.5", "9", f"{10 + open_ms // HOUR % 3}", "1.25"]


def span_of(message: dict[str, Any]) -> BarSpan:
    return BarSpan(*(message[key] for key in BarSpan._fields))


class Desk:
    """An intake, bridges that hold what they are asked for until told to answer, and a store of bars in a dict."""

    def __init__(self, own_markets: tuple[str, ...] = (), store: dict[Any, SourcedBar] | None = None) -> None:
        self.intake = Intake(TOKEN, own_markets=own_markets)
        self.store: dict[Any, SourcedBar] = {} if store is None else store
        self.now = 0
        self.asked: dict[int, list[dict[str, Any]]] = {}
        self.answers: dict[int, list[dict[str, Any]]] = {}
        self.own: list[FetchBars | FetchTickers] = []
        self.closed: list[int] = []

    def do(self, actions: list[Action]) -> None:
        reads: list[tuple[str, BarSpan]] = []
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
                    reads.append((market, span))
                case StoreBars(_, market, _, bars):
                    new = [bar for bar in bars if (market, bar.symbol, bar.open_time_ms) not in self.store]
                    self.store |= {(market, bar.symbol, bar.open_time_ms): bar for bar in new}
                    self.do(self.intake.bars_stored(action, BarsStored(len(new), len(bars) - len(new), 0), self.now))
                case StoreFunding():
                    self.do(self.intake.funding_stored(action, len(action.rows)))
        for market, span in reads:
            self.do(self.intake.history.spans_known(market, span, self.spans(market, span), self.now))

    def spans(self, market: str, span: BarSpan) -> list[tuple[int, int]]:
        known = sorted(at for of, name, at in self.store if (of, name) == (market, span.symbol))
        return spans_of([self.store[market, span.symbol, at] for at in known if span.from_ms <= at < span.to_ms])

    def say(self, conn: int, message: dict[str, Any]) -> None:
        self.do(self.intake.received(conn, json.dumps(message), self.now))

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


def test_what_is_missing_comes_in_pieces_the_newest_of_each_symbol_first() -> None:
    desk = Desk()
    desk.join(1, "klines")
    desk.join(2)
    desk.want(2, "BTCUSDT", "ETHUSDT")
    asked = [span_of(message) for message in desk.asked[1]]
    assert len(asked) == AT_ONCE and all(span.to_ms - span.from_ms <= MAX_BARS * HOUR for span in asked)
    assert [(span.symbol, (T0 - span.to_ms) // HOUR) for span in asked] == [
        ("BTCUSDT", 0), ("ETHUSDT", 0), ("BTCUSDT", 1_000), ("ETHUSDT", 1_000),
    ]  # fmt: skip
    assert desk.missing() == 2 * 2_160
    desk.answer(1)
    assert desk.missing() == 2 * 2_160 - 1_000
    assert desk.answers[1][-1] == {
        "type": "bars_stored", **asked[0]._asdict(), "stored": 1_000, "known": 0, "conflicts": 0, "rejected": [],
    }  # fmt: skip
    while desk.asked[1]:
        desk.answer(1)
    assert desk.missing() == 0 and len(desk.store) == 2 * 2_160
    desk.pass_time(10 * ASK_AGAIN_MS)
    assert not desk.asked[1], "nothing is asked for twice"


def test_what_the_exchange_does_not_have_is_not_asked_for_again() -> None:
    desk = Desk()
    desk.join(1, "klines")
    desk.want(1, "BTCUSDT", bars=4_000)
    while desk.asked[1]:
        desk.answer(1)
    assert desk.missing() == 0 and len(desk.store) == 2_500
    desk.want(1, "BTCUSDT", bars=4_010, to_ms=T0 + 10 * HOUR)
    assert [(span.from_ms, span.to_ms) for span in map(span_of, desk.asked[1])] == [(T0, T0 + 10 * HOUR)]


def test_nobody_is_asked_who_cannot_and_others_markets_are_left_alone() -> None:
    desk = Desk()
    desk.join(1)
    desk.join(2, "funding")
    desk.join(3, "klines", market="spot")
    desk.want(1, "BTCUSDT", bars=10)
    assert not desk.asked and "no bridge" in desk.intake.history.bars.health("sim")[0]["problem"]
    desk.join(4, "klines", "what-comes-later")
    desk.pass_time(100)
    assert len(desk.asked[4]) == 1
    desk.want(1)
    assert desk.intake.history.bars.health("sim") == []


def test_a_bridge_that_goes_or_stays_silent_is_replaced() -> None:
    desk = Desk()
    desk.join(1, "klines")
    desk.join(9)
    desk.want(9, "BTCUSDT", bars=1_500)
    first = list(desk.asked[1])
    desk.join(2, "klines")
    desk.leave(1)
    desk.pass_time(100)
    assert desk.asked[2] == first
    desk.join(3, "klines")
    desk.pass_time(ASK_AGAIN_MS)
    assert desk.asked[3] == first
    desk.answer(2)
    assert desk.intake.history.bars.not_asked == 1, "too late: another was asked; the bars are stored all the same"
    assert len(desk.store) == 1_000
    desk.answer(3)
    desk.answer(3)
    assert desk.missing() == 0


def test_when_no_bridge_can_the_server_tries_and_then_pauses() -> None:
    desk = Desk(own_markets=("sim",))
    desk.join(1, "klines")
    desk.want(1, "BTCUSDT", bars=10)
    desk.answer(1, "geo-blocked (HTTP 451)")
    (own,) = desk.own
    desk.do(desk.intake.history.not_fetched("sim", own.span, "HTTP 403", desk.now))
    assert desk.intake.history.bars.health("sim")[0]["problem"] == "the server: HTTP 403"
    desk.pass_time(RETRY_MS[0] - 1)
    assert not desk.asked[1] and len(desk.own) == 1
    desk.pass_time(1)
    desk.answer(1, "geo-blocked (HTTP 451)")
    bars = [
        SourcedBar("BTCUSDT", HOUR, at, 1.0, 1.0, 1.0, 1.0, 1.0, "kline") for at in range(own.span.from_ms, T0, HOUR)
    ]
    desk.do(desk.intake.history.fetched("sim", own.span, bars))
    assert desk.missing() == 0 and len(desk.store) == 10
    assert desk.intake.history.bars.health("sim")[0]["problem"] is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["answer", "fail", "leave", "join", "kill", "wait"]), max_size=40),
    st.lists(st.sampled_from(["BTCUSDT", "ETHUSDT", "SOLUSDT"]), min_size=1, max_size=3, unique=True),
    st.sampled_from([7, 999, 2_160, 2_600]),
)
def test_whatever_happens_the_same_bars_are_there_in_the_end(steps: list[str], symbols: list[str], bars: int) -> None:
    store: dict[Any, SourcedBar] = {}
    desk, conn = Desk(store=store), 1

    def begin() -> Desk:
        made = Desk(store=store)
        made.join(0)
        made.want(0, *symbols, bars=bars)
        made.join(conn, "klines")
        return made

    desk = begin()
    fetched = 0
    for step in steps:
        if step == "kill":
            conn += 1
            desk = begin()
        elif step == "leave":
            desk.leave(conn)
        elif step == "join":
            conn += 1
            desk.join(conn, "klines")
        elif step == "wait":
            desk.pass_time(ASK_AGAIN_MS)
        elif desk.asked.get(conn):
            desk.answer(conn, "bars" if step == "answer" else "HTTP 500")
            fetched += step == "answer"
    conn += 1
    desk.join(conn, "klines")
    for _ in range(60):
        desk.pass_time(RETRY_MS[1])
        while desk.asked.get(conn):
            desk.answer(conn)
    expected = {("sim", name, at) for name in symbols for at in range(max(T0 - bars * HOUR, LISTED), T0, HOUR)}
    assert store.keys() == expected
    assert desk.missing() == 0


@pytest.mark.parametrize(
    "message",
    [
        {"type": "want", "bars": [["BTCUSDT", HOUR, T0 + 1, T0 + HOUR]]},
        {"type": "want", "bars": [["BTCUSDT", HOUR, T0, T0 - HOUR]]},
        {"type": "want", "bars": [["BTCUSDT", 1_500, T0, T0]]},
        {"type": "want", "bars": [["BTCUSDT", HOUR, T0]]},
        {"type": "want", "bars": "BTCUSDT"},
        {"type": "bars", "symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0, "rows": [[]] * 1_001},
        {"type": "bars", "symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0},
        {"type": "funding", "rows": [[]] * 501},
        {"type": "unfetchable_bars", "symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0},
        {"type": "hello", "can": "klines"},
    ],
)
def test_what_is_malformed_ends_the_connection(message: dict[str, Any]) -> None:
    desk = Desk()
    if message["type"] == "hello":
        desk.do(desk.intake.connected(1, 0))
        desk.say(1, HELLO | message)
    else:
        desk.join(1, "klines")
        desk.say(1, message)
    assert desk.closed == [1] and desk.answers[1][-1]["type"] == "refused"


def test_rows_that_cannot_be_used_are_named_and_the_others_stored() -> None:
    desk = Desk()
    desk.join(1, "klines")
    rows = [bar_row(T0), bar_row(T0 + 1), bar_row(T0 + 2 * HOUR), [T0 + HOUR, "1", "2", "3", "1", "0"]]
    span = {"symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0 + 2 * HOUR}
    desk.say(1, {"type": "bars", **span, "rows": rows, "source": "upload"})
    answer = desk.answers[1][-1]
    assert (answer["stored"], [index for index, _ in answer["rejected"]]) == (1, [1, 2, 3])
    assert [bar.source for bar in desk.store.values()] == ["upload"]
    assert desk.intake.registry.bridges[1].in_flight == 0


def test_funding_is_asked_of_who_forwards_a_symbol() -> None:
    desk = Desk()
    desk.join(1, "funding", symbols=("BTCUSDT", "ETHUSDT"))
    desk.join(2, "funding", symbols=("BTCUSDT",))
    desk.pass_time(100)
    kinds = [(message["kind"], message["symbols"], message.get("since_ms")) for message in desk.asked[1]]
    assert kinds == [("mark", ["BTCUSDT", "ETHUSDT"], None), ("settled", ["BTCUSDT"], 0), ("settled", ["ETHUSDT"], 0)]
    rows = [["BTCUSDT", "settled", T0, "0.0001", None, None, None], ["BTCUSDT", "mark", T0, "x", None, None, None]]
    desk.say(1, {"type": "funding", "rows": rows})
    assert desk.answers[1][-1]["stored"] == 1 and desk.answers[1][-1]["rejected"][0][0] == 1
    desk.asked.clear()
    desk.pass_time(MARKS_EVERY_MS)
    assert [message["kind"] for message in desk.asked[1]] == ["mark"] and 2 not in desk.asked
    desk.leave(1)
    desk.pass_time(100)
    assert [(m["kind"], m.get("since_ms")) for m in desk.asked[2]] == [("mark", None), ("settled", T0 + 1)]
    desk.asked.clear()
    desk.pass_time(SETTLED_EVERY_MS)
    assert {message["kind"] for message in desk.asked[2]} == {"mark", "settled"}


def told(desk: Desk, conn: int = 3) -> list[dict[str, Any]]:
    """What a client heard besides the greeting."""
    return [message for message in desk.answers[conn] if message["type"] not in ("welcome", "lease")]


def volumes(*rows: tuple[str, str]) -> dict[str, Any]:
    return {"type": "tickers", "time_ms": T0, "rows": [list(row) for row in rows]}


def test_the_most_liquid_symbols_are_told_to_whom_asked() -> None:
    desk = Desk()
    desk.join(1, "tickers", market="spot")
    desk.join(2, "tickers")
    desk.join(3)
    desk.say(3, {"type": "want_tickers", "quote": "USDT", "count": 2})
    assert desk.asked == {2: [{"type": "fetch_tickers"}]}
    odd = [("\u5e01\u5b89USDT", "8.5"), ("BAD SYMBOL USDT", "99"), ("USDT", "98"), ("ETHBTC", "97"), ("ZUSDT", "0")]
    desk.say(1, volumes(("SPOTUSDT", "100")))
    assert told(desk) == [], "of another market"
    desk.say(2, volumes(("AUSDT", "5"), *odd, ("CUSDT", "12345678901234567.25")))
    rows = [["CUSDT", 12345678901234567.25], ["\u5e01\u5b89USDT", 8.5]]
    assert told(desk) == [{"type": "tickers", "time_ms": T0, "rows": rows}]
    desk.say(
        2,
        volumes(
            ("AUSDT", "5"),
        ),
    )
    assert len(told(desk)) == 1


def test_volumes_are_asked_of_the_next_bridge_then_of_the_server_then_given_up() -> None:
    desk = Desk(own_markets=("sim",))
    desk.join(1, "tickers")
    desk.join(2, "tickers")
    desk.join(3)
    desk.say(3, {"type": "want_tickers", "quote": "USDT", "count": 5})
    desk.say(1, {"type": "unfetchable_tickers", "reason": "HTTP 451"})
    assert desk.asked[2] == [{"type": "fetch_tickers"}] and desk.own == []
    desk.pass_time(TICKERS_AGAIN_MS)
    assert desk.own == [FetchTickers("sim")]
    desk.do(desk.intake.history.tickers_not_fetched("sim", "unreachable", desk.now))
    assert told(desk) == [{"type": "unfetchable_tickers", "reason": "the server: unreachable"}]
    desk.say(
        2,
        volumes(
            ("AUSDT", "5"),
        ),
    )
    assert len(told(desk)) == 1, "it came too late"


def test_who_leaves_is_not_waited_for_and_without_anybody_it_is_said_after_a_while() -> None:
    desk = Desk()
    desk.join(3)
    desk.say(3, {"type": "want_tickers", "quote": "USDT", "count": 5})
    desk.pass_time(BRIDGE_WITHIN_MS - 1)
    assert told(desk) == []
    desk.pass_time(1)
    assert "no bridge that can fetch volumes" in told(desk)[0]["reason"]
    desk.join(1, "tickers")
    desk.say(3, {"type": "want_tickers", "quote": "USDT", "count": 5})
    desk.join(2, "tickers")
    desk.leave(1)
    desk.pass_time(100)
    assert desk.asked[2] == [{"type": "fetch_tickers"}]
    desk.leave(3)
    desk.say(
        2,
        volumes(
            ("AUSDT", "5"),
        ),
    )
    assert len(told(desk)) == 1


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"type": "want_tickers", "quote": "usdt", "count": 5}, "quote is 'usdt'"),
        ({"type": "want_tickers", "quote": "USDT", "count": 0}, "count is 0"),
        ({"type": "want_tickers", "quote": "USDT", "count": 1_025}, "expected at most 1024"),
        ({"type": "tickers", "time_ms": T0, "rows": [["AUSDT", 5]]}, "expected .symbol, volume as decimal text"),
        ({"type": "tickers", "time_ms": T0, "rows": [["AUSDT", "1e5"]]}, "expected .symbol, volume as decimal text"),
        ({"type": "tickers", "time_ms": T0, "rows": {}}, "expected a list of at most 5000 rows"),
    ],
)
def test_what_cannot_be_read_of_volumes_is_refused(message: dict[str, Any], says: str) -> None:
    with pytest.raises(MessageRefused, match=says):
        decode(json.dumps(message))


def test_a_client_that_asks_is_told_how_far_its_own_wants_are() -> None:
    desk = Desk()
    desk.join(1, "klines")
    desk.join(2)
    desk.join(3)
    desk.want(2, "ETHUSDT", bars=500)
    spans = [["BTCUSDT", HOUR, T0 - 1_500 * HOUR, T0], ["ETHUSDT", HOUR, T0 - 100 * HOUR, T0]]
    desk.say(3, {"type": "want", "bars": spans, "urgent": True, "tell": True})
    desk.pass_time(100)
    first = {"type": "progress", "wanted": 1_600, "missing": 1_600, "unknown": 0, "stuck": 0, "problems": []}
    assert told(desk) == [first] and told(desk, 2) == []
    desk.answer(1)
    assert len(told(desk)) == 1
    desk.pass_time(TELL_EVERY_MS)
    desk.pass_time(TELL_EVERY_MS)
    while desk.asked[1]:
        desk.answer(1)
    desk.pass_time(TELL_EVERY_MS)
    assert [message["missing"] for message in told(desk)] == [1_600, 1_500, 0]
    assert all(message["type"] == "progress" for message in told(desk))


def test_what_nobody_can_bring_is_told_as_stuck() -> None:
    desk = Desk()
    desk.join(1, "klines")
    desk.join(3)
    desk.say(3, {"type": "want", "bars": [["BTCUSDT", HOUR, T0 - 50 * HOUR, T0]], "tell": True})
    desk.answer(1, "HTTP 500")
    desk.pass_time(100)
    assert told(desk)[-1]["stuck"] == 50
    assert told(desk)[-1]["problems"] == [["BTCUSDT", "the bridge: HTTP 500"]]
    desk.pass_time(RETRY_MS[0])
    desk.pass_time(TELL_EVERY_MS)
    assert told(desk)[-1]["stuck"] == 0, "it is asked again"
    desk.leave(1)
    desk.pass_time(TELL_EVERY_MS)
    assert told(desk)[-1]["stuck"] == 50


@pytest.mark.parametrize("market", COIN_M_MARKETS)
def test_contracts_are_never_taken_for_coins(market: str) -> None:
    with pytest.raises(MessageRefused, match="COIN-M is not supported: its quantities are contracts"):
        decode(json.dumps(HELLO | {"market": market}))
