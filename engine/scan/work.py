"""Work in slices over threads, with progress, and a look at whether it is still wanted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from engine.errors import PairbridgeError

Progress: TypeAlias = Callable[[int, int], object]
IsCancelled: TypeAlias = Callable[[], bool]


class ScanCancelled(PairbridgeError):
    """The scan was asked to stop; there is no result."""


def work_off(
    part: Callable[[slice], object],
    total: int,
    chunk: int,
    threads: int,
    progress: Progress | None = None,
    is_cancelled: IsCancelled | None = None,
) -> None:
    """Call ``part`` with each slice of ``chunk`` pairs of ``total``, on threads; what it raises is raised here.

    After each slice, in their order, ``is_cancelled`` is asked and ``progress(done, total)`` called, on this thread.
    Raises ScanCancelled.
    """
    slices = [slice(start, min(start + chunk, total)) for start in range(0, total, chunk)]
    pool = ThreadPoolExecutor(threads)
    try:
        done = 0
        for here, future in [(here, pool.submit(part, here)) for here in slices]:
            if is_cancelled is not None and is_cancelled():
                raise ScanCancelled(f"cancelled after {done} of {total} pairs")
            future.result()
            done = here.stop
            if progress is not None:
                progress(done, total)
    finally:
        pool.shutdown(cancel_futures=True)
