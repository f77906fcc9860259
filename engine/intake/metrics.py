"""Counts and ages of incoming rows, per market and symbol. Times are the server's monotonic ms."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from engine.market.records import Receipt

_SILENT_LEAST_MS = 30_000
_SILENT_GAPS = 20.0  # a silence of this many mean intervals has a probability of e^-20
_OTHERS_TRADE_MS = 5_000
_LATENCY_MS = 60_000  # how far back
_LATENCY_COMMITS = 2_000  # the newest at most


@dataclass(slots=True)
class SymbolMetrics:
    """One symbol since the server started."""

    first_ms: int
    last_ms: int
    ticks: int = 0
    last_price: float = 0.0
    last_trade_ms: int = 0
    last_id: int = 0


@dataclass(frozen=True, slots=True)
class Latency:
    """From the exchange's time of a trade to its commit, over the last minute: of the newest trade of each symbol in
    each of ``commits`` commits. The two clocks differ by their skew."""

    p50_ms: int
    p95_ms: int
    commits: int


@dataclass(slots=True)
class MarketMetrics:
    """One market since the server started."""

    received: int = 0
    rejected: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    delays: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_LATENCY_COMMITS))  # (stored, traded)
    symbols: dict[str, SymbolMetrics] = field(default_factory=dict)


class IntakeMetrics:
    """All markets."""

    def __init__(self) -> None:
        self.markets: dict[str, MarketMetrics] = {}

    def received(self, market: str, good: int, rejected: int) -> None:
        """Rows were received."""
        of = self.markets.setdefault(market, MarketMetrics())
        of.received += good + rejected
        of.rejected += rejected

    def stored(self, market: str, receipt: Receipt, now_ms: int) -> None:
        """A batch was committed. Only new ticks update a symbol's trade time and price."""
        of = self.markets.setdefault(market, MarketMetrics())
        of.stored += receipt.stored
        of.duplicates += receipt.duplicates
        of.conflicts += receipt.conflicts
        for tick, count in receipt.newest:
            symbol = of.symbols.get(tick.symbol)
            if symbol is None:
                symbol = of.symbols[tick.symbol] = SymbolMetrics(now_ms, now_ms)
            symbol.ticks += count
            symbol.last_ms = now_ms
            if tick.agg_id >= symbol.last_id:  # the others fill gaps, or come from before the first one
                of.delays.append((now_ms, tick.trade_time_ms))
                symbol.last_id, symbol.last_price, symbol.last_trade_ms = tick.agg_id, tick.price, tick.trade_time_ms

    def last_trade_ms(self, market: str, symbol: str) -> int | None:
        """The trade time of a symbol's newest tick; None where it has not traded since the server started."""
        of = self.markets.get(market)
        known = of.symbols.get(symbol) if of else None
        return None if known is None else known.last_trade_ms

    def latency(self, market: str, now_ms: int, wall_ms: int) -> Latency | None:
        """How long new trades take; None where none was stored in the last minute. ``now_ms`` and ``wall_ms`` are one
        moment on both clocks."""
        of = self.markets.get(market)
        recent = [(at, traded) for at, traded in (of.delays if of else ()) if at > now_ms - _LATENCY_MS]
        if not recent:
            return None
        found = sorted(wall_ms - (now_ms - stored) - traded for stored, traded in recent)
        last = len(found) - 1
        return Latency(found[round(0.5 * last)], found[round(0.95 * last)], len(found))

    def trade_age_ms(self, market: str, now_ms: int) -> int | None:
        """Since the last new tick of any symbol was stored."""
        of = self.markets.get(market)
        return min((now_ms - symbol.last_ms for symbol in of.symbols.values()), default=None) if of else None

    def silent(self, market: str, now_ms: int) -> tuple[str, ...]:
        """Symbols with a silence too long for their trade rate, while another symbol trades."""
        age_ms = self.trade_age_ms(market, now_ms)
        if age_ms is None or age_ms > _OTHERS_TRADE_MS:
            return ()
        found = []
        for name, symbol in self.markets[market].symbols.items():
            mean_gap_ms = (symbol.last_ms - symbol.first_ms) / symbol.ticks
            if now_ms - symbol.last_ms > max(_SILENT_LEAST_MS, _SILENT_GAPS * mean_gap_ms):
                found.append(name)
        return tuple(found)
