"""The market's clock: the latest plausible trade time."""

from __future__ import annotations

from dataclasses import dataclass

LEEWAY_MS = 300_000
FIRST_LEEWAY_MS = 24 * 3_600_000  # for the first trade after a start: only the local clock applies, and may be wrong


@dataclass(slots=True)
class Watermark:
    """Latest plausible trade time of one market, and the local times of its last change. All in milliseconds.

    ``wall_ms`` survives a restart, ``mono_ms`` does not (None). A time is plausible up to ``LEEWAY_MS`` beyond the
    later of the local wall clock and the watermark plus the time since it moved: so neither a wrong wall clock nor a
    sleeping laptop puts true trades in the future. The time elapsed during a restart is uncertain: ``FIRST_LEEWAY_MS``
    applies until the first trade.
    """

    time_ms: int | None = None
    wall_ms: int = 0
    mono_ms: int | None = None

    def horizon(self, wall_ms: int, mono_ms: int) -> int:
        """The latest plausible trade time now."""
        if self.time_ms is None:
            return wall_ms + FIRST_LEEWAY_MS
        elapsed = max(wall_ms - self.wall_ms, 0)
        if self.mono_ms is None:
            return max(wall_ms, self.time_ms + elapsed) + FIRST_LEEWAY_MS
        return max(wall_ms, self.time_ms + max(elapsed, mono_ms - self.mono_ms)) + LEEWAY_MS

    def advance(self, trade_time_ms: int, wall_ms: int, mono_ms: int) -> None:
        """Move to a plausible trade time; an older one changes nothing."""
        if self.time_ms is None or trade_time_ms > self.time_ms:
            self.time_ms, self.wall_ms, self.mono_ms = trade_time_ms, wall_ms, mono_ms
