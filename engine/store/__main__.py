"""Command line tools for the stored data::

    python -m engine.store check [FILE]     verify that the data is complete and consistent
    python -m engine.store backup DEST      copy the store into a new folder; the server may be running
    python -m engine.store restore SRC      replace the store by a backup; keeps the old store beside it

Exit codes: 0 success, 1 the check found problems, 2 failure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import StoreError
from engine.store.command_line import add_data_dir_option
from engine.store.sqlite.analysis_schema import ANALYSIS
from engine.store.sqlite.backup import back_up, restore
from engine.store.sqlite.check import check_pages, check_ticks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except StoreError as error:
        _say(f"pairbridge: {error}")
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.store", description=(__doc__ or "").split("::")[0])
    add_data_dir_option(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="check the store, or one file")
    check.add_argument(
        "file", nargs="?", type=Path, help="a ticks.db or analysis.db (default: both in the data folder)"
    )
    check.set_defaults(run=_check)
    backup = commands.add_parser("backup", help="copy the store into a new folder")
    backup.add_argument("dest", type=Path)
    backup.add_argument("--with-archive", action="store_true", help="also copy the archived ticks, not only their list")
    backup.set_defaults(run=_back_up)
    back = commands.add_parser("restore", help="replace the store by a backup")
    back.add_argument("src", type=Path)
    back.set_defaults(run=_restore)
    return parser


def _check(options: argparse.Namespace) -> int:
    files = [options.file] if options.file else [options.data_dir / name for name in ("ticks.db", "analysis.db")]
    if not options.file and not files[1].exists():
        del files[1]
    found = 0
    for file in files:
        if file.name.startswith("analysis"):
            findings = check_pages(file, ANALYSIS, _say)
        else:
            findings = check_ticks(file, _say)
            _say(f"{file}: {findings.ticks} ticks of {findings.series} symbols")
        for problem in findings.problems:
            _say(f"{file}: {problem}")
        _say(f"{file}: {f'{len(findings.problems)} problems' if findings.problems else 'whole'}")
        found += len(findings.problems)
    return 1 if found else 0


def _back_up(options: argparse.Namespace) -> int:
    back_up(options.data_dir, options.dest, options.with_archive, _say)
    _say(f"{options.dest} is whole")
    return 0


def _restore(options: argparse.Namespace) -> int:
    aside = restore(options.src, options.data_dir, _say)
    _say(f"{options.data_dir} is restored; the old store is in {aside}")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
