"""Closed paper trades over all pairs: of the current runs as their paper books count them, and of all runs as the log
does; with the running total in each quote currency."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from engine.backtest.layout import ForcedExit, TradeCol
from engine.errors import StoreError
from engine.market.intervals import interval_name
from engine.pairs.enums import Reason
from engine.pairs.run import PairRun
from engine.stats.checks import Floats
from engine.store.bulk import BulkReader, SignalFilter
from engine.store.interface import Backend
from live.monitor import Monitor
from live.paper import PaperBooks
from services.export.signals import SignalRow, signal_rows
from services.export.trades import BookedTrades, Fill, TradeResult

KEPT = 200  # newest trades that are listed; all are in the totals
BOOK, LOG = "book", "log"  # how results are counted
_SUMS = ("gross", "fees", "half_spread", "slippage", "funding", "net")
QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "EUR", "BTC", "ETH")


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One closed trade; money in ``unit``: net = gross - fees - half_spread - slippage + funding.

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


class TradeTotal(NamedTuple):
    """The sum over all trades in one quote currency."""

    unit: str
    trades: int
    wins: int
    gross: float
    fees: float
    half_spread: float
    slippage: float
    funding: float
    net: float


@dataclass(frozen=True, slots=True)
class TradeJournal:
    """The newest closed trades, newest first, and the totals of all of them. ``open_exits``: exits of the log without a
    result yet: one of their orders is not filled."""

    rows: tuple[ClosedTrade, ...]
    totals: tuple[TradeTotal, ...]
    open_exits: int = 0


class PaperTradeService:
    """The closed trades of one monitor's pairs, and of its log. Any thread may call."""

    def __init__(self, monitor: Monitor, books: PaperBooks, backend: Backend) -> None:
        """``books`` of the paper positions, shared with all that show them."""
        self._monitor = monitor
        self._books = books
        self._backend = backend

    def closed(self, wanted: SignalFilter, counted: str = BOOK) -> TradeJournal:
        """The trades of the filter's pairs that closed in its range. Raises StoreError."""
        if counted == BOOK:
            return listed(self._of_books(wanted))
        return self._of_log(wanted)

    def booked(self, wanted: SignalFilter) -> BookedTrades:
        """What the books of the filter's pairs count, for the log of their current runs."""
        trades: dict[tuple[str, int], TradeResult] = {}
        runs: set[str] = set()
        for run, rows in self._ledgers(wanted):
            runs.add(run.run.run_id)
            trades |= {(run.run.run_id, _closed_ms(run, row)): _result(run, row) for row in rows}
        return BookedTrades(frozenset(runs), trades)

    def _of_books(self, wanted: SignalFilter) -> list[ClosedTrade]:
        trades = (_of_book(run, row) for run, rows in self._ledgers(wanted) for row in rows)
        return [trade for trade in trades if wanted.from_ms <= trade.closed_ms < wanted.to_ms]

    def _ledgers(self, wanted: SignalFilter) -> list[tuple[PairRun, Floats]]:
        """The current runs of the filter's pairs with the closed trades of their books, rows of ``TradeCol``."""
        found: list[tuple[PairRun, Floats]] = []
        with self._monitor.lock:
            self._books.keep(set(self._monitor.watches))
            for watch_id, watch in self._monitor.watches.items():
                run = self._monitor.followed(watch)
                if run is None or not run.model.size or not _is_of(wanted, run):
                    continue
                ledger, _ = self._books.ledger(watch_id, run)
                found.append((run, ledger.trades.copy()))
        return found

    def _of_log(self, wanted: SignalFilter) -> TradeJournal:
        """Results as exports count them, read a page at a time."""
        try:
            prices: BulkReader | None = self._backend.bulk_reader()
        except StoreError:  # without trades the decisions stay, and their fills are unknown
            prices = None
        try:
            exits_only, booked = wanted._replace(kinds=("exit",)), self.booked(wanted)
            exits = _Exits(signal_rows(self._backend.analysis_reader(), prices, exits_only, booked))
            return replace(listed(exits), open_exits=exits.waiting)
        finally:
            if prices is not None:
                prices.close()


class _Exits:
    """The results of the log's exits; ``waiting``: how many of those read so far have none."""

    def __init__(self, pages: Iterator[list[SignalRow]]) -> None:
        self._pages = pages
        self.waiting = 0

    def __iter__(self) -> Iterator[ClosedTrade]:
        for page in self._pages:
            for row in page:
                if row.net is not None:
                    yield _of_log_row(row)
                else:
                    self.waiting += row.trade_id is not None


def listed(trades: Iterable[ClosedTrade]) -> TradeJournal:
    """The newest of these trades with their running totals; the others only count."""
    newest: list[tuple[int, int, ClosedTrade]] = []  # a heap; the number keeps the order of equal times
    totals: dict[str, TradeTotal] = {}
    for number, trade in enumerate(trades):
        known = totals.get(trade.unit, TradeTotal(trade.unit, 0, 0, *[0.0] * len(_SUMS)))
        sums = [getattr(known, name) + getattr(trade, name) for name in _SUMS]
        totals[trade.unit] = TradeTotal(trade.unit, known.trades + 1, known.wins + (trade.net > 0.0), *sums)
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


def _is_of(wanted: SignalFilter, run: PairRun) -> bool:
    """As the store reads a filter."""
    legs = {run.run.y, run.run.x}
    named = set(wanted.symbols)
    return (not wanted.market or run.run.market == wanted.market) and (
        not named or (legs <= named if len(named) > 1 else bool(legs & named))
    )


def _closed_ms(run: PairRun, row: Floats) -> int:
    return run.model.open_time_ms(int(row[TradeCol.EXIT_SIGNAL])) + run.run.interval_ms


def _result(run: PairRun, row: Floats) -> TradeResult:
    opened, closed = (run.model.open_time_ms(int(row[place])) for place in (TradeCol.ENTRY, TradeCol.EXIT))
    return TradeResult(
        float(row[TradeCol.GROSS]), 0.0 - float(row[TradeCol.FEES]), 0.0 - float(row[TradeCol.HALF_SPREAD]),
        0.0 - float(row[TradeCol.SLIPPAGE]), float(row[TradeCol.FUNDING]), float(row[TradeCol.NET]),
        Fill(opened, float(row[TradeCol.ENTRY_Y]), float(row[TradeCol.ENTRY_X])),
        Fill(closed, float(row[TradeCol.EXIT_Y]), float(row[TradeCol.EXIT_X])), BOOK,
    )  # fmt: skip


def _of_book(run: PairRun, row: Floats) -> ClosedTrade:
    of, code, found = run.run, int(row[TradeCol.REASON]), _result(run, row)
    kind = Reason if code in Reason.__members__.values() else ForcedExit
    return ClosedTrade(
        market=of.market, y=of.y, x=of.x, interval=interval_name(of.interval_ms), closed_ms=_closed_ms(run, row),
        side=int(row[TradeCol.SIDE]), reason=kind(code).name, unit=quote_of(of.y, of.x), gross=found.gross,
        fees=found.fee, half_spread=found.half_spread, slippage=found.slippage, funding=found.funding, net=found.net,
        entered_ms=found.entry.open_time_ms, entry_y=found.entry.y, entry_x=found.entry.x, exit_y=found.exit.y,
        exit_x=found.exit.x,
    )  # fmt: skip


def _of_log_row(row: SignalRow) -> ClosedTrade:
    """Of an exit with a result."""
    money = {name: getattr(row, name) for name in ("gross", "half_spread", "slippage", "funding", "net")}
    fills = {name: getattr(row, name) for name in ("entry_y", "entry_x", "exit_y", "exit_x")}
    return ClosedTrade(
        market=row.market, y=row.y, x=row.x, interval=row.interval, closed_ms=row.bar_close,
        side=-1 if row.quantity_y > 0 else 1, reason=row.reason, unit=quote_of(row.y, row.x), fees=row.fee or 0.0,
        entered_ms=row.entry_time or 0, **money, **fills,
    )  # fmt: skip
