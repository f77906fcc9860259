"""Files of trades and bars through the bridge protocol, as fast as the server stores them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from engine.files.inspection import Told
from engine.files.summary import in_words
from engine.files.upload import BarBatch, Upload, look_through
from engine.files.vectors import EncodedBars, EncodedRows
from engine.intake.history_messages import BarSpan
from feeds.bar_queue import BarRow, BarTally
from feeds.batch_queue import Row, Tally
from feeds.bridge_client import BridgeLink
from feeds.funding_queue import FundingTally
from feeds.numbering import first_ids

log = logging.getLogger("pairbridge.feed")

T = TypeVar("T")

_AT_ONCE = 8  # batches that are read at a time
_QUEUE = 20_000  # rows; past it the file waits for the server


@dataclass(slots=True)
class Brought:
    """What became of an upload. ``again``: trades whose id came before in the files themselves."""

    market: str
    tally: Tally
    bars: BarTally = field(default_factory=BarTally)
    funding: FundingTally = field(default_factory=FundingTally)
    again: Counter[str] = field(default_factory=Counter)


class ReplayFeed:
    """Sends every row of some files, then reports the results."""

    def __init__(
        self, paths: Path | Sequence[Path], market: str | None, is_history: bool = False, told: Told | None = None,
        data_dir: Path | None = None,
    ) -> None:  # fmt: skip
        """``market`` None: a separate market for the files, so that their ids never conflict with an exchange's.

        ``is_history``: only adds to the store, and does not count as the market's live stream. ``data_dir``: as in
        ``bring``. Raises ValueError for missing files and for folders.
        """
        self._paths = [paths] if isinstance(paths, Path) else list(paths)
        for path in self._paths:
            if path.is_dir():
                raise ValueError(f"{str(path)!r} is a folder; expected one file of trades")
            if not path.is_file():
                raise ValueError(f"there is no file {str(path)!r}; expected binance, simulator, or a file that exists")
        self._market = market or ""
        self._is_history = is_history
        self._told = told or Told()
        self._data_dir = data_dir

    async def run(self, url: str, token: str) -> None:
        """``url`` and ``token`` of the bridge server. Raises ValueError for files that are not a recordings, or do not
        say all that must be known."""
        upload = await asyncio.to_thread(look_through, self._paths, self._told)
        for line in in_words(upload):
            log.warning("%s", line)
        brought = await bring(upload, self._market, url, token, self._is_history, data_dir=self._data_dir)
        for row, reason in brought.tally.rejected[:1_000]:
            log.warning("%s: refused %s: %s", self._paths[0].name, _row_in_words(row), reason)
        for symbol, bar, reason in brought.bars.rejected[:1_000]:
            log.warning("%s: refused a bar of %s, %s: %s", self._paths[0].name, symbol, str(bar)[:200], reason)
        log.warning("%s: %s", ", ".join(path.name for path in self._paths), outcome(brought))


async def bring(
    upload: Upload, market: str, url: str, token: str, is_history: bool = True,
    report: Callable[[int], None] = lambda rows: None, data_dir: Path | None = None,
) -> Brought:  # fmt: skip
    """Have an upload stored; returns when all of it is. ``report`` is told how many rows are stored.

    ``data_dir``: of the server, to append trades without ids to those that their market has already; without it they
    are numbered from 0. Raises ValueError where a question is open, the market cannot be, or stored trades lie among
    those of the files; RefusedError when the server does not want us.
    """
    if upload.questions:
        raise ValueError("; ".join(f"{question.text} ({question.of})" for question in upload.questions))
    market = upload.market(market)
    names = ", ".join(str(each.member) for each in upload.files)
    brought = Brought(market, Tally())
    async with BridgeLink(url, token, market, f"replay of {names}"[:64], max_queue=_QUEUE, helper=is_history) as link:
        link.upstream = "open"
        starts: Mapping[str, int] = {}
        if data_dir is not None and upload.begins():
            starts = await asyncio.to_thread(first_ids, upload, market, await link.greeted(), data_dir)
        try:
            await _send(link, upload, upload.tick_batches(brought.again, starts), report)
        except ValueError as error:
            if all(each.is_seen for each in upload.files):
                raise
            await link.drained()  # it was looked at while it was stored, and goes on differently than it began
            raise ValueError(f"{error}; {link.bars.tally.stored:,} bars before that are stored") from None
        await link.drained()
        link.farewell = f"{names} is replayed"[:500]
        brought.tally, brought.bars, brought.funding = link.tally, link.bars.tally, link.funding.tally
    return brought


async def _send(
    link: BridgeLink, upload: Upload, chunks: Iterator[list[Row] | EncodedRows], report: Callable[[int], None]
) -> None:
    def tell() -> None:
        report(link.tally.stored + link.bars.tally.stored + link.funding.tally.stored)

    while some := await asyncio.to_thread(_next_few, chunks):
        for rows in some:
            await (link.put_encoded(rows) if isinstance(rows, EncodedRows) else link.put(rows))
        tell()
    batches = upload.bar_batches()
    while few := await asyncio.to_thread(_next_few, batches):
        for batch in few:
            await _send_bars(link, batch)
        tell()
    rates = upload.funding()
    while (rates_read := await asyncio.to_thread(next, rates, None)) is not None:
        await link.put_funding(rates_read)
        tell()


async def _send_bars(link: BridgeLink, batch: BarBatch | tuple[EncodedBars, str]) -> None:
    if isinstance(batch, BarBatch):
        ends = batch.bars[0].open_time_ms, batch.bars[-1].open_time_ms + batch.width_ms
        await link.put_bars(BarSpan(batch.symbol, batch.width_ms, *ends), _rows(batch), batch.source)
    else:
        await link.put_encoded_bars(*batch)


def _next_few(some: Iterator[T]) -> list[T]:
    """Several at once: a change of threads takes as long as one."""
    return list(islice(some, _AT_ONCE))


def _rows(batch: BarBatch) -> list[BarRow]:
    return [[bar.open_time_ms, bar.open, bar.high, bar.low, bar.close, bar.volume] for bar in batch.bars]


def outcome(brought: Brought) -> str:
    """The end of an upload in one line."""
    tally, bars, funding = brought.tally, brought.bars, brought.funding
    again = "".join(f", {count:,} {what}" for what, count in sorted(brought.again.items()))
    rates = f"; funding: {funding.stored:,} stored, {funding.known:,} known already, {funding.refused:,} refused"
    rates = rates if funding.stored or funding.known or funding.refused else ""
    return (
        f"into market {brought.market}: {tally.stored:,} stored, {tally.duplicates:,} known already,"
        f" {tally.conflicts:,} conflicts, {len(tally.rejected):,} refused{again}"
        f"; bars: {bars.stored:,} stored, {bars.known:,} known already, {bars.conflicts:,} conflicts,"
        f" {bars.refused:,} refused{rates}"
    )


def _row_in_words(row: Row) -> str:
    """A row for the log, shortened: a file may hold values of any length."""
    symbol, number, price, quantity, time_ms = (str(value)[:40] for value in row[:5])
    return f"{symbol} {number} (price {price}, quantity {quantity}, time {time_ms})"
