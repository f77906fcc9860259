"""The bars of a backtest, from files, from the store, or given: two legs, with the fingerprint of what they hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.backtest import data_fingerprint
from engine.errors import StoreError
from engine.files.inspection import Told
from engine.files.upload import Upload, look_through
from engine.market.funding import SETTLED
from engine.market.intervals import SECOND_MS, bar_open, interval_name
from engine.pairs.bar_grid import bar_times
from engine.pairs.leg import Leg
from engine.store.interface import Backend, BarReader, TickReader
from engine.store.sourced import SourcedExtent
from services.backtest_request import FileSource, StoredSource
from services.file_legs import frame_of, frames_of_trades, rates_of, traded_symbols

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Legs:
    """Bars of two legs, their index the open of each in UTC, columns as :func:`engine.backtest.run` takes them.
    ``funding``: settled rates by time of each leg, None where not asked for. ``market``: ``files`` for files."""

    market: str
    names: tuple[str, str]
    interval_ms: int
    y: pd.DataFrame
    x: pd.DataFrame
    funding: tuple[pd.Series[float], pd.Series[float]] | None = None

    @property
    def span_ms(self) -> tuple[int, int]:
        """From the open of the first bar to the end of the last."""
        times = [bar_times(leg.index, name) for leg, name in zip((self.y, self.x), self.names, strict=True)]
        return int(min(each[0] for each in times)), int(max(each[-1] for each in times)) + self.interval_ms

    @property
    def fingerprint(self) -> str:
        """Of every bar and column."""
        columns: dict[str, Any] = {}
        for leg, name in ((self.y, "y"), (self.x, "x")):
            columns[f"{name}.time"] = bar_times(leg.index, name)
            columns |= {f"{name}.{column}": leg[column].to_numpy() for column in leg}
        for name, rates in zip("yx", self.funding or (), strict=False):
            columns |= {f"{name}.funding": rates.to_numpy(), f"{name}.funding_time": bar_times(rates.index, name)}
        return data_fingerprint(columns)


def read_legs(
    source: FileSource | StoredSource, interval_ms: int, backend: Backend | None = None, funding: bool = False
) -> Legs:
    """The bars of a source. Raises ValueError where it has too little or none of a leg, StoreError."""
    if isinstance(source, FileSource):
        return legs_of_files(source, interval_ms, funding)
    if backend is None:
        raise ValueError("a stored source needs a store; expected a data folder")
    return _stored_legs(source, interval_ms, backend, funding)


def legs_of_files(source: FileSource, interval_ms: int = 60_000, funding: bool = False) -> Legs:
    """Legs out of files of any format that Pairbridge reads: bars as they are, trades as bars of ``interval_ms``. Rates
    of funding in the files are paid; with ``funding`` there must be some.

    Raises ValueError for an open question, rows that cannot be used, files without bars or trades of a leg, and bars of
    two widths.
    """
    told = Told(interval=source.interval, zone=source.zone)
    upload = look_through([Path(path) for path in source.paths], told)
    if upload.questions:
        raise ValueError(upload.questions[0].text)
    for each in upload.files:
        if each.notes.refused:
            count = each.notes.refused.total()
            raise ValueError(f"{each.member} has {count:,} rows that cannot be used ({each.notes.examples[0]})")
    names = (source.y, source.x)
    frames, width_ms = _frames_of_files(upload, names, interval_ms)
    return Legs("files", names, width_ms, frames[source.y], frames[source.x], rates_of(upload, names, funding))


def _frames_of_files(upload: Upload, names: tuple[str, str], interval_ms: int) -> tuple[dict[str, pd.DataFrame], int]:
    """By symbol, and the width of the bars. Where there are trades of both legs, they are the bars."""
    if set(names) <= traded_symbols(upload):
        return frames_of_trades(upload, names, interval_ms), interval_ms
    found = _bars_by_symbol(upload, set(names))
    known = sorted({symbol for each in upload.files for symbol in each.symbols})
    for name in names:
        if name not in found:
            kinds = sorted({each.kind for each in upload.files})
            raise ValueError(
                f"files have {' and '.join(kinds)} of {', '.join(known[:20])}; expected bars of {name}, or trades of"
                " both legs"
            )
    widths = {width for name in found for width in found[name]}
    if len(widths) != 1:
        shown = ", ".join(interval_name(width) for width in sorted(widths))
        raise ValueError(f"files have bars of {shown}; expected one width")
    (width_ms,) = widths
    return {name: _frame(found[name][width_ms]) for name in names}, width_ms


def _bars_by_symbol(upload: Upload, wanted: set[str]) -> dict[str, dict[int, dict[int, tuple[float, ...]]]]:
    """By symbol and width, the first bar of each time: open, high, low, close, volume."""
    found: dict[str, dict[int, dict[int, tuple[float, ...]]]] = {}
    for batch in upload.bars():
        if batch.symbol in wanted:
            bars = found.setdefault(batch.symbol, {}).setdefault(batch.width_ms, {})
            for bar in batch.bars:
                bars.setdefault(bar.open_time_ms, tuple(map(float, bar[3:])))
    return found


def _frame(bars: dict[int, tuple[float, ...]]) -> pd.DataFrame:
    import pandas as pd

    times = sorted(bars)
    table = np.array([bars[time] for time in times])
    index = pd.DatetimeIndex(pd.to_datetime(times, unit="ms", utc=True), name="bar_open")
    return pd.DataFrame({"close": table[:, 3], "open": table[:, 0], "volume": table[:, 4]}, index=index)


def _stored_legs(source: StoredSource, width_ms: int, backend: Backend, funding: bool) -> Legs:
    bars, ticks = backend.bar_reader(), backend.tick_reader()
    try:
        span = _span(source, width_ms, bars)
        y, x = (_stored_leg(source.market, name, width_ms, span, ticks, bars) for name in (source.y, source.x))
        rates = tuple(_rates(source.market, name, span, bars) for name in (source.y, source.x)) if funding else None
    finally:
        bars.close()
        ticks.close()
    return Legs(source.market, (source.y, source.x), width_ms, y, x, rates)  # type: ignore[arg-type]


def _span(source: StoredSource, width_ms: int, bars: BarReader) -> tuple[int, int]:
    """Whole bars that may be known: none before what was stored first of either leg."""
    extents = _extents(source, bars)
    ends = [bars.watermark_ms(source.market) or 0, *(each.end_ms for each in extents)]
    newest_ms = bar_open(max(ends), width_ms)
    to_ms = newest_ms if source.to_ms is None else min(bar_open(source.to_ms, width_ms), newest_ms)
    firsts = [each.first_ms for each in bars.symbols(source.market) if each.symbol in (source.y, source.x)]
    firsts += [each.first_ms for each in extents]
    asked_ms = bar_open(source.from_ms + width_ms - 1, width_ms)
    from_ms = max(asked_ms, bar_open(min(firsts, default=asked_ms), width_ms))
    if from_ms >= to_ms:
        raise ValueError(
            f"market {source.market} has bars up to {newest_ms} ms; expected some from {source.from_ms} ms on"
        )
    return from_ms, to_ms


def _extents(source: StoredSource, bars: BarReader) -> Sequence[SourcedExtent]:
    names = (source.y, source.x)
    return [each for each in bars.sourced_extents() if each.market == source.market and each.symbol in names]


def _stored_leg(
    market: str, symbol: str, width_ms: int, span: tuple[int, int], ticks: TickReader, bars: BarReader
) -> pd.DataFrame:
    """A leg as the live path builds it: from seconds of ticks, and from candles before the first tick."""
    from_ms, to_ms = span
    first_tick_ms = min((each.first_ms for each in bars.symbols(market) if each.symbol == symbol), default=math.inf)
    leg = Leg(width_ms, from_ms // width_ms)
    leg.ticks_from_ms = first_tick_ms
    leg.take(bars.sourced_bars(market, symbol, width_ms, from_ms, to_ms))
    day_ms = 86_400_000
    for at in range(from_ms, to_ms, day_ms):
        until = min(at + day_ms, to_ms)
        leg.close(ticks.bars(market, symbol, at, until), until, lambda *_: False)
    found = frame_of(leg)
    if found.empty:
        raise ValueError(f"market {market} has no bars of {symbol} from {from_ms} to {to_ms} ms")
    return found


def _rates(market: str, symbol: str, span: tuple[int, int], bars: BarReader) -> pd.Series[float]:
    import pandas as pd

    found = [each for each in bars.funding(market, symbol, SETTLED, *span) if each.rate is not None]
    if not found:
        raise StoreError(f"market {market} has no settled funding of {symbol} in this range; leave funding out")
    times = pd.to_datetime([bar_open(each.time_ms, SECOND_MS) for each in found], unit="ms", utc=True)
    return pd.Series([each.rate for each in found], index=times, dtype=np.float64)
