"""The settled funding rates of symbols, as the store has them: read once for all pairs in which a symbol is a leg."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.backtest.paper import NO_RATES, Rates
from engine.errors import StoreError
from engine.market.funding import SETTLED
from engine.pairs.run import PairRun
from engine.store.interface import BarReader

log = logging.getLogger("pairbridge.monitor")

FUNDING_EVERY_S = 30.0  # between two looks for new rates

Funding = tuple[Rates, Rates]  # of Y and X
NO_FUNDING: Funding = (NO_RATES, NO_RATES)


@dataclass(slots=True)
class _Known:
    from_ms: int
    looked_s: float  # by the monotonic clock
    rates: Rates


class SettledRates:
    """The rates of every symbol that was asked for. The same object is returned while they are the same."""

    def __init__(self, open_bars: Callable[[], BarReader] | None) -> None:
        """``open_bars`` opens the store; without it there are no rates."""
        self._open_bars = open_bars
        self._known: dict[tuple[str, str], _Known] = {}

    def of(self, run: PairRun, is_fresh: bool = False) -> Funding:
        """The rates of both legs from the run's start on, or from an earlier time; at most FUNDING_EVERY_S old, or as
        the store has them now if they are to be ``is_fresh``. While the store cannot be read, those of before."""
        if self._open_bars is None:
            return NO_FUNDING
        market, start_ms = run.run.market, run.run.start_ms
        y, x = (self._leg(self._open_bars, (market, symbol), start_ms, is_fresh) for symbol in (run.run.y, run.run.x))
        return y, x

    def _leg(
        self, open_bars: Callable[[], BarReader], key: tuple[str, str], start_ms: int, is_fresh: bool
    ) -> Rates:  # fmt: skip
        known, now_s = self._known.get(key), time.monotonic()
        is_new = known is not None and now_s - known.looked_s < FUNDING_EVERY_S and not is_fresh
        if known is not None and is_new and known.from_ms <= start_ms:
            return known.rates
        from_ms = start_ms if known is None else min(known.from_ms, start_ms)
        rates = known.rates if known else NO_RATES
        try:
            found = _read(open_bars, key, from_ms)
        except StoreError as error:
            log.warning("the funding rates of %s were not read: %s", key[1], error)
            found = rates
        if not all(map(np.array_equal, found, rates)):
            rates = found
        self._known[key] = _Known(from_ms, now_s, rates)
        return rates


def _read(open_bars: Callable[[], BarReader], key: tuple[str, str], from_ms: int) -> Rates:
    reader = open_bars()
    try:
        rows = reader.funding(*key, SETTLED, from_ms, 2**62)
    finally:
        reader.close()
    return np.array([each.time_ms for each in rows], dtype=np.int64), np.array(
        [each.rate for each in rows], dtype=float
    )
