"""Ids of refused rows, so that a gap of only such rows gets its reason at the first import."""

from __future__ import annotations

from collections import OrderedDict

from engine.market.records import GapUpdate

MAX_IDS = 100_000  # of all symbols, the newest


class RefusedRows:
    """Reasons by market, symbol and id."""

    def __init__(self, limit: int = MAX_IDS) -> None:
        self._limit = limit
        self._reasons: OrderedDict[tuple[str, str, int], str] = OrderedDict()

    def add(self, market: str, symbol: str, agg_id: int, reason: str) -> None:
        """A row with this id was refused."""
        self._reasons[market, symbol, agg_id] = reason
        if len(self._reasons) > self._limit:
            self._reasons.popitem(last=False)

    def reason(self, news: GapUpdate) -> str | None:
        """Why no id of this gap can be used; None while some missing ids have not arrived. O(refused ids)."""
        reason = None
        for run in news.missing:
            for agg_id in range(run.first, run.last + 1):
                reason = self._reasons.get((news.market, news.symbol, agg_id))
                if reason is None:  # stops early for long gaps: counts the received ids one by one
                    return None
        return reason
