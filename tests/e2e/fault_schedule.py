"""Faults of page, server and exchange together, on a schedule determined by a seed."""

from __future__ import annotations

import math
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

from tests.e2e.stack import Stack, get_json, until

FREEZE_S = 4.0
SYMBOLS = ("BTCUSDT", "ETHUSDT")


class BridgeTab(Protocol):
    """The bridge page in some browser."""

    def status(self) -> str:
        """Its status."""

    def count(self, name: str) -> int:
        """One of its numbers; -1 while there is none."""

    def freeze(self) -> None:
        """Stop it altogether."""

    def thaw(self) -> None:
        """Resume it."""

    def reload(self) -> None:
        """As with the reload key."""


@dataclass(frozen=True)
class FaultSchedule:
    """So many server kills over ``seconds``, and between them upstream drops, freezes and reloads."""

    seconds: float
    kills: int
    drops: int
    freezes: int = 1
    reloads: int = 1
    seed: int = 1

    def schedule(self) -> list[tuple[float, str]]:
        """(second, what), rising. A kill begins each turn; what else the turn has comes when the server is back."""
        dice = random.Random(self.seed)
        turn_s = self.seconds / self.kills
        others = ["drop"] * self.drops + ["freeze"] * self.freezes + ["reload"] * self.reloads
        others += [""] * (self.kills - len(others))
        dice.shuffle(others)
        events: list[tuple[float, str]] = []
        for turn, other in enumerate(others):
            killed = turn * turn_s + dice.uniform(0.02, 0.2) * turn_s
            events += [(killed, "kill"), (killed + dice.uniform(0.1, 1.0), "start")]
            if other:
                at = turn * turn_s + dice.uniform(0.5, 0.55) * turn_s
                events += [(at, other), (at + FREEZE_S, "thaw")] if other == "freeze" else [(at, other)]
        return sorted(events)


@dataclass
class FaultRun:
    """One run of a schedule; ``first_commits_s`` are the times from a server's start to its first commit."""

    stack: Stack
    tab: BridgeTab
    first_commits_s: list[float] = field(default_factory=list)
    _started: float | None = None

    def through(self, faults: FaultSchedule) -> None:
        """Everything on the schedule, each at its time."""
        began = time.monotonic()
        for at, what in [*faults.schedule(), (faults.seconds, "")]:
            while time.monotonic() - began < at:
                self._committed()
                time.sleep(0.01)
            self._happen(what)
        until(self._committed, 60, "the first commit of the last server")

    def _happen(self, what: str) -> None:
        if what == "kill":
            until(self._committed, 60, "the first commit of the server before")  # a late one shows in its time
            self.stack.stop("server", signal.SIGKILL)
        elif what == "start":
            self._started = time.monotonic()
            self.stack.start("server", "server.py")
        elif what == "drop":
            self.stack.fault("disconnect")
        elif what:
            getattr(self.tab, what)()

    def _committed(self) -> bool:
        """Whether the server that was started last has made its first commit; the time of that is noted."""
        if self._started is None:
            return True
        health = self.stack.health()
        if not health or not any(market["stored"] for market in health["markets"].values()):
            return False
        self.first_commits_s.append(time.monotonic() - self._started)
        self._started = None
        return True


def bridge_address(stack: Stack, **more: str) -> str:
    """The page from the file system, which starts by itself; ``more`` parameters."""
    query = {
        "market": "sim",
        "exchange": stack.exchange_url.replace("http", "ws"),
        "rest": stack.exchange_url,
        "server": stack.bridge_url.replace("http", "ws"),
        "symbols": ",".join(SYMBOLS),
        "autostart": "1",
    } | more
    return f"{(stack.page_copy() / 'index.html').as_uri()}?{urlencode(query)}"


def p95(values: Sequence[float]) -> float:
    """The nearest-rank 95th percentile."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def assert_nothing_missing(stack: Stack, symbols: Sequence[str], within_s: float = 60) -> int:
    """End the market, then compare the store with all that the exchange has of it, row by row; how many they are."""
    first, last = until(lambda: _settled(stack, symbols, within_s / 3), within_s, "everything up to the last trade")
    for symbol in symbols:
        _compare(stack, symbol, first[symbol], last[symbol] - first[symbol] + 1)
    until(lambda: stack.query("SELECT count(*) FROM holes WHERE closed_ms IS NULL") == [(0,)], 30, "no open gap")
    return sum(last[symbol] - first[symbol] + 1 for symbol in symbols)


def _settled(stack: Stack, symbols: Sequence[str], wait_s: float) -> tuple[dict[str, int], dict[str, int]] | None:
    """First and last id of each symbol, once all between are stored; None where they were not in time.

    The market goes on until each symbol has traded, and then halts: only a later trade shows what is missing before it,
    and what was cut off with a connection at the very end is shown by the next round.
    """
    before = {symbol: _newest(stack, symbol) for symbol in symbols}
    stack.fault("clear")
    until(lambda: all(_newest(stack, symbol) > before[symbol] for symbol in symbols), 20, "a trade of each symbol")
    stack.fault("halt")
    last = {symbol: _newest(stack, symbol) for symbol in symbols}
    ends = time.monotonic() + wait_s
    while time.monotonic() < ends:
        first = {symbol: _complete_from(stack, symbol, last[symbol]) for symbol in symbols}
        if None not in first.values():
            return {symbol: at for symbol, at in first.items() if at is not None}, last
        time.sleep(0.05)
    return None


def _newest(stack: Stack, symbol: str) -> int:
    """The exchange's last trade; its own ledger would take too long over millions of them."""
    return int(get_json(f"{stack.exchange_url}/fapi/v1/aggTrades?symbol={symbol}&limit=1")[0]["a"])


def _complete_from(stack: Stack, symbol: str, last: int) -> int | None:
    """The first id stored, when every id from it to ``last`` is there."""
    first, newest, count = _stored(stack, symbol)
    return first if newest == last and count == last - first + 1 else None


def _stored(stack: Stack, symbol: str) -> tuple[int, int, int]:
    """First and last id stored, and how many there are."""
    found = stack.query("SELECT min(agg_id), max(agg_id), count(*) FROM v_ticks WHERE symbol = ?", symbol)
    return found[0] if found and found[0][2] else (0, -1, 0)


def _compare(stack: Stack, symbol: str, first: int, count: int) -> None:
    """Every stored row against the exchange's own, page by page."""
    columns = "agg_id, price, quantity, trade_time_ms, buyer_is_maker"
    compared = 0
    while True:
        url = f"{stack.exchange_url}/fapi/v1/aggTrades?symbol={symbol}&fromId={first}&limit=1000"
        page = [(t["a"], float(t["p"]), float(t["q"]), t["T"], int(t["m"])) for t in get_json(url)]
        if not page:
            break
        between = "symbol = ? AND agg_id BETWEEN ? AND ? ORDER BY agg_id"
        stored = stack.query(f"SELECT {columns} FROM v_ticks WHERE {between}", symbol, first, page[-1][0])
        assert stored == page, f"{symbol} from {first} on"
        compared, first = compared + len(page), page[-1][0] + 1
    assert compared == count, f"{symbol}: {compared} of {count}"
