"""History on demand: an exchange's candles, fetched by whoever can; one request at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from services.history_job import HistoryRequest
from services.jobs import Jobs, JobState, OneAtATime
from services.requests import Changed, not_logged
from services.scans import BridgeAddress


class HistoryService:
    """Starts, follows and cancels. Any thread may call."""

    def __init__(
        self, jobs: Jobs, bridge: BridgeAddress, require_owner: Callable[[], None], changed: Changed = not_logged
    ) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only; ``changed`` logs a change."""
        busy = "history is being fetched; wait for it or cancel it"
        self._fetch = OneAtATime(jobs, "services.history_job:fetch_history", busy)
        self._bridge = bridge
        self._require_owner = require_owner
        self._changed = changed

    def start(self, request: HistoryRequest) -> None:
        """Have bars fetched. Raises NotAllowed, and JobBusy while others are."""
        self._require_owner()
        self._fetch.start(
            {"history": asdict(request), "bridge_url": self._bridge.url, "bridge_token": self._bridge.token()}
        )
        self._changed("fetch history", None, asdict(request))

    def cancel(self) -> None:
        """Stop asking, if anything is asked for; what came is stored. Raises NotAllowed."""
        self._require_owner()
        if self._fetch.cancel():
            self._changed("cancel the history", None, None)

    def state(self) -> JobState:
        """The state of the newest request; ``idle`` before the first."""
        return self._fetch.state() or JobState("idle", "")
