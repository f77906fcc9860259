"""Many files at once: their bytes examined, looked through in parallel processes, and stored one after the other.
Candles of an exchange's dump, whose head says everything, are looked through while they are stored.

What one file lacks does not stop the others: each comes out with what became of it, or why nothing did.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

import msgspec

from engine.files.columns import TICKS
from engine.files.inspection import Inspected, Told
from engine.files.row_summary import look_ahead
from engine.files.rows import in_general
from engine.files.upload import Upload, digest_of, upload_of
from engine.market.ticks import OWN_MARKET
from feeds.dump_files import DumpFile, examined
from feeds.import_ledger import ImportLedger
from feeds.replay import Brought, bring, outcome

log = logging.getLogger("pairbridge.feed")

_WORTH_A_PROCESS = 4 << 20  # bytes of all files, from which on other processes look through them
_MOST_PROCESSES = 8
UNLISTED = "for reasons that the server did not list"

Progress = Callable[[str, int, int], None]  # what is done, how much of how much


@dataclass(slots=True)
class FileOutcome:
    """What became of one file, or of several whose rows had to be put in order together.

    ``known``: rows that were stored before; ``refused``: rows by reason; ``problem``: why nothing was read.
    """

    name: str
    market: str = ""
    stored: int = 0
    known: int = 0
    conflicts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    gaps_opened: int = 0
    gaps_filled: int = 0
    problem: str = ""
    note: str = ""

    @property
    def brought_nothing(self) -> bool:
        """Whether none of its rows is in the store now."""
        return not (self.stored or self.known)


@dataclass(frozen=True, slots=True)
class Import:
    """What all files of one command share. ``market``: empty where each goes where its folders say, else into
    one market of their own. ``is_again``: also what the ledger knows."""

    url: str
    token: str
    data_dir: Path
    store_id: str
    market: str = ""
    told: Told = field(default_factory=Told)
    is_again: bool = False

    @property
    def told_key(self) -> str:
        """What was told, for the ledger."""
        return "" if self.told == Told() else msgspec.json.encode(asdict(self.told)).decode()


@dataclass(slots=True)
class _Part:
    """A file on its way."""

    file: DumpFile
    market: str
    found: list[Inspected] = field(default_factory=list)


async def import_files(paths: Sequence[Path], request: Import, report: Progress) -> AsyncIterator[FileOutcome]:
    """What became of each file, as it ends. Raises RefusedError when the server does not want us."""
    files = await _examined(paths, report)
    own = request.market or f"{OWN_MARKET}{digest_of(file.digest for file in files)}"
    ledger = ImportLedger(request.data_dir, request.store_id)
    parts: list[_Part] = []
    first: dict[bytes, Path] = {}
    for file in files:
        markets = dict.fromkeys((request.market or file.market or own, own))
        known = [rows for market in markets if (rows := ledger.rows(market, file.digest, request.told_key)) is not None]
        if file.problem:
            yield FileOutcome(file.path.name, problem=file.problem)
        elif known and not request.is_again:
            yield FileOutcome(file.path.name, next(iter(markets)), known=known[0], note="brought before")
        elif file.digest in first:
            yield FileOutcome(file.path.name, next(iter(markets)), note=f"the same bytes as {first[file.digest]}")
        else:
            first[file.digest] = file.path
            parts.append(_Part(file, next(iter(markets))))
    async for part, problem in _inspected(parts, request.told, report):
        if problem:
            parts.remove(part)
            yield FileOutcome(part.file.path.name, part.market, problem=problem)
        elif not all(each.is_of_exchange for each in part.found) and not request.market:
            part.market = own
    units = list(_units(parts))
    for number, unit in enumerate(units, 1):
        yield await _stored(unit, request, ledger, partial(_tell, report, f"storing {number} of {len(units)}"))


def _tell(report: Progress, what: str, rows: int) -> None:
    report(what, rows, 0)


async def _examined(paths: Sequence[Path], report: Progress) -> list[DumpFile]:
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(4)  # hashing lets go of the interpreter's lock
    try:
        waiting = [loop.run_in_executor(pool, examined, path) for path in paths]
        files = []
        for file in waiting:
            files.append(await file)
            report("reading bytes", len(files), len(paths))
        return files
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def _inspected(parts: Sequence[_Part], told: Told, report: Progress) -> AsyncIterator[tuple[_Part, str]]:
    """Each part with what was found in it, or with why nothing was."""
    loop = asyncio.get_running_loop()
    with _executor([part.file.path for part in parts]) as executor:
        waiting = [(part, loop.run_in_executor(executor, look_ahead, part.file.path, told)) for part in parts]
        for number, (part, looking) in enumerate(waiting, 1):
            try:
                part.found = await looking
                problem = _objection(part)
            except BrokenProcessPool:
                problem = "the process that looked through the files has ended; is there too little memory?"
            except ValueError as error:
                problem = str(error)
            report("looking through", number, len(parts))
            yield part, problem


@contextmanager
def _executor(paths: Sequence[Path]) -> Iterator[Executor]:
    """Processes, where there is enough to do for them. However it is left, none of them stays."""
    if len(paths) < 2 or sum(path.stat().st_size for path in paths) < _WORTH_A_PROCESS:
        with ThreadPoolExecutor(1) as threads:
            yield threads
        return
    count = min(os.cpu_count() or 1, _MOST_PROCESSES, len(paths))
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, context, initializer=_end_with_the_command)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()


def _end_with_the_command() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends every process of the terminal, without a traceback


def _objection(part: _Part) -> str:
    questions = [question for each in part.found for question in each.questions]
    if questions:
        return "; ".join(f"{question.text} (--{question.of})" for question in questions)
    upload_of(part.found, Told(), "")  # raises where nothing in it can be used
    return ""


def _units(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    """What is stored together: one file each, but files without ids whose times overlap, and in the order in which
    the fewest gaps are opened on the way."""
    for _, some in groupby(sorted(parts, key=_order), key=_kind_and_market):
        unit: list[_Part] = []
        for part in some:
            if unit and not (_has_no_ids(part) and _touches(unit, part)):
                yield unit
                unit = []
            unit.append(part)
        yield unit


def _touches(unit: Sequence[_Part], part: _Part) -> bool:
    """Whether some symbol's trades of a part do not all come after those of the parts before."""
    reached: dict[str, int] = {}
    for each in (file for one in unit for file in one.found):
        for symbol, (_, last) in each.spans.items():
            reached[symbol] = max(last, reached.get(symbol, last))
    begins = [(symbol, span[0]) for file in part.found for symbol, span in file.spans.items()]
    return any(first <= reached.get(symbol, -1) for symbol, first in begins)


def _kind_and_market(part: _Part) -> tuple[bool, bool, str]:
    return any(each.kind != TICKS for each in part.found), _has_no_ids(part), part.market


def _order(part: _Part) -> tuple[tuple[bool, bool, str], list[str], int, str]:
    symbols = sorted({symbol for each in part.found for symbol in each.symbols})
    return _kind_and_market(part), symbols, min(each.first_ms or 0 for each in part.found), str(part.file.path)


def _has_no_ids(part: _Part) -> bool:
    return any(each.kind == TICKS and not each.has_ids for each in part.found)


async def _stored(
    unit: list[_Part], request: Import, ledger: ImportLedger, report: Callable[[int], None]
) -> FileOutcome:
    names, market = " + ".join(part.file.path.name for part in unit), unit[0].market
    try:
        upload = upload_of([each for part in unit for each in part.found], Told(), "")
        brought = await bring(upload, market, request.url, request.token, report=report, data_dir=request.data_dir)
        upload_of(upload.files, Told(), "")  # by now all have been read
    except ValueError as error:
        return FileOutcome(names, market, problem=str(error))
    log.warning("%s: %s", names, outcome(brought))
    done = _outcome(names, upload, brought)
    if not done.brought_nothing:
        for part in unit:
            rows = sum(each.rows for each in part.found)
            ledger.add(market, part.file.digest, request.told_key, rows, part.file.path.name)
    return done


def _outcome(names: str, upload: Upload, brought: Brought) -> FileOutcome:
    tally, bars, funding = brought.tally, brought.bars, brought.funding
    refused = Counter(brought.again)
    for each in upload.files:
        refused.update(each.notes.refused)
    refused.update(in_general(reason) for _, reason in (*tally.rejected, *funding.rejected))
    refused.update(in_general(reason) for *_, reason in bars.rejected)
    refused += Counter({UNLISTED: bars.unlisted + funding.unlisted})  # none where there are none
    return FileOutcome(
        names, brought.market, tally.stored + bars.stored + funding.stored,
        tally.duplicates + bars.known + funding.known, tally.conflicts + bars.conflicts, refused,
        tally.gaps_opened, tally.gaps_filled,
    )  # fmt: skip
