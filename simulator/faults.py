"""Fault injection."""

from __future__ import annotations

import math
import time
from typing import Any, Protocol, TypeVar

from simulator.connection_policy import ConnectionPolicy
from simulator.errors import FaultRefused
from simulator.rate_limit import RequestWeights
from simulator.venue import Venue

Number = TypeVar("Number", int, float)

Did = dict[str, Any]
"""The result of a fault, in the format of the HTTP response."""

MAX_COUNT = 10_000_000
MAX_SECONDS = 1e6
CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})


class Sockets(Protocol):
    """The effects of faults on open connections."""

    def hang_up(self, code: int | None) -> int:
        """Close all with this code, or abort them; returns their number."""

    def renew(self) -> None:
        """Count every connection's age from now."""


class Faults:
    """The faults of one exchange. Seconds of stall, lag and halt are on the exchange's clock, the others in real time.

    Each method returns its effect. Each raises FaultRefused for a value out of range, an unknown symbol, or a fault
    that a recorded market does not support.
    """

    def __init__(self, venue: Venue, gate: ConnectionPolicy, weights: RequestWeights, sockets: Sockets) -> None:
        self._venue = venue
        self._gate = gate
        self._weights = weights
        self._sockets = sockets

    def drop(self, symbol: str, n: int, forget: bool = False) -> Did:
        """Omit the next ``n`` ids from the stream; with ``forget`` also from REST and the ledger."""
        self._venue.disturbance(symbol).drop(_checked("n", n, 1, MAX_COUNT), forget)
        return {"symbol": symbol, "n": n, "forget": forget}

    def dropped(self, symbol: str) -> list[int]:
        """The ids that ``drop`` and ``stall`` with ``lost`` have removed from the stream so far."""
        return list(self._venue.disturbance(symbol).dropped)

    def stall(self, symbol: str, seconds: float, lost: bool = False) -> Did:
        """Stop the stream of one symbol for this long; its due frames are then sent late, or ``lost``."""
        until_ms = self._venue.now_ms + _ms(seconds)
        self._venue.disturbance(symbol).stall(until_ms, lost)
        return {"symbol": symbol, "until_ms": until_ms, "lost": lost}

    def duplicate(self, symbol: str, n: int) -> Did:
        """Send the next ``n`` frames of one symbol twice."""
        self._venue.disturbance(symbol).duplicate(_checked("n", n, 1, MAX_COUNT))
        return {"symbol": symbol, "n": n}

    def reorder(self, symbol: str, n: int, window: int = 5) -> Did:
        """Send the next ``n`` frames of one symbol in reverse order within groups of ``window``."""
        self._venue.disturbance(symbol).reorder(_checked("n", n, 1, MAX_COUNT), _checked("window", window, 2, 1_000))
        return {"symbol": symbol, "n": n, "window": window}

    def lag(self, ms: int) -> Did:
        """Send every frame this many milliseconds after its E; 0 ends it."""
        self._venue.lag(_checked("ms", ms, 0, 3_600_000))
        return {"ms": ms}

    def jump(self, symbol: str, bps: float) -> Did:
        """Move one price permanently, which breaks its spreads."""
        self._venue.jump(symbol, _checked("bps", bps, -9_000, 100_000))
        return {"symbol": symbol, "bps": bps}

    def halt(self, seconds: float | None = None) -> Did:
        """Halt trading for this long, or until ``clear``."""
        if seconds is None:
            self._venue.halt()
        else:
            self._venue.halt(_ms(seconds))
        return {"seconds": seconds}

    def disconnect(self, code: int | None = None) -> Did:
        """Close every connection with this code, or abort it."""
        if code is not None and code not in CLOSE_CODES:
            raise FaultRefused(f"code is {code}; expected one that a server may send, such as 1001 or 1012")
        return {"connections": self._sockets.hang_up(code), "code": code}

    def refuse(self, seconds: float) -> Did:
        """Abort every new connection, including HTTP, for this long; ``/sim/`` stays open."""
        self._gate.refuse(_ms(seconds) / 1_000, time.monotonic())
        return {"seconds": seconds}

    def rotate(self, seconds: float) -> Did:
        """Close every connection, after a serverShutdown, at this age; open ones count from now."""
        self._gate.rotate(_ms(seconds) / 1_000)
        self._sockets.renew()
        return {"seconds": seconds, "notice_seconds": self._gate.notice_s}

    def geo_block(self, scope: str = "rest") -> Did:
        """Answer 451 to ``rest``, to ``all`` (new WebSocket connections too), or ``off``."""
        if scope not in ("rest", "all", "off"):
            raise FaultRefused(f"scope is {scope!r}; expected rest, all or off")
        self._gate.blocks_rest, self._gate.blocks_sockets = scope != "off", scope == "all"
        return {"scope": scope}

    def rate_limit(self, seconds: float) -> Did:
        """Respond with 429 for this long, then with 418 to clients that continue."""
        self._weights.block(_ms(seconds) / 1_000, time.time())
        return {"seconds": seconds}

    def clear(self) -> Did:
        """End every fault; held-back frames are sent. A jump stays."""
        self._venue.clear()
        self._gate.clear()
        self._weights.clear()
        return {}


def _checked(name: str, value: Number, low: float, high: float) -> Number:
    if not low <= value <= high:
        raise FaultRefused(f"{name} is {value}; expected a number from {low:g} to {high:g}")
    return value


def _ms(seconds: float) -> int:
    return math.ceil(_checked("seconds", seconds, 0.001, MAX_SECONDS) * 1_000)
