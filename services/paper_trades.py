"""Closed paper trades over all pairs, of the current runs or of all, with the running total in each quote currency.

Both are counted by the pairs' paper books, in which no bar counts twice: a trade counts if its entry was given after
the last bar of the run before.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from engine.backtest.layout import TradeCol
from engine.errors import StoreError
from engine.market.intervals import interval_name
from engine.pairs.run import PairRun
from engine.stats.checks import Floats
from engine.store.bulk import BulkReader, SignalFilter
from engine.store.interface import Backend
from live.monitor import Monitor
from live.paper import PaperBooks
from services.ended_trades import EndedTrades, closed_ms, is_of, reason_of, results_of, trade_result
from services.export import trades as results
from services.export.signals import SignalRow, signal_rows
from services.export.trades import BookedTrades, TradeResult

KEPT = 200  # newest trades that are listed; all are in the totals
BOOK, LOG = results.BOOK, results.LOG  # the current runs; all runs of the log
_SUMS = ("gross", "fees", "half_spread", "slippage", "funding", "net")
_NOTHING = (0.0,) * 6
QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "EUR", "BTC", "ETH")


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One closed trade; money in ``unit``: net = gross - fees - half_spread - slippage + funding.

    ``is_replayed``: its entry was decided over bars from before its run began, when nobody could have followed it.
    ``closed_ms``: when the bar closed that gave the exit; ``entered_ms``: when the bar opened that filled the entry;
    prices of the fills of both legs. ``funding``: received. ``total``: net of all trades in the same unit up to this
    one.
    """

    market: str
    y: str
    x: str
    interval: str
    closed_ms: int
    side: int
    reason: str
    unit: str
    gross: float
    fees: float
    half_spread: float
    slippage: float
    funding: float
    net: float
    entered_ms: int
    entry_y: float
    entry_x: float
    exit_y: float
    exit_x: float
    total: float = 0.0
    is_replayed: bool = False


class TradeTotal(NamedTuple):
    """The sum over all trades in one quote currency; ``replayed``: how many of them were, with ``replayed_net``."""

    unit: str
    trades: int
    wins: int
    gross: float
    fees: float
    half_spread: float
    slippage: float
    funding: float
    net: float
    replayed: int = 0
    replayed_net: float = 0.0


@dataclass(frozen=True, slots=True)
class TradeJournal:
    """The newest closed trades, newest first, and the totals of all of them.

    In neither are, of the filter's: ``repeated`` trades over bars that an earlier run of the pair counted;
    ``log_only`` exits of ended runs whose book cannot be computed again, so that they have at most a result by the
    log; ``open_exits``, exits of which an order is not filled.
    """

    rows: tuple[ClosedTrade, ...]
    totals: tuple[TradeTotal, ...]
    open_exits: int = 0
    repeated: int = 0
    log_only: int = 0


class PaperTradeService:
    """The closed trades of one monitor's pairs, and of its log. Any thread may call."""

    def __init__(self, monitor: Monitor, books: PaperBooks, backend: Backend) -> None:
        """``books`` of the paper positions, shared with all that show them."""
        self._monitor = monitor
        self._books = books
        self._backend = backend
        self._ended = EndedTrades(backend)

    def closed(self, wanted: SignalFilter, counted: str = BOOK) -> TradeJournal:
        """The trades of the filter's pairs that closed in its range. Raises StoreError."""
        return self._of_books(wanted) if counted == BOOK else self._of_log(wanted)

    def booked(self, wanted: SignalFilter) -> BookedTrades:
        """What the ledgers of the filter's pairs have, of their current and ended runs. Raises StoreError."""
        ended = self._ended.booked(wanted)
        trades: dict[tuple[str, int], TradeResult] = {**ended.trades}
        runs = set(ended.runs)
        for run, cut_ms, rows in self._ledgers(wanted):
            runs.add(run.run.run_id)
            trades |= results_of(run, rows, cut_ms)
        return BookedTrades(frozenset(runs), trades)

    def _of_books(self, wanted: SignalFilter) -> TradeJournal:
        counted: list[ClosedTrade] = []
        repeated = 0
        for run, cut_ms, rows in self._ledgers(wanted):
            for row in rows:
                if wanted.from_ms <= closed_ms(run, row) < wanted.to_ms:
                    result = trade_result(run, row, cut_ms)
                    repeated += result.counted == results.REPEAT
                    counted += [_of_book(run, row, result)] * (result.counted == BOOK)
        return replace(listed(counted), repeated=repeated)

    def _ledgers(self, wanted: SignalFilter) -> list[tuple[PairRun, int, Floats]]:
        """The current runs of the filter's pairs, up to where the runs before have counted, and the closed trades of
        their ledgers, rows of ``TradeCol``."""
        found: list[tuple[PairRun, int, Floats]] = []
        with self._monitor.lock:
            self._books.keep(set(self._monitor.watches))
            for watch_id, watch in self._monitor.watches.items():
                run = self._monitor.followed(watch)
                if run is None or not run.model.size or not is_of(wanted, *_pair(run)):
                    continue
                ledger, _ = self._books.ledger(watch_id, run)
                found.append((run, self._books.cut_ms(watch_id, run), ledger.trades.copy()))
        return found

    def _of_log(self, wanted: SignalFilter) -> TradeJournal:
        """Results as exports count them, read a page at a time."""
        try:
            prices: BulkReader | None = self._backend.bulk_reader()
        except StoreError:  # without trades the decisions stay, and their fills are unknown
            prices = None
        try:
            exits_only, booked = wanted._replace(kinds=("exit",)), self.booked(wanted)
            exits = _Exits(signal_rows(self._backend.analysis_reader(), prices, exits_only, booked), booked.runs)
            found = listed(exits)
            return replace(found, open_exits=exits.waiting, repeated=exits.repeated, log_only=exits.log_only)
        finally:
            if prices is not None:
                prices.close()


class _Exits:
    """The log's exits that the paper books count, and how many of those read so far are left out: see TradeJournal."""

    def __init__(self, pages: Iterator[list[SignalRow]], booked: frozenset[str]) -> None:
        self._pages = pages
        self._booked = booked
        self.waiting = self.repeated = self.log_only = 0

    def __iter__(self) -> Iterator[ClosedTrade]:
        for page in self._pages:
            for row in page:
                if row.counted == BOOK:
                    yield _of_log_row(row)
                elif row.counted == results.REPEAT:
                    self.repeated += 1
                elif row.run_id not in self._booked:
                    self.log_only += row.trade_id is not None
                else:
                    self.waiting += row.trade_id is not None


def listed(trades: Iterable[ClosedTrade]) -> TradeJournal:
    """The newest of these trades with their running totals; the others only count."""
    newest: list[tuple[int, int, ClosedTrade]] = []  # a heap; the number keeps the order of equal times
    totals: dict[str, TradeTotal] = {}
    for number, trade in enumerate(trades):
        known = totals.get(trade.unit, TradeTotal(trade.unit, 0, 0, *_NOTHING))
        sums = {name: getattr(known, name) + getattr(trade, name) for name in _SUMS}
        sums["replayed_net"] = known.replayed_net + (trade.net if trade.is_replayed else 0.0)
        counts = known.trades + 1, known.wins + (trade.net > 0.0)
        totals[trade.unit] = TradeTotal(trade.unit, *counts, **sums, replayed=known.replayed + trade.is_replayed)
        push = heapq.heappush if len(newest) < KEPT else heapq.heappushpop
        push(newest, (trade.closed_ms, number, trade))
    left = {unit: total.net for unit, total in totals.items()}
    rows = []
    for _, _, trade in sorted(newest, reverse=True):
        rows.append(replace(trade, total=left[trade.unit]))
        left[trade.unit] -= trade.net
    return TradeJournal(tuple(rows), tuple(totals[unit] for unit in sorted(totals)))


def quote_of(y: str, x: str) -> str:
    """The currency both legs are quoted in, by their names; empty where they show none.

    >>> quote_of("ETHUSDT", "BTCUSDT"), quote_of("ETHBTC", "BTCUSDT")
    ('USDT', '')
    """
    return next((each for each in QUOTES if y.endswith(each) and x.endswith(each)), "")


def _pair(run: PairRun) -> tuple[str, str, str]:
    return run.run.market, run.run.y, run.run.x


def _of_book(run: PairRun, row: Floats, found: TradeResult) -> ClosedTrade:
    of = run.run
    money = {name: getattr(found, name) for name in ("gross", "half_spread", "slippage", "funding", "net")}
    return ClosedTrade(
        market=of.market, y=of.y, x=of.x, interval=interval_name(of.interval_ms), closed_ms=closed_ms(run, row),
        side=int(row[TradeCol.SIDE]), reason=reason_of(row), unit=quote_of(of.y, of.x), fees=found.fee,
        entered_ms=found.entry.open_time_ms, entry_y=found.entry.y, entry_x=found.entry.x, exit_y=found.exit.y,
        exit_x=found.exit.x, is_replayed=found.is_replayed, **money,
    )  # fmt: skip


def _of_log_row(row: SignalRow) -> ClosedTrade:
    """Of an exit with a result."""
    money = {name: getattr(row, name) for name in ("gross", "half_spread", "slippage", "funding", "net")}
    fills = {name: getattr(row, name) for name in ("entry_y", "entry_x", "exit_y", "exit_x")}
    return ClosedTrade(
        market=row.market, y=row.y, x=row.x, interval=row.interval, closed_ms=row.bar_close,
        side=-1 if row.quantity_y > 0 else 1, reason=row.reason, unit=quote_of(row.y, row.x), fees=row.fee or 0.0,
        entered_ms=row.entry_time or 0, is_replayed=bool(row.replayed), **money, **fills,
    )  # fmt: skip
