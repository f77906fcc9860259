"""The job of a backtest or a search: bars, cells, verdict, twins; every cell is counted in the trials ledger.

As a job it is ``services.backtest_job:run_job``; :func:`run_request` does the same on bars that are given. Finished
cells of a search outlive a kill (``services.search_units``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.backtest import (
    CellRecords,
    Costs,
    MetricSettings,
    NullTwins,
    Result,
    Strategy,
    Terms,
    Venue,
    Verdict,
    judge,
    null_twins,
    run,
    settings_fingerprint,
)
from engine.backtest.cell_records import TOTALS, sharpe_of_periods
from engine.backtest.clock import DAY_MS, STEPS_MS
from engine.backtest.ledger_metrics import DAILY_FROM_DAYS
from engine.pairs.settings import PairSettings
from engine.store import open_backend
from engine.store.trials import Trial, TrialStore
from live.code_version import BACKTESTING, code_version
from services.backtest_data import Legs, read_legs
from services.backtest_request import BacktestRequest, StoredSource
from services.jobs import IsCancelled, JobCancelled, Json, Report
from services.search_units import Unit, Work, cells_of, changed, folder_of, forget, run_units
from services.unfinished import note_search

Clock = Callable[[], int]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a backtest runs: ``folder`` for unfinished searches, the ledger of trials, and the wall clock in ms."""

    folder: Path
    trials: TrialStore
    now_ms: Clock


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """``best``: the backtest of the best cell; ``twins`` of it, None where not asked for. ``records`` and
    ``verdict`` of a search. ``trial``: its number on these data, ``counted``: all different trials on this market
    in this time, pairs of scans and pairs on screens included. ``folder`` of the finished cells."""

    request: BacktestRequest
    legs: Legs
    best: Result
    records: CellRecords
    verdict: Verdict
    twins: NullTwins | None
    trial: int
    counted: int
    clock: str
    folder: Path

    @property
    def percentile(self) -> float | None:
        """Among the twins."""
        return None if self.twins is None else self.twins.percentile


def run_job(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, and a ``backtest`` in the form of ``BacktestRequest.to_json``."""
    import time

    from services.backtest_files import keep_tables
    from services.backtest_record import record_of

    asked, data_dir = BacktestRequest.from_json(request["backtest"]), Path(request["data_dir"])
    backend = open_backend(data_dir)
    report("reading bars", 0, 1)
    legs = read_legs(asked.source, asked.settings.interval_ms, backend, asked.venue.funding)
    place = Place(data_dir, backend.trials(), lambda: time.time_ns() // 1_000_000)
    found = find(asked, legs, place, report, is_cancelled)
    return record_of(found) | {"tables": keep_tables(found.best, data_dir)}


def run_request(
    request: BacktestRequest,
    legs: Legs,
    place: Place,
    report: Report = lambda *_: None,
    is_cancelled: IsCancelled = lambda: False,
) -> Found:
    """As :func:`find`; then the finished cells are forgotten."""
    found = find(request, legs, place, report, is_cancelled)
    forget(found.folder)
    return found


def find(
    request: BacktestRequest,
    legs: Legs,
    place: Place,
    report: Report = lambda *_: None,
    is_cancelled: IsCancelled = lambda: False,
) -> Found:
    """Backtest, or search and backtest the best cell. Raises ValueError, StoreError, and JobCancelled once
    ``is_cancelled()`` is true. Finished cells stay in ``Found.folder`` for the next start, until whoever stored the
    result forgets them: a kill in between costs nothing. After a ValueError none stay: it would come again."""
    request = as_run(request, legs)
    work, code = Work(legs, cells_of(request), terms_of(request, legs)), code_version(BACKTESTING)
    folder = folder_of(place.folder, request, legs.fingerprint, code)
    note_search(folder, request, code, place.now_ms())
    try:
        return _found(request, work, place, folder, report, is_cancelled)
    except ValueError:
        forget(folder)
        raise


def _found(
    request: BacktestRequest, work: Work, place: Place, folder: Path, report: Report, is_cancelled: IsCancelled
) -> Found:
    legs, cells, terms = work
    data = legs.fingerprint

    def progress(stage: str) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            if is_cancelled():
                raise JobCancelled("the backtest was cancelled; its finished cells are kept")
            report(stage, done, total)

        return tell

    kind = "cell" if request.search else "backtest"
    numbers: list[int] = []

    def count(unit: Unit, found: CellRecords) -> None:
        settings = [cells[number].settings for number in unit.numbers]
        numbers.extend(place.trials.add(place.now_ms(), _trials(kind, legs, data, settings, terms, found)))

    records = run_units(work, folder, count, progress("testing cells"))
    counted = place.trials.overlapping(legs.market, *legs.span_ms)
    axes = request.search.axes if request.search and request.search.count is None else None
    verdict = judge(cells, records, request.account.capital, axes=axes, trials=counted.distinct)
    chosen = cells[verdict.best].settings
    best = run(legs.y, legs.x, None, chosen, terms.costs, request.account, terms.venue)
    twins = None
    if request.twins:
        strategy = Strategy(chosen, terms.costs, request.account, terms.venue)
        told = progress("comparing with twins")
        twins = null_twins(legs.y, legs.x, None, strategy, count=request.twins, progress=told)
    trial = numbers[-1] if numbers else place.trials.on_data(data).total
    return Found(request, legs, best, records, verdict, twins, trial, counted.distinct, terms.clock, folder)


def as_run(request: BacktestRequest, legs: Legs) -> BacktestRequest:
    """With the width of the bars, and the end of a live range where these bars end: asked again, it is the same."""
    source = request.source
    if isinstance(source, StoredSource) and source.to_ms is None:
        source = replace(source, to_ms=legs.span_ms[1])
    return replace(request, source=source, settings=replace(request.settings, interval_ms=legs.interval_ms))


def terms_of(request: BacktestRequest, legs: Legs) -> Terms:
    """Costs, account and venue of all cells, and the clock by the length of the bars."""
    from_ms, to_ms = legs.span_ms
    rates = legs.funding or (None, None)
    venue = Venue(request.venue.y, request.venue.x, rates[0], rates[1], request.venue.delay_bars)
    clock = "daily" if to_ms - from_ms >= DAILY_FROM_DAYS * DAY_MS else "hourly"
    walk = request.search.walk if request.search else None
    return Terms(request.costs or Costs.of(request.settings), request.account, venue, clock, walk)


def metric_settings(found: Found) -> MetricSettings:
    """The metrics of the best cell are those of the best of all trials in its market and time."""
    return MetricSettings(clock=found.clock, trials=float(max(found.counted, 1)))


def _trials(
    kind: str, legs: Legs, data: str, settings: Sequence[PairSettings], terms: Terms, found: CellRecords
) -> list[Trial]:
    from_ms, to_ms = legs.span_ms
    y, x = legs.names
    scale = math.sqrt(DAY_MS / STEPS_MS[terms.clock])
    traded = found.totals[:, TOTALS.index("trades")] > 0
    of_a_day = np.where(traded, scale * sharpe_of_periods(found.pnl), np.nan)
    exact = [msgspec.convert(asdict(each), PairSettings) for each in settings]  # 2 and 2.0 are one entry
    shared: dict[str, Any] = {"costs": terms.costs, "account": terms.account, "delay": terms.venue.delay_bars}
    return [
        Trial(
            kind, data, settings_fingerprint({"settings": each.to_json(), **shared}), legs.market, y, x, from_ms, to_ms,
            sharpe=None if math.isnan(ratio) else float(ratio),
        )
        for each, ratio in zip(exact, of_a_day, strict=True)
    ]  # fmt: skip


def cell_changes(found: Found) -> list[dict[str, Any]]:
    """What each cell changes of the settings asked for."""
    return [changed(cell, found.request.settings) for cell in cells_of(found.request)]
