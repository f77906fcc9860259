"""Trades, bars and summary statistics of stored symbols, as frames of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from engine.files.upload import UPLOADED
from engine.market.bar_columns import Columns, roll_up_columns
from engine.market.intervals import bar_open, interval_name
from engine.market.sourced import SourcedBar
from engine.market.ticks import OWN_MARKET
from engine.store.bulk import BulkReader, SeriesSpan
from services.export.request import BarRequest, NothingToExport, Selection, iso

if TYPE_CHECKING:
    import polars

SLICE_MS = 43_200_000  # of one-second bars in memory at a time; a bar of one day takes one day
_VOLUME_PLACES = 18  # decimals that an import of bars reads
_SHOWN = 8  # names in a message


@dataclass(frozen=True, slots=True)
class SymbolSummary:
    """Statistics of one symbol over the bars of a range; NaN where there are too few bars.

    Returns are log returns from one close to the next, over missing bars too, in basis points; ``drawdown_percent``:
    the deepest fall from a high, of closes. ``bars``: with a trade; ``missing_bars``: without, between them.
    """

    market: str
    symbol: str
    interval: str
    first_ms: int
    end_ms: int
    bars: int
    missing_bars: int
    trades: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    return_percent: float
    mean_return_bps: float
    deviation_bps: float
    least_return_bps: float
    greatest_return_bps: float
    drawdown_percent: float


class BarSource(Protocol):
    """What bars are made from: a part of ``BulkReader``."""

    def watermark_ms(self, market: str) -> int | None:
        """See BulkReader."""

    def seconds(self, market: str, symbol: str, from_ms: int, to_ms: int) -> Columns:
        """See BulkReader."""

    def sourced_bars(self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int) -> list[SourcedBar]:
        """See BulkReader."""


class Bars(NamedTuple):
    """Bars by the column, and where each is from: ``live``, ``upload`` or the source of bars that were not made from
    trades, of which quote volume, trades and bought volume are unknown: NaN, and 0 trades."""

    columns: Columns
    source: npt.NDArray[np.str_]


def chosen(reader: BulkReader, selection: Selection, width_ms: int = 0) -> list[SeriesSpan]:
    """The stored symbols of a selection that have trades in its range, with a width or bars. Raises NothingToExport."""
    spans = {span.symbol: span for span in reader.spans(selection.market, width_ms)}
    if not spans:
        markets = _listed(reader.markets()) or "none"
        what = f"bars of {interval_name(width_ms)}" if width_ms else "trades"
        raise NothingToExport(f"market {selection.market!r} holds no {what}; there are the markets: {markets}")
    unknown = [name for name in selection.symbols if name not in spans]
    if unknown:
        raise NothingToExport(
            f"market {selection.market} has no symbol {_listed(unknown)}; expected one of: {_listed(sorted(spans))}"
        )
    wanted = [spans[name] for name in selection.symbols or sorted(spans)]
    found = [span for span in wanted if span.first_ms < selection.to_ms and span.end_ms > selection.from_ms]
    if not found:
        first_ms, end_ms = min(span.first_ms for span in wanted), max(span.end_ms for span in wanted)
        raise NothingToExport(
            f"{_listed([span.symbol for span in wanted])} in market {selection.market} has nothing from"
            f" {iso(selection.from_ms)} to {iso(selection.to_ms)}; expected a range within {iso(first_ms)} to"
            f" {iso(end_ms)}"
        )
    return found


def tick_frames(
    reader: BulkReader, selection: Selection, spans: Sequence[SeriesSpan], with_ids: bool
) -> Iterator[polars.DataFrame]:
    """Trades symbol by symbol, each in id order. ``with_ids``: with a column ``agg_id``."""
    import polars

    for span in spans:
        for frame in reader.ticks(selection.market, span.symbol, selection.from_ms, selection.to_ms):
            columns = [
                polars.col("trade_time_ms").cast(polars.Datetime("ms", "UTC")).alias("timestamp"),
                polars.lit(span.symbol).alias("symbol"), polars.col("price"), polars.col("quantity").alias("size"),
                *([polars.col("agg_id")] if with_ids else []), polars.col("buyer_is_maker"),
            ]  # fmt: skip
            yield frame.select(columns)


def bar_frames(reader: BulkReader, request: BarRequest, spans: Sequence[SeriesSpan]) -> Iterator[polars.DataFrame]:
    """Complete bars symbol by symbol, rising."""
    import polars

    name = interval_name(request.width_ms)
    for span in spans:
        for bars, source in complete_bars(reader, request.selection, request.width_ms, span):
            columns = {
                "timestamp": polars.Series(bars.open_time_ms).cast(polars.Datetime("ms", "UTC")),
                "symbol": _repeated(span.symbol, bars), "interval": _repeated(name, bars),
                "open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close,
                "volume": importable(bars.volume),
            }  # fmt: skip
            if request.details:
                trades = polars.Series(bars.trades)
                columns |= {
                    "quote_volume": polars.Series(bars.quote_volume).fill_nan(None),
                    "trades": trades.set(trades == 0, None),
                    "buy_volume": polars.Series(np.where(bars.has_makers, bars.buy_volume, np.nan)).fill_nan(None),
                    "source": polars.Series(source.tolist(), dtype=polars.String),
                }  # fmt: skip
            yield polars.DataFrame(columns)


def complete_bars(reader: BarSource, selection: Selection, width_ms: int, span: SeriesSpan) -> Iterator[Bars]:
    """The bars of one symbol that open in the range, some at a time; none that trades may still change.

    Where there was no trade in a stretch, a bar that was not made from trades stands, as in ``v_bars``. A market of
    files has no clock that goes on: its last bar is complete.
    """
    watermark_ms = None if selection.market.startswith(OWN_MARKET) else reader.watermark_ms(selection.market)
    first_ms = bar_open(max(selection.from_ms, bar_open(span.first_ms, width_ms)) + width_ms - 1, width_ms)
    end_ms = bar_open(min(selection.to_ms, span.end_ms) + width_ms - 1, width_ms)
    made_ms = end_ms if watermark_ms is None else bar_open(watermark_ms, width_ms)
    step_ms = max(SLICE_MS // width_ms, 1) * width_ms
    for at in range(first_ms, end_ms, step_ms):
        until = min(at + step_ms, end_ms)
        seconds = reader.seconds(selection.market, span.symbol, at, until)
        made = roll_up_columns(seconds, width_ms)
        others = reader.sourced_bars(selection.market, span.symbol, width_ms, at, until)
        live = UPLOADED if selection.market.startswith(OWN_MARKET) else "live"
        bars = _with_sourced(made, others, live, made_ms)
        if bars.source.size:
            yield bars


def _with_sourced(made: Columns, others: Sequence[SourcedBar], live: str, made_ms: int) -> Bars:
    """The bars made from trades that open before ``made_ms``, and the others in stretches without a trade."""
    traded = set(made.open_time_ms.tolist())
    fresh = [bar for bar in others if bar.open_time_ms not in traded]
    keep = made.open_time_ms < made_ms
    source = np.full(int(keep.sum()), live)
    kept: list[npt.NDArray[Any]] = [column[keep] for column in made]
    if not fresh:
        return Bars(Columns(*kept), source)
    times = np.array([bar.open_time_ms for bar in fresh], dtype=np.int64)
    prices = np.array([bar[3:8] for bar in fresh])  # open, high, low, close, volume
    unknown, none = np.full(times.size, np.nan), np.zeros(times.size, dtype=np.int64)
    rest: list[npt.NDArray[Any]] = [times, *prices.T, unknown, none, unknown, none == 1]
    order = np.argsort(np.concatenate([kept[0], times]), kind="stable")
    both: list[Any] = [np.concatenate(pair)[order] for pair in zip(kept, rest, strict=True)]
    return Bars(Columns(*both), np.concatenate([source, [bar.source for bar in fresh]])[order])


def importable(volume: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Volumes with at most 18 decimals, as an import of bars takes them. A quantity has at most 12, so no sum of them
    needs more, and what is cut is the rounding of the sum.

    >>> importable(np.array([0.30000000000000004, 1.2000000000000001e-05])).tolist()
    [0.30000000000000004, 1.2e-05]
    """
    found = volume.copy()
    for at in np.flatnonzero(volume < 0.1).tolist():  # larger ones have at most 17 decimals
        found[at] = round(float(volume[at]), _VOLUME_PLACES)
    return found


def summaries(
    reader: BulkReader, selection: Selection, width_ms: int, spans: Sequence[SeriesSpan]
) -> Iterator[SymbolSummary]:
    """Statistics of each symbol that has a complete bar."""
    for span in spans:
        summary = _Summary()
        for bars in complete_bars(reader, selection, width_ms, span):
            summary.add(bars.columns)
        if summary.bars:
            yield summary.result(selection.market, span.symbol, width_ms)


def summary_frame(rows: Sequence[SymbolSummary]) -> polars.DataFrame:
    """One row a symbol, times in UTC."""
    import polars

    frame = polars.DataFrame([asdict(row) for row in rows]).fill_nan(None)
    times = [polars.col(name).cast(polars.Datetime("ms", "UTC")) for name in ("first_ms", "end_ms")]
    return frame.with_columns(times).rename({"first_ms": "first", "end_ms": "end"})


class _Summary:
    """Running statistics of one symbol's bars."""

    def __init__(self) -> None:
        self.bars = self._trades = 0
        self._first: tuple[int, float] = (0, math.nan)
        self._last: tuple[int, float] = (0, math.nan)
        self._high, self._low, self._volume, self._quote_volume = -math.inf, math.inf, 0.0, 0.0
        self._top, self._fall = -math.inf, 0.0
        self._returns = (0, 0.0, 0.0)  # count, mean, sum of squared distances from it
        self._least, self._greatest = math.inf, -math.inf

    def add(self, bars: Columns) -> None:
        """The next bars."""
        logs = np.log(bars.close)
        before = [] if not self.bars else [math.log(self._last[1])]
        returns = 1e4 * np.diff(np.concatenate([before, logs]))
        if returns.size:
            self._returns = _with_returns(self._returns, returns)
            self._least, self._greatest = min(self._least, returns.min()), max(self._greatest, returns.max())
        tops = np.maximum(np.maximum.accumulate(bars.close), self._top)
        self._fall = max(self._fall, float((1.0 - bars.close / tops).max()))
        self._top = float(tops[-1])
        if not self.bars:
            self._first = int(bars.open_time_ms[0]), float(bars.open[0])
        self._last = int(bars.open_time_ms[-1]), float(bars.close[-1])
        self.bars += bars.open_time_ms.size
        self._trades += int(bars.trades.sum())
        self._high, self._low = max(self._high, bars.high.max()), min(self._low, bars.low.min())
        self._volume += float(bars.volume.sum())
        self._quote_volume += float(np.nansum(bars.quote_volume))

    def result(self, market: str, symbol: str, width_ms: int) -> SymbolSummary:
        """The statistics of all bars added, of which there must be one."""
        end_ms = self._last[0] + width_ms
        has_returns = self.bars > 1
        count, mean, squares = self._returns
        return SymbolSummary(
            market, symbol, interval_name(width_ms), self._first[0], end_ms, self.bars,
            (end_ms - self._first[0]) // width_ms - self.bars, self._trades, self._first[1], float(self._high),
            float(self._low), self._last[1], self._volume, self._quote_volume,
            100.0 * (self._last[1] / self._first[1] - 1.0), mean if has_returns else math.nan,
            math.sqrt(squares / (count - 1)) if count > 1 else math.nan,
            float(self._least) if has_returns else math.nan, float(self._greatest) if has_returns else math.nan,
            100.0 * self._fall,
        )  # fmt: skip


def _with_returns(before: tuple[int, float, float], returns: npt.NDArray[np.float64]) -> tuple[int, float, float]:
    """The moments of both sets together (Chan, Golub and LeVeque 1983)."""
    count, mean, squares = before
    more, new_mean = returns.size, float(returns.mean())
    delta = new_mean - mean
    total = count + more
    squares += float(((returns - new_mean) ** 2).sum()) + delta * delta * count * more / total
    return total, mean + delta * more / total, squares


def _repeated(text: str, bars: Columns) -> polars.Series:
    import polars

    return polars.Series([text], dtype=polars.String).new_from_index(0, bars.open_time_ms.size)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
