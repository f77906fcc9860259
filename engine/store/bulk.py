"""Bulk reads of the store for exports: a part of ``engine.store.interface``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from engine.market.paper_result import PaperResult
from engine.market.records import Decision, Run, RunEnd
from engine.store.alerts import StoredAlert
from engine.store.interface import Cursor, LoggedDecision

if TYPE_CHECKING:
    import polars

    from engine.market.bar_columns import Columns
    from engine.market.sourced import SourcedBar


class SeriesSpan(NamedTuple):
    """One symbol with stored trades or bars: the open of its first bar, and the end of its last."""

    symbol: str
    first_ms: int
    end_ms: int


class StoredSignal(NamedTuple):
    """A stored decision and its run. ``stands``: no later revision supersedes it."""

    logged: LoggedDecision
    run: Run
    stands: bool


class StoredRun(NamedTuple):
    """A run and its end; None while it is running."""

    run: Run
    end: RunEnd | None


class PastRun(NamedTuple):
    """A run of a pair with the local clock at its begin, its end (None while it is running), and the result of its
    paper position as it was last stored; None without one."""

    run: Run
    began_at_ms: int
    end: RunEnd | None
    result: PaperResult | None


class SignalFilter(NamedTuple):
    """Conditions on stored decisions; an empty one passes all. Bar closes in ``[from_ms, to_ms)``.

    ``symbols``: both legs are among them, or one is the only one. ``kinds`` and ``reasons``: those alone. ``runs``: the
    first, and of the second the exit with the reason ``RUN_END``.
    """

    market: str = ""
    symbols: tuple[str, ...] = ()
    from_ms: int = 0
    to_ms: int = 2**62
    without_refusals: bool = False
    kinds: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    runs: tuple[str, str] | None = None


class SignalPlace(NamedTuple):
    """The place of a decision in the order of bar closes: of two with the same close the one given later is newer."""

    close_ms: int
    given: int


class SignalCount(NamedTuple):
    """So many stored decisions have this kind and reason; ``stands``: no later revision supersedes them."""

    kind: str
    reason: str
    stands: bool
    decisions: int


class SignalBars(NamedTuple):
    """Of the decisions that stand: in how many ``runs`` they are, and over how many bars of a pair an entry was
    ``entered`` or ``refused``. A bar that several runs decide, as settings changed, counts once."""

    runs: int
    entered: int
    refused: int


class RunPlace(NamedTuple):
    """``number`` of a run among those of its pair, from 1, by the local clock when it began."""

    number: int
    began_at_ms: int


class BulkReader(Protocol):
    """Stored ticks and seconds by the column, hot and archived, in bounded memory. Not for two threads at once."""

    def close(self) -> None:
        """Release the store."""

    def markets(self) -> list[str]:
        """Every market with a stored trade or bar."""

    def watermark_ms(self, market: str) -> int | None:
        """The market's clock: its latest plausible trade time; None without trades."""

    def spans(self, market: str, width_ms: int = 0) -> list[SeriesSpan]:
        """Every symbol with a plausible trade; with a width also those with bars not made from trades that make up bars
        of this width."""

    def ticks(self, market: str, symbol: str, from_ms: int, to_ms: int) -> Iterator[polars.DataFrame]:
        """Every trade with a time in ``[from_ms, to_ms)`` once, in id order, a few ten thousand rows at a time.

        Columns: ``agg_id``, ``price``, ``quantity``, ``trade_time_ms``, ``buyer_is_maker``. Trades with an implausible
        time are left out. Commits and archiving may go on between two frames. Raises StoreError.
        """

    def tick_page(
        self, market: str, symbol: str, span_ms: tuple[int, int], ids: tuple[int, int] | None, limit: int
    ) -> tuple[polars.DataFrame, tuple[int, int] | None]:
        """At most ``limit`` trades with times in the span, in id order, as ``ticks`` has them; and the first and last
        id of the pages that follow, None on the last one. ``ids``: what the page before gave, None for the first."""

    def seconds(self, market: str, symbol: str, from_ms: int, to_ms: int) -> Columns:
        """The one-second bars that open in ``[from_ms, to_ms)``, rising."""

    def sourced_bars(self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int) -> list[SourcedBar]:
        """Bars not made from trades that open in ``[from_ms, to_ms)``: see ``engine.store.sourced``."""

    def first_trade(self, market: str, symbol: str, from_ms: int) -> tuple[int, float] | None:
        """(open time, open price) of the first second with a trade from ``from_ms`` on."""


class AnalysisReader(Protocol):
    """Stored decisions, runs and the read position. Any thread may call, while the dashboard writes."""

    def signals(self, wanted: SignalFilter, after: int, limit: int) -> list[StoredSignal]:
        """The next decisions after the number ``after`` that pass the filter, in their original order."""

    def latest_signals(self, wanted: SignalFilter, before: SignalPlace | None, limit: int) -> list[StoredSignal]:
        """The decisions that pass the filter, those of the newest bars first; ``before`` a place: older ones only."""

    def signal_counts(self, wanted: SignalFilter) -> list[SignalCount]:
        """How many decisions pass the filter, by kind, reason and whether they stand."""

    def signal_bars(self, wanted: SignalFilter) -> SignalBars:
        """How many bars and runs the decisions that pass the filter and stand are of."""

    def run_places(self) -> dict[str, RunPlace]:
        """The place of every run among those of its pair."""

    def signal_pairs(self) -> list[tuple[str, str, str]]:
        """(market, Y, X) of every pair with a stored decision."""

    def newest_signal(self) -> int:
        """The greatest number of a decision; 0 without one."""

    def store_id(self) -> str:
        """The store's identity: another id means other decisions and alerts."""

    def alerts_after(self, number: int, limit: int) -> list[tuple[int, StoredAlert]]:
        """(number, alert) of the next alerts, the oldest first."""

    def newest_alert(self) -> int:
        """The greatest number of an alert; 0 without one."""

    def entry_before(self, run_id: str, bar_ms: int) -> Decision | None:
        """The entry, as it stands, of the position that was open before this bar; None without one."""

    def runs(self) -> list[Run]:
        """Every run that has not ended, the oldest first."""

    def run(self, run_id: str) -> StoredRun | None:
        """A run by its id, ended or not; None where there is none."""

    def runs_of(self, market: str, y: str, x: str, limit: int) -> list[PastRun]:
        """The runs of a pair, ended or not, the newest first."""

    def cursor(self) -> Cursor | None:
        """The position of the dashboard's last save; None in a new store."""

    def decisions(self, run_id: str) -> list[Decision]:
        """A run's decisions in their original order."""
