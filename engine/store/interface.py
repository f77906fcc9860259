"""What the rest of the program may ask of the store. Records and protocols: no SQL, no files, no database.

A backend (``engine.store.sqlite`` today) implements ``Backend``; ``tests/engine/store/contract`` holds each to the
same tests. Every method that reads or writes raises StoreError when it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from engine.market.bars import Bar
from engine.market.records import Batch, Commit, Decision, Event, GapUpdate, Run, RunEnd
from engine.market.ticks import Tick
from engine.store.sourced import SourcedHistory, SourcedReader, SourcedWriter

if TYPE_CHECKING:  # the server needs no arrays
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class Now(NamedTuple):
    """Both clocks of the machine, in ms: the wall clock, and the monotonic one."""

    wall_ms: int
    mono_ms: int


class BarColumns(NamedTuple):
    """The seconds of one symbol in which it traded, in time order; prices in quote currency.

    ``bid`` and ``ask`` are NaN where the second has no such print; ``is_sided`` where every trade said who the taker
    was.
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
    """What is stored of one symbol: its first second, and whether ids of it are missing."""

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
    """How far the ticks have been read, and the pipelines' state there."""

    ticks_store_id: str
    seq: int = 0
    event_id: int = 0
    pipelines: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A decision as the log shows it: with its order, and the machine's clock when it was given."""

    given: int
    given_at_ms: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """One scan in the list of earlier ones; ``confirmed``: of the pairs ``found``, those that survived the hold-out."""

    scan_id: int
    at_ms: int
    market: str
    interval_ms: int
    symbols: int
    tests: int
    found: int
    confirmed: int


class TickReader(SourcedHistory, Protocol):
    """Stored ticks and events in the order of commits. Not for use by two threads at once."""

    def close(self) -> None:
        """Release the store."""

    def is_current(self) -> bool:
        """Whether this is still the store that a new reader would open."""

    def store_id(self) -> str:
        """The store's identity: another id means another history."""

    def changed_since(self, token: Hashable) -> Hashable | None:
        """A token of the store as it is now; None where nothing was committed since ``token`` was given."""

    def snapshot(self) -> AbstractContextManager[None]:
        """All reads inside see the same committed state."""

    def last_seq(self) -> int:
        """The newest position in the order of commits."""

    def deleted_seq(self) -> int:
        """Some ticks up to here have left for the archive, none after: who has read less has missed them."""

    def ticks_after(self, seq: int, limit: int) -> list[tuple[int, str, Tick]]:
        """(seq, market, tick) of the next ticks in the order of commits."""

    def events_after(self, event_id: int, up_to_seq: int) -> list[Event]:
        """The next events that happened no later than right after the tick ``up_to_seq``."""

    def ticks_of_second(self, market: str, symbol: str, second_ms: int, before_seq: int) -> list[Tick]:
        """The believable ticks of one second that were stored before ``before_seq``, in id order."""

    def newest_second(self, market: str, symbol: str) -> int | None:
        """The opening time of the symbol's newest one-second bar; None where it has none."""

    def bars(self, market: str, symbol: str, from_ms: int, to_ms: int, before_seq: int | None = None) -> list[Bar]:
        """One-second bars in ``[from_ms, to_ms)``, as they were before the tick ``before_seq`` (None: as they are)."""


class BarReader(SourcedReader, Protocol):
    """One-second bars by the column, for whoever reads a whole market at once."""

    def close(self) -> None:
        """Release the store."""

    def watermark_ms(self, market: str) -> int | None:
        """The market's clock: its latest believable trade time; None where nothing has traded."""

    def symbols(self, market: str) -> list[SymbolExtent]:
        """Every symbol of a market that has a bar."""

    def read(self, market: str, symbol: str, from_ms: int, to_ms: int) -> BarColumns:
        """The seconds that open in ``[from_ms, to_ms)``."""


class TickWriter(SourcedWriter, Protocol):
    """The one writer of ticks, and the ledger of what is missing."""

    async def close(self) -> None:
        """Leave everything tidy behind."""

    def markets(self) -> list[str]:
        """Every market with a stored tick."""

    def high_water(self, market: str) -> dict[str, int]:
        """Greatest id ever stored, by symbol."""

    def open_gaps(self) -> list[GapUpdate]:
        """Every gap of every symbol that still misses something."""

    def health_fields(self) -> dict[str, Any]:
        """What ``GET /health`` says of the store, as plain JSON values."""

    def pause_s(self) -> float:
        """How long to gather rows before the next commit."""

    async def commit(self, batches: Sequence[Batch], events: Sequence[Event], now: Now) -> Commit:
        """Store the batches, then the events, in one durable transaction. After a StoreError the same batches can be
        tried again; FileNotFoundError means that nothing can be stored any more."""


class AnalysisStore(Protocol):
    """Watch list, runs, decisions and the place read up to: what one step changes is one transaction.

    The first change opens it, ``save`` or ``keep`` commits it, and until then ``roll_back`` undoes all of it.
    """

    @property
    def name(self) -> str:
        """What users know it by."""

    def close(self) -> None:
        """Release the store."""

    def is_in_place(self) -> bool:
        """Whether what is written here can still be found by others. Raises FolderMissing when nothing can."""

    def begin_afresh(self, watched: Iterable[Watched], once: Iterable[str]) -> bool:
        """Open what is there now; a store that is gone is made anew with this watch list and these texts of
        ``is_first_time``, and True is returned: everything else in it is lost."""

    def cursor(self) -> Cursor | None:
        """Where the last save stood; None in a new store."""

    def save(self, decisions: Iterable[Decision], cursor: Cursor, at_ms: int) -> list[LoggedDecision]:
        """Commit decisions, the cursor and all that was changed before; ``at_ms``: the machine's clock."""

    @property
    def has_changes(self) -> bool:
        """Whether something was changed and not committed yet."""

    def keep(self) -> None:
        """Commit what was changed, if anything was."""

    def roll_back(self) -> None:
        """Undo what was changed and not committed."""

    def watch_list(self) -> list[Watched]:
        """The watched pairs, the oldest first."""

    def watch(self, market: str, y: str, x: str, settings: str) -> Watched:
        """Put a pair on the list, or give the one that is there other settings."""

    def unwatch(self, watch_id: int) -> None:
        """Take a pair off the list; its runs and decisions stay."""

    def is_first_time(self, what: str) -> bool:
        """True once for each text, ever."""

    def begin_run(self, run: Run, at_ms: int) -> None:
        """Record a run before its first decision; one that was recorded before goes on."""

    def end_run(self, end: RunEnd) -> None:
        """The run follows nothing after the tick ``end.seq``."""

    def last_end(self, market: str, y: str, x: str) -> RunEnd | None:
        """How the newest run of a pair that has ended did so."""

    def open_runs(self) -> list[Run]:
        """Runs that have not ended, oldest first."""

    def decisions(self, run_id: str) -> list[Decision]:
        """A run's decisions in the order they were given."""

    def log(self, run_id: str) -> list[LoggedDecision]:
        """A run's decisions, oldest first."""


class ScanStore(Protocol):
    """Results of scans. Any thread may call."""

    def add(self, at_ms: int, result: dict[str, Any]) -> ScanSummary:
        """Keep a result: plain JSON values with ``market``, ``interval_ms``, ``symbols``, ``tests``, ``found`` and
        ``confirmed``; NaN is kept as null."""

    def newest(self, limit: int = 50) -> list[ScanSummary]:
        """The newest first."""

    def result(self, scan_id: int) -> dict[str, Any] | None:
        """What was added under a number."""


class Backend(Protocol):
    """One data folder in one kind of database; opens its parts."""

    def tick_reader(self) -> TickReader:
        """Raises StoreMissing while there is nothing to read, NewerSchema for the store of a newer Pairbridge."""

    def bar_reader(self) -> BarReader:
        """Raises StoreError while there is nothing to read."""

    async def tick_writer(self, durability: str) -> TickWriter:
        """Make, migrate or resume the ticks. ``durability``: with "power" a commit survives a power cut, with "crash"
        only the end of the process."""

    async def maintain(self, writer: TickWriter, retention_ms: int, note: Callable[[Event], None]) -> None:
        """Archive what is older, and keep the store small, until cancelled. ``note`` takes events that belong into the
        order of commits: gaps that are out of reach now."""

    def analysis(self) -> AnalysisStore:
        """Make, migrate or resume what the dashboard writes."""

    def scans(self) -> ScanStore:
        """The results of scans; ``analysis`` must have been opened before."""
