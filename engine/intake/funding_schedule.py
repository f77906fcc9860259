"""When a bridge is asked for funding: marks of its symbols once a minute, settled rates once an hour.

Of settled rates each symbol is a request of its own, and the exchange allows an address 500 in five minutes, whatever
they weigh. A quarter of them is used, as of the weight: so 1,024 symbols take three quarters of an hour.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from engine.intake.actions import Action, Send
from engine.intake.leases import Leases
from engine.intake.messages import encode
from engine.market.funding import MARK, SETTLED, Funding

MARKS_EVERY_MS = 60_000
SETTLED_EVERY_MS = 3_600_000
SETTLED_MOST = 125  # requests for settled rates of one market within SETTLED_WINDOW_MS
SETTLED_WINDOW_MS = 300_000

_Key = tuple[str, str]  # market and symbol


class FundingSchedule:
    """Of all markets. Only the bridge that forwards a symbol is asked about it."""

    def __init__(self, leases: Leases, settled_ms: Mapping[_Key, int]) -> None:
        """``settled_ms``: the newest settled rate that is stored, by market and symbol."""
        self._leases = leases
        self._settled_ms = dict(settled_ms)
        self._bridges: dict[int, str] = {}
        self._marked_ms: dict[_Key, int] = {}
        self._asked_ms: dict[_Key, int] = {}  # for settled rates
        self._lost: set[_Key] = set()  # asked of a bridge that is gone
        self._spent: dict[str, deque[int]] = {}  # by market, when settled rates were asked for

    def joined(self, conn: int, market: str) -> None:
        """A bridge that can fetch funding has come."""
        self._bridges[conn] = market

    def left(self, conn: int) -> None:
        """A connection is gone; who takes its symbols over is asked at once."""
        market = self._bridges.pop(conn, None)
        for key in [key for key in self._marked_ms if self._is_lost(key, conn, market)]:
            del self._marked_ms[key]
        self._lost |= {key for key in self._asked_ms if self._is_lost(key, conn, market)}

    def stored(self, market: str, rows: Iterable[Funding]) -> None:
        """Readings have been stored."""
        for row in rows:
            if row.kind == SETTLED:
                key = (market, row.symbol)
                self._settled_ms[key] = max(self._settled_ms.get(key, 0), row.time_ms)

    def ask(self, now_ms: int) -> list[Action]:
        """What is due now; it counts as asked."""
        actions: list[Action] = []
        for conn, market in self._bridges.items():
            active, _ = self._leases.of(conn)
            due = [name for name in active if _is_due(self._marked_ms, (market, name), MARKS_EVERY_MS, now_ms)]
            if due:
                actions.append(Send(conn, encode(type="fetch_funding", kind=MARK, symbols=due)))
            for name in self._settled_due(market, active, now_ms):
                since_ms = self._settled_ms.get((market, name), -1) + 1
                message = {"type": "fetch_funding", "kind": SETTLED, "symbols": [name], "since_ms": since_ms}
                actions.append(Send(conn, encode(**message)))
        return actions

    def _settled_due(self, market: str, active: Iterable[str], now_ms: int) -> list[str]:
        """Symbols to ask for settled rates as far as there is room, the longest not asked first: a bridge that comes
        and goes must not take the room for the same ones again and again."""
        spent = self._spent.setdefault(market, deque())
        while spent and now_ms - spent[0] >= SETTLED_WINDOW_MS:
            spent.popleft()
        room = SETTLED_MOST - len(spent)
        if room <= 0:
            return []
        keys = [(market, name) for name in active]
        due = [
            key
            for key in keys
            if key in self._lost or now_ms - self._asked_ms.get(key, -SETTLED_EVERY_MS) >= SETTLED_EVERY_MS
        ]
        chosen = sorted(due, key=lambda key: self._asked_ms.get(key, -1))[:room]
        spent.extend([now_ms] * len(chosen))
        self._asked_ms |= dict.fromkeys(chosen, now_ms)
        self._lost.difference_update(chosen)
        return [name for _, name in chosen]

    def _is_lost(self, key: _Key, conn: int, market: str | None) -> bool:
        """Whether nobody is left who was asked about a symbol, now that a bridge of this market is gone."""
        return key[0] == market and self._leases.holder(*key) in (conn, None)


def _is_due(asked: dict[_Key, int], key: _Key, every_ms: int, now_ms: int) -> bool:
    if key in asked and now_ms - asked[key] < every_ms:
        return False
    asked[key] = now_ms
    return True
