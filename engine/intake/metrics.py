"""Counts and ages of incoming rows, per market and symbol. Times are the server's monotonic ms."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.market.records import Receipt

_SILENT_LEAST_MS = 30_000
_SILENT_GAPS = 20.0  # a silence of this many mean intervals has a probability of e^-20
_OTHERS_TRADE_MS = 5_000


@dataclass(slots=True)
class SymbolMetrics:
    """One symbol since the server started."""

    first_ms: int
    last_ms: int
    ticks: int = 0
    last_price: float = 0.0
    last_trade_ms: int = 0
    last_id: int = 0


@dataclass(slots=True)
class MarketMetrics:
    """One market since the server started."""

    received: int = 0
    rejected: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
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
            if tick.agg_id >= symbol.last_id:
                symbol.last_id, symbol.last_price, symbol.last_trade_ms = tick.agg_id, tick.price, tick.trade_time_ms

    def last_trade_ms(self, market: str, symbol: str) -> int | None:
        """The trade time of a symbol's newest tick; None where it has not traded since the server started."""
        of = self.markets.get(market)
        known = of.symbols.get(symbol) if of else None
        return None if known is None else known.last_trade_ms

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
