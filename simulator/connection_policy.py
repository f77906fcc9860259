"""Connection faults: which connections are allowed, and for how long. No I/O."""

from __future__ import annotations


class ConnectionPolicy:
    """Times are monotonic seconds, passed by the caller."""

    def __init__(self, rotation_s: float, notice_s: float, geo_block: bool) -> None:
        self._normal = (rotation_s, notice_s)
        self._refused_until_s = 0.0
        self.rotation_s = rotation_s
        self.notice_s = min(notice_s, rotation_s / 2)
        self.blocks_rest = geo_block
        self.blocks_sockets = False

    def refuse(self, seconds: float, now_s: float) -> None:
        """Refuse connections for this long."""
        self._refused_until_s = now_s + seconds

    def refuses(self, now_s: float) -> bool:
        """Whether a new connection is dropped without a response."""
        return now_s < self._refused_until_s

    def rotate(self, seconds: float) -> None:
        """Limit the age of connections to this, instead of 24 hours; existing ones count from now."""
        self.rotation_s = seconds
        self.notice_s = min(self._normal[1], seconds / 2)

    def clear(self) -> None:
        """End every fault, including a geo-block from the settings."""
        self.rotate(self._normal[0])
        self._refused_until_s = 0.0
        self.blocks_rest = self.blocks_sockets = False
