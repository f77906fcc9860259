"""Work that cannot be cancelled (a name is looked up, a library sends) in threads of its own: one that hangs holds up
neither the loop, nor the others, nor the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Daemon threads, counted by what they work for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: Counter[str] = Counter()

    def live(self) -> set[str]:
        """For whom a thread works now, awaited or not."""
        with self._lock:
            return {key for key, count in self._live.items() if count}

    async def run(self, key: str, work: Callable[[], T]) -> T:
        """The result of ``work``; if this is cancelled, the thread goes on alone, and ``live`` still tells its key."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]

        def target() -> None:
            result: T | None = None
            failure: BaseException | None = None
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - handed to the one who waits
                failure = error
            with self._lock:
                self._live[key] -= 1
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(settle, result, failure)

        with self._lock:
            self._live[key] += 1
        threading.Thread(target=target, name="delivery", daemon=True).start()
        return await done
