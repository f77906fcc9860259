"""The connections, and when each market was last active."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.intake.messages import Beat, Hello

MAX_MARKETS = 64  # including those in the store: each costs memory and a part of every /health


@dataclass(slots=True)
class Bridge:
    """One connection; unauthenticated until it has said hello."""

    opened_ms: int
    hello: Hello | None = None
    last_number: int | None = None
    in_flight: int = 0
    beat: Beat | None = None
    beat_ms: int = 0
    owes_stored: bool = False
    stored_ms: int = 0


@dataclass(slots=True)
class Market:
    """The state of one market across its bridges."""

    sign_ms: int | None = None
    last_word: str = ""
    is_up: bool = False
    high_water: dict[str, int] = field(default_factory=dict)


class Registry:
    """All connections by number, all markets by name."""

    def __init__(self, high_water: Mapping[str, Mapping[str, int]]) -> None:
        """``high_water``: greatest id ever stored, by market and symbol."""
        self.bridges: dict[int, Bridge] = {}
        self.markets = {market: Market(high_water=dict(ids)) for market, ids in high_water.items()}

    def unauthenticated(self) -> list[int]:
        """Connections that have not said hello, oldest first."""
        return [conn for conn, bridge in self.bridges.items() if bridge.hello is None]

    def has_room(self, name: str) -> bool:
        """Whether a market may be registered; always true for a registered one. Those of connected bridges count: what
        a helper sends first registers its market."""
        taken = {bridge.hello.market for bridge in self.bridges.values() if bridge.hello is not None}
        return name in self.markets or len(taken | {*self.markets, name}) <= MAX_MARKETS

    def market(self, name: str) -> Market:
        """A market; registers it at its first mention."""
        return self.markets.setdefault(name, Market())

    def high_water(self, name: str) -> Mapping[str, int]:
        """The greatest ids of a market; empty for one that is not registered."""
        return self.markets[name].high_water if name in self.markets else {}

    def live(self, market: str) -> list[Bridge]:
        """The bridges of a market's live stream, without helpers (history only)."""
        bridges = self.bridges.values()
        return [b for b in bridges if b.hello is not None and b.hello.market == market and not b.hello.helper]

    def sign(self, hello: Hello, now_ms: int) -> None:
        """Records activity of the client of this hello."""
        if not hello.helper:
            self.market(hello.market).sign_ms = now_ms
