"""Alerts for open dashboards: the newest few, for notifications and sounds; one that no dashboard sees is in the
history."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from services.delivery.channels import Channel
from services.delivery.message import SENT, Message, Outcome

MOST = 50


@dataclass(frozen=True, slots=True)
class BrowserAlert:
    """``number`` grows by one; ``key`` is the same if it is given again."""

    number: int
    key: str
    severity: str
    title: str
    body: str


class BrowserFeed:
    """The channel ``browser``. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alerts: deque[BrowserAlert] = deque(maxlen=MOST)
        self._number = 0
        self.changed: Callable[[], None] = lambda: None  # called after each alert

    @property
    def number(self) -> int:
        """Of the newest; 0 before the first."""
        return self._number

    def since(self, number: int) -> list[BrowserAlert]:
        """Those after this number, the oldest first; at most the newest 50 are kept."""
        with self._lock:
            return [each for each in self._alerts if each.number > number]

    async def send(self, _: Channel, message: Message) -> Outcome:
        """See Outcome."""
        with self._lock:
            if all(each.key != message.key for each in self._alerts):
                self._number += 1
                found = BrowserAlert(self._number, message.key, message.severity, message.title, message.body)
                self._alerts.append(found)
        self.changed()
        return SENT
