"""The job that runs every test on the stored bars of one pair, or of one leg on up to five others::

    python -m services.pair_report usdm ETHUSDT BTCUSDT --interval 1m --hours 24

prints its table; the server and the dashboard may run. As a job it is ``services.pair_report:run_report``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import PairbridgeError, SettingsError
from engine.market.intervals import MAX_WIDTH_MS, SECOND_MS, bar_open, interval_name, parse_interval
from engine.market.ticks import read_symbol
from engine.scan.prices import closing_prices
from engine.scan.request import HOUR_MS, MOST_BARS
from engine.stats import TestReport, test_report
from engine.stats.report import MINIMUM_BARS
from engine.stats.report_rows import MOST_LEGS
from engine.store import open_backend
from engine.store.command_line import add_data_dir_option
from engine.store.interface import BarReader
from services.jobs import IsCancelled, JobCancelled, Json, Report

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """``y`` on ``x`` in one market, over the newest ``span_ms`` of bars that are ``interval_ms`` wide."""

    market: str
    y: str
    x: tuple[str, ...]
    interval_ms: int
    span_ms: int

    def __post_init__(self) -> None:
        """Raises SettingsError naming the field, the value and what was expected."""
        legs = (self.y, *self.x)
        if not 1 <= len(self.x) <= MOST_LEGS or len(set(legs)) < len(legs):
            raise SettingsError(f"legs are {', '.join(legs)}; expected two to {MOST_LEGS + 1} different symbols")
        if not (SECOND_MS <= self.interval_ms <= MAX_WIDTH_MS and self.interval_ms % SECOND_MS == 0):
            raise SettingsError(f"interval_ms is {self.interval_ms}; expected whole seconds up to a day")
        if not MINIMUM_BARS <= self.span_ms // self.interval_ms <= MOST_BARS:
            raise SettingsError(
                f"span_ms is {self.span_ms / HOUR_MS:g} hours, {self.span_ms // self.interval_ms:,} bars of"
                f" {interval_name(self.interval_ms)}; expected {MINIMUM_BARS} to {MOST_BARS:,} bars"
            )


@dataclass(frozen=True, slots=True)
class PairReport:
    """What was found over the bars that open in ``[from_ms, to_ms)``; ``filled``: bars without a trade, by symbol."""

    request: ReportRequest
    from_ms: int
    to_ms: int
    filled: dict[str, int]
    found: TestReport


def run_report(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: ``data_dir``, and a ``pair`` with the fields of a ReportRequest; plain JSON values."""
    try:
        pair = ReportRequest(**request["pair"] | {"x": tuple(request["pair"]["x"])})
    except (TypeError, KeyError) as error:
        raise SettingsError(f"a report's request is {request!r:.80}: {error}") from error
    made = pair_report(pair, open_backend(Path(request["data_dir"])).bar_reader(), report, is_cancelled)
    spans = {"from_ms": made.from_ms, "to_ms": made.to_ms, "filled": made.filled}
    return asdict(pair) | spans | made.found.record()


def pair_report(
    request: ReportRequest, reader: BarReader, report: Report, is_cancelled: IsCancelled = lambda: False
) -> PairReport:
    """Read the bars of every leg and test; a bar without a trade repeats the price before it, and is counted.

    Raises ValueError where the store holds too little, StoreError, and JobCancelled once ``is_cancelled()`` is true.
    """
    closes, from_ms = _read(request, reader, report)
    if is_cancelled():
        raise JobCancelled("the report was cancelled")
    report("testing", 0, 1)
    logs = np.log(closes.ffill())
    found = test_report(logs[request.y], logs[list(request.x)])
    filled = {str(name): int(count) for name, count in closes.isna().sum().items()}
    return PairReport(request, from_ms, from_ms + len(closes) * request.interval_ms, filled, found)


def _read(request: ReportRequest, reader: BarReader, report: Report) -> tuple[pd.DataFrame, int]:
    """Trade-side mids at the bars' ends by symbol, from the first bar in which every leg has one."""
    import pandas as pd

    width_ms, legs = request.interval_ms, (request.y, *request.x)
    watermark_ms = reader.watermark_ms(request.market)
    known = {each.symbol: each.first_ms for each in reader.symbols(request.market)}
    missing = [name for name in legs if name not in known]
    if watermark_ms is None or missing:
        raise ValueError(f"market {request.market} has no trades of {', '.join(missing) or 'anything'}")
    to_ms = bar_open(watermark_ms, width_ms)  # the last bar is complete
    begun_ms = bar_open(max(known[name] for name in legs) + width_ms - 1, width_ms)
    from_ms = max(to_ms - request.span_ms, begun_ms)
    bars = max((to_ms - from_ms) // width_ms, 0)
    prices = {}
    for number, name in enumerate(legs):
        report("reading bars", number, len(legs))
        read = reader.read(request.market, name, from_ms, to_ms)
        quotes = (read.low, read.high, read.close, read.bid, read.ask)
        slots = read.open_time_ms // width_ms
        prices[name] = closing_prices(slots, quotes, read.is_sided, from_ms // width_ms, bars)
    reader.close()
    closes = pd.DataFrame(prices, pd.to_datetime(from_ms + width_ms * np.arange(1, bars + 1), unit="ms", utc=True))
    begin = int(np.argmax(closes.ffill().notna().all(axis=1))) if bars else 0
    if bars - begin < MINIMUM_BARS:
        raise ValueError(
            f"{' and '.join(legs)} have {bars - begin} complete bars of {interval_name(width_ms)} together;"
            f" expected at least {MINIMUM_BARS}"
        )
    return closes.iloc[begin:], from_ms + begin * width_ms


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, or 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        legs = read_symbol(options.y.upper()), tuple(read_symbol(name.upper()) for name in options.x)
        asked = ReportRequest(options.market, *legs, parse_interval(options.interval), int(options.hours * HOUR_MS))
        made = pair_report(asked, open_backend(options.data_dir).bar_reader(), lambda *_: None)
    except (PairbridgeError, ValueError) as error:
        sys.stderr.write(f"pairbridge: {error}\n")
        return 2
    filled = ", ".join(f"{name} {count}" for name, count in made.filled.items())
    sys.stdout.write(f"{made.found.to_text()}\nBars of {options.interval} without a trade: {filled}.\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.pair_report", description=(__doc__ or "").split("::")[0])
    parser.add_argument("market", help="such as usdm, spot or sim")
    parser.add_argument("y", help="the dependent leg")
    parser.add_argument("x", nargs="+", help="the leg it is hedged with, or up to five")
    parser.add_argument("--interval", default="1m", help="width of the bars (default 1m)")
    parser.add_argument("--hours", type=float, default=24.0, help="how far back (default 24)")
    add_data_dir_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
