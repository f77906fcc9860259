"""Exports of stored data, one method for each kind, streamed from hot and archived data alike."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from engine.errors import SettingsError, StoreError
from engine.files.writers import MEDIA_TYPES, check_format, encode
from engine.market.intervals import interval_name
from engine.market.ticks import OWN_MARKET
from engine.store.bulk import BulkReader, SeriesSpan, SignalFilter
from engine.store.interface import Backend
from services.export import market
from services.export.analytics import AnalysisSource, analysis_frames
from services.export.request import (
    END_MS,
    BarRequest,
    ExportFile,
    NothingToExport,
    PairRequest,
    Selection,
    file_name,
    iso,
    symbols_part,
)
from services.export.scan import scan_frame, scan_rows
from services.export.signals import signal_frame, signal_rows
from services.export.trades import NOT_BOOKED, BookedTrades
from services.jobs import JobBusy

if TYPE_CHECKING:
    import polars

AT_ONCE = 2  # exports: each holds a reader and up to 64 MB

Frames = Iterator["polars.DataFrame"]


class ExportService:
    """Exports of one data folder. Any thread may call; the chunks of one file belong to one thread at a time.

    Every method raises NothingToExport when nothing matches, SettingsError for what cannot be asked, StoreError, and
    JobBusy while ``AT_ONCE`` exports are being made. A file that has begun ends early only with an error.
    """

    def __init__(
        self, backend: Backend, analysis: Callable[[], AnalysisSource],
        booked: Callable[[SignalFilter], BookedTrades] = lambda _: NOT_BOOKED,
    ) -> None:  # fmt: skip
        """``analysis``: where the analyses of the watched pairs are; ``booked``: what their paper books count; each is
        called once for an export."""
        self._booked = booked
        self._backend = backend
        self._analysis = analysis
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def ticks(self, selection: Selection, form: str, with_ids: bool | None = None) -> ExportFile:
        """Trades, symbol by symbol in the order of their ids. ``with_ids`` None: only of an exchange's market, where
        they mean something elsewhere too."""
        ids = not selection.market.startswith(OWN_MARKET) if with_ids is None else with_ids

        def frames(reader: BulkReader, spans: list[SeriesSpan]) -> Frames:
            return market.tick_frames(reader, selection, spans, ids)

        return self._of_market("ticks", selection, form, frames)

    def ohlc(self, request: BarRequest, form: str) -> ExportFile:
        """Complete bars, symbol by symbol."""

        def frames(reader: BulkReader, spans: list[SeriesSpan]) -> Frames:
            return market.bar_frames(reader, request, spans)

        return self._of_market("ohlc", request.selection, form, frames, request.width_ms)

    def summary(self, request: BarRequest, form: str) -> ExportFile:
        """Statistics of each symbol over the bars of a range, one row a symbol."""

        def frames(reader: BulkReader, spans: list[SeriesSpan]) -> Frames:
            rows = list(market.summaries(reader, request.selection, request.width_ms, spans))
            return iter([market.summary_frame(rows)] if rows else [])

        return self._of_market("summary", request.selection, form, frames, request.width_ms)

    def analytics(self, request: PairRequest, form: str) -> ExportFile:
        """Every column of a watched pair's analysis, bar by bar, of its current run."""
        _check_format(form)
        frames = analysis_frames(self._analysis(), request)
        span = _named_span(request.from_ms, request.to_ms)
        name = file_name("analytics", [request.market, request.y, request.x], span, form)
        return self._file(name, form, frames, lambda: None, "no bar")

    def signals(
        self, wanted: SignalFilter, form: str, is_empty_allowed: bool = False, kind: str = "signals"
    ) -> ExportFile:  # fmt: skip
        """Decisions in their original order. ``is_empty_allowed``: a file without rows where there is none yet;
        ``kind``: how the file's name begins."""
        _check_format(form)
        try:
            prices: BulkReader | None = self._backend.bulk_reader()
        except StoreError:  # without trades the decisions stay, and their fills are unknown
            prices = None
        pages = signal_rows(self._backend.analysis_reader(), prices, wanted, self._booked(wanted))
        is_narrowed = wanted.without_refusals and kind == "signals"
        parts = [wanted.market, symbols_part(wanted.symbols), "trades" if is_narrowed else ""]
        file = file_name(kind, parts, _named_span(wanted.from_ms, wanted.to_ms), form)
        missing = (
            f"no decision of {' '.join(part for part in parts if part) or 'any pair'} is stored from"
            f" {iso(wanted.from_ms)} to {iso(wanted.to_ms)}; expected at least one"
        )
        frames = map(signal_frame, chain(pages, [[]] if is_empty_allowed else []))
        return self._file(file, form, frames, prices.close if prices else _nothing, missing)

    def scan(self, scan_id: int | None, form: str) -> ExportFile:
        """The pairs of a stored scan; None: of the newest."""
        _check_format(form)
        store = self._backend.scans()
        kept = store.newest(1_000)
        if scan_id is None and not kept:
            raise NothingToExport("no scan is stored; expected one: run a scan first")
        number = kept[0].scan_id if scan_id is None else scan_id
        result = store.result(number)
        if result is None:
            known = f"1 to {kept[0].scan_id}" if kept else "none is stored"
            raise NothingToExport(f"no scan with number {number} is stored; expected one of: {known}")
        name = file_name(f"scan-{number}", [result["market"], interval_name(result["interval_ms"])], None, form)
        return self._file(name, form, iter([scan_frame(scan_rows(result))]), _nothing, "")

    def _of_market(
        self, kind: str, selection: Selection, form: str,
        frames: Callable[[BulkReader, list[SeriesSpan]], Frames], width_ms: int = 0,
    ) -> ExportFile:  # fmt: skip
        _check_format(form)
        if not selection.market:
            raise SettingsError("market is empty; expected one such as usdm or spot")
        reader = self._backend.bulk_reader()
        try:
            spans = market.chosen(reader, selection, width_ms)
            width = interval_name(width_ms) if width_ms else ""
            whole = min(span.first_ms for span in spans), max(span.end_ms for span in spans)
            span_ms = max(whole[0], selection.from_ms), min(whole[1], selection.to_ms)
            every = "" if selection.symbols or len(spans) == 1 else "all"
            name = file_name(
                kind, [selection.market, every or symbols_part([span.symbol for span in spans]), width], span_ms, form
            )
            missing = (
                f"{', '.join(span.symbol for span in spans[:8])} in market {selection.market} has no row from"
                f" {iso(span_ms[0])} to {iso(span_ms[1])}{f' in complete bars of {width}' if width else ''};"
                " expected a range with trades"
            )
            return self._file(name, form, frames(reader, spans), reader.close, missing)
        except BaseException:
            reader.close()
            raise

    def _file(self, name: str, form: str, frames: Frames, close: Callable[[], None], missing: str) -> ExportFile:
        """Start a file: its first frame is read now, so that what is wrong is said before the first byte."""
        if not self._slots.acquire(blocking=False):
            close()
            raise JobBusy(f"{AT_ONCE} exports are being made; wait for one to end")
        chunks = self._chunks(frames, form, close)
        try:
            first = next(chunks)
        except StopIteration:
            raise NothingToExport(missing) from None
        return ExportFile(name, MEDIA_TYPES[form], _Chunks(first, chunks))

    def _chunks(self, frames: Frames, form: str, close: Callable[[], None]) -> Iterator[bytes]:
        """Release what the export holds when it ends, is closed or dropped."""
        try:
            first = next(frames, None)
            if first is not None:
                yield from encode(chain([first], frames), form)
        finally:
            close()
            self._slots.release()


class _Chunks(Iterator[bytes]):
    """The first chunk and the others; closing it closes them."""

    def __init__(self, first: bytes, others: Iterator[bytes]) -> None:
        self._first: bytes | None = first
        self._others = others

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return next(self._others)

    def close(self) -> None:
        """Stop early."""
        self._others.close()  # type: ignore[attr-defined]  # a generator


def _named_span(from_ms: int, to_ms: int) -> tuple[int, int] | None:
    """The range of a file's name; None where neither end was asked for."""
    return None if from_ms <= 0 or to_ms >= END_MS else (from_ms, to_ms)


def _check_format(form: str) -> None:
    """Raises SettingsError for a format that there is not."""
    try:
        check_format(form)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _nothing() -> None:
    """There is nothing to release."""
