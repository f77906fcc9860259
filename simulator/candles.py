"""One-minute candles of everything that one symbol has traded, and the wider ones made of them.

Candles outlive the trades: the exchange gives trades for two days and candles for years. Prices and volumes are whole
units of the last decimal of tick and lot, so that sums are exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.trade_history import Rows, TradeHistory

MINUTE_MS = 60_000

CANDLES = np.dtype(
    [
        ("time_ms", "i8"), ("open", "i8"), ("high", "i8"), ("low", "i8"), ("close", "i8"), ("volume", "i8"),
        ("quote", "f8"), ("count", "i8"), ("taker", "i8"), ("taker_quote", "f8"), ("first_id", "i8"), ("last_id", "i8"),
    ]
)  # fmt: skip

Ints = npt.NDArray[np.int64]
Candles = npt.NDArray[Any]
"""Candles of one symbol, dtype ``CANDLES``, times rising. ``taker``: what takers bought of the volume."""


def decimals_of(step: str) -> int:
    """Decimals of a tick or lot: 2 for ``0.10``."""
    return len(step.partition(".")[2])


class CandleBook:
    """The candles of the trades of one symbol."""

    def __init__(self, history: TradeHistory, tick: str, lot: str) -> None:
        self._history = history
        self.price_decimals, self.lot_decimals = decimals_of(tick), decimals_of(lot)
        self._traded = np.empty(0, CANDLES)
        self._next_id = -1

    def minutes(self, past: Candles) -> Candles:
        """Every minute in which it traded, after those of the ``past`` from before its first trade."""
        self.catch_up()
        before = past if not len(self._traded) else past[past["time_ms"] < self._traded["time_ms"][0]]
        return np.concatenate([before, self._traded])

    def catch_up(self) -> None:
        """Take the trades made since; call it before any are forgotten."""
        rows = self._history.from_id(self._next_id, self._history.count)
        if len(rows):
            self._next_id = int(rows["id"][-1]) + 1
            self._traded = grouped(np.concatenate([self._traded, self._of_trades(rows)]), MINUTE_MS)

    def lose(self, times_ms: Ints) -> None:
        """Trades of these times, which the history has just lost, were never made."""
        minutes = np.unique(times_ms // MINUTE_MS * MINUTE_MS)
        kept = self._traded[~np.isin(self._traded["time_ms"], minutes)]
        left = [self._of_trades(self._history.between(int(at), int(at) + MINUTE_MS - 1)) for at in minutes]
        self._traded = grouped(np.concatenate([kept, *left]), MINUTE_MS)

    def _of_trades(self, rows: Rows) -> Candles:
        """Each trade as a candle of its own, in id order."""
        found = np.empty(len(rows), CANDLES)
        price = rows["price"] * 10 ** (self.price_decimals - rows["price_decimals"].astype(np.int64))
        volume = rows["quantity"] * 10 ** (self.lot_decimals - rows["quantity_decimals"].astype(np.int64))
        quote = price * (volume / 10.0 ** (self.price_decimals + self.lot_decimals))
        found["time_ms"] = rows["time_ms"]
        for name in ("open", "high", "low", "close"):
            found[name] = price
        found["volume"], found["quote"], found["count"] = volume, quote, 1
        found["taker"] = np.where(rows["maker"], 0, volume)
        found["taker_quote"] = np.where(rows["maker"], 0.0, quote)
        found["first_id"] = found["last_id"] = rows["id"]
        return found


def grouped(candles: Candles, width_ms: int) -> Candles:
    """Candles of one width, from narrower ones in the order in which they were made; a stretch without any has none."""
    if not len(candles):
        return candles
    opens = candles["time_ms"] // width_ms * width_ms
    order = np.argsort(opens, kind="stable")
    sorted_, opens = candles[order], opens[order]
    begins = np.flatnonzero(np.r_[True, opens[1:] != opens[:-1]])
    ends = np.r_[begins[1:], len(opens)] - 1
    found = np.empty(len(begins), CANDLES)
    found["time_ms"] = opens[begins]
    found["open"], found["close"] = sorted_["open"][begins], sorted_["close"][ends]
    found["high"] = np.maximum.reduceat(sorted_["high"], begins)
    found["low"] = np.minimum.reduceat(sorted_["low"], begins)
    for name in ("volume", "quote", "count", "taker", "taker_quote"):
        found[name] = np.add.reduceat(sorted_[name], begins)
    found["first_id"] = np.minimum.reduceat(sorted_["first_id"], begins)
    found["last_id"] = np.maximum.reduceat(sorted_["last_id"], begins)
    return found


def without_gaps(candles: Candles, width_ms: int, until_ms: int) -> Candles:
    """The same candles, with one of no volume at the close before wherever nothing was traded, as the exchange gives
    them; up to the one that holds ``until_ms``."""
    if not len(candles):
        return candles
    first_ms = int(candles["time_ms"][0])
    opens = np.arange(first_ms, max(until_ms, int(candles["time_ms"][-1])) + 1, width_ms)
    at = np.searchsorted(candles["time_ms"], opens, side="right") - 1
    found = candles[at]
    quiet = found["time_ms"] != opens
    for name in ("open", "high", "low"):
        found[name][quiet] = found["close"][quiet]
    for name in ("volume", "quote", "count", "taker", "taker_quote"):
        found[name][quiet] = 0
    found["time_ms"] = opens
    return found
