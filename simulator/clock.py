"""The exchange's clock: simulated milliseconds as a function of real ones, passed by the caller.

``paced`` follows the real clock at a given speed. ``as_read`` advances one step per call; one that ``meets`` the real
clock becomes paced there.
"""

from __future__ import annotations


class Clock:
    """Stopped until it is started."""

    def __init__(self, speed: float = 1.0, *, as_read: bool = False, meets: bool = False, step_ms: int = 1_000) -> None:
        self._speed = speed
        self._meets = meets
        self._step_ms = step_ms
        self._anchor: tuple[int, float] | None = None
        self.as_read = as_read
        self.now_ms = 0

    @property
    def started(self) -> bool:
        """Whether simulated time has started."""
        return self._anchor is not None

    def start(self, now_ms: int, real_ms: float) -> None:
        """Simulated time is ``now_ms`` at the real time ``real_ms``."""
        self.now_ms = now_ms
        self._anchor = (now_ms, real_ms)

    def advance(self, real_ms: float) -> int:
        """The simulated time now; it never goes backwards. In ``as_read`` each call is one step."""
        if self._anchor is None:
            raise ValueError("the clock has not been started")
        if self.as_read:
            self.now_ms += self._step_ms
            if self._meets and self.now_ms >= real_ms:
                self.as_read = False
                self.start(int(real_ms), real_ms)
            return self.now_ms
        begun_ms, anchored_ms = self._anchor
        self.now_ms = max(self.now_ms, int(begun_ms + (real_ms - anchored_ms) * self._speed))
        return self.now_ms
