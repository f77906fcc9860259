"""Scans as the screen starts them: one at a time, in a process of its own, its result kept."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import msgspec

from engine.errors import PairbridgeError
from engine.scan.request import ScanRequest, ScanState
from engine.store.interface import ScanStore, ScanSummary

log = logging.getLogger("pairbridge.scan")

ROOT = Path(__file__).parent.parent
ENDS_WITHIN_S = 5.0
LEAST_PRIORITY = 19


class ScanBusy(PairbridgeError):
    """A scan is running; there is one at a time."""


class ScanService:
    """Starts, follows and cancels scans of one ``ticks.db``. Any thread may call."""

    def __init__(self, ticks_db: Path, shelf: ScanStore) -> None:
        self._ticks_db = ticks_db
        self._shelf = shelf
        self._lock = threading.Lock()
        self._state = ScanState()
        self._child: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    def start(self, request: ScanRequest) -> None:
        """Begin a scan. Raises ScanBusy while one runs."""
        with self._lock:
            if self._state.phase == "running":
                raise ScanBusy("a scan is running; wait for it or cancel it")
            errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - the thread that follows the process closes it
            command = [sys.executable, "-m", "live.scan_job", str(self._ticks_db.resolve())]
            self._child = subprocess.Popen(
                command,
                cwd=ROOT,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                creationflags=getattr(subprocess, "IDLE_PRIORITY_CLASS", 0),  # of Windows
            )
            _put_last(self._child.pid)
            self._state = ScanState("running", "starting", scan_id=self._state.scan_id)
            self._thread = threading.Thread(
                target=self._follow, args=(self._child, request, errors), name="scan", daemon=True
            )
            self._thread.start()

    def cancel(self) -> None:
        """Stop the scan that runs, if one does."""
        with self._lock:
            if self._state.phase == "running" and self._child is not None:
                self._state = replace(self._state, phase="cancelled", stage="")
                self._child.terminate()

    def state(self) -> ScanState:
        """Where the scan stands now."""
        return self._state

    def earlier(self, limit: int = 50) -> list[ScanSummary]:
        """Stored scans, the newest first."""
        return self._shelf.newest(limit)

    def result(self, scan_id: int) -> dict[str, Any] | None:
        """A stored result."""
        return self._shelf.result(scan_id)

    def close(self) -> None:
        """End what runs; returns when it has ended."""
        self.cancel()
        if self._thread is not None:
            self._thread.join(ENDS_WITHIN_S)

    def _follow(self, child: subprocess.Popen[str], request: ScanRequest, errors: IO[str]) -> None:
        """Hand over the request and take in what the process says until it ends."""
        with errors, child:
            assert child.stdin is not None and child.stdout is not None
            try:
                child.stdin.write(request.to_json() + "\n")
                child.stdin.close()
                for line in child.stdout:
                    self._hear(msgspec.json.decode(line))
            except (OSError, msgspec.MsgspecError) as error:
                log.warning("a scan's process broke off: %s", error)
            child.wait()
            errors.seek(0)
            said = errors.read()
        with self._lock:
            if self._state.phase == "running":
                log.error("a scan's process ended with code %s: %s", child.returncode, said)
                problem = f"the scan's process ended with code {child.returncode}; the log file says more"
                self._state = replace(self._state, phase="failed", stage="", problem=problem)

    def _hear(self, message: dict[str, Any]) -> None:
        if "result" in message:
            try:
                stored = self._shelf.add(time.time_ns() // 1_000_000, message["result"])
            except PairbridgeError as error:
                log.exception("a scan's result could not be stored")
                message = {"error": str(error)}
            else:
                self._become("done", scan_id=stored.scan_id)
        if "error" in message:
            self._become("failed", problem=message["error"])
        elif "stage" in message:
            self._become("running", **message)

    def _become(self, phase: str, **changes: Any) -> None:
        """Move on, unless it was cancelled meanwhile."""
        with self._lock:
            if self._state.phase == "running":
                fresh = ScanState(phase, scan_id=self._state.scan_id)
                self._state = replace(fresh, **changes)


def _put_last(pid: int) -> None:
    """Let a process run only when nobody else wants to: the live path comes first, from the scan's imports on."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, pid, LEAST_PRIORITY)
