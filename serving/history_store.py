"""Carries out what the intake asks for of history that is not ticks, beside the commit queue, one thing at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from engine.errors import StoreError
from engine.intake.actions import Action, FetchBars, ReadSpans, StoreBars, StoreFunding
from engine.intake.history_desk import HistoryDesk
from engine.intake.intake import Intake
from engine.store.interface import TickWriter
from feeds.rate_limit import HistoryError
from feeds.server_backfill import ServerBackfill

log = logging.getLogger("pairbridge.server")

RETRY_S = 0.5
Work = ReadSpans | FetchBars | StoreBars | StoreFunding


class HistoryStore:
    """Between the intake, the writer and the exchange. What cannot be stored yet is tried again until it can."""

    def __init__(
        self, writer: TickWriter, intake: Intake, own: ServerBackfill, perform: Callable[[list[Action]], None],
        now_ms: Callable[[], int], stored: Callable[[], None],
    ) -> None:  # fmt: skip
        """``perform`` carries out what the intake answers; ``now_ms``: its clock; ``stored`` is called whenever
        something was."""
        self._writer = writer
        self._intake = intake
        self._own = own
        self._perform = perform
        self._now_ms = now_ms
        self._stored = stored
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, action: Work) -> None:
        """Begin with it, or wait for its turn."""
        task = asyncio.create_task(self._fetch(action) if isinstance(action, FetchBars) else self._store(action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what has not been stored: whoever brought it brings it again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _desk(self) -> HistoryDesk:
        return self._intake.history

    async def _fetch(self, asked: FetchBars) -> None:
        try:
            bars = await self._own.bars(asked.market, asked.span, asked.urgent)
        except HistoryError as error:
            actions = self._desk.not_fetched(asked.market, asked.span, str(error), self._now_ms())
        else:
            actions = self._desk.fetched(asked.market, asked.span, bars)
        self._perform(actions)

    async def _store(self, action: ReadSpans | StoreBars | StoreFunding) -> None:
        async with self._turn:
            if isinstance(action, ReadSpans):
                spans = await self._tried(lambda: self._writer.bar_spans(action.market, *action.span))
                actions = self._desk.spans_known(action.market, action.span, spans, self._now_ms())
            elif isinstance(action, StoreBars):
                stored = await self._tried(lambda: self._writer.store_bars(action.market, action.bars))
                actions = self._intake.bars_stored(action, stored, self._now_ms())
            else:
                count = await self._tried(lambda: self._writer.store_funding(action.market, action.rows))
                actions = self._intake.funding_stored(action, count)
        self._perform(actions)
        self._stored()

    async def _tried(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        while True:
            try:
                return await work()
            except StoreError as error:  # the commit queue tells it too, in /health
                log.error("%s; history waits", error)
                await asyncio.sleep(RETRY_S)
