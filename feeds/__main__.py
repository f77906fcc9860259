"""Sends files of trades, bars or funding to the running bridge server: single files, or whole folders.

python -m feeds BTCUSDT-aggTrades-2026-11-19.zip --market usdm
python -m feeds data/futures/um                what the exchange publishes, with its checksums
python -m feeds --look my-ticks.csv            what it is taken for; nothing is stored
python -m feeds btc.csv eth.csv --market file-mine --zone Europe/Berlin
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

from config import load_or_exit, stop
from engine.errors import StoreError
from engine.files.inspection import Told
from engine.files.summary import in_words, rows_in_words
from engine.files.upload import look_through
from feeds.bridge_client import RefusedError
from feeds.cli import file_options, running_server, told_from
from feeds.dump_files import expanded
from feeds.import_table import table
from feeds.importing import FileOutcome, Import, import_files

log = logging.getLogger("pairbridge.feed")

_PROGRESS_EVERY_S = 0.2


def main(arguments: list[str] | None = None) -> None:
    """The command line; exit code 2 with the reason when nothing can be done, 1 when some file brought nothing."""
    parser = argparse.ArgumentParser(prog="python -m feeds", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "files", nargs="+", metavar="PATH",
        help="files, folders or patterns: CSV, NDJSON, Parquet, frames; plain, .gz or .zip",
    )  # fmt: skip
    parser.add_argument("--market", help="whose ids the files have, such as usdm or spot; without: see docs/files.md")
    parser.add_argument("--look", action="store_true", help="say what the files are taken for, and store nothing")
    parser.add_argument("--again", action="store_true", help="read files that were brought before once more")
    file_options(parser)
    options = parser.parse_args(arguments)
    config = load_or_exit()
    logging.basicConfig(format="%(message)s")
    outcomes: list[FileOutcome] = []
    try:
        paths, told = expanded(options.files), told_from(options)
        if options.look:
            look(paths, told)
            return
        token, store_id = running_server(config)
        url = f"ws://127.0.0.1:{config.bridge_port}/"
        request = Import(url, token, config.data_dir, store_id, options.market or "", told, options.again)
        asyncio.run(_bring(paths, request, outcomes))
    except (ValueError, RefusedError, StoreError) as error:
        stop(str(error))
    except KeyboardInterrupt:
        _tell(outcomes)
        stop("stopped; acknowledged rows are stored; run the same command again to continue")
    _tell(outcomes)
    if any(each.brought_nothing for each in outcomes):
        raise SystemExit(1)


async def _bring(paths: list[Path], request: Import, outcomes: list[FileOutcome]) -> None:
    async for outcome in import_files(paths, request, _progress()):
        if outcome.problem and len(paths) == 1:
            raise ValueError(outcome.problem)
        outcomes.append(outcome)


def _tell(outcomes: list[FileOutcome]) -> None:
    if outcomes:
        sys.stdout.write("\n".join([*table(outcomes), ""]))


def _progress() -> Callable[[str, int, int], None]:
    """Writes how far it is on one line of a terminal, and nothing elsewhere."""
    shown_s = 0.0

    def report(what: str, done: int, of: int) -> None:
        nonlocal shown_s
        if sys.stderr.isatty() and (time.monotonic() - shown_s > _PROGRESS_EVERY_S or done == of):
            shown_s = time.monotonic()
            sys.stderr.write(f"\r\x1b[K{what}: {done:,}{f' of {of:,}' if of else ''}")
            sys.stderr.flush()

    return report


def look(paths: list[Path], told: Told) -> None:
    """Log what files are taken for, and what must be said first. Raises ValueError for what is no recording."""
    upload = look_through(paths, told)
    asked = [f"{question.text} (--{question.of})" for question in upload.questions]
    for line in [*in_words(upload), *rows_in_words(upload), *asked]:
        log.warning("%s", line)


if __name__ == "__main__":
    main()
