"""Bars that were not made from ticks, as one market's pipeline knows them at a place in the order of commits."""

from __future__ import annotations

from typing import Any

from engine.market.history import History
from engine.market.intervals import bar_open
from engine.market.records import Event
from engine.market.sourced import SourcedBar

FAR_MS = 2**53


class StandIns:
    """What the events ``bars`` told so far. Nothing that is stored later is seen."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._event_id = 0
        self._spans: dict[str, dict[int, tuple[int, int]]] = {}  # by symbol and width: from when to when there are some

    def __contains__(self, symbol: str) -> bool:
        """Whether a symbol has any."""
        return symbol in self._spans

    def symbols(self) -> list[str]:
        """Those that have any."""
        return list(self._spans)

    def note(self, event: Event) -> tuple[int, int, int]:
        """Take an event ``bars``; returns the width of its bars and from when to when they reach."""
        width_ms, from_ms, to_ms = (int(event.detail[key]) for key in ("width_ms", "from_ms", "to_ms"))
        self._event_id = event.event_id
        spans = self._spans.setdefault(event.symbol or "", {})
        start_ms, end_ms = spans.get(width_ms, (from_ms, to_ms))
        spans[width_ms] = (min(start_ms, from_ms), max(end_ms, to_ms))
        return width_ms, from_ms, to_ms

    def bars(self, symbol: str, width_ms: int, from_ms: int, to_ms: int = FAR_MS) -> list[SourcedBar]:
        """Those of a width that open in ``[from_ms, to_ms)``, rising; rolled up from narrower ones where needed."""
        if self.span(symbol, width_ms) is None:
            return []
        return self._history.sourced_bars(symbol, width_ms, from_ms, to_ms, self._event_id)

    def span(self, symbol: str, width_ms: int) -> tuple[int, int] | None:
        """From when to when there may be bars of a width; None where there is none."""
        known = [span for width, span in self._spans.get(symbol, {}).items() if width_ms % width == 0]
        if not known:
            return None
        return bar_open(min(start for start, _ in known), width_ms), bar_open(max(end for _, end in known), width_ms)

    def state(self) -> dict[str, Any]:
        """What a restart needs, as plain JSON values."""
        spans = {symbol: list(widths.items()) for symbol, widths in self._spans.items()}
        return {"event_id": self._event_id, "spans": spans}

    @classmethod
    def resume(cls, state: dict[str, Any], history: History) -> StandIns:
        """What gave ``state()``."""
        found = cls(history)
        found._event_id = state["event_id"]
        found._spans = {
            symbol: {width: (start, end) for width, (start, end) in widths} for symbol, widths in state["spans"].items()
        }
        return found
