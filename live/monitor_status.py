"""Whether a monitor works, for display."""

from __future__ import annotations


class MonitorStatus:
    """``problem``: why the last step failed. ``version`` grows whenever displayed data may have changed."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.version = 0

    def fail(self, problem: str) -> None:
        """Record why the monitor cannot continue."""
        self.problem = problem
        self.version += 1

    def recovered(self) -> None:
        """A step has succeeded."""
        if self.problem is not None:
            self.problem = None
            self.version += 1
