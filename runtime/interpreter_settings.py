"""How Python divides a process's time: between its threads, and with its search for garbage in cycles."""

from __future__ import annotations

import gc
import sys

_NEW_OBJECTS = 10_000  # few enough that a search stays short: a crowd's handshakes are in cycles
_TURN_S = 0.001


def apply_interpreter_settings() -> None:
    """Call it once everything is made that lives as long as the process.

    Garbage: Python searches after every 700 new objects, and ever and again through all there are. A batch of 500
    trades makes 2,000 that are in no cycle and die with their commit (``python -m bench store`` shows the speed).

    Threads: one that comes back from the disk waits for its turn, by default up to 5 ms, and a commit comes back a
    dozen times. Shorter turns cost little speed (``python -m bench hostile`` shows the waits beside a busy loop).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    sys.setswitchinterval(_TURN_S)
