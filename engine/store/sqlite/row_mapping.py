"""Rows of ``ticks.db`` as the engine's records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.market.ticks import Tick

TICK_COLUMNS = "agg_id, price, quantity, trade_time_ms, buyer_is_maker, future"


def tick_of(symbol: str, row: Sequence[Any]) -> Tick:
    """A Tick from ``TICK_COLUMNS``."""
    agg_id, price, quantity, trade_time_ms, maker, future = row
    return Tick(symbol, agg_id, price, quantity, trade_time_ms, None if maker is None else bool(maker), bool(future))
