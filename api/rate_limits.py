"""How many requests a second one token or address may send: a token bucket for each."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

BURST_S = 2.0  # requests of so many seconds at once
MOST_KNOWN = 4_096  # buckets; the one that was used longest ago goes


class RateLimits:
    """``allow`` takes one request out of a bucket. Used by one event loop."""

    def __init__(self, per_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._most = max(per_s * BURST_S, 1.0)
        self._now_s = now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests left, and when

    def allow(self, who: str) -> float:
        """0 where the request may go on, else in how many seconds it may."""
        now_s = self._now_s()
        left, at_s = self._buckets.pop(who, (self._most, now_s))
        left = min(left + (now_s - at_s) * self._per_s, self._most)
        is_allowed = left >= 1.0
        self._buckets[who] = (left - 1.0 if is_allowed else left, now_s)
        if len(self._buckets) > MOST_KNOWN:
            self._buckets.popitem(last=False)
        return 0.0 if is_allowed else (1.0 - left) / self._per_s
