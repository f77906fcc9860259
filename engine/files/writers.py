"""Tables as CSV, NDJSON, Parquet or Arrow, streamed: frames in, bytes out, a few frames in memory at a time.

Times are UTC: ISO 8601 text with milliseconds and Z in CSV and NDJSON, a timestamp with zone in Parquet and Arrow (its
file format, as Feather 2). Floats are written with the fewest digits that read back as the same number. In CSV an
unknown value is an empty cell, and text that a spreadsheet would run as a formula begins with an apostrophe. The bytes
are a function of the rows: neither the clock nor the sizes of the frames matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import polars

    _Sink = Callable[[polars.LazyFrame, IO[bytes]], None]

FORMATS = ("csv", "parquet", "ndjson", "arrow")
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet", "ndjson": "application/x-ndjson",
    "arrow": "application/vnd.apache.arrow.file",
}  # fmt: skip
FORMULA_STARTS = "=+-@\t\r"  # of a cell that a spreadsheet would compute

_ROW_GROUP = 50_000
_FRAME = 3_000  # rows that the writer of Parquet or Arrow takes at a time: it reads some forty frames ahead
_PIECES = 8  # written pieces that wait for the consumer
_POLL_S = 0.05
_ISO = "%Y-%m-%dT%H:%M:%S%.3fZ"


def encode(frames: Iterable[polars.DataFrame], form: str) -> Iterator[bytes]:
    """The bytes of a file of the rows of ``frames``, which all have the same columns; there must be at least one.

    Close the iterator to stop early. Raises ValueError for an unknown format, and what ``frames`` raises.
    """
    check_format(form)
    if form in _SINKS:
        return _sunk(iter(frames), _SINKS[form])
    return {"csv": _csv, "ndjson": _ndjson}[form](iter(frames))


def check_format(form: str) -> str:
    """The format itself if there is such a one. Raises ValueError."""
    if form not in FORMATS:
        raise ValueError(f"format is {form!r}; expected {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    return form


def _csv(frames: Iterator[polars.DataFrame]) -> Iterator[bytes]:
    for number, frame in enumerate(frames):
        safe = _without_formulas(frame)
        text = safe.write_csv(include_header=number == 0, datetime_format=_ISO, float_scientific=False)
        yield text.encode()


def _ndjson(frames: Iterator[polars.DataFrame]) -> Iterator[bytes]:
    import polars.selectors as columns

    for frame in frames:
        yield frame.with_columns(columns.datetime().dt.strftime(_ISO)).write_ndjson().encode()


def _without_formulas(frame: polars.DataFrame) -> polars.DataFrame:
    """Text in cells so that no spreadsheet runs it.

    >>> import polars
    >>> _without_formulas(polars.DataFrame({"reason": ["=1+1", "STOP"]}))["reason"].to_list()
    ["'=1+1", 'STOP']
    """
    import polars

    text = polars.col(polars.String)
    is_formula = text.str.slice(0, 1).is_in(list(FORMULA_STARTS))
    return frame.with_columns(polars.when(is_formula).then(polars.lit("'") + text).otherwise(text).name.keep())


class _Stopped(Exception):
    """The consumer has closed the iterator."""


class _Pipe:
    """A file to which one thread writes, and from which another takes the pieces."""

    def __init__(self) -> None:
        self.pieces: Queue[bytes | None] = Queue(_PIECES)
        self.stopped = Event()

    def write(self, piece: bytes) -> int:
        """Wait until there is room. Raises _Stopped."""
        self._put(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def end(self) -> None:
        """Tell the consumer that nothing more comes."""
        with suppress(_Stopped):
            self._put(None)

    def _put(self, piece: bytes | None) -> None:
        while not self.stopped.is_set():
            with suppress(Full):
                self.pieces.put(piece, timeout=_POLL_S)
                return
        raise _Stopped


def _sunk(frames: Iterator[polars.DataFrame], sink: _Sink) -> Iterator[bytes]:
    """Through a thread in which polars writes."""
    first = next(frames)
    pipe, failed = _Pipe(), []

    def write() -> None:
        try:
            file = cast("IO[bytes]", pipe)  # polars only writes and flushes
            sink(_table(_even(_until_stopped(first, frames, pipe), _FRAME), first), file)
        except BaseException as error:  # noqa: BLE001 - raised again in the consumer's thread
            failed.append(error)
        pipe.end()

    thread = Thread(target=write, name="writes an export", daemon=True)
    thread.start()
    try:
        while (piece := pipe.pieces.get()) is not None:
            yield piece
    finally:
        pipe.stopped.set()
        thread.join()
    if failed:
        raise failed[0]


def _table(frames: Iterator[polars.DataFrame], first: polars.DataFrame) -> polars.LazyFrame:
    from polars.io.plugins import register_io_source

    def source(*_: Any) -> Iterator[polars.DataFrame]:
        return frames

    make: Callable[..., polars.LazyFrame] = register_io_source
    return make(source, schema=first.schema)


def _to_parquet(table: polars.LazyFrame, file: IO[bytes]) -> None:
    table.sink_parquet(file, compression="zstd", row_group_size=_ROW_GROUP, engine="streaming")


def _to_arrow(table: polars.LazyFrame, file: IO[bytes]) -> None:
    table.sink_ipc(file, compression="zstd", record_batch_size=_ROW_GROUP, engine="streaming")


_SINKS: dict[str, _Sink] = {"parquet": _to_parquet, "arrow": _to_arrow}


def _until_stopped(
    first: polars.DataFrame, others: Iterator[polars.DataFrame], pipe: _Pipe
) -> Iterator[polars.DataFrame]:
    """The frames; polars would read all of them even though nothing can be written any more."""
    yield first
    for frame in others:
        if pipe.stopped.is_set():
            return
        yield frame


def _even(frames: Iterator[polars.DataFrame], rows: int) -> Iterator[polars.DataFrame]:
    """The same rows in frames of exactly ``rows``, the last one shorter: then row groups do not depend on the given
    frames."""
    import polars

    waiting: list[polars.DataFrame] = []
    count = 0
    for frame in frames:
        waiting.append(frame)
        count += len(frame)
        if count < rows:
            continue
        whole = polars.concat(waiting)
        full = count - count % rows
        for at in range(0, full, rows):
            yield whole.slice(at, rows)
        waiting, count = [whole.slice(full)], count - full
    if count:
        yield polars.concat(waiting)
