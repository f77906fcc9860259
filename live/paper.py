"""Paper positions of the watched pairs: what their signals would have earned, by the ledger of the backtest.

A book is a function of a run's bars and of the stored funding rates, so nothing of it is stored: after a restart or a
revision it is made again. It begins with the run. The caller holds the monitor's lock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.backtest.paper import NO_RATES, PaperLedger, PaperPosition, Rates
from engine.errors import StoreError
from engine.market.funding import SETTLED
from engine.pairs.run import PairRun
from engine.store.interface import BarReader

log = logging.getLogger("pairbridge.monitor")

FUNDING_EVERY_S = 30.0  # between two looks for new funding rates

Funding = tuple[Rates, Rates]  # of Y and X
NO_FUNDING: Funding = (NO_RATES, NO_RATES)


@dataclass(frozen=True, slots=True)
class Paper:
    """The paper position of a run, from its first bar on. ``from_history``: of its trades, those that were decided over
    bars from before the run began, which nobody could have followed."""

    position: PaperPosition
    since_ms: int
    from_history: int
    bars: int


@dataclass(slots=True)
class _Book:
    ledger: PaperLedger
    funding: Funding
    made_of: tuple[str, int]  # the run, and its revisions
    looked_s: float  # for funding, by the monotonic clock
    paper: Paper | None = None


class PaperBooks:
    """The books of the pairs that were asked for, by watch id."""

    def __init__(self, open_bars: Callable[[], BarReader] | None = None) -> None:
        """``open_bars`` opens the store in which funding is looked up; without it none is charged."""
        self._open_bars = open_bars
        self._books: dict[int, _Book] = {}

    def paper(self, watch_id: int, run: PairRun) -> Paper | None:
        """The position of a pair's run after its last bar; None before its first."""
        if run.model.first_slot is None or not run.model.size:
            return None
        book = self._book(watch_id, run)
        if book.paper is None or book.ledger.size < run.model.size:
            book.ledger.follow(run.model, run.legs)
            book.paper = _paper_of(book.ledger, run)
        return book.paper

    def ledger(self, watch_id: int, run: PairRun) -> tuple[PaperLedger, Funding]:
        """The ledger of a pair's run after its last bar, and the rates in it."""
        self.paper(watch_id, run)
        book = self._book(watch_id, run)
        return book.ledger, book.funding

    def keep(self, watch_ids: set[int]) -> None:
        """Drop the books of all other pairs."""
        self._books = {watch_id: book for watch_id, book in self._books.items() if watch_id in watch_ids}

    def _book(self, watch_id: int, run: PairRun) -> _Book:
        book, made_of, now_s = self._books.get(watch_id), (run.run.run_id, run.revisions), time.monotonic()
        is_same = book is not None and book.made_of[0] == run.run.run_id
        funding = book.funding if book is not None and is_same else NO_FUNDING
        looked_s = book.looked_s if book is not None and is_same else now_s - FUNDING_EVERY_S
        if now_s - looked_s >= FUNDING_EVERY_S:
            funding, looked_s = self._funding_of(run, funding), now_s
        if book is None or book.made_of != made_of or not _is_same(book.funding, funding):
            book = self._books[watch_id] = _Book(PaperLedger(run.settings, funding), funding, made_of, looked_s)
        book.looked_s = looked_s
        return book

    def _funding_of(self, run: PairRun, known: Funding) -> Funding:
        if self._open_bars is None:
            return NO_FUNDING
        try:
            return read_funding(self._open_bars, run)
        except StoreError as error:
            log.warning("the funding rates of %s on %s were not read: %s", run.run.y, run.run.x, error)
            return known


def read_funding(open_bars: Callable[[], BarReader], run: PairRun) -> Funding:
    """The settled rates of both legs from the run's start on. Raises StoreError."""
    reader = open_bars()
    try:
        market, start_ms = run.run.market, run.run.start_ms
        found = [reader.funding(market, symbol, SETTLED, start_ms, 2**62) for symbol in (run.run.y, run.run.x)]
    finally:
        reader.close()
    y, x = (
        (np.array([each.time_ms for each in rows], dtype=np.int64), np.array([each.rate for each in rows], dtype=float))
        for rows in found
    )
    return y, x


def _is_same(one: Funding, other: Funding) -> bool:
    return all(
        np.array_equal(mine, theirs) for a, b in zip(one, other, strict=True) for mine, theirs in zip(a, b, strict=True)
    )


def _paper_of(ledger: PaperLedger, run: PairRun) -> Paper:
    decisions = [run.current.get(run.model.open_time_ms(place)) for place in ledger.entries()]
    before = sum(each is not None and each.given_seq <= run.run.began_seq for each in decisions)
    return Paper(ledger.position(), run.model.open_time_ms(0), before, ledger.size)
