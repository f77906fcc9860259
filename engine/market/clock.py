"""The market's clock: the latest trade time that can be believed."""

from __future__ import annotations

from dataclasses import dataclass

LEEWAY_MS = 300_000
FIRST_LEEWAY_MS = 24 * 3_600_000  # for the first trade since our start: only our own clock judges, and may be badly set


@dataclass(slots=True)
class Watermark:
    """Latest believable trade time of one market, and when our clocks saw it move. All in milliseconds.

    ``wall_ms`` survives a restart, ``mono_ms`` does not (None). A time is believed up to ``LEEWAY_MS``
    beyond both our wall clock and the watermark plus the time that has passed since it moved: so
    neither a wrong wall clock nor a sleeping laptop makes true trades look like the future. How much has
    passed over a restart nobody knows for sure: until a first trade has come, ``FIRST_LEEWAY_MS`` holds.
    """

    time_ms: int | None = None
    wall_ms: int = 0
    mono_ms: int | None = None

    def horizon(self, wall_ms: int, mono_ms: int) -> int:
        """The latest trade time that would be believed now."""
        if self.time_ms is None:
            return wall_ms + FIRST_LEEWAY_MS
        elapsed = max(wall_ms - self.wall_ms, 0)
        if self.mono_ms is None:
            return max(wall_ms, self.time_ms + elapsed) + FIRST_LEEWAY_MS
        return max(wall_ms, self.time_ms + max(elapsed, mono_ms - self.mono_ms)) + LEEWAY_MS

    def advance(self, trade_time_ms: int, wall_ms: int, mono_ms: int) -> None:
        """Move to a believed trade time; an older one changes nothing."""
        if self.time_ms is None or trade_time_ms > self.time_ms:
            self.time_ms, self.wall_ms, self.mono_ms = trade_time_ms, wall_ms, mono_ms
