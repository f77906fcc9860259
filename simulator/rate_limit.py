"""Request weights: a limit per minute, then 429, and 418 for clients that continue."""

from __future__ import annotations

import math
from typing import NamedTuple

MINUTE_S = 60.0


class Charge(NamedTuple):
    """The result for one request: 200, 429 or 418; the weight used this minute; the retry time."""

    status: int
    used: int
    retry_after_s: int = 0


class RequestWeights:
    """Weight used in the current wall-clock minute, or another window, by the only address."""

    def __init__(self, limit: int, ban_after: int, ban_s: float, window_s: float = MINUTE_S) -> None:
        self._limit = limit
        self._window_s = window_s
        self._ban_after = ban_after
        self._ban_s = ban_s
        self._minute = -1
        self._used = 0
        self._ignored = 0
        self._blocked_until_s = 0.0
        self._banned_until_s = 0.0

    @property
    def banned_until_s(self) -> float:
        """When the last ban ends, in seconds since 1970; 0 when there was none."""
        return self._banned_until_s

    def charge(self, weight: int, now_s: float) -> Charge:
        """Count a request at ``now_s`` seconds since 1970. Refused requests count too, as on Binance."""
        minute = int(now_s // self._window_s)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        if now_s < self._banned_until_s:
            return Charge(418, self._used, math.ceil(self._banned_until_s - now_s))
        self._used += weight
        free_at_s = max(self._blocked_until_s, (minute + 1) * self._window_s if self._used > self._limit else 0.0)
        if now_s >= free_at_s:
            self._ignored = 0
            return Charge(200, self._used)
        self._ignored += 1
        if self._ignored > self._ban_after:
            self._banned_until_s, self._ignored = now_s + self._ban_s, 0
            return Charge(418, self._used, math.ceil(self._ban_s))
        return Charge(429, self._used, math.ceil(free_at_s - now_s))

    def block(self, seconds: float, now_s: float) -> None:
        """Respond with 429 for this long, regardless of the weight used."""
        self._blocked_until_s = now_s + seconds

    def clear(self) -> None:
        """End an imposed block or ban."""
        self._blocked_until_s = self._banned_until_s = 0.0
        self._ignored = 0
