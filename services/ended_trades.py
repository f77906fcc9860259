"""The closed trades of ended runs, as the paper books had them.

A book keeps of an ended run what it earned in all (``PaperResult``), not its trades. They are computed again: the run
over its stored bars, through the same model and ledger, closed at its last price. They stand only where their sums are
those that were stored when the run ended, to the millionth; a run whose bars have changed since, whose result was never
stored, or that another version computed differently has none.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from engine.backtest.layout import ForcedExit, TradeCol
from engine.errors import SettingsError, StoreError
from engine.market.records import Run
from engine.pairs.enums import Reason
from engine.pairs.leg import Col, Leg
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.stats.checks import Floats
from engine.store.bulk import AnalysisReader, PastRun, SignalFilter
from engine.store.interface import Backend, Cursor, TickReader
from live.history import StoreHistory
from live.paper import ended_trades, entered_ms, is_replayed, sums_of
from live.settled_rates import SettledRates
from services.export.trades import BOOK, REPEAT, BookedTrades, Fill, TradeResult
from services.run_history import LISTED

_TOLERANCE = 1e-6  # of a sum of money

Results = Mapping[tuple[str, int], TradeResult]


class EndedTrades:
    """Of each run computed once. Any thread may call."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.analysis_reader()
        self._rates = SettledRates(backend.bar_reader)
        self._known: dict[str, Results | None] = {}
        self._lock = threading.Lock()

    def booked(self, wanted: SignalFilter) -> BookedTrades:
        """Of the filter's pairs the newest ``LISTED`` runs, those of them that have ended. Raises StoreError."""
        pairs = [pair for pair in self._store.signal_pairs() if is_of(wanted, *pair)]
        ended = [past for pair in pairs for past in self._store.runs_of(*pair, LISTED) if past.end and past.result]
        with self._lock, suppress(StoreError):  # without the store of trades nothing is computed, and asked again
            self._compute([past for past in ended if past.run.run_id not in self._known])
        found = {past.run.run_id: self._known.get(past.run.run_id) for past in ended}
        trades = {key: trade for results in found.values() if results for key, trade in results.items()}
        return BookedTrades(frozenset(run_id for run_id, results in found.items() if results is not None), trades)

    def _compute(self, runs: list[PastRun]) -> None:
        cursor = self._store.cursor()
        if not runs or cursor is None:
            return
        reader = self._backend.tick_reader()
        try:
            if reader.store_id() == cursor.ticks_store_id:
                with reader.snapshot():
                    for past in runs:
                        self._known[past.run.run_id] = self._results(past, reader, cursor)
        finally:
            reader.close()

    def _results(self, past: PastRun, reader: TickReader, cursor: Cursor) -> Results | None:
        try:
            run = computed_again(past, reader, cursor, self._store)
            trades = None if run is None else ended_trades(run, self._rates.of(run, is_fresh=True))
        except (SettingsError, ArithmeticError, ValueError):  # settings or a computation of another version
            return None
        if run is None or trades is None or past.result is None:
            return None
        stored, sums = past.result, sums_of(trades[entered_ms(run, trades) >= past.result.from_ms])
        if not all(math.isclose(value, getattr(stored, name), abs_tol=_TOLERANCE) for name, value in sums.items()):
            return None
        return results_of(run, trades, stored.from_ms)


def computed_again(past: PastRun, reader: TickReader, cursor: Cursor, store: AnalysisReader) -> PairRun | None:
    """An ended run over its bars as they are stored now, up to its last one; None where some are gone."""
    run, state = past.run, cursor.pipelines.get(past.run.market)
    if state is None or past.result is None:
        return None
    pipeline = Pipeline.resume(state, StoreHistory(reader, run.market), cursor.seq + 1)
    pipeline.begin(run, cursor.seq)
    ended = {each.run.run_id: each for _, each in pipeline.take_ended_runs()}
    legs = (pipeline.runs.get(run.run_id) or ended[run.run_id]).legs
    counts = [past.result.to_ms // run.interval_ms - leg.first_slot for leg in legs]
    if any(not 0 < count <= leg.size for count, leg in zip(counts, legs, strict=True)):
        return None
    y, x = (_first_bars(run, leg, count) for leg, count in zip(legs, counts, strict=True))
    followed = PairRun(run, y, x, store.decisions(run.run_id))
    followed.catch_up(run.began_seq, 0)
    return followed if followed.model.size else None


def _first_bars(run: Run, leg: Leg, count: int) -> Leg:
    bars = np.array([leg.column(col)[:count] for col in list(Col)[: Col.SOURCED + 1]])
    return Leg.of_bars(run.interval_ms, leg.first_slot, bars)


def is_of(wanted: SignalFilter, market: str, y: str, x: str) -> bool:
    """Whether a filter passes this pair, as the store reads it."""
    legs, named = {y, x}, set(wanted.symbols)
    return (not wanted.market or market == wanted.market) and (
        not named or (legs <= named if len(named) > 1 else bool(legs & named))
    )


def closed_ms(run: PairRun, row: Floats) -> int:
    """When the bar closed that gave the exit of a row of ``TradeCol``."""
    return run.model.open_time_ms(int(row[TradeCol.EXIT_SIGNAL])) + run.run.interval_ms


def results_of(run: PairRun, trades: Floats, cut_ms: int) -> Results:
    """The trades of a run's ledger by the run and the bar that gave the entry; ``cut_ms``: see ``trade_result``."""
    places = trades[:, TradeCol.ENTRY_SIGNAL].astype(int).tolist()
    keys = [(run.run.run_id, run.model.open_time_ms(place)) for place in places]
    return {key: trade_result(run, row, cut_ms) for key, row in zip(keys, trades, strict=True)}


def trade_result(run: PairRun, row: Floats, cut_ms: int) -> TradeResult:
    """A row of ``TradeCol``; ``cut_ms``: up to where the runs before have counted."""
    opened, closed = (run.model.open_time_ms(int(row[place])) for place in (TradeCol.ENTRY, TradeCol.EXIT))
    signal = int(row[TradeCol.ENTRY_SIGNAL])
    return TradeResult(
        float(row[TradeCol.GROSS]), 0.0 - float(row[TradeCol.FEES]), 0.0 - float(row[TradeCol.HALF_SPREAD]),
        0.0 - float(row[TradeCol.SLIPPAGE]), float(row[TradeCol.FUNDING]), float(row[TradeCol.NET]),
        Fill(opened, float(row[TradeCol.ENTRY_Y]), float(row[TradeCol.ENTRY_X])),
        Fill(closed, float(row[TradeCol.EXIT_Y]), float(row[TradeCol.EXIT_X])),
        BOOK if run.model.open_time_ms(signal) >= cut_ms else REPEAT, is_replayed(run, signal),
    )  # fmt: skip


def reason_of(row: Floats) -> str:
    """The name of what closed a trade."""
    code = int(row[TradeCol.REASON])
    kind = Reason if code in Reason.__members__.values() else ForcedExit
    return kind(code).name
