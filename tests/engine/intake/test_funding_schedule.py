"""How often settled rates are asked for: what the exchange allows, and nobody is forgotten."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.intake.funding_schedule import SETTLED_EVERY_MS
from tests.engine.intake.history_harness import HistoryHarness

ALLOWED, WINDOW_MS = 500, 300_000  # requests of an address, by the exchange
SYMBOLS = tuple(f"A{n}USDT" for n in range(1_024))
STEP_MS = 10_000


class Exchange:
    """When each symbol's settled rates were asked for."""

    def __init__(self) -> None:
        self.harness = HistoryHarness()
        self.asked: list[tuple[int, str]] = []

    def pass_time(self, ms: int) -> None:
        for _ in range(ms // STEP_MS):
            self.harness.pass_time(STEP_MS)
            for messages in self.harness.asked.values():
                found = [message for message in messages if message["kind"] == "settled"]
                self.asked += [(self.harness.now, name) for message in found for name in message["symbols"]]
                messages.clear()

    def most(self) -> int:
        """The most requests within the exchange's window."""
        found = first = 0
        for at, (now_ms, _) in enumerate(self.asked):
            while now_ms - self.asked[first][0] >= WINDOW_MS:
                first += 1
            found = max(found, at - first + 1)
        return found


def test_every_symbol_has_its_turn_each_hour_within_a_quarter_of_what_is_allowed() -> None:
    exchange = Exchange()
    exchange.harness.join(1, "funding", symbols=SYMBOLS)
    exchange.pass_time(3 * SETTLED_EVERY_MS)
    assert Counter(name for _, name in exchange.asked) == dict.fromkeys(SYMBOLS, 3)
    assert exchange.most() <= ALLOWED // 4


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=3, max_size=8), st.integers(2, 200))
def test_bridges_that_come_and_go_do_not_exceed_it(pauses: list[int], count: int) -> None:
    exchange = Exchange()
    for conn, pause in enumerate(pauses):
        exchange.harness.join(conn, "funding", symbols=SYMBOLS[:count])
        exchange.pass_time(pause * STEP_MS)
        exchange.harness.leave(conn)
    exchange.harness.join(99, "funding", symbols=SYMBOLS[:count])
    exchange.pass_time(4 * WINDOW_MS)
    assert exchange.most() <= ALLOWED // 4
    last_ms = {name: now_ms for now_ms, name in exchange.asked}
    assert len(last_ms) == count and min(last_ms.values()) > sum(pauses) * STEP_MS, (
        "who is there now was asked about all"
    )


def test_a_page_that_is_loaded_again_and_again_starves_no_symbol() -> None:
    exchange = Exchange()
    for conn in range(12):
        exchange.harness.join(conn, "funding", symbols=SYMBOLS[:300])
        exchange.pass_time(WINDOW_MS)
        exchange.harness.leave(conn)
    times = Counter(name for _, name in exchange.asked)
    assert len(exchange.asked) == 12 * 125
    assert len(times) == 300 and min(times.values()) == 4, "each at least every third time"


def test_markets_have_a_limit_each() -> None:
    exchange = Exchange()
    exchange.harness.join(1, "funding", symbols=SYMBOLS[:125])
    exchange.harness.join(2, "funding", market="testnet", symbols=SYMBOLS[:125])
    exchange.pass_time(STEP_MS)
    assert Counter(name for _, name in exchange.asked) == dict.fromkeys(SYMBOLS[:125], 2)
