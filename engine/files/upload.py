"""Files that are brought together: what is in them, and their rows in the order to store.

Trades of one symbol are stored in the order of their ids, and where a file has none in that of their times; then they
are numbered from 0. Files that are in that order already are streamed; the rows of others wait in a temporary file.
"""

from __future__ import annotations

import hashlib
import tempfile
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, count, islice, repeat
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from engine.files.columns import BARS, FUNDING, TICKS
from engine.files.containers import refusals
from engine.files.inspection import Inspected, Question, Told
from engine.files.row_summary import look_at, seen
from engine.files.rows import RecordedBar, RecordedFunding, Trades
from engine.files.tables import CHUNK
from engine.files.vectors import Block, EncodedBars, EncodedRows
from engine.market.funding import SETTLED
from engine.market.sourced import KLINE
from engine.market.ticks import OWN_MARKET

MAX_UNSORTED = 4_000_000  # rows that may have to be sorted: about 100 MB
UPLOADED = "upload"  # the source of bars that are no exchange's own
SAME_ID, OTHER_ID = "the same trade again", "another trade with an id that was there"

_BARS_AT_ONCE = 1_000
_open_time = attrgetter("open_time_ms")

Row = list[Any]  # of the bridge protocol


class BarBatch(NamedTuple):
    """Some bars of one symbol and width, rising."""

    symbol: str
    width_ms: int
    source: str
    bars: list[RecordedBar]


@dataclass(frozen=True, slots=True)
class Upload:
    """Files that were looked through. ``digest``: of their bytes."""

    files: tuple[Inspected, ...]
    digest: str

    @property
    def rows(self) -> int:
        """That can be used."""
        return sum(each.rows for each in self.files)

    @property
    def questions(self) -> list[Question]:
        """What must be said before anything can be stored."""
        return [question for each in self.files for question in each.questions]

    def market(self, told: str = "") -> str:
        """The market that the rows go to; by default one of their own, named by their bytes.

        Raises ValueError for an exchange's market where rows have no ids of that exchange.
        """
        market = told or f"{OWN_MARKET}{self.digest}"
        without = next((each for each in self.files if not each.is_of_exchange), None)
        if not market.startswith(OWN_MARKET) and without is not None:
            raise ValueError(
                f"{without.member} has no ids of an exchange and cannot go into market {market!r};"
                f" expected a market of its own such as '{OWN_MARKET}{market}', or none"
            )
        return market

    def begins(self) -> dict[str, int]:
        """Symbol -> the time of its first trade, of those without ids."""
        found: dict[str, int] = {}
        for each in self.files:
            if each.kind == TICKS and not each.has_ids:
                for symbol, (first_ms, _) in each.spans.items():
                    found[symbol] = min(first_ms, found.get(symbol, first_ms))
        return found

    def trades(self, skipped: Counter[str], first_ids: Mapping[str, int] = MappingProxyType({})) -> Iterator[list[Row]]:
        """Rows of the bridge protocol in the order to store. ``skipped`` counts ids that come again, where the rows had
        to be sorted; ``first_ids``: with which number the trades of a symbol begin where they have no ids, else 0.
        Raises ValueError."""
        files = self._of_ticks()
        for some in (
            [each for each in files if each.has_ids],
            [each for each in files if not each.has_ids],
        ):
            yield from _numbered(_in_order(some, skipped), first_ids)

    def tick_batches(
        self, skipped: Counter[str], first_ids: Mapping[str, int] = MappingProxyType({})
    ) -> Iterator[list[Row] | EncodedRows]:
        """The same as ``trades``, the rows of plain files as they are sent. Raises ValueError."""
        files = self._of_ticks()
        if all(each.has_ids == files[0].has_ids and each.is_sorted for each in files) and not _overlap(files):
            numbers = _Numbers(first_ids)
            for some in chain.from_iterable(each.blocks() for each in files):
                if isinstance(some, Block):
                    yield from some.encoded(numbers.take)
                elif isinstance(some, Trades):
                    yield numbers.rows(some)
            return
        yield from self.trades(skipped, first_ids)

    def _of_ticks(self) -> list[Inspected]:
        """The files of trades in the order of their first times."""
        return sorted((each for each in self.files if each.kind == TICKS), key=lambda each: each.first_ms or 0)

    def bars(self) -> Iterator[BarBatch]:
        """The bars, in the order of the files. Raises ValueError."""
        for each in self.files:
            source = KLINE if each.is_of_exchange else UPLOADED
            for some in _bars_of(each):
                yield from _batches(some, source)

    def bar_batches(self) -> Iterator[BarBatch | tuple[EncodedBars, str]]:
        """The same as ``bars``, those of plain files as they are sent, with their source. Raises ValueError."""
        for each in self.files:
            source = KLINE if each.is_of_exchange else UPLOADED
            blocks = each.blocks() if each.is_seen else seen(each)
            for some in blocks if each.kind == BARS else ():
                if isinstance(some, Block):
                    yield from ((bars, source) for bars in some.bars())
                else:
                    yield from _batches([bar for bar in some if isinstance(bar, RecordedBar)], source)

    def funding(self) -> Iterator[list[Row]]:
        """The rates that were paid as rows of the bridge protocol. Raises ValueError."""
        for each in self.files:
            for some in each.read() if each.kind == FUNDING else ():
                rows = [row for row in some if isinstance(row, RecordedFunding)]
                yield [[row.symbol, SETTLED, row.time_ms, row.rate, None, None, None] for row in rows]


def look_through(paths: Sequence[Path], told: Told = Told()) -> Upload:  # noqa: B008  # frozen
    """Read files to their end. Raises ValueError with what was found and what was expected."""
    return upload_of([each for path in paths for each in look_at(path, told)], told, _digest(paths))


def upload_of(files: Sequence[Inspected], told: Told, digest: str) -> Upload:
    """Files that were looked at, as one upload. Raises ValueError where nothing in them can be used, as far as they
    were read, or a symbol was told for others than one file without."""
    nameless = [str(each.member) for each in files if each.columns and "symbol" not in each.columns.places]
    if told.symbol and len(nameless) != 1:
        raise ValueError(f"symbol is {told.symbol!r} for {len(nameless)} files without one; expected one such file")
    if not any(each.rows or not each.is_seen for each in files):
        raise ValueError(f"{_listed(files)}; expected at least one trade or bar")
    return Upload(tuple(files), digest)


def _listed(files: Iterable[Inspected]) -> str:
    found = [
        f"{each.member} has no row that can be used" + (f" ({each.notes.examples[0]})" if each.notes.examples else "")
        for each in files
    ]
    return "; ".join(found[:3])


def sha256_of(path: Path) -> bytes:
    """Of the bytes of a file. Raises ValueError."""
    with refusals(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def digest_of(files: Iterable[bytes]) -> str:
    """Eight hexadecimal digits that stand for files with these digests."""
    return hashlib.sha256(b"".join(files)).hexdigest()[:8]


def _digest(paths: Sequence[Path]) -> str:
    return digest_of(map(sha256_of, paths))


def _in_order(files: Sequence[Inspected], skipped: Counter[str]) -> Iterator[Trades]:
    """The trades of files that all have ids, or all have none."""
    if all(each.is_sorted for each in files) and not _overlap(files):
        for each in files:
            yield from _trades_of(each)
        return
    total = sum(each.rows for each in files)
    if total > MAX_UNSORTED:
        raise ValueError(
            f"{files[0].member} and the files with it have {total:,} trades that are not in order; expected at most"
            f" {MAX_UNSORTED:,}, or trades in the order of their times"
        )
    yield from _sorted(files, skipped)


def _overlap(files: Sequence[Inspected]) -> bool:
    """Whether some symbol's trades go back from one file to the next."""
    reached: dict[str, int] = {}
    for each in files:
        for symbol, (least, greatest) in each.spans.items():
            before = reached.get(symbol, -1)
            if least < before or (least == before and each.has_ids):
                return True
            reached[symbol] = greatest
    return False


def _sorted(files: Sequence[Inspected], skipped: Counter[str]) -> Iterator[Trades]:
    """The trades by id, or by time; of equal ones the first in the file comes first, and of equal ids it alone."""
    import numpy as np

    keys, places = array("q"), array("q", [0])
    with tempfile.TemporaryFile(buffering=0) as file:  # not mapped: its pages would count as memory
        for trades in chain.from_iterable(map(_trades_of, files)):
            lines = list(map(msgspec.json.encode, trades.rows()))
            file.write(b"".join(lines))
            keys.extend(trades.ids or trades.times)
            places.extend(islice(accumulate(map(len, lines), initial=places[-1]), 1, None))
        order = np.argsort(np.frombuffer(keys, np.int64), kind="stable")
        last: dict[str, list[Any]] = {}
        for begin in range(0, len(order), CHUNK):
            some = []
            for at in order[begin : begin + CHUNK].tolist():
                file.seek(places[at])
                some.append(msgspec.json.decode(file.read(places[at + 1] - places[at])))
            if files[0].has_ids:
                some = _once(some, last, skipped)
            if some:
                symbols, ids, *rest = zip(*some, strict=True)
                yield Trades(symbols, ids if files[0].has_ids else None, *rest)


def _trades_of(file: Inspected) -> Iterator[Trades]:
    return (some for some in file.read() if isinstance(some, Trades))


def _bars_of(file: Inspected) -> Iterator[list[RecordedBar]]:
    if file.kind == BARS:
        for some in file.read():
            yield [bar for bar in some if isinstance(bar, RecordedBar)]


def _once(trades: list[Any], last: dict[str, list[Any]], skipped: Counter[str]) -> list[Any]:
    kept = []
    for trade in trades:
        before = last.get(trade[0])
        if before is not None and before[1] == trade[1]:
            skipped[SAME_ID if before[:5] == trade[:5] else OTHER_ID] += 1
            continue
        last[trade[0]] = trade
        kept.append(trade)
    return kept


def _batches(some: list[RecordedBar], source: str) -> Iterator[BarBatch]:
    by_series: dict[tuple[str, int], list[RecordedBar]] = {}
    for bar in some:
        by_series.setdefault((bar.symbol, bar.width_ms), []).append(bar)
    for (symbol, width_ms), bars in by_series.items():
        bars.sort(key=_open_time)
        for at in range(0, len(bars), _BARS_AT_ONCE):
            yield BarBatch(symbol, width_ms, source, bars[at : at + _BARS_AT_ONCE])


def _numbered(chunks: Iterable[Trades], first_ids: Mapping[str, int]) -> Iterator[list[Row]]:
    """Rows of the bridge protocol; those without an id count up in each symbol."""
    return map(_Numbers(first_ids).rows, chunks)


class _Numbers:
    """The numbers of trades without ids, in each symbol one after the other."""

    def __init__(self, first_ids: Mapping[str, int]) -> None:
        self._following: defaultdict[str, count[int]] = defaultdict(count)
        self._following.update({symbol: count(first) for symbol, first in first_ids.items()})

    def take(self, symbol: str, many: int) -> int:
        """The first of so many numbers."""
        first = next(self._following[symbol])
        self._following[symbol] = count(first + many)
        return first

    def rows(self, some: Trades) -> list[Row]:
        """Rows of the bridge protocol."""
        ids = some.ids or map(next, map(self._following.__getitem__, some.symbols))
        makers = some.makers or repeat(None)
        return list(map(list, zip(some.symbols, ids, some.prices, some.quantities, some.times, makers, strict=False)))
