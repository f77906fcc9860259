"""Tells clients that asked for it how far their wants are, when that has changed, twice a second at most."""

from __future__ import annotations

from engine.intake.actions import Action, Send
from engine.intake.bar_history import BarHistory, ClientProgress
from engine.intake.messages import encode

TELL_EVERY_MS = 500
SHOWN = 20  # problems of one message


class WantProgress:
    """Of all clients."""

    def __init__(self, bars: BarHistory) -> None:
        self._bars = bars
        self._told: dict[int, tuple[int | None, ClientProgress | None]] = {}  # when, and what

    def follow(self, conn: int, is_told: bool) -> None:
        """A client has sent a list of wants; whether it is to be told about this one."""
        self._told.pop(conn, None)
        if is_told:
            self._told[conn] = (None, None)

    def left(self, conn: int) -> None:
        """A connection is gone."""
        self._told.pop(conn, None)

    def tell(self, now_ms: int) -> list[Action]:
        """What has changed since it was told last."""
        actions: list[Action] = []
        for conn, (at_ms, before) in self._told.items():
            if at_ms is not None and now_ms - at_ms < TELL_EVERY_MS:
                continue
            found = self._bars.progress_of(conn, now_ms)
            if found == before:
                continue
            self._told[conn] = (now_ms, found)
            said = {"wanted": found.wanted, "missing": found.missing, "unknown": found.unknown, "stuck": found.stuck}
            actions.append(Send(conn, encode(type="progress", **said, problems=found.problems[:SHOWN])))
        return actions
