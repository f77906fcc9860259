"""Backtest a pair of files or stored bars on the command line::

    python -m services.backtest klines/*.csv --y ETHUSDT --x BTCUSDT --sweep entry=1:3:0.25 --sweep exit=0:0.75:0.25

prints the progress, a table and the path of the tear sheet. ``--market usdm --hours 48`` reads stored bars instead of
files. Files of trades become bars of ``--interval``, and rates in files of fundingRate are paid. ``--audit`` computes
everything again on truncated data. A search that was stopped continues.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.backtest import Account, Costs, Strategy, WalkPlan
from engine.errors import PairbridgeError
from engine.market.intervals import parse_interval
from engine.pairs.settings import PairSettings, classic, defended
from engine.store import open_backend
from engine.store.command_line import add_data_dir_option
from services.backtest_data import Legs, read_legs
from services.backtest_job import Found, Place, find, terms_of
from services.backtest_record import record_of
from services.backtest_request import BacktestRequest, FileSource, Search, StoredSource, VenueTerms
from services.reports.audit import columns_of, in_words, look_ahead_audit
from services.reports.tables import write_tables
from services.reports.tear_sheet import tear_sheet, verdict_lines
from services.search_units import forget

if TYPE_CHECKING:
    from services.jobs import Json

SHORT = {
    "entry": "entry_z", "exit": "exit_z", "stop": "stop_z", "z": "z_window", "beta": "beta_window",
    "memory": "memory_half_life", "test": "test_window", "level": "gate_level",
}  # fmt: skip
_WORDS = {"none": None, "yes": True, "no": False}
HOUR_MS = 3_600_000
_BAR = 30  # characters of the progress
_SHOWN = (
    "PnL gross [quote]", "Costs [quote]", "PnL net [quote]", "Return [%]", "Sharpe of a day [-]", "Max drawdown [%]",
    "Max drawdown at ends of whole periods [%]", "Trades [#]", "Win rate [%]", "Profit factor [-]",
    "Exposure [% of bars]", "PSR [0..1]", "DSR [0..1]", "Minimum track record [days]",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, 1 where the audit found look-ahead, 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        request = _request(options)
        legs = read_legs(request.source, request.settings.interval_ms, _backend(options), request.venue.funding)
        request = replace(request, settings=replace(request.settings, interval_ms=legs.interval_ms))
        if options.audit:
            return _audit(request, legs)
        found = find(request, legs, _place(options), _Progress().report)
        folder = write_report(found, options.out or Path("reports") / "-".join(legs.names))
        forget(found.folder)
    except (PairbridgeError, ValueError) as error:
        sys.stderr.write(f"pairbridge: {error}\n")
        return 2
    sys.stdout.write(_table(record_of(found)) + f"\n{folder / 'tear-sheet.html'}\n")
    return 0


def write_report(found: Found, folder: Path) -> Path:
    """Tear sheet, record, and tables as CSV and Parquet in ``folder``, which is returned."""
    write_tables(found.best, folder)
    record = record_of(found)
    (folder / "tear-sheet.html").write_text(tear_sheet(record), encoding="utf-8")
    (folder / "record.json").write_text(json.dumps(record, allow_nan=False, indent=1), encoding="utf-8")
    return folder


def read_axis(text: str) -> tuple[str, tuple[Any, ...]]:
    """An axis: ``name=from:to:step`` (both ends included) or ``name=value,value``. Raises ValueError.

    >>> read_axis("entry=1:2:0.5")
    ('entry_z', (1.0, 1.5, 2.0))
    >>> read_axis("estimator=ols,kalman")
    ('estimator', ('ols', 'kalman'))
    """
    name, equals, values = text.partition("=")
    field = SHORT.get(name, name)
    if not equals or not values:
        raise ValueError(f"sweep is {text!r}; expected name=from:to:step or name=value,value")
    if ":" not in values:
        return field, tuple(map(_value, values.split(",")))
    try:
        first, last, step = map(float, values.split(":"))
    except ValueError:
        raise ValueError(f"sweep is {text!r}; expected three numbers as from:to:step") from None
    if not step > 0.0 or last < first:
        raise ValueError(f"sweep is {text!r}; expected a step above 0, and an end not below the start")
    count = int((last - first) / step + 1e-9) + 1
    return field, tuple(round(first + at * step, 10) for at in range(count))


def _value(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    try:
        return float(text)
    except ValueError:
        return text


def _request(options: argparse.Namespace) -> BacktestRequest:
    axes = dict(map(read_axis, options.sweep))
    chosen = dict(map(read_axis, options.set))
    width_ms = parse_interval(options.interval or "1m")
    shared: dict[str, Any] = {"interval_ms": width_ms, "stale_after_ms": max(2 * width_ms, 10_000)}
    shared |= {name: values[0] for name, values in chosen.items()}
    settings: PairSettings = {"defended": defended, "classic": classic}[options.preset](**shared)
    search = Search(axes, options.random, options.seed, _walk(options)) if axes else None
    costs = Costs(options.fee, options.half_spread, options.slippage)
    source: FileSource | StoredSource
    kind = options.source or ("file" if options.files else "store")
    if kind == "file" and options.files:
        source = FileSource(tuple(options.files), options.y, options.x, options.interval or "")
    elif kind == "store" and options.market:
        from_ms = time.time_ns() // 1_000_000 - int(options.hours * HOUR_MS)
        source = StoredSource(options.market, options.y, options.x, from_ms)
    else:
        raise ValueError("no files and no market; expected files of bars or trades, or --market")
    venue = VenueTerms(funding=options.funding)
    return BacktestRequest(source, settings, costs, Account(options.capital), venue, search, options.twins)


def _walk(options: argparse.Namespace) -> WalkPlan | None:
    if not options.walk:
        return None
    train, _, test = options.walk.partition(":")
    if not (train.isdecimal() and test.isdecimal()):
        raise ValueError(f"walk is {options.walk!r}; expected two numbers as train:test")
    return WalkPlan(int(train), int(test), options.anchored)


def _backend(options: argparse.Namespace) -> Any:
    return open_backend(options.data_dir)


def _place(options: argparse.Namespace) -> Place:
    backend = open_backend(options.data_dir)
    if not (options.data_dir / "analysis.db").exists():
        options.data_dir.mkdir(parents=True, exist_ok=True)
        backend.analysis().close()
    return Place(options.data_dir, backend.trials(), lambda: time.time_ns() // 1_000_000)


def _audit(request: BacktestRequest, legs: Legs) -> int:
    terms = terms_of(request, legs)
    strategy = Strategy(request.settings, terms.costs, terms.account, terms.venue)
    audit = look_ahead_audit(legs.y, legs.x, columns_of(strategy))
    sys.stdout.write(f"{in_words(audit)}\n")
    return 0 if audit.difference is None else 1


class _Progress:
    """One line on standard error, with the time left."""

    def __init__(self) -> None:
        self._stage, self._began, self._first = "", 0.0, 0

    def report(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self._stage, self._began, self._first = stage, time.monotonic(), done
        new, left = done - self._first, ""
        if new and done < total:
            left = f", {(time.monotonic() - self._began) / new * (total - done):.0f} s left"
        full = _BAR * done // max(total, 1)
        line = f"\r{stage} [{'#' * full}{'.' * (_BAR - full)}] {done}/{total}{left}"
        sys.stderr.write(f"{line:<78}" + ("\n" if done == total else ""))
        sys.stderr.flush()


def _table(record: Json) -> str:
    lines = [f"{record['y']} on {record['x']}, {record['market']}, {record['cells']} cells"]
    for name in _SHOWN:
        value, interval = record["metrics"][name], record["intervals"].get(name)
        shown = "-" if value is None else f"{value:,.4g}"
        span = f"  ({interval[0]:,.4g} to {interval[1]:,.4g})" if interval else ""
        reason = f"  {record['reasons'].get(name, '')}" if value is None else ""
        lines.append(f"  {name:<41} {shown:>12}{span}{reason}")
    if record["settings"]:
        lines.append(f"  best cell: {', '.join(f'{name} {value}' for name, value in record['settings'].items())}")
    return "\n".join([*lines, *verdict_lines(record)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.backtest", description=(__doc__ or "").split("::")[0])
    add = parser.add_argument
    add("files", nargs="*", help="files of bars, or of trades, and of funding rates")
    add("--source", choices=("file", "store"), help="which of both is read (default: files where some are named)")
    add("--y", required=True, help="the dependent leg")
    add("--x", required=True, help="the leg it is hedged with")
    add("--market", default="", help="stored bars of this market, instead of files")
    add("--hours", type=float, default=24.0, help="how far back stored bars are read (default 24)")
    add("--interval", default="", help="width of the bars (default: what the files say, else 1m)")
    add("--preset", choices=("defended", "classic"), default="defended")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting")
    add("--sweep", action="append", default=[], metavar="NAME=FROM:TO:STEP", help="an axis, or NAME=VALUE,VALUE")
    add("--random", type=int, metavar="N", help="N quasi-random points between the ends of the axes")
    add("--seed", type=int, default=0)
    add("--walk", default="", metavar="TRAIN:TEST", help="walk-forward, in hours (days from 60 days of bars on)")
    add("--anchored", action="store_true", help="every training part begins at the first bar")
    add("--twins", type=int, default=0, metavar="N", help="compare with N surrogate pairs")
    add("--fee", type=float, default=5.0, help="bps a fill (default 5)")
    add("--half-spread", type=float, default=1.0, help="bps a fill where bars have no quotes (default 1)")
    add("--slippage", type=float, default=0.0, help="bps a fill")
    add("--funding", action="store_true", help="pay settled funding; that of files is paid always")
    add("--capital", type=float, default=100_000.0)
    add("--audit", action="store_true", help="look for look-ahead, nothing else")
    add("--out", type=Path, help="folder of the report (default reports/Y-X)")
    add_data_dir_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
