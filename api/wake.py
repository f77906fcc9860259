"""Wakes a loop of the dashboard from any thread."""

from __future__ import annotations

import asyncio


class Wake:
    """Set by those who know of news, waited for by one loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()

    def set(self) -> None:
        """There may be news. Any thread may call."""
        if self._loop is None:
            self._event.set()  # nobody waits yet
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, within_s: float) -> None:
        """Return when it was set since the last return, at the latest after so many seconds."""
        self._loop = asyncio.get_running_loop()
        late = self._loop.call_later(within_s, self._event.set)
        try:
            await self._event.wait()
        finally:
            late.cancel()
        self._event.clear()
