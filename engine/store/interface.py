"""The store's interface. Records and protocols: no SQL, no files, no database.

A backend (``engine.store.sqlite`` today) implements ``Backend``; ``tests/engine/store/contract`` runs the same tests on
each. Every method that reads or writes raises StoreError on failure.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from engine.market.bars import Bar
from engine.market.records import Batch, Commit, Decision, Event, GapUpdate, Run, RunEnd
from engine.market.ticks import Tick
from engine.store.alerts import AlertStore, Outbox
from engine.store.backtests import BacktestStore
from engine.store.inventory import InventoryReader
from engine.store.locks import LockStore
from engine.store.paper_results import PaperResultStore
from engine.store.requests import RequestStore
from engine.store.scans import ScanStore
from engine.store.sourced import SourcedHistory, SourcedReader, SourcedWriter
from engine.store.trials import TrialStore

if TYPE_CHECKING:  # the server needs no arrays
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from engine.store.bulk import AnalysisReader, BulkReader

    Floats = npt.NDArray[np.float64]


class Now(NamedTuple):
    """Both clocks of the machine, in ms: the wall clock, and the monotonic one."""

    wall_ms: int
    mono_ms: int


class BarColumns(NamedTuple):
    """The seconds of one symbol in which it traded, in time order; prices in quote currency.

    ``bid`` and ``ask`` are NaN if the second has no such print; ``is_sided`` is true if the taker side of every trade
    is known.
    """

    open_time_ms: npt.NDArray[np.int64]
    low: Floats
    high: Floats
    close: Floats
    bid: Floats
    ask: Floats
    is_sided: npt.NDArray[np.bool_]
    quote_volume: Floats


class SymbolExtent(NamedTuple):
    """One symbol in the store: its first second, and whether it has missing ids."""

    symbol: str
    first_ms: int
    has_gap: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """One pair of the watch list; ``settings`` as JSON."""

    watch_id: int
    market: str
    y: str
    x: str
    settings: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position up to which ticks have been read, and the pipelines' state there."""

    ticks_store_id: str
    seq: int = 0
    event_id: int = 0
    pipelines: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A logged decision: with its sequence number, and the local clock at that time."""

    given: int
    given_at_ms: int
    decision: Decision


class TickReader(SourcedHistory, Protocol):
    """Stored ticks and events in the order of commits. Not for use by two threads at once."""

    def close(self) -> None:
        """Release the store."""

    def is_current(self) -> bool:
        """Whether a new reader would open the same store."""

    def store_id(self) -> str:
        """The store's identity: another id means another history."""

    def changed_since(self, token: Hashable) -> Hashable | None:
        """A token of the store's current state; None if nothing was committed since ``token``."""

    def snapshot(self) -> AbstractContextManager[None]:
        """All reads inside see the same committed state."""

    def last_seq(self) -> int:
        """The newest position in the order of commits."""

    def deleted_seq(self) -> int:
        """The newest tick moved to the archive: readers at an earlier position have missed ticks."""

    def ticks_after(self, seq: int, limit: int) -> list[tuple[int, str, Tick]]:
        """(seq, market, tick) of the next ticks in the order of commits."""

    def all_ticks_after(self, seq: int, up_to_seq: int) -> Iterator[tuple[int, str, Tick]]:
        """As ``ticks_after``, of all ticks up to one, the archived too, as they are read."""

    def events_after(self, event_id: int, up_to_seq: int) -> list[Event]:
        """The next events up to directly after the tick ``up_to_seq``."""

    def ticks_of_second(self, market: str, symbol: str, second_ms: int, before_seq: int) -> list[Tick]:
        """The plausible ticks of one second that were stored before ``before_seq``, in id order."""

    def newest_second(self, market: str, symbol: str) -> int | None:
        """The opening time of the symbol's newest one-second bar; None where it has none."""

    def bars(self, market: str, symbol: str, from_ms: int, to_ms: int, before_seq: int | None = None) -> list[Bar]:
        """One-second bars in ``[from_ms, to_ms)``, as of before the tick ``before_seq`` (None: now)."""


class BarReader(SourcedReader, Protocol):
    """One-second bars as columns, for reads of a whole market."""

    def close(self) -> None:
        """Release the store."""

    def watermark_ms(self, market: str) -> int | None:
        """The market's clock: its latest plausible trade time; None without trades."""

    def symbols(self, market: str) -> list[SymbolExtent]:
        """Every symbol of a market that has a bar."""

    def read(self, market: str, symbol: str, from_ms: int, to_ms: int) -> BarColumns:
        """The seconds that open in ``[from_ms, to_ms)``."""


class TickWriter(SourcedWriter, Protocol):
    """The only writer of ticks, and the index of gaps."""

    async def close(self) -> None:
        """Close the store cleanly. Every later read or write raises StoreClosed."""

    def markets(self) -> list[str]:
        """Every market with a stored tick."""

    def high_water(self, market: str) -> dict[str, int]:
        """Greatest id ever stored, by symbol."""

    def open_gaps(self) -> list[GapUpdate]:
        """Every open gap of every symbol."""

    def health_fields(self) -> dict[str, Any]:
        """The store's part of ``GET /health``, as plain JSON values."""

    def pause_s(self) -> float:
        """How long to collect rows before the next commit."""

    async def commit(self, batches: Sequence[Batch], events: Sequence[Event], now: Now) -> Commit:
        """Store the batches, then the events, in one durable transaction. After a StoreError the same batches can be
        retried; FileNotFoundError means that nothing can be stored any more."""


class AnalysisStore(LockStore, PaperResultStore, AlertStore, Protocol):
    """Watch list, runs, decisions and the read position: each step is one transaction.

    The first change opens it, ``save`` or ``keep`` commits it, and until then ``roll_back`` undoes all of it.
    """

    @property
    def name(self) -> str:
        """The store's name for display."""

    def close(self) -> None:
        """Release the store."""

    def is_in_place(self) -> bool:
        """Whether other processes would open the store written here. Raises FolderMissing if the folder is gone."""

    def begin_afresh(self, watched: Iterable[Watched], once: Iterable[str]) -> bool:
        """Open the current store. If it is gone, create a new one with this watch list and these texts of
        ``is_first_time`` and return True: everything else in it is lost."""

    def cursor(self) -> Cursor | None:
        """The position of the last save; None in a new store."""

    def save(self, decisions: Iterable[Decision], cursor: Cursor, at_ms: int) -> list[LoggedDecision]:
        """Commit decisions, the cursor and all pending changes; ``at_ms``: the local clock."""

    @property
    def has_changes(self) -> bool:
        """Whether there are uncommitted changes."""

    def keep(self) -> None:
        """Commit the pending changes, if any."""

    def roll_back(self) -> None:
        """Undo the uncommitted changes."""

    def watch_list(self) -> list[Watched]:
        """The watched pairs, the oldest first."""

    def watch(self, market: str, y: str, x: str, settings: str) -> Watched:
        """Add a pair to the list, or change the settings of a listed one."""

    def unwatch(self, watch_id: int) -> None:
        """Remove a pair from the list; keeps its runs and decisions."""

    def is_first_time(self, what: str) -> bool:
        """True once for each text, ever."""

    def begin_run(self, run: Run, at_ms: int) -> None:
        """Record a run before its first decision; a run recorded earlier continues."""

    def end_run(self, end: RunEnd) -> None:
        """Record that the run ended after the tick ``end.seq``."""

    def last_end(self, market: str, y: str, x: str) -> RunEnd | None:
        """The end of a pair's newest ended run."""

    def open_runs(self) -> list[Run]:
        """Runs that have not ended, oldest first."""

    def decisions(self, run_id: str) -> list[Decision]:
        """A run's decisions in their original order."""

    def log(self, run_id: str) -> list[LoggedDecision]:
        """A run's decisions, oldest first."""


class Backend(Protocol):
    """One data folder in one type of database; opens its parts."""

    def tick_reader(self) -> TickReader:
        """Raises StoreMissing while there is no store, NewerSchema for a store of a newer Pairbridge."""

    def bar_reader(self) -> BarReader:
        """Raises StoreError while there is no store."""

    def bulk_reader(self) -> BulkReader:
        """Raises StoreError while there is no store."""

    def inventory_reader(self) -> InventoryReader:
        """Raises StoreError while there is no store."""

    def back_up(self, to: Path, with_archive: bool, progress: Callable[[str], None]) -> None:
        """Copy the store into the new folder ``to``, with the archive's files or only their list, and check the copy;
        the server and the dashboard may be running. ``progress`` receives lines of text. Raises StoreError."""

    async def tick_writer(self, durability: str) -> TickWriter:
        """Create, migrate or open the ticks. ``durability``: with "power" a commit survives a power cut, with "crash"
        only a process crash."""

    async def maintain(self, writer: TickWriter, retention_ms: int, note: Callable[[Event], None]) -> None:
        """Archive older ticks, and limit the store's size, until cancelled. ``note`` receives events to commit: gaps
        that are now unfetchable."""

    def analysis(self) -> AnalysisStore:
        """Create, migrate or open the dashboard's data."""

    def scans(self) -> ScanStore:
        """The results of scans; open ``analysis`` first."""

    def trials(self) -> TrialStore:
        """The trials ledger; open ``analysis`` first."""

    def analysis_reader(self) -> AnalysisReader:
        """Read-only access to the dashboard's data; each call raises StoreError while there is none."""

    def backtests(self) -> BacktestStore:
        """The results of backtests and searches; open ``analysis`` first."""

    def outbox(self) -> Outbox:
        """What is to be sent of alerts; open ``analysis`` first."""

    def requests(self) -> RequestStore:
        """The audit log and the answers kept for repeated requests; open ``analysis`` first."""
