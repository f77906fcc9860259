"""Exports stored data into files; the server and the dashboard may run::

    python -m services.export ticks usdm BTCUSDT --from 2026-01-01 --to 2026-01-02 --format parquet
    python -m services.export ohlc usdm BTCUSDT ETHUSDT --interval 1h
    python -m services.export analytics usdm ETHUSDT BTCUSDT
    python -m services.export signals usdm --trades-only
    python -m services.export summary usdm --interval 1h
    python -m services.export scan --number 3 --out -

writes into ``<data dir>/exports`` unless ``--out`` names a folder or a file, or is ``-`` for the standard output.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import PairbridgeError
from engine.files.writers import FORMATS
from engine.store import open_backend
from engine.store.command_line import add_data_dir_option
from services.export import BarRequest, ExportFile, ExportService, PairRequest, StoredAnalysis
from services.export.request import read_legs, read_selection, signals_of

KINDS = ("ticks", "ohlc", "analytics", "signals", "scan", "summary")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 0, or 2 when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        file = _export(options)
        try:
            target = _write(file, options)
        finally:
            file.close()
    except (PairbridgeError, ValueError) as error:
        sys.stderr.write(f"pairbridge: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"pairbridge: the file cannot be written: {error}\n")
        return 2
    if target is not None:
        sys.stdout.write(f"{target}\n")
    return 0


def _export(options: argparse.Namespace) -> ExportFile:
    backend = open_backend(options.data_dir)
    service = ExportService(backend, lambda: StoredAnalysis(backend))
    selection = read_selection(options.market, options.symbols, options.from_, options.to)
    form = options.format
    if options.kind == "ticks":
        return service.ticks(selection, form, options.ids)
    if options.kind == "analytics":
        legs = read_legs(options.symbols)
        return service.analytics(PairRequest(selection.market, *legs, selection.from_ms, selection.to_ms), form)
    if options.kind == "signals":
        return service.signals(signals_of(selection, options.trades_only), form)
    if options.kind == "scan":
        return service.scan(options.number, form)
    request = BarRequest.of(selection, options.interval, options.details)
    return service.ohlc(request, form) if options.kind == "ohlc" else service.summary(request, form)


def _write(file: ExportFile, options: argparse.Namespace) -> Path | None:
    """Write the file under another name first, so that a file with its name is complete."""
    if options.out == "-":
        for chunk in file.chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return None
    given = Path(options.out) if options.out else options.data_dir / "exports"
    target = given if options.out and given.suffix and not given.is_dir() else given / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as out:
            for chunk in file.chunks:
                out.write(chunk)
        part.replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        raise
    return target


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.export", description=(__doc__ or "").split("::")[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("market", nargs="?", default="", help="such as usdm, spot or sim")
    parser.add_argument("symbols", nargs="*", help="default: every symbol of the market; of analytics Y and X")
    parser.add_argument("--from", dest="from_", default="", help="UTC ISO 8601 or ms since 1970, included")
    parser.add_argument("--to", default="", help="the same, not included")
    parser.add_argument("--format", choices=FORMATS, default="csv")
    parser.add_argument("--interval", default="1m", help="width of bars: whole seconds up to 1d (default 1m)")
    parser.add_argument("--details", action="store_true", help="bars: more columns")
    parser.add_argument("--ids", action=argparse.BooleanOptionalAction, help="ticks: with aggregate ids")
    parser.add_argument("--trades-only", action="store_true", help="signals: entries, exits and corrections only")
    parser.add_argument("--number", type=int, help="of the scan (default: the newest)")
    parser.add_argument("--out", default="", help="a folder, a file, or - (default: <data dir>/exports)")
    add_data_dir_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
