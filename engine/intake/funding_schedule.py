"""When a bridge is asked for funding: marks of its symbols once a minute, settled rates once an hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.intake.actions import Action, Send
from engine.intake.leases import Leases
from engine.intake.messages import encode
from engine.market.funding import MARK, SETTLED, Funding

MARKS_EVERY_MS = 60_000
SETTLED_EVERY_MS = 3_600_000

_Key = tuple[str, str]  # market and symbol


class FundingSchedule:
    """Of all markets. Only the bridge that forwards a symbol is asked about it."""

    def __init__(self, leases: Leases, settled_ms: Mapping[_Key, int]) -> None:
        """``settled_ms``: the newest settled rate that is stored, by market and symbol."""
        self._leases = leases
        self._settled_ms = dict(settled_ms)
        self._bridges: dict[int, str] = {}
        self._marked_ms: dict[_Key, int] = {}
        self._asked_ms: dict[_Key, int] = {}

    def joined(self, conn: int, market: str) -> None:
        """A bridge that can fetch funding has come."""
        self._bridges[conn] = market

    def left(self, conn: int) -> None:
        """A connection is gone; who takes its symbols over is asked at once."""
        market = self._bridges.pop(conn, None)
        for asked in (self._marked_ms, self._asked_ms):
            for key in [key for key in asked if key[0] == market and self._leases.holder(*key) in (conn, None)]:
                del asked[key]

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
            for name in active:
                if _is_due(self._asked_ms, (market, name), SETTLED_EVERY_MS, now_ms):
                    since_ms = self._settled_ms.get((market, name), -1) + 1
                    message = {"type": "fetch_funding", "kind": SETTLED, "symbols": [name], "since_ms": since_ms}
                    actions.append(Send(conn, encode(**message)))
        return actions


def _is_due(asked: dict[_Key, int], key: _Key, every_ms: int, now_ms: int) -> bool:
    if key in asked and now_ms - asked[key] < every_ms:
        return False
    asked[key] = now_ms
    return True
