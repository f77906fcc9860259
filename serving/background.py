"""Tasks of the server that nobody awaits: the first that fails ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class BackgroundTasks:
    """Started one by one, cancelled together."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed = asyncio.Event()
        self._failure: BaseException | None = None
        self.is_closed = False

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin with it; after ``close`` it is dropped."""
        if self.is_closed:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def failed(self) -> None:
        """Return when a task has failed; ``close`` then raises its error."""
        await self._failed.wait()

    async def close(self) -> None:
        """Cancel what still runs. Raises the error of the first task that had failed."""
        self.is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self._failed.set()
