"""More symbols on the protocol: who is asked to receive them, and what the client is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import MessageRefused
from engine.intake.actions import Action, StartFeed
from engine.intake.messages import decode
from engine.intake.symbol_messages import MAX_SYMBOLS, Unaddable
from engine.intake.symbol_requests import ASK_AGAIN_MS
from engine.intake.ticker_requests import SELF
from tests.engine.intake.harness import HELLO, Harness, row

CLIENT, PAGE, OTHER = 9, 1, 2


class SymbolHarness(Harness):
    """Records which feeds the server is to start."""

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        self.feeds: list[StartFeed] = []

    def do(self, actions: list[Action]) -> None:
        self.feeds += [each for each in actions if isinstance(each, StartFeed)]
        super().do([each for each in actions if not isinstance(each, StartFeed)])

    def join(self, conn: int, *symbols: str, **hello: Any) -> None:
        self.do(self.intake.connected(conn, self.now))
        self.say(conn, HELLO | {"can": ["subscribe"]} | hello)
        if symbols:
            self.say(conn, {"type": "subscribe", "symbols": list(symbols)})

    def want(self, *symbols: str) -> None:
        if CLIENT not in self.intake.registry.bridges:
            self.join(CLIENT, client="api", helper=True, can=[])
        self.say(CLIENT, {"type": "want_symbols", "symbols": list(symbols)})

    def told(self) -> list[dict[str, Any]]:
        return [each for each in self.sent.get(CLIENT, []) if each["type"] not in ("welcome", "lease")]

    def asked(self, conn: int) -> list[list[str]]:
        return [each["symbols"] for each in self.sent.get(conn, []) if each["type"] == "add_symbols"]

    def trade(self, conn: int, symbol: str, agg_id: int = 1, seq: int = 1) -> None:
        self.say(conn, {"type": "ticks", "seq": seq, "rows": [row(agg_id, symbol)]})
        self.commit()


def test_the_connected_page_is_asked_for_what_it_does_not_forward_and_first_trades_are_told() -> None:
    harness = SymbolHarness(own_markets=("sim",))
    harness.join(PAGE, "BTCUSDT")
    harness.trade(PAGE, "BTCUSDT")
    harness.want("BTCUSDT", "SOLUSDT", "XRPUSDT")
    assert harness.asked(PAGE) == [["SOLUSDT", "XRPUSDT"]] and harness.told() == []
    harness.say(PAGE, {"type": "subscribe", "symbols": ["BTCUSDT", "SOLUSDT"]})
    assert harness.told() == [], "not all of them yet"
    harness.say(PAGE, {"type": "subscribe", "symbols": ["BTCUSDT", "SOLUSDT", "XRPUSDT"]})
    told = {"type": "symbols", "how": "asked", "by": "page", "added": ["SOLUSDT", "XRPUSDT"]}
    assert harness.told() == [told | {"awaited": ["SOLUSDT", "XRPUSDT"]}]
    harness.trade(PAGE, "BTCUSDT", 2, 2)
    harness.trade(PAGE, "XRPUSDT", 1, 3)
    harness.trade(PAGE, "XRPUSDT", 2, 4)
    harness.trade(PAGE, "SOLUSDT", 1, 5)
    assert [each["symbols"] for each in harness.told()[1:]] == [["XRPUSDT"], ["SOLUSDT"]]
    assert harness.feeds == []


def test_what_is_received_is_answered_at_once_and_asks_nobody() -> None:
    harness = SymbolHarness()
    harness.join(PAGE, "BTCUSDT", "ETHUSDT", can=[])
    harness.trade(PAGE, "BTCUSDT")
    for _ in range(2):
        harness.want("ETHUSDT", "BTCUSDT")
    answer = {"type": "symbols", "how": "already", "by": "", "added": [], "awaited": ["ETHUSDT"]}
    assert harness.told() == [answer, answer] and harness.asked(PAGE) == []
    harness.trade(PAGE, "ETHUSDT", seq=2)
    assert harness.told()[2:] == [{"type": "first_trades", "symbols": ["ETHUSDT"]}]


def test_a_client_that_never_said_it_can_hears_nothing_new() -> None:
    harness = SymbolHarness()
    harness.join(PAGE, "BTCUSDT", can=["klines"])
    harness.join(OTHER, "BTCUSDT", market="spot")
    harness.want("SOLUSDT")
    assert harness.asked(PAGE) == harness.asked(OTHER) == []
    [refused] = harness.told()
    assert refused["code"] == "nobody" and "connected are page; open the bridge page" in refused["reason"]


def test_wrong_symbols_are_told_and_nobody_else_is_asked() -> None:
    harness = SymbolHarness(own_markets=("sim",))
    harness.join(PAGE, "BTCUSDT")
    harness.join(OTHER)
    harness.want("SOLUSTD")
    harness.say(PAGE, {"type": "unaddable", "symbols": ["SOLUSTD"], "reason": "did you mean SOLUSDT?"})
    refused = {"type": "symbols_refused", "code": "unknown-symbol", "reason": "did you mean SOLUSDT?"}
    assert harness.told() == [refused] and harness.asked(OTHER) == [] and harness.feeds == []
    harness.say(PAGE, {"type": "unaddable", "symbols": ["SOLUSTD"], "reason": "again"})
    harness.pass_time(2 * ASK_AGAIN_MS)
    assert harness.told() == [refused], "nobody waits for it any more"


def test_only_whom_it_was_asked_may_refuse() -> None:
    harness = SymbolHarness()
    harness.join(PAGE)
    harness.join(OTHER)
    harness.want("SOLUSDT")
    harness.say(OTHER, {"type": "unaddable", "symbols": ["SOLUSDT"], "reason": "no"})
    harness.say(PAGE, {"type": "unaddable", "symbols": ["ADAUSDT"], "reason": "no"})
    assert harness.told() == []


def test_who_does_not_answer_or_leaves_or_sleeps_is_followed_by_the_next() -> None:
    harness = SymbolHarness()
    harness.join(PAGE)
    harness.join(OTHER)
    harness.join(3, client="direct feed")
    harness.want("SOLUSDT")
    for _ in range(ASK_AGAIN_MS // 1_000):
        for conn in (OTHER, 3):
            harness.beat(conn)
        harness.pass_time(1_000)
    assert [harness.asked(conn) for conn in (PAGE, OTHER, 3)] == [[["SOLUSDT"]], [["SOLUSDT"]], []]
    harness.do(harness.intake.disconnected(OTHER, harness.now))
    harness.beat(3)
    harness.pass_time(100)
    assert harness.asked(3) == [["SOLUSDT"]]
    harness.say(3, {"type": "subscribe", "symbols": ["SOLUSDT"]})
    assert harness.told()[0]["how"] == "asked" and harness.told()[0]["by"] == "direct feed"


def test_a_page_that_sleeps_is_not_asked() -> None:
    harness = SymbolHarness()
    harness.join(PAGE, "BTCUSDT")
    harness.beat(PAGE)
    harness.pass_time(3_000)
    harness.want("SOLUSDT")
    assert harness.asked(PAGE) == [] and harness.told()[0]["code"] == "nobody"


def test_without_a_bridge_the_server_starts_one_feed_of_a_market_whose_exchange_it_may_ask() -> None:
    harness = SymbolHarness(own_markets=("sim",))
    harness.want("SOLUSDT", "BTCUSDT")
    assert harness.feeds == [StartFeed("sim", ("SOLUSDT", "BTCUSDT"))] and harness.told() == []
    harness.join(8, client="api", helper=True, can=[])
    harness.say(8, {"type": "want_symbols", "symbols": ["ADAUSDT"]})
    harness.pass_time(100)
    assert len(harness.feeds) == 1, "the second waits for the feed that starts"
    harness.join(PAGE, "SOLUSDT", "BTCUSDT", client="direct feed")
    assert harness.told()[0] == {
        "type": "symbols", "how": "started", "by": "direct feed", "added": ["SOLUSDT", "BTCUSDT"],
        "awaited": ["BTCUSDT", "SOLUSDT"],
    }  # fmt: skip
    harness.pass_time(100)
    assert harness.asked(PAGE) == [["ADAUSDT"]] and len(harness.feeds) == 1


def test_a_feed_that_cannot_be_started_is_said() -> None:
    harness = SymbolHarness(own_markets=("sim",))
    harness.want("SOLUSDT")
    harness.do(harness.intake.history.symbols.feed_ended("sim", "refused", harness.now))
    assert "nobody could add the symbols: refused; open the bridge page" in harness.told()[0]["reason"]
    harness.want("SOLUSTD")
    wrong = Unaddable(("SOLUSTD",), "did you mean SOLUSDT?")
    harness.do(harness.intake.history.symbols.unaddable(SELF, "sim", wrong))
    assert harness.told()[1]["code"] == "unknown-symbol"
    harness.want("SOLUSDT")
    assert len(harness.feeds) == 3, "it can be asked again"


def test_without_anybody_it_is_said_at_once_what_to_do() -> None:
    harness = SymbolHarness()
    harness.want("SOLUSDT")
    [refused] = harness.told()
    assert refused["code"] == "nobody"
    assert refused["reason"].startswith(
        "no bridge of market 'sim' is connected; open the bridge page, choose this market"
    )


def test_a_symbol_that_was_given_up_and_is_added_again_awaits_a_new_trade() -> None:
    harness = SymbolHarness()
    harness.join(PAGE, "BTCUSDT", "SOLUSDT")
    harness.trade(PAGE, "SOLUSDT")
    harness.say(PAGE, {"type": "subscribe", "symbols": ["BTCUSDT"]})
    harness.want("SOLUSDT")
    harness.say(PAGE, {"type": "subscribe", "symbols": ["BTCUSDT", "SOLUSDT"]})
    harness.want("SOLUSDT")
    assert [each["awaited"] for each in harness.told()] == [["SOLUSDT"], ["SOLUSDT"]]
    harness.trade(PAGE, "SOLUSDT", 2, 2)
    harness.want("SOLUSDT")
    assert harness.told()[-1]["awaited"] == []


def test_a_client_that_leaves_is_forgotten() -> None:
    harness = SymbolHarness()
    harness.join(PAGE)
    harness.want("SOLUSDT")
    harness.do(harness.intake.disconnected(CLIENT, harness.now))
    harness.say(PAGE, {"type": "subscribe", "symbols": ["SOLUSDT"]})
    harness.trade(PAGE, "SOLUSDT")
    assert harness.told() == []


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"type": "want_symbols", "symbols": []}, f"found 0 symbols; expected 1 to {MAX_SYMBOLS}"),
        ({"type": "want_symbols", "symbols": "BTCUSDT"}, "symbols is 'BTCUSDT'; expected a list"),
        ({"type": "want_symbols", "symbols": ["BTC USDT"]}, "symbol"),
        ({"type": "want_symbols", "symbols": [7]}, "symbol"),
        ({"type": "want_symbols", "symbols": ["A"] * (MAX_SYMBOLS + 1)}, "found 1025 symbols"),
        ({"type": "unaddable", "symbols": ["A"]}, "reason is None"),
        ({"type": "unaddable", "symbols": ["A"], "reason": "x" * 501}, "expected text of 1 to 500"),
    ],
)
def test_what_cannot_be_read_is_refused(message: dict[str, Any], says: str) -> None:
    with pytest.raises(MessageRefused, match=says):
        decode(json.dumps(message))
