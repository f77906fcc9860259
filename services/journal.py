"""The journal over all pairs: every stored decision, newest bars first, a page at a time; counts by reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import SettingsError
from engine.market.intervals import interval_name
from engine.market.records import Run
from engine.store.bulk import (
    AnalysisReader,
    RunPlace,
    SignalBars,
    SignalCount,
    SignalFilter,
    SignalPlace,
    StoredSignal,
)
from services.export.request import read_selection
from services.run_history import Changes, RunHistoryService

PAGE = 100  # decisions on one page
NO_ENTRY = "no_entry"
TRADES = ("enter_long", "enter_short", "exit")
# What the journal may be narrowed to -> the kinds of decisions; none: all.
SHOWN: dict[str, tuple[str, ...]] = {
    "all": (), "trades": TRADES, "why-not": (NO_ENTRY,), **{kind: (kind,) for kind in (*TRADES, "withdrawn")},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One decision. Times in ms since 1970, UTC; quantities in coins, + to buy; None where unknown.

    ``stands``: no later revision supersedes it; ``is_live``: made while its bar was new, not over bars from before the
    run began. ``run_number`` among the pair's runs; ``run_changed``: its settings against those of the run before, None
    without one and for old runs.
    """

    given: int
    market: str
    y: str
    x: str
    interval: str
    close_ms: int
    given_at_ms: int
    kind: str
    reason: str
    z: float | None
    beta: float | None
    pvalue: float | None
    y_price: float
    x_price: float
    quantity_y: float
    quantity_x: float
    position: int
    revision: int
    stands: bool
    is_live: bool
    run_id: str
    run_number: int | None
    run_began_ms: int | None
    run_changed: Changes | None


@dataclass(frozen=True, slots=True)
class JournalPage:
    """A page of the journal. ``older``: the place after which the next page begins; None on the last one."""

    rows: tuple[JournalRow, ...]
    older: SignalPlace | None


@dataclass(frozen=True, slots=True)
class JournalCounts:
    """How many rows pass the filter, and of the decisions that stand how many have each kind.

    ``bars``: how many bars were entered or refused, one that several runs decided counting once; ``reasons``: for how
    many of the refused ones a run gave this reason, so a bar that runs refused for different reasons is in each.
    """

    rows: int
    kinds: dict[str, int]
    reasons: dict[str, int]
    bars: SignalBars


class JournalService:
    """Reads of the journal. Any thread may call; every method raises StoreError."""

    def __init__(self, store: AnalysisReader) -> None:
        self._store = store

    def version(self) -> int:
        """A number that grows with every decision."""
        return self._store.newest_signal()

    def pairs(self) -> list[tuple[str, str, str]]:
        """(market, Y, X) of every pair with a decision."""
        return self._store.signal_pairs()

    def runs(self) -> list[Run]:
        """The runs that go on, the oldest first."""
        return self._store.runs()

    def page(self, wanted: SignalFilter, before: SignalPlace | None = None) -> JournalPage:
        """The next decisions before a place, those of the newest bars first."""
        found = self._store.latest_signals(wanted, before, PAGE + 1)
        rows = tuple(self._rows(found[:PAGE]))
        return JournalPage(rows, SignalPlace(rows[-1].close_ms, rows[-1].given) if len(found) > PAGE else None)

    def after(self, wanted: SignalFilter, given: int, limit: int) -> list[JournalRow]:
        """The next decisions after a number, in the order in which they were given."""
        return self._rows(self._store.signals(wanted, given, limit))

    def _rows(self, signals: Sequence[StoredSignal]) -> list[JournalRow]:
        if not signals:  # the usual case of whoever follows the log
            return []
        places, history = self._store.run_places(), RunHistoryService(self._store)
        later = {each.run for each in signals if each.run.run_id in places and places[each.run.run_id].number > 1}
        pairs = {(run.market, run.y, run.x) for run in later}
        changed = {past.run_id: past.changed for pair in pairs for past in history.runs(*pair)}
        return [_row(each, places.get(each.run.run_id), changed.get(each.run.run_id)) for each in signals]

    def counts(self, wanted: SignalFilter) -> JournalCounts:
        """The counts of what passes the filter."""
        found = self._store.signal_counts(wanted)
        standing = [each for each in found if each.stands]
        refused = [each for each in standing if each.kind == NO_ENTRY]
        bars = self._store.signal_bars(wanted)
        counts = {each.reason: each.decisions for each in refused}
        if bars.runs > 1:  # several runs may have decided the same bar
            counts = {name: self._store.signal_bars(wanted._replace(reasons=(name,))).refused for name in counts}
        reasons = dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
        return JournalCounts(sum(each.decisions for each in found), _by_kind(standing), reasons, bars)


def read_filter(pair: str, shown: str, reason: str, from_: str, to: str) -> SignalFilter:
    """A filter from text: ``pair`` as ``market/Y~X`` or empty, ``shown`` one of SHOWN, ``reason`` empty for any.

    >>> read_filter("sim/A~B", "why-not", "WARMUP", "", "").kinds
    ('no_entry',)

    Raises SettingsError.
    """
    market, _, names = pair.partition("/")
    legs = [name for name in names.split("~") if name]
    if pair and (not market or len(legs) != 2):
        raise SettingsError(f"pair is {pair[:40]!r}; expected market/Y~X")
    if shown not in SHOWN:
        raise SettingsError(f"shown is {shown[:40]!r}; expected one of {', '.join(SHOWN)}")
    span = read_selection(market, legs, from_, to)
    reasons = (reason,) if reason else ()
    return SignalFilter(span.market, span.symbols, span.from_ms, span.to_ms, kinds=SHOWN[shown], reasons=reasons)


def pair_value(market: str, y: str, x: str) -> str:
    """A pair as ``read_filter`` reads it, and as the address of its page has it.

    >>> pair_value("sim", "A", "B")
    'sim/A~B'
    """
    return f"{market}/{y}~{x}"


def _by_kind(counts: Sequence[SignalCount]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in counts:
        found[each.kind] = found.get(each.kind, 0) + each.decisions
    return found


def _row(signal: StoredSignal, place: RunPlace | None, changed: Changes | None) -> JournalRow:
    decision, run = signal.logged.decision, signal.run
    return JournalRow(
        given=signal.logged.given, market=run.market, y=run.y, x=run.x, interval=interval_name(run.interval_ms),
        close_ms=decision.bar_ms + run.interval_ms, given_at_ms=signal.logged.given_at_ms, kind=decision.kind,
        reason=decision.reason, z=decision.z, beta=decision.beta, pvalue=decision.gate_pvalue,
        y_price=decision.y_price, x_price=decision.x_price, quantity_y=decision.quantity_y,
        quantity_x=decision.quantity_x, position=decision.position, revision=decision.revision, stands=signal.stands,
        is_live=decision.given_seq > run.began_seq, run_id=run.run_id,
        run_number=place and place.number, run_began_ms=place and place.began_at_ms, run_changed=changed,
    )  # fmt: skip


def place_in_journal(place: tuple[int, ...] | None) -> SignalPlace | None:
    """A place from a cursor's two numbers."""
    return None if place is None else SignalPlace(place[0], place[1])
