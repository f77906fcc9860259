"""The thread that runs a monitor's steps while the dashboard is running."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from engine.errors import FolderMissing, PairbridgeError, StoreError
from live.monitor import Monitor

log = logging.getLogger("pairbridge.monitor")

POLL_S = 0.004
BUSY_TICKS, BUSY_S = 8, 0.010  # a step has a price of its own, so one that found many waits for more
BREATH_S = 0.001  # between two steps of a backlog: an immediately reacquired lock starves the other threads
RETRY_S = 2.0


class MonitorThread:
    """``with MonitorThread(monitor, changed):`` steps until the block ends; ``changed`` is called from the thread."""

    def __init__(
        self, monitor: Monitor, changed: Callable[[], None], gone: Callable[[FolderMissing], None] = lambda _: None
    ) -> None:
        """``gone`` is called when the data folder was deleted: the process must then exit."""
        self._monitor = monitor
        self._changed = changed
        self._gone = gone
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def __enter__(self) -> MonitorThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._monitor.close()

    def _run(self) -> None:
        version = -1
        while not self._ending.is_set():
            try:
                more = self._monitor.step()
            except FolderMissing as error:
                self._monitor.fail(str(error))
                self._gone(error)
                return
            except StoreError as error:  # a file was deleted, damaged or locked, or the disk is full
                log.error("%s; the monitor resumes from the last saved position", error)
                more = self._fail(error)
            except Exception as error:
                log.exception("the monitor failed; it resumes from the last saved position")
                more = self._fail(error)
            else:
                self._monitor.recovered()
            if self._monitor.version != version:
                version = self._monitor.version
                self._changed()
            is_busy = self._monitor.step_ticks >= BUSY_TICKS
            self._ending.wait(BREATH_S if more else BUSY_S if is_busy else POLL_S)

    def _fail(self, error: Exception) -> bool:
        self._monitor.fail(f"{error}" if isinstance(error, PairbridgeError) else f"{type(error).__name__}: {error}")
        self._changed()
        self._ending.wait(RETRY_S)
        return False
