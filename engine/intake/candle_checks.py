"""How often fetched candles and our own ticks said the same since the server started, by market."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.market.candle_check import CandleDifference

SHOWN = 5  # of the differences, the newest


@dataclass(slots=True)
class _Count:
    compared: int = 0
    differing: int = 0
    newest: deque[CandleDifference] = field(default_factory=lambda: deque(maxlen=SHOWN))


class CandleChecks:
    """Of all markets. Which of the two is right is not judged: ticks are used wherever they are whole."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def compared(self, market: str, bars: int, found: Sequence[CandleDifference]) -> None:
        """So many bars of a market were compared, and these differ."""
        count = self._counts.setdefault(market, _Count())
        count.compared += bars
        count.differing += len(found)
        count.newest.extend(found)

    def count(self, market: str) -> tuple[int, int]:
        """Bars compared, and of those the differing ones."""
        count = self._counts.get(market, _Count())
        return count.compared, count.differing

    def newest(self, market: str) -> CandleDifference | None:
        """The difference that was found last."""
        count = self._counts.get(market)
        return count.newest[-1] if count is not None and count.newest else None

    def health(self, market: str) -> dict[str, Any]:
        """As plain JSON values."""
        count = self._counts.get(market, _Count())
        return {
            "compared": count.compared, "differing": count.differing,
            "differences": [each._asdict() for each in count.newest],
        }  # fmt: skip
