"""When each trade of a recording is due: at a multiple of its own speed, stopped, or second by second."""

from __future__ import annotations

SPEEDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
SECOND_MS = 1_000


class Pace:
    """Stands at a place of the recording and moves as the clock does.

    ``now_s`` of every method is a clock's reading that never goes back. Trades up to ``reached_ms`` are due.
    """

    def __init__(self, begins_ms: int, speed: float, now_s: float, is_stopped: bool = False) -> None:
        """Raises ValueError for a speed that is not offered."""
        if speed not in SPEEDS:
            raise ValueError(f"the speed is {speed:g}; expected one of {', '.join(f'{each:g}' for each in SPEEDS)}")
        self._from_ms = float(begins_ms)
        self._since_s = now_s
        self.speed = speed
        self.is_stopped = is_stopped

    def reached_ms(self, now_s: float) -> float:
        """The time in the recording up to which trades are due."""
        return self._from_ms if self.is_stopped else self._from_ms + (now_s - self._since_s) * 1_000 * self.speed

    def wait_s(self, trade_ms: int, now_s: float) -> float | None:
        """How long until a trade of this time is due; None while stopped before it."""
        left_ms = trade_ms - self.reached_ms(now_s)
        if left_ms <= 0:
            return 0.0
        return None if self.is_stopped else left_ms / 1_000 / self.speed

    def stop(self, now_s: float) -> None:
        """Stay at this place."""
        self._from_ms, self._since_s, self.is_stopped = self.reached_ms(now_s), now_s, True

    def go(self, now_s: float) -> None:
        """Go on from this place."""
        self._from_ms, self._since_s, self.is_stopped = self.reached_ms(now_s), now_s, False

    def step(self, next_ms: int, now_s: float) -> None:
        """Stop at the end of the second in which the next trade is: all trades of that second are due."""
        self.stop(now_s)
        self._from_ms = max(self._from_ms, float(next_ms - next_ms % SECOND_MS + SECOND_MS - 1))

    def change(self, by: int, now_s: float) -> None:
        """A faster (1) or slower (-1) one of ``SPEEDS``; the fastest and the slowest stay."""
        self._from_ms, self._since_s = self.reached_ms(now_s), now_s
        place = min(max(SPEEDS.index(self.speed) + by, 0), len(SPEEDS) - 1)
        self.speed = SPEEDS[place]

    def skip_to(self, trade_ms: int, now_s: float) -> None:
        """Leave out a stretch without trades."""
        self._from_ms, self._since_s = float(trade_ms), now_s
