"""Paper positions of the watched pairs: what their signals would have earned, by the ledger of the backtest.

The ledger of a run is a function of its bars and of the stored funding rates, so nothing of it is stored: after a
restart or a revision it is made again. The book of a pair spans its runs. When a run ends, its position is closed at
its last price, and its result is stored. A run begins with bars from before it, which the run before has counted too: a
trade counts if its entry was given after that run's end, so no stretch of time counts twice. The caller holds the
monitor's lock.
"""

from __future__ import annotations

import operator as op
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.backtest.layout import TradeCol
from engine.backtest.paper import PaperLedger, PaperPosition
from engine.market.paper_result import PaperResult
from engine.pairs.run import PairRun
from engine.stats.checks import Floats
from engine.store.interface import BarReader
from live.settled_rates import Funding, SettledRates

_PARTS = ("fees", "half_spread", "slippage", "funding")


@dataclass(frozen=True, slots=True)
class PaperTotals:
    """Of a pair, over its ended runs and this one. Fields as in PaperPosition; ``is_open_counted``: whether the
    position that is open now belongs to it, and is not one that was entered over bars of the run before.

    ``replayed``: of this run's closed trades that count, those that were decided over bars from before it began, and
    ``replayed_net`` their net; ``repeated``: its closed trades that do not count, since a run before counted their
    bars; ``is_open_replayed``: the position that is open now was entered over bars from before the run began."""

    runs: int
    since_ms: int
    open_net: float
    realised: float
    fees: float
    half_spread: float
    slippage: float
    funding: float
    trades: int
    wins: int
    is_open_counted: bool
    replayed: int = 0
    replayed_net: float = 0.0
    repeated: int = 0
    is_open_replayed: bool = False


@dataclass(frozen=True, slots=True)
class Paper:
    """The paper position of a run, from its first bar on, and the ``book`` of its pair. ``from_history``: of its
    trades, those that were decided over bars from before the run began, which nobody could have followed."""

    position: PaperPosition
    since_ms: int
    from_history: int
    bars: int
    book: PaperTotals


@dataclass(slots=True)
class _Book:
    ledger: PaperLedger
    funding: Funding  # that it was made with
    made_of: tuple[str, int]  # the run, and its revisions
    earlier: list[PaperResult]
    paper: Paper | None = None


class PaperBooks:
    """The books of the pairs that were asked for, by watch id."""

    def __init__(
        self,
        open_bars: Callable[[], BarReader] | None = None,
        results: Callable[[str, str, str], list[PaperResult]] = lambda *_: [],
    ) -> None:
        """``open_bars`` opens the store in which funding is looked up; without it none is charged. ``results``: those
        of the ended runs of a pair: see PaperResultStore."""
        self._rates = SettledRates(open_bars)
        self._results = results
        self._books: dict[int, _Book] = {}

    def paper(self, watch_id: int, run: PairRun) -> Paper | None:
        """The position of a pair's run after its last bar; None before its first."""
        if run.model.first_slot is None or not run.model.size:
            return None
        book = self._book(watch_id, run)
        if book.paper is None or book.ledger.size < run.model.size:
            book.ledger.follow(run.model, run.legs)
            book.paper = _paper_of(book.ledger, run, book.earlier)
        return book.paper

    def ledger(self, watch_id: int, run: PairRun) -> tuple[PaperLedger, Funding]:
        """The ledger of a pair's run after its last bar, and the rates in it."""
        self.paper(watch_id, run)
        book = self._book(watch_id, run)
        return book.ledger, _since(run, book.funding)

    def cut_ms(self, watch_id: int, run: PairRun) -> int:
        """Where the runs before have counted up to: a trade of this run counts if its entry was given in a bar that
        opens then or later."""
        return _cut_ms(self._book(watch_id, run).earlier)

    def result(self, run: PairRun, earlier: Sequence[PaperResult]) -> PaperResult:
        """What a run earned up to now, if it ended here; ``earlier``: the results of the runs before it."""
        trades, cut_ms = ended_trades(run, self._rates.of(run, is_fresh=True)), _cut_ms(earlier)
        counted = trades[entered_ms(run, trades) >= cut_ms]
        return PaperResult(
            run.run.run_id,
            max(run.model.open_time_ms(0), cut_ms),
            run.model.open_time_ms(run.model.size),
            **sums_of(counted),
        )

    def keep(self, watch_ids: set[int]) -> None:
        """Drop the books of all other pairs."""
        self._books = {watch_id: book for watch_id, book in self._books.items() if watch_id in watch_ids}

    def _book(self, watch_id: int, run: PairRun) -> _Book:
        book, made_of, funding = self._books.get(watch_id), (run.run.run_id, run.revisions), self._rates.of(run)
        if book is None or book.made_of != made_of or any(map(op.is_not, book.funding, funding)):
            earlier = self._results(run.run.market, run.run.y, run.run.x)
            book = _Book(PaperLedger(run.settings, _since(run, funding)), funding, made_of, earlier)
            self._books[watch_id] = book
        return book


def ended_trades(run: PairRun, funding: Funding) -> Floats:
    """The trades of a run that ended with its last bar, rows of ``TradeCol``: what was open is closed at its close."""
    ledger = PaperLedger(run.settings, _since(run, funding))
    ledger.follow(run.model, run.legs)
    closing = ledger.closing_trade()
    return ledger.trades if closing is None else np.vstack([ledger.trades, closing])


def is_replayed(run: PairRun, entry_signal: int) -> bool:
    """Whether the entry that the bar at this place gave was decided after the fact, over bars from before the run
    began."""
    given = run.current.get(run.model.open_time_ms(entry_signal))
    return given is not None and given.given_seq <= run.run.began_seq


def _since(run: PairRun, funding: Funding) -> Funding:
    """Of each leg the rates from the run's start on."""
    y, x = ((times[times >= run.run.start_ms], rates[times >= run.run.start_ms]) for times, rates in funding)
    return y, x


def _paper_of(ledger: PaperLedger, run: PairRun, earlier: Sequence[PaperResult]) -> Paper:
    before = sum(is_replayed(run, place) for place in ledger.entries())
    position = ledger.position()
    book = _book_of(ledger, position, run, earlier)
    return Paper(position, run.model.open_time_ms(0), before, ledger.size, book)


def _book_of(ledger: PaperLedger, position: PaperPosition, run: PairRun, earlier: Sequence[PaperResult]) -> PaperTotals:
    cut_ms = _cut_ms(earlier)
    counted = ledger.trades[entered_ms(run, ledger.trades) >= cut_ms]
    closed = sums_of(counted)
    replayed = [row[TradeCol.NET] for row in counted if is_replayed(run, int(row[TradeCol.ENTRY_SIGNAL]))]
    opened = int(ledger.state["entry_signal"][0])
    opened_ms = run.model.open_time_ms(opened)
    is_open_counted = position.side != 0 and opened_ms >= cut_ms
    totals = {name: sum([getattr(each, name) for each in earlier], closed[name]) for name in closed}
    if is_open_counted:
        for name in _PARTS:
            totals[name] += float(ledger.state[name][0])
    since_ms = min([run.model.open_time_ms(0), *(each.from_ms for each in earlier)])
    open_net = position.open_net if is_open_counted else 0.0
    return PaperTotals(
        len(earlier) + 1, since_ms, open_net, **totals, is_open_counted=is_open_counted, replayed=len(replayed),
        replayed_net=float(sum(replayed)), repeated=len(ledger.trades) - len(counted),
        is_open_replayed=position.side != 0 and is_replayed(run, opened),
    )  # fmt: skip


def _cut_ms(earlier: Sequence[PaperResult]) -> int:
    """Where the runs before have counted up to."""
    return max((each.to_ms for each in earlier), default=0)


def entered_ms(run: PairRun, trades: Floats) -> Floats:
    """The open times of the bars that gave the entries."""
    return run.model.open_time_ms(0) + trades[:, TradeCol.ENTRY_SIGNAL] * run.settings.interval_ms


def sums_of(trades: Floats) -> dict[str, Any]:
    """The totals of closed trades, rows of ``TradeCol``; costs are paid, funding is received."""
    parts = {name: float(trades[:, TradeCol[name.upper()]].sum()) for name in _PARTS}
    net = trades[:, TradeCol.NET]
    paid = {name: 0.0 - parts[name] for name in _PARTS if name != "funding"}
    counts = {"trades": len(trades), "wins": int(np.count_nonzero(net > 0.0))}
    return {"realised": float(net.sum()), **paid, "funding": parts["funding"], **counts}
