"""What a fill costs, and how an exchange rounds it.

All costs are fractions of a fill's value at its reference price, by the one formula that the live cost filter uses
(``engine.pairs.costs``); impact, which depends on the order's size, comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from engine.pairs.costs import fill_cost
from engine.pairs.settings import PairSettings
from engine.stats.checks import positive

TIERS = ("taker", "maker")


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of every fill, in basis points of its value.

    ``half_spread_bps`` is charged where a bar has no quotes, or on every bar without ``use_quotes``; None: every bar
    that fills has to have quotes. ``impact_bps`` is that of a fill as large as the volume of its bar, and grows with
    the square root of its share of it. ``tier`` maker: fills pay ``maker_fee_bps`` at the mid, the half-spread earned
    being lost to adverse selection; whether a resting order is reached at all is not modelled."""

    fee_bps: float = 5.0
    half_spread_bps: float | None = 0.0
    slippage_bps: float = 0.0
    impact_bps: float = 0.0
    tier: str = "taker"
    maker_fee_bps: float = 2.0
    use_quotes: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for costs that are negative or not finite."""
        for name in ("fee_bps", "half_spread_bps", "slippage_bps", "impact_bps", "maker_fee_bps"):
            if getattr(self, name) is not None:
                positive(getattr(self, name), name, zero=True)
        if self.half_spread_bps is None and not self.use_quotes:
            raise ValueError("half_spread_bps is None without use_quotes; expected a number")
        if self.tier not in TIERS:
            raise ValueError(f"tier is {self.tier!r}; expected {' or '.join(TIERS)}")

    @property
    def charged_fee(self) -> float:
        """The fee of the tier, a fraction."""
        return (self.maker_fee_bps if self.tier == "maker" else self.fee_bps) * 1e-4

    @property
    def fraction(self) -> float:
        """Fee, half-spread and slippage of a bar without quotes, as a fraction of a fill's value; NaN if unknown."""
        return float(fill_cost(self.charged_fee, self.fixed_half, self.slippage_bps * 1e-4))

    @property
    def fixed_half(self) -> float:
        """The half-spread of a bar without quotes, a fraction; NaN if unknown."""
        if self.tier == "maker":
            return 0.0
        return math.nan if self.half_spread_bps is None else self.half_spread_bps * 1e-4

    @classmethod
    def of(cls, settings: PairSettings) -> Costs:
        """Those that the settings' own cost filter counts. A half-spread that is set holds on every bar; one that is
        measured has to be known on every bar that fills."""
        half = settings.half_spread_bps
        return cls(settings.fee_bps, half, settings.slippage_bps, use_quotes=half is None)

    def in_filter(self, settings: PairSettings) -> PairSettings:
        """The settings with a cost filter that counts these costs; the half-spreads come with the bars."""
        fee_bps = self.maker_fee_bps if self.tier == "maker" else self.fee_bps
        return _with_costs(settings, fee_bps, self.slippage_bps)


@lru_cache(maxsize=64)  # twins and folds ask for the same one each time, and it is checked whole
def _with_costs(settings: PairSettings, fee_bps: float, slippage_bps: float) -> PairSettings:
    return replace(settings, fee_bps=fee_bps, slippage_bps=slippage_bps, half_spread_bps=None)


@dataclass(frozen=True, slots=True)
class Instrument:
    """How an exchange rounds orders of a symbol: ``tick`` of its price and ``min_notional`` in quote currency, ``lot``
    in coins. 0: not at all."""

    tick: float = 0.0
    lot: float = 0.0
    min_notional: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that are negative or not finite."""
        for name in ("tick", "lot", "min_notional"):
            positive(getattr(self, name), name, zero=True)

    @classmethod
    def from_exchange_info(cls, symbol: Mapping[str, Any]) -> Instrument:
        """From the entry of a symbol in Binance's ``exchangeInfo``, spot or futures. A market order's lot, where there
        is one, applies beside the ordinary: the coarser is taken. Raises ValueError without filters.

        >>> Instrument.from_exchange_info({"symbol": "ETHUSDT", "filters": [
        ...     {"filterType": "PRICE_FILTER", "tickSize": "0.01"}, {"filterType": "LOT_SIZE", "stepSize": "0.001"},
        ...     {"filterType": "MIN_NOTIONAL", "notional": "20"}]})
        Instrument(tick=0.01, lot=0.001, min_notional=20.0)
        """
        filters = {each["filterType"]: each for each in symbol.get("filters", ())}
        if "PRICE_FILTER" not in filters or "LOT_SIZE" not in filters:
            raise ValueError(
                f"{symbol.get('symbol')!r} has the filters {sorted(filters)}; expected PRICE_FILTER and LOT_SIZE"
            )
        least = filters.get("MIN_NOTIONAL") or filters.get("NOTIONAL") or {}
        lots = [float(filters[name]["stepSize"]) for name in ("LOT_SIZE", "MARKET_LOT_SIZE") if name in filters]
        notional = float(least.get("notional", least.get("minNotional", 0.0)))
        return cls(float(filters["PRICE_FILTER"]["tickSize"]), max(lots), notional)
