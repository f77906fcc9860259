"""The thread that runs a monitor's steps while the dashboard is running."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from engine.errors import FolderMissing, PairbridgeError, StoreError
from live.monitor import Monitor

log = logging.getLogger("pairbridge.monitor")

POLL_S = 0.004
TURN_S = 0.016  # from a step that found trades to the next: about a frame of a display, and a step has its own price
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
            began_s = time.monotonic()
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
            rest_s = began_s + TURN_S - time.monotonic() if self._monitor.step_ticks else POLL_S
            self._ending.wait(BREATH_S if more else max(rest_s, BREATH_S))

    def _fail(self, error: Exception) -> bool:
        self._monitor.fail(f"{error}" if isinstance(error, PairbridgeError) else f"{type(error).__name__}: {error}")
        self._changed()
        self._ending.wait(RETRY_S)
        return False
