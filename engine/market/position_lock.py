"""A position that the user holds: its line and coins, frozen when the user said so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PositionLock:
    """Coins + for long, prices in quote currency. ``space``: log or price, in which the line y = alpha + beta x holds;
    ``mean`` and ``deviation`` of the spread from it, as they were. ``locked_ms``: the end of the bar whose closes are
    ``y_price`` and ``x_price``."""

    market: str
    y: str
    x: str
    space: str
    beta: float
    alpha: float
    mean: float
    deviation: float
    coins_y: float
    coins_x: float
    y_price: float
    x_price: float
    locked_ms: int
