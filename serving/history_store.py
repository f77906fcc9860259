"""Carries out what the intake asks for of history that is not ticks, beside the commit queue, one thing at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from engine.errors import StoreError
from engine.intake.actions import Action, FetchBars, FetchTickers, ReadSpans, StoreBars, StoreFunding
from engine.intake.history_intake import HistoryIntake
from engine.intake.intake import Intake
from engine.store.interface import Backend, TickWriter
from feeds.rate_limit import HistoryError
from feeds.server_backfill import ServerBackfill
from serving.background import BackgroundTasks
from serving.candle_comparison import CandleComparison

log = logging.getLogger("pairbridge.server")

RETRY_S = 0.5
Work = ReadSpans | FetchBars | FetchTickers | StoreBars | StoreFunding


class HistoryStore:
    """Between the intake, the writer and the exchange. What cannot be stored yet is tried again until it can."""

    def __init__(
        self, backend: Backend, writer: TickWriter, intake: Intake, own: ServerBackfill,
        perform: Callable[[list[Action]], None], now_ms: Callable[[], int], stored: Callable[[], None],
    ) -> None:  # fmt: skip
        """``backend`` is read where candles are compared with ticks; ``perform`` carries out what the intake answers;
        ``now_ms``: its clock; ``stored`` is called whenever something was."""
        self._writer = writer
        self._intake = intake
        self._own = own
        self._perform = perform
        self._now_ms = now_ms
        self._stored = stored
        self._comparison = CandleComparison(backend, intake.metrics.last_trade_ms, intake.history.checks.compared)
        self._turn = asyncio.Lock()
        self._tasks = BackgroundTasks()
        self._bars: list[StoreBars] = []  # that wait for the writer

    def take(self, action: Work) -> None:
        """Begin with it, or wait for its turn; after ``close`` it is dropped: whoever brought it brings it again."""
        if self._tasks.is_closed:
            return
        if isinstance(action, StoreBars):
            self._bars.append(action)
        self._tasks.start(self._done(action))

    async def failed(self) -> None:
        """Return when something failed that trying again cannot mend; ``close`` then raises its error."""
        await self._tasks.failed()

    async def close(self) -> None:
        """Give up what has not been stored."""
        await self._tasks.close()

    @property
    def _history(self) -> HistoryIntake:
        return self._intake.history

    async def _done(self, action: Work) -> None:
        if isinstance(action, FetchBars):
            await self._fetch(action)
        elif isinstance(action, FetchTickers):
            await self._fetch_tickers(action.market)
        else:
            await self._store(action)

    async def _fetch_tickers(self, market: str) -> None:
        try:
            tickers = await self._own.tickers(market)
        except HistoryError as error:
            actions = self._history.tickers_not_fetched(market, str(error), self._now_ms())
        else:
            actions = self._history.tickers_fetched(market, tickers)
        self._perform(actions)

    async def _fetch(self, asked: FetchBars) -> None:
        try:
            bars = await self._own.bars(asked.market, asked.span, asked.urgent)
        except HistoryError as error:
            actions = self._history.not_fetched(asked.market, asked.span, str(error), self._now_ms())
        else:
            actions = self._history.fetched(asked.market, asked.span, bars)
        self._perform(actions)

    async def _store(self, action: ReadSpans | StoreBars | StoreFunding) -> None:
        async with self._turn:
            if isinstance(action, ReadSpans):
                spans = await self._tried(lambda: self._writer.bar_spans(action.market, *action.span))
                actions = self._history.spans_known(action.market, action.span, spans, self._now_ms())
            elif isinstance(action, StoreBars):
                actions = await self._store_waiting_bars()
            else:
                count = await self._tried(lambda: self._writer.store_funding(action.market, action.rows))
                actions = self._intake.funding_stored(action, count)
        self._perform(actions)
        self._stored()
        if isinstance(action, StoreBars):
            await self._comparison.compare(action)

    async def _store_waiting_bars(self) -> list[Action]:
        """All that wait, in one transaction: each is as expensive as the bars of many messages."""
        waiting = list(self._bars)
        if not waiting:
            return []
        parts = [(each.market, each.bars) for each in waiting]
        stored = await self._tried(lambda: self._writer.store_all_bars(parts))
        del self._bars[: len(waiting)]
        now_ms = self._now_ms()
        return [
            action
            for each, done in zip(waiting, stored, strict=True)
            for action in self._intake.bars_stored(each, done, now_ms)
        ]

    async def _tried(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        while True:
            try:
                return await work()
            except StoreError as error:  # the commit queue tells it too, in /health
                log.error("%s; history waits", error)
                await asyncio.sleep(RETRY_S)
