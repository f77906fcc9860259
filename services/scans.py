"""Scans of a universe: one at a time, its bars fetched where they are missing, with stored results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SettingsError
from engine.scan.request import ScanRequest, ScanState
from engine.scan.settings import ScanSettings
from engine.store.scans import ScanStore, ScanSummary
from engine.store.trials import TrialStore
from services.jobs import Jobs, Json, OneAtATime
from services.requests import Changed, not_logged
from services.trial_counts import trial_of_scan


@dataclass(frozen=True, slots=True)
class BridgeAddress:
    """Where the bridge server is. ``token`` gives what it made, None before its first start."""

    url: str
    token: Callable[[], str | None]


class ScanService:
    """Starts, follows and cancels scans of one data folder. Any thread may call."""

    def __init__(
        self,
        jobs: Jobs,
        store: ScanStore,
        trials: TrialStore,
        data_dir: Path,
        require_owner: Callable[[], None],
        bridge: BridgeAddress,
        changed: Changed = not_logged,
    ) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only; ``bridge`` is asked for candles. Every
        tested pair is counted in ``trials``; ``changed`` logs a change."""
        self._scan = OneAtATime(jobs, "services.scan_job:run_scan", "a scan is running; wait for it or cancel it")
        self._changed = changed
        self._store = store
        self._trials = trials
        self._data_dir = data_dir
        self._require_owner = require_owner
        self._bridge = bridge

    def start(self, request: ScanRequest) -> None:
        """Start a scan. Raises NotAllowed, and JobBusy while one is running."""
        self._require_owner()
        values = {
            "data_dir": str(self._data_dir.resolve()), "scan": request.to_json(),
            "bridge_url": self._bridge.url, "bridge_token": self._bridge.token(),
        }  # fmt: skip
        self._scan.start(values, partial(self._keep, request))
        self._changed("start a scan", None, json.loads(request.to_json()))

    def cancel(self) -> None:
        """Cancel the running scan, if any. Raises NotAllowed."""
        self._require_owner()
        if self._scan.cancel():
            self._changed("cancel the scan", None, None)

    def state(self) -> ScanState:
        """The current state of the scan."""
        job = self._scan.state()
        return (
            ScanState()
            if job is None
            else ScanState(job.phase, job.stage, job.done, job.total, job.result, job.problem)
        )

    def earlier(self, limit: int = 50) -> list[ScanSummary]:
        """Stored scans, the newest first."""
        return self._store.newest(limit)

    def result(self, scan_id: int) -> dict[str, Any] | None:
        """A stored result."""
        return self._store.result(scan_id)

    def _keep(self, request: ScanRequest, result: Json) -> int:
        now_ms = time.time_ns() // 1_000_000
        self._trials.add(now_ms, [trial_of_scan(request, result)])  # first: what is shown was counted
        return self._store.add(now_ms, result).scan_id


def scan_request(
    market: str, interval_ms: int, span_ms: int, symbols: int, quote: str, settings: dict[str, Any]
) -> ScanRequest:  # fmt: skip
    """A request from plain values; ``settings``: those that differ. Raises SettingsError."""
    try:
        chosen = msgspec.convert(settings, ScanSettings)
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"settings are {str(settings)[:80]}: {error}") from None
    return ScanRequest(market, interval_ms, span_ms, chosen, symbols, quote)
