"""Everything of the intake that is not ticks: wants, bars, funding and more symbols, from message to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from engine.errors import RowRefused
from engine.intake.actions import Action, Send, StoreBars, StoreFunding
from engine.intake.bar_history import SELF, BarHistory
from engine.intake.candle_checks import CandleChecks
from engine.intake.funding_schedule import FundingSchedule
from engine.intake.history_messages import (
    Bars,
    BarSpan,
    FundingRows,
    HistoryMessage,
    Tickers,
    UnfetchableBars,
    UnfetchableTickers,
    Want,
    WantTickers,
)
from engine.intake.leases import Leases
from engine.intake.messages import Hello, encode
from engine.intake.symbol_messages import Unaddable, WantSymbols
from engine.intake.symbol_requests import SymbolRequests
from engine.intake.ticker_requests import TickerRequests
from engine.intake.want_progress import WantProgress
from engine.market.funding import read_funding
from engine.market.sourced import BarsStored, SourcedBar, check_bar, read_bar
from engine.market.sourced_columns import are_good
from engine.market.stretches import Stretch

T = TypeVar("T")

MAX_REASONS = 50  # in one answer: those of all messages in flight stay below what a client may leave unread


class HistoryIntake:
    """Of all markets and connections."""

    def __init__(
        self, leases: Leases, own_markets: Iterable[str] = (), settled_ms: Mapping[tuple[str, str], int] | None = None
    ) -> None:
        """As in BarHistory and FundingSchedule."""
        own_markets = tuple(own_markets)
        self.bars = BarHistory(own_markets)
        self.progress = WantProgress(self.bars)
        self.checks = CandleChecks()
        self.tickers = TickerRequests(own_markets)
        self.funding = FundingSchedule(leases, settled_ms or {})
        self.symbols = SymbolRequests(leases, own_markets)

    def joined(self, conn: int, hello: Hello) -> None:
        """A connection has greeted."""
        if "klines" in hello.can:
            self.bars.joined(conn, hello.market)
        if "funding" in hello.can:
            self.funding.joined(conn, hello.market)
        if "tickers" in hello.can:
            self.tickers.joined(conn, hello.market)
        self.symbols.joined(conn, hello)

    def left(self, conn: int) -> list[Action]:
        """A connection is gone."""
        self.progress.left(conn)
        self.funding.left(conn)
        self.tickers.left(conn)
        self.symbols.left(conn)
        return self.bars.left(conn)

    def handle(self, conn: int, market: str, message: HistoryMessage, now_ms: int) -> list[Action]:
        """One message of a connection."""
        match message:
            case Want():
                self.progress.follow(conn, message.tell)
                return self.bars.want(conn, market, message.spans, message.urgent)
            case UnfetchableBars():
                return self.bars.failed(market, message.span, conn, message.reason, now_ms)
            case Bars():
                return [self._store(conn, market, message)]
            case FundingRows():
                rows, rejected = _read(message.rows, read_funding)
                return [StoreFunding(conn, market, tuple(rows), tuple(rejected))]
            case WantTickers():
                return self.tickers.want(conn, market, message, now_ms)
            case Tickers():
                return self.tickers.brought(conn, market, message)
            case UnfetchableTickers():
                return self.tickers.failed(conn, market, message.reason, now_ms)
            case WantSymbols():
                return self.symbols.want(conn, market, message, now_ms)
            case Unaddable():
                return self.symbols.unaddable(conn, market, message)

    def fetched(self, market: str, span: BarSpan, bars: Iterable[SourcedBar]) -> list[Action]:
        """Candles that the server fetched itself."""
        return [StoreBars(SELF, market, span, tuple(bars))]

    def not_fetched(self, market: str, span: BarSpan, reason: str, now_ms: int) -> list[Action]:
        """The server could not fetch these itself either."""
        return self.bars.failed(market, span, SELF, reason, now_ms)

    def tickers_fetched(self, market: str, tickers: Tickers) -> list[Action]:
        """Volumes that the server fetched itself."""
        return self.tickers.brought(SELF, market, tickers)

    def tickers_not_fetched(self, market: str, reason: str, now_ms: int) -> list[Action]:
        """The server could not fetch the volumes itself either."""
        return self.tickers.failed(SELF, market, reason, now_ms)

    def bars_stored(self, asked: StoreBars, stored: BarsStored, now_ms: int) -> list[Action]:
        """A StoreBars has ended well: acknowledge, and ask for more."""
        answer: list[Action] = []
        if asked.conn != SELF:
            said = {"stored": stored.stored, "known": stored.known, "conflicts": stored.conflicts}
            said_of = {"type": "bars_stored", **asked.span._asdict()}
            answer.append(Send(asked.conn, encode(**said_of, **said, **_refusals(asked.rejected))))
        return answer + self.bars.stored(asked, now_ms)

    def funding_stored(self, asked: StoreFunding, stored: int) -> list[Action]:
        """A StoreFunding has ended well."""
        self.funding.stored(asked.market, asked.rows)
        return [Send(asked.conn, encode(type="funding_stored", stored=stored, **_refusals(asked.rejected)))]

    def spans_known(self, market: str, span: BarSpan, stored: Iterable[Stretch], now_ms: int) -> list[Action]:
        """A ReadSpans has ended."""
        return self.bars.known(market, span, stored, now_ms)

    def tick(self, now_ms: int) -> list[Action]:
        """Time has passed."""
        asked = self.bars.ask(now_ms) + self.funding.ask(now_ms) + self.tickers.ask(now_ms)
        return asked + self.symbols.ask(now_ms) + self.progress.tell(now_ms)

    def _store(self, conn: int, market: str, message: Bars) -> StoreBars:
        symbol, width_ms, from_ms, to_ms = message.span
        columns = message.columns
        if columns and from_ms <= min(columns.times) and max(columns.times) < to_ms and are_good(columns):
            return StoreBars(conn, market, message.span, columns)

        def read(row: Any) -> SourcedBar:
            is_bar = isinstance(row, SourcedBar)
            bar = check_bar(row) if is_bar else read_bar(symbol, width_ms, row, message.source)
            if not from_ms <= bar.open_time_ms < to_ms:
                raise RowRefused(f"open time is {bar.open_time_ms}; expected one from {from_ms} to before {to_ms}")
            return bar

        bars, rejected = _read(columns or message.rows, read)
        return StoreBars(conn, market, message.span, tuple(bars), tuple(rejected))


def _read(rows: Sequence[Any], reader: Callable[[Any], T]) -> tuple[list[T], list[tuple[int, str]]]:
    """What can be read, and the index and reason of each row that cannot."""
    found: list[T] = []
    rejected: list[tuple[int, str]] = []
    for index, row in enumerate(rows):
        try:
            found.append(reader(row))
        except RowRefused as refused:
            rejected.append((index, str(refused)[:500]))
    return found, rejected


def _refusals(rejected: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """Of an answer: the first refused rows with their reasons, and how many more there are."""
    listed: dict[str, Any] = {"rejected": [list(pair) for pair in rejected[:MAX_REASONS]]}
    return listed | {"unlisted": len(rejected) - MAX_REASONS} if len(rejected) > MAX_REASONS else listed
