"""Faults of one symbol's stream, between its trades and the sent frames."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from simulator.frames import Frame
from simulator.trade_history import Rows


class StreamFaults:
    """The faults of one symbol's frames; none initially. Times are those of the exchange."""

    def __init__(self) -> None:
        self.dropped: list[int] = []
        self._drop = 0
        self._forget = False
        self._stalled_until_ms = 0
        self._stall_loses = False
        self._duplicate = 0
        self._reorder = 0
        self._window = 1
        self._held: list[Frame] = []

    def drop(self, count: int, forget: bool) -> None:
        """Omit the next ``count`` trades; with ``forget`` the exchange also deletes them."""
        self._drop, self._forget = count, forget

    def stall(self, until_ms: int, lost: bool) -> None:
        """Send nothing until then; due frames are sent late, or never."""
        self._stalled_until_ms, self._stall_loses = until_ms, lost

    def move(self, later_ms: int) -> None:
        """Move the stall to a changed start of the exchange's time."""
        if self._stalled_until_ms:
            self._stalled_until_ms += later_ms

    def duplicate(self, count: int) -> None:
        """Send the next ``count`` frames twice."""
        self._duplicate = count

    def reorder(self, count: int, window: int) -> None:
        """Send the next ``count`` frames in reverse order within groups of ``window``."""
        self._reorder, self._window = count, window

    def clear(self) -> None:
        """End every fault; held-back frames are sent with the next ones."""
        self._drop = self._duplicate = self._reorder = 0
        self._stalled_until_ms = 0

    def stalls(self, now_ms: int) -> bool:
        """Whether nothing may be sent now."""
        return now_ms < self._stalled_until_ms

    @property
    def holding(self) -> bool:
        """Whether frames wait for their group to be complete."""
        return bool(self._held)

    def passed(self, rows: Rows) -> tuple[Rows, Rows]:
        """The trades to stream, and the ids that the exchange must delete."""
        forgotten = rows["id"][:0]
        if self._stall_loses:
            lost = rows["time_ms"] + rows["lag_ms"] <= self._stalled_until_ms
            self.dropped += rows["id"][lost].tolist()
            rows = rows[~lost]
        if self._drop and len(rows):
            ids = rows["id"][: self._drop]
            self.dropped += ids.tolist()
            forgotten = np.array(ids if self._forget else ids[:0])
            rows = rows[self._drop :]
            self._drop -= len(ids)
        return rows, forgotten

    def sent(self, frames: list[Frame], last: bool) -> list[Frame]:
        """The frames in send order. ``last``: no further frames will complete a group."""
        if self._duplicate and frames:
            twice, self._duplicate = min(self._duplicate, len(frames)), max(self._duplicate - len(frames), 0)
            frames = [frame for frame in frames[:twice] for _ in range(2)] + frames[twice:]
        if self._reorder or self._held:
            frames = self._reordered(frames, last)
        return frames

    def _reordered(self, frames: list[Frame], last: bool) -> list[Frame]:
        self._held += frames[: self._reorder]
        rest, self._reorder = frames[self._reorder :], max(self._reorder - len(frames), 0)
        out: list[Frame] = []
        while len(self._held) >= self._window or (self._held and (last or not self._reorder)):
            group, self._held = self._held[: self._window], self._held[self._window :]
            out += reversed(group)
        out += rest
        # Streams of several symbols are merged by E, which must not decrease within a symbol.
        rising = accumulate((frame.sent_ms for frame in out), max)
        return [frame._replace(sent_ms=sent_ms) for frame, sent_ms in zip(out, rising, strict=True)]
