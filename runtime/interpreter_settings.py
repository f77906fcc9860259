"""Interpreter settings: thread switching and garbage collection."""

from __future__ import annotations

import ctypes
import gc
import sys

_NEW_OBJECTS = 10_000  # small enough for short collections: many handshakes create cycles
_TURN_S = 0.001
_MMAP_THRESHOLD, _MAPPED_FROM = -3, 128 * 1024  # glibc's name and default


def apply_interpreter_settings() -> None:
    """Call once all long-lived objects have been created.

    Garbage collection: by default Python collects after every 700 new objects, and periodically scans all objects. A
    batch of 500 trades creates 2,000 acyclic objects, freed at their commit (``python -m bench store`` shows the
    speed).

    Threads: after each disk operation a thread waits for the GIL, by default up to 5 ms, and a commit has a dozen disk
    operations. A shorter interval costs little speed (``python -m bench hostile`` shows the waits next to a busy loop).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    sys.setswitchinterval(_TURN_S)


def map_large_arrays() -> None:
    """Keep the size from which an array has pages of its own: spare room of an array then costs no memory.

    glibc raises that size, up to 32 MB, whenever a larger block is freed. Arrays then share recycled pages, all of them
    written, and 190 pairs take up to 60 MB more, by chance (``python -m bench viewers``).
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:  # another C library has none
            mallopt(_MMAP_THRESHOLD, _MAPPED_FROM)
