"""Views for screens: a pair's changes, the watch list, and the state of bridge and program.

Everything is copied out under the monitor's lock: plain lists and frozen records.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from engine.backtest.locked_position import LockedPosition
from engine.market.bars import Bar
from engine.market.builder import BarBuilder
from engine.pairs.executable import executable_now
from engine.pairs.layout import At
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from engine.store.interface import LoggedDecision, Watched
from live.heartbeat import Heartbeat
from live.monitor import Monitor
from live.paper import Paper, PaperBooks
from live.shown_log import KEPT
from live.watch import Watch
from services.pair_columns import Columns, OlderBars, columns_from, older_bars
from services.pair_view import PairView
from services.parity import NOT_CHECKED, ParityService, ParityState
from services.position_locks import PositionLockService
from services.trial_counts import SeenPair, SeenPairs

STOPPED = "DASHBOARD STOPPED"  # the banner's state while the monitor is failing
BACKLOG_TICKS = 20_000  # not read yet: a second or two


@dataclass(frozen=True, slots=True)
class ViewerCursor:
    """What a viewer already has: a run, its revision count, its number of bars, and the last decision shown."""

    run_id: str = ""
    revisions: int = 0
    bars: int = 0
    given: int = 0


@dataclass(frozen=True, slots=True)
class WatchlistRow:
    """One row of the watch list."""

    watch: Watched
    settings: PairSettings
    z: float | None
    gate: float | None
    position: int
    bars: int
    problem: str = ""  # why the pair is suspended


@dataclass(frozen=True, slots=True)
class ViewDelta:
    """An update for a viewer: the pair now, and its bars and decisions that the viewer lacks."""

    watch_id: int
    view: PairView
    seen: ViewerCursor
    reset: bool  # the viewer must drop its data
    first: int  # number of the first bar in ``columns``
    columns: Columns
    log: list[LoggedDecision]


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The banner's content: ``state``, ``cause`` and ``advice``, and further diagnostics (code, what, advice)."""

    state: str
    cause: str
    advice: str
    findings: list[dict[str, str]]


class ViewService:
    """Views of one monitor. Any thread may call."""

    def __init__(
        self,
        monitor: Monitor,
        heartbeat: Heartbeat,
        books: PaperBooks | None = None,
        parity: ParityService | None = None,
        locks: PositionLockService | None = None,
        seen: SeenPairs | None = None,
    ) -> None:
        """``books`` of the paper positions, shared with ``parity``; without that no pair is checked, without ``locks``
        none is locked, and without ``seen`` those that are shown are not counted as trials."""
        self._monitor = monitor
        self._heartbeat = heartbeat
        self._books = books or PaperBooks()
        self._parity = parity
        self._locks = locks
        self._seen = seen
        self._rows: dict[int, tuple[Hashable, WatchlistRow]] = {}  # with the state of which each is a function

    def pair(self, watch_id: int, cursor: ViewerCursor, keep: int) -> ViewDelta | None:
        """One watched pair, at most its last ``keep`` bars; None when it is not watched."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            if watch is None:
                return None
            entry = watch.entry
            run = self._monitor.followed(watch)
            if run is None or watch.run is None:  # one of its legs has not traded yet
                view = PairView(
                    entry.market, entry.y, entry.x, watch.settings, problem=watch.problem, previous_end=watch.previous
                )
                return ViewDelta(watch_id, view, ViewerCursor(), True, 0, {}, [])
            model = run.model
            known = (cursor.run_id, cursor.revisions)
            is_same = known == (watch.run.run_id, run.revisions) and cursor.bars <= model.size
            first = max(model.size - keep, cursor.bars if is_same else 0, 0)
            log = [each for each in watch.log if not is_same or each.given > cursor.given]
            seen = ViewerCursor(watch.run.run_id, run.revisions, model.size, watch.log.newest)
            self._books.keep(set(self._monitor.watches))
            view = _view(self._monitor, watch, run, self._money_of(watch_id, run))
            return ViewDelta(watch_id, view, seen, not is_same, first, columns_from(run, first), log)

    def _money_of(self, watch_id: int, run: PairRun) -> _Money:
        return _Money(
            self._books.paper(watch_id, run),
            self._parity.state(watch_id, run.run.run_id) if self._parity else NOT_CHECKED,
            self._locks.position(run) if self._locks else None,
        )

    def older(self, watch_id: int, before: int, at_ms: int, count: int) -> OlderBars | None:
        """At most ``count`` bars of a watched pair before number ``before``, which opens at ``at_ms``: None when the
        pair is not watched, or its run is another by now."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            run = self._monitor.followed(watch) if watch is not None else None
            if run is None or run.model.first_slot is None or run.model.open_time_ms(before) != at_ms:
                return None
            return older_bars(run, before, count)

    def watch_list(self) -> list[WatchlistRow]:
        """The watch list with each pair's latest numbers: of a pair the same object until it has changed. Pairs on a
        screen count as trials."""
        shown = []
        with self._monitor.lock:
            known, self._rows = self._rows, {}
            for watch_id, watch in self._monitor.watches.items():
                run = self._monitor.followed(watch)
                state = (watch.settings, watch.problem, run, run and run.revisions, run and run.model.size)
                row = known.get(watch_id)
                if row is None or row[0] != state:
                    row = state, _watchlist_row(watch, run)
                    if run and run.model.size:
                        shown.append(_seen_pair(watch, run))
                self._rows[watch_id] = row
            rows = [row for _, row in self._rows.values()]
        if self._seen:
            self._seen.note(shown)
        return rows

    def watermark_ms(self, market: str | None) -> int:
        """The market's clock, or for None the latest of all; 0 before the first trade."""
        with self._monitor.lock:
            clocks = {name: pipeline.builder.watermark_ms for name, pipeline in self._monitor.pipelines.items()}
        return max(clocks.values(), default=0) if market is None else clocks.get(market, 0)

    def status(self, market: str | None) -> SystemStatus:
        """The server's bridge state, unless this process itself is failing; None: the most recently active market."""
        status = self._heartbeat.status(market)
        state, cause, advice = status.state.value, status.cause, status.advice
        if self._monitor.problem is not None:
            state, cause = STOPPED, f"Stored trades are not processed: {self._monitor.problem}."
            advice = (
                "It retries every 2 s from the last saved position; no stored data is lost. See the log file"
                " dashboard.log."
            )
        read, stored = self._monitor.progress()
        found = [*catching_up(read, stored), *lost(self._monitor.lost), *self._heartbeat.findings(market)]
        return SystemStatus(state, cause, advice, found)


class _Money(NamedTuple):
    paper: Paper | None
    parity: ParityState
    locked: LockedPosition | None


def catching_up(read: int, stored: int) -> list[dict[str, str]]:
    """A diagnostic while the monitor is far behind the store, as after a long stop."""
    if stored - read < BACKLOG_TICKS:
        return []
    what = f"The dashboard reads what was stored while it was stopped: {read / stored:.0%} of {stored:,} trades."
    return [{"code": "catching-up", "what": what, "advice": "Until then, figures and signals are out of date."}]


def lost(what: str) -> list[dict[str, str]]:
    """A diagnostic when a file was deleted while the dashboard ran."""
    if not what:
        return []
    advice = "The watch list was kept. Signal log and scans are gone; restore a backup for the old ones."
    return [{"code": "analysis-lost", "what": what, "advice": advice}]


def _view(monitor: Monitor, watch: Watch, run: PairRun, money: _Money) -> PairView:
    entry, model = watch.entry, run.model
    builder = monitor.pipelines[entry.market].builder
    summary = watch.summary(run)
    return PairView(
        market=entry.market,
        y=entry.y,
        x=entry.x,
        settings=watch.settings,
        has_run=True,
        bars=model.size,
        latest=model.snapshot(model.size - 1) if model.size else None,
        executable=executable_now(model),
        calibration=model.calibration,
        forming=_forming(monitor, watch, run),
        newest=_newest(builder, entry),
        last_prices=(builder.last_price(entry.y), builder.last_price(entry.x)),
        gate_tests=model.gate_tests,
        gate_flips=model.gate_flips,
        gate_open_share=model.gate_open_share,
        gate_since_ms=_gate_since_ms(run),
        previous_end=watch.previous,
        gaps=sum(builder.gap_count(symbol) for symbol in (entry.y, entry.x)),
        candles={side: leg.sourced_spans_ms() for side, leg in zip(("y", "x"), run.legs, strict=True)},
        candles_compared=summary.compared if summary else (0, 0),
        evidence=summary.evidence if summary else None,
        entries=summary.entries if summary else 0,
        refused=summary.refused if summary else {},
        logged=watch.log.count,
        log_kept=KEPT,
        paper=money.paper,
        parity=money.parity,
        locked=money.locked,
    )


def _watchlist_row(watch: Watch, run: PairRun | None) -> WatchlistRow:
    shot = run.model.snapshot(run.model.size - 1) if run and run.model.size else None
    return WatchlistRow(
        watch.entry,
        watch.settings,
        None if shot is None or math.isnan(shot.z) else shot.z,
        None if shot is None or math.isnan(shot.gate) else shot.gate,
        int(shot.position) if shot else 0,
        run.model.size if run else 0,
        watch.problem,
    )


def _gate_since_ms(run: PairRun) -> int | None:
    slot = run.model.state(At.GATE_SINCE)
    return None if math.isnan(slot) else (int(slot) + 1) * run.model.settings.interval_ms


def _seen_pair(watch: Watch, run: PairRun) -> SeenPair:
    entry, model = watch.entry, run.model
    span_ms = model.open_time_ms(0), model.open_time_ms(model.size)
    return SeenPair(entry.market, entry.y, entry.x, watch.settings, *span_ms)


def _newest(builder: BarBuilder, entry: Watched) -> dict[str, tuple[int, int]]:
    found = {}
    for side, symbol in (("y", entry.y), ("x", entry.x)):
        newest_id, last_ms = builder.newest_id(symbol), builder.last_ms(symbol)
        if newest_id is not None and last_ms is not None:
            found[side] = newest_id, last_ms
    return found


def _forming(monitor: Monitor, watch: Watch, run: PairRun) -> dict[str, Bar]:
    builder = monitor.pipelines[watch.entry.market].builder
    found: dict[str, Bar] = {}
    for side, symbol, leg in zip(("y", "x"), (watch.entry.y, watch.entry.x), run.legs, strict=True):
        bar = leg.forming(builder.forming(symbol))
        if bar is not None:
            found[side] = bar
    return found
