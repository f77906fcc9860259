"""The writer's in-memory index of each symbol, and the commit plan made from it.

No I/O: the index is loaded from the file, takes batches and events, and returns what to write. It decides which ids are
new; the file's unique key is a safeguard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from operator import attrgetter, itemgetter

from engine.market.bars import SecondFold
from engine.market.clock import Watermark
from engine.market.coverage import Arrival, Coverage, Gap
from engine.market.intervals import SECOND_MS
from engine.market.records import UNUSABLE_ROW, Batch, Event, GapUpdate, IdRange
from engine.market.ticks import Tick
from engine.store.interface import Now

_symbol = attrgetter("symbol")
_series_id = itemgetter(1)  # of a TickRow

# seq, series_id, then as in the table, but numbers only: for a bool or None ``sqlite3`` looks for an adapter and fails,
# which takes longer than writing the rest of the row.
TickRow = tuple[int, int, int, float, float, int, int, int]
UNKNOWN = -1  # of ``buyer_is_maker``
_CODES: dict[bool | None, int] = {None: UNKNOWN, False: 0, True: 1}
_MAKERS = {code: maker for maker, code in _CODES.items()}

_FOLDS_KEPT_MS = 10_000  # open seconds in memory; a late tick of an older one reads it back


@dataclass(slots=True)
class Series:
    """One (market, symbol)."""

    series_id: int
    market: str
    symbol: str
    coverage: Coverage
    reached_ms: int = -1  # the newest second that has a bar
    folds: dict[int, SecondFold] = field(default_factory=dict)
    given_up: dict[Gap, str] = field(default_factory=dict)  # unfetchable gaps, with reasons

    def fold(self, second_ms: int) -> SecondFold | None:
        """The open second, or None when its earlier ticks must be read back from the file."""
        fold = self.folds.get(second_ms)
        if fold is None and second_ms > self.reached_ms:
            fold = self.folds[second_ms] = SecondFold(second_ms)
        return fold

    def reach(self, second_ms: int) -> None:
        """Raise the newest second to at least this; drop the folds far behind it."""
        if second_ms > self.reached_ms:
            self.reached_ms = second_ms
            for old in [at for at in self.folds if at < second_ms - _FOLDS_KEPT_MS]:
                del self.folds[old]

    def extent(self, opened: Tick | None) -> IdRange:
        """The stored id range; there must be a tick."""
        first, high_water = self.coverage.first, self.coverage.high_water
        assert first is not None and high_water is not None
        return IdRange(self.market, self.symbol, first, high_water, opened)

    def open_gaps(self) -> list[GapUpdate]:
        """Every open gap, ascending."""
        return [self.news(gap) for gap in self.coverage.open_gaps()]

    def news(self, gap: Gap) -> GapUpdate:
        """The current state of a gap."""
        return GapUpdate(self.market, self.symbol, gap, self.coverage.missing_of(gap), self.given_up.get(gap))


@dataclass(slots=True)
class CommitPlan:
    """The writes of one commit. Keys of the inner maps are series ids."""

    seq: int
    rows: list[TickRow] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)  # by batch
    newest: list[tuple[tuple[Tick, int], ...]] = field(default_factory=list)  # by batch: see Receipt
    known: list[list[tuple[int, Tick]]] = field(default_factory=list)  # by batch: ids that were already stored
    fresh: dict[int, dict[int, list[tuple[int, Tick]]]] = field(default_factory=dict)  # by second: new (seq, tick)
    opened: dict[int, Tick] = field(default_factory=dict)  # the first tick ever of a series
    gaps: dict[int, set[Gap]] = field(default_factory=dict)
    gap_counts: list[tuple[int, int]] = field(default_factory=list)  # by batch: see Receipt
    gaps_opened: int = 0  # by all batches so far
    gaps_filled: int = 0
    absent: set[Gap] = field(default_factory=set)
    markets: set[str] = field(default_factory=set)


_Place = tuple[Series, Coverage, dict[int, list[tuple[int, Tick]]]]  # with the ticks of its seconds


class SeriesIndex:
    """Every series and market clock of one file."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, str], Series] = {}
        self.by_id: dict[int, Series] = {}
        self.watermarks: dict[str, Watermark] = {}

    def enter(self, series: Series) -> None:
        """Add a series."""
        self.series[series.market, series.symbol] = series
        self.by_id[series.series_id] = series

    def unknown(self, batches: Iterable[Batch]) -> list[tuple[str, str]]:
        """(market, symbol) of the batches that have no series yet, in order of appearance."""
        found: dict[tuple[str, str], None] = {}
        for batch in batches:
            for symbol in dict.fromkeys([tick.symbol for tick in batch.ticks]):
                if (batch.market, symbol) not in self.series:
                    found[batch.market, symbol] = None
        return list(found)

    def numbered(self, batch: Batch) -> Batch:
        """The batch with ids that follow the greatest of each symbol, by everything planned so far."""
        newest = {tick.symbol: self.series[batch.market, tick.symbol].coverage.high_water for tick in batch.ticks}
        ticks = []
        for tick in batch.ticks:
            before = newest[tick.symbol]
            newest[tick.symbol] = agg_id = 0 if before is None else before + 1
            ticks.append(tick._replace(agg_id=agg_id))
        return replace(batch, ticks=tuple(ticks))

    def plan_batch(self, plan: CommitPlan, batch: Batch, now: Now) -> None:
        """Split one batch's ticks into new and known; add all its symbols first."""
        watermark = self.watermarks.setdefault(batch.market, Watermark())
        horizon_ms = watermark.horizon(now.wall_ms, now.mono_ms)
        latest_ms, has_moved = -1 if watermark.time_ms is None else watermark.time_ms, False
        known: list[tuple[int, Tick]] = []
        before, gaps = len(plan.rows), (plan.gaps_opened, plan.gaps_filled)
        seq, add_row = plan.seq, plan.rows.append
        places = self._places(plan, batch)
        for tick in batch.ticks:
            symbol, agg_id, price, quantity, time_ms, maker, _ = tick
            series, coverage, seconds = places[symbol]
            if agg_id - 1 == coverage.high_water:  # in order, the usual case: skip the lookup
                coverage.high_water = agg_id
            elif not self._place(plan, series, tick):
                known.append((series.series_id, tick))
                continue
            seq += 1
            future = 1
            if time_ms <= horizon_ms:
                future = 0
                if time_ms > latest_ms:
                    latest_ms = time_ms
                    if not has_moved or time_ms > now.wall_ms:  # else the wall clock alone makes the horizon
                        watermark.advance(time_ms, now.wall_ms, now.mono_ms)
                        horizon_ms = watermark.horizon(now.wall_ms, now.mono_ms)
                        has_moved = True
                second_ms = time_ms - time_ms % SECOND_MS  # bar_open, inlined for speed
                if second_ms in seconds:
                    seconds[second_ms].append((seq, tick))
                else:
                    seconds[second_ms] = [(seq, tick)]
            add_row((seq, series.series_id, agg_id, price, quantity, time_ms, _CODES[maker], future))
        if has_moved:
            watermark.advance(latest_ms, now.wall_ms, now.mono_ms)
        plan.seq = seq
        plan.known.append(known)
        self._sum_up(plan, batch, plan.rows[before:], gaps)

    def _sum_up(self, plan: CommitPlan, batch: Batch, rows: list[TickRow], gaps_before: tuple[int, int]) -> None:
        """What became of a batch, of which these rows are new."""
        plan.markets.add(batch.market)
        plan.stored.append(len(rows))
        plan.newest.append(self._newest(rows))
        plan.gap_counts.append((plan.gaps_opened - gaps_before[0], plan.gaps_filled - gaps_before[1]))
        self._give_up_refused(plan, batch)

    def _places(self, plan: CommitPlan, batch: Batch) -> dict[str, _Place]:
        """Where each symbol's ticks go, looked up once a batch."""
        places: dict[str, _Place] = {}
        for name in set(map(_symbol, batch.ticks)):
            series = self.series[batch.market, name]
            places[name] = series, series.coverage, plan.fresh.setdefault(series.series_id, {})
        return places

    def _give_up_refused(self, plan: CommitPlan, batch: Batch) -> None:
        """Closes a gap that this batch opened and in which all ids arrived as unusable rows."""
        for (symbol, agg_id), reason in batch.refused.items():
            series = self.series.get((batch.market, symbol))
            gap = series.coverage.run_at(agg_id) if series else None
            if series is None or gap is None or gap in series.given_up:
                continue
            is_new = gap in plan.gaps.get(series.series_id, ())
            if is_new and all((symbol, each) in batch.refused for each in range(gap.first, gap.last + 1)):
                series.given_up[gap] = f"{UNUSABLE_ROW}: {reason}"[:500]

    def _newest(self, rows: list[TickRow]) -> tuple[tuple[Tick, int], ...]:
        """Per symbol the row with the greatest id, and the number of rows."""
        last: dict[int, TickRow] = {}
        for row in rows:
            before = last.get(row[1])
            if before is None or row[2] >= before[2]:
                last[row[1]] = row
        counts = Counter(map(_series_id, rows))
        return tuple((self._tick(row), counts[of]) for of, row in last.items())

    def _tick(self, row: TickRow) -> Tick:
        _, of, agg_id, price, quantity, time_ms, maker, future = row
        return Tick(self.by_id[of].symbol, agg_id, price, quantity, time_ms, _MAKERS[maker], bool(future))

    def _place(self, plan: CommitPlan, series: Series, tick: Tick) -> bool:
        """Account for a tick with a non-consecutive id; returns whether it is new."""
        arrival, gap = series.coverage.add(tick.agg_id)
        if arrival is Arrival.FIRST:
            plan.opened[series.series_id] = tick
        if gap is not None:
            plan.gaps.setdefault(series.series_id, set()).add(gap)
            plan.gaps_opened += arrival is not Arrival.FILL
            plan.gaps_filled += arrival is Arrival.FILL and not series.coverage.is_open(gap)
        return arrival is not Arrival.KNOWN

    def plan_event(self, plan: CommitPlan, event: Event) -> None:
        """Apply an event to the missing ids."""
        series = self.series.get((event.market, event.symbol or ""))
        if series is None or event.kind not in ("absent", "unfetchable"):
            return
        for first, last in event.detail.get("runs") or [(event.detail["first"], event.detail["last"])]:
            touched = series.coverage.gaps_in(int(first), int(last))
            plan.gaps.setdefault(series.series_id, set()).update(touched)
            if event.kind == "absent":
                plan.absent.update(series.coverage.account_for(int(first), int(last)))
            else:
                series.given_up.update(dict.fromkeys(touched, str(event.detail["reason"])))
