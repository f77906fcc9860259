"""The analysis of a pair, every column of every bar, as the pipeline computed it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from engine.errors import StoreError
from engine.pairs.enums import Action, Reason
from engine.pairs.layout import Out
from engine.pairs.leg import Col
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.store.interface import Backend
from live.history import StoreHistory
from live.monitor import Monitor
from services.export.request import NothingToExport, PairRequest, iso

if TYPE_CHECKING:
    import polars

_BARS = 10_000  # in memory at a time, about 70 columns of 8 bytes
_NUMBERS = [row for row in Out if row not in (Out.ACTION, Out.REASON, Out.POSITION, Out.REAL_BARS)]
_LEG = [col for col in Col if col is not Col.LAST_MS]


class AnalysisSource(Protocol):
    """Where the analysis of a watched pair is."""

    def part(self, request: PairRequest, from_ms: int, bars: int) -> polars.DataFrame:
        """At most ``bars`` of the run's bars that open at ``from_ms`` or later. Raises NothingToExport."""


class MonitorAnalysis:
    """The analysis that the live loop holds; a part is copied out under its lock."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def part(self, request: PairRequest, from_ms: int, bars: int) -> polars.DataFrame:
        """See AnalysisSource."""
        with self._monitor.lock:
            watches = list(self._monitor.watches.values())
            pairs = [(watch.entry.market, watch.entry.y, watch.entry.x) for watch in watches]
            wanted = (request.market, request.y, request.x)
            run = self._monitor.followed(watches[pairs.index(wanted)]) if wanted in pairs else None
            if run is None:
                raise _unknown(request, pairs)
            return analysis_frame(run, from_ms, bars)


class StoredAnalysis:
    """The analysis as the dashboard's next start would have it: its run, recomputed by the pipeline from its last saved
    position. The server and the dashboard may run."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._run: PairRun | None = None

    def part(self, request: PairRequest, from_ms: int, bars: int) -> polars.DataFrame:
        """See AnalysisSource."""
        if self._run is None:
            self._run = self._resumed(request)
        return analysis_frame(self._run, from_ms, bars)

    def _resumed(self, request: PairRequest) -> PairRun:
        store = self._backend.analysis_reader()
        runs, cursor = store.runs(), store.cursor()
        wanted = (request.market, request.y, request.x)
        run = next((run for run in runs if (run.market, run.y, run.x) == wanted), None)
        if run is None or cursor is None:
            raise _unknown(request, [(run.market, run.y, run.x) for run in runs])
        reader = self._backend.tick_reader()
        try:
            if reader.store_id() != cursor.ticks_store_id:
                raise StoreError("the dashboard has not read this store of trades yet; start it once")
            with reader.snapshot():
                history = StoreHistory(reader, request.market)
                pipeline = Pipeline.resume(cursor.pipelines[request.market], history, cursor.seq + 1)
                pipeline.begin(run, cursor.seq, store.decisions(run.run_id))
        finally:
            reader.close()
        if run.run_id not in pipeline.runs:
            raise StoreError(f"the run {run.run_id} could not be computed again: {pipeline.take_ended()[-1].detail}")
        return pipeline.runs[run.run_id]


def analysis_frames(source: AnalysisSource, request: PairRequest) -> Iterator[polars.DataFrame]:
    """The bars of the pair's current run in the range. Raises NothingToExport where there are none."""
    from_ms, run_id = request.from_ms, None
    while True:
        frame = source.part(request, from_ms, _BARS)
        wanted = frame.filter(frame["timestamp"].dt.epoch("ms") < request.to_ms)
        if len(wanted) and run_id in (None, wanted["run_id"][0]):  # a run that began meanwhile is another table
            yield wanted
            run_id, from_ms = wanted["run_id"][0], int(wanted["timestamp"].dt.epoch("ms")[-1]) + 1
            continue
        if run_id is None:
            raise NothingToExport(
                f"{request.y} ~ {request.x} in market {request.market} has no bar in its run from"
                f" {iso(request.from_ms)} to {iso(request.to_ms)}; expected a range that its current run covers"
            )
        return


def analysis_frame(run: PairRun, from_ms: int, bars: int) -> polars.DataFrame:
    """At most ``bars`` bars of a run that open at ``from_ms`` or later: prices of both legs, all outputs of the rule,
    and its actions. NaN is unknown, and becomes null."""
    import polars

    model, width_ms = run.model, run.settings.interval_ms
    begin = model.first_slot or 0
    first = min(max(-(-from_ms // width_ms) - begin, 0), model.size)
    count = min(model.size - first, bars)
    opens = (begin + first + np.arange(count, dtype=np.int64)) * width_ms
    columns: dict[str, Any] = {
        "timestamp": _times(opens), "bar_close": _times(opens + width_ms), "run_id": _text(run.run.run_id, count),
        "y": _text(run.run.y, count), "x": _text(run.run.x, count),
    }  # fmt: skip
    for side, leg in zip("yx", run.legs, strict=True):
        at = begin + first - leg.first_slot
        columns |= {f"{side}_{col.name.lower()}": leg.column(col, at)[:count] for col in _LEG}
    columns |= {row.name.lower(): model.column(row, first)[:count] for row in _NUMBERS}
    columns["position"] = model.column(Out.POSITION, first)[:count].astype(np.int64)
    for name, row, kind in (("action", Out.ACTION, Action), ("reason", Out.REASON, Reason)):
        codes = model.column(row, first)[:count].astype(np.int64).tolist()
        columns[name] = polars.Series(["" if not code else kind(code).name for code in codes], dtype=polars.String)
    columns["action"] = columns["action"].str.to_lowercase()
    return polars.DataFrame(columns).fill_nan(None)


def _times(values: Any) -> polars.Series:
    import polars

    return polars.Series(values, dtype=polars.Int64).cast(polars.Datetime("ms", "UTC"))


def _text(value: str, count: int) -> polars.Series:
    import polars

    return polars.Series([value], dtype=polars.String).new_from_index(0, count)


def _unknown(request: PairRequest, pairs: list[tuple[str, str, str]]) -> NothingToExport:
    names = ", ".join(f"{y} ~ {x} in {market}" for market, y, x in pairs[:8]) or "none yet"
    return NothingToExport(
        f"{request.y} ~ {request.x} in market {request.market or 'none'} has no run; expected a watched pair: {names}"
    )
