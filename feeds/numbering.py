"""Which numbers the trades of files without ids get in a market that has trades of their symbols already.

Files that go on where the stored trades end are appended. The same trades again get the numbers that they have, so
that they are known. Anything between the two would mix two recordings, and is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from engine.files.summary import utc
from engine.files.upload import Upload
from engine.market.bars import Bar, second_bar
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.ticks import Tick
from engine.store import open_backend
from engine.store.interface import TickReader

_END = 2**53
_WINDOW_MS = 3_600_000  # of bars that are read at a time


def first_ids(upload: Upload, market: str, high_water: Mapping[str, int], data_dir: Path) -> dict[str, int]:
    """Symbol -> the number of its first trade, of those that are stored in the market; others begin with 0.

    ``high_water``: symbol -> the greatest number stored. ``data_dir``: where the store is. Raises ValueError where
    stored trades lie among those of the files and are others; StoreError where the store cannot be read.
    """
    begins = {symbol: first_ms for symbol, first_ms in upload.begins().items() if symbol in high_water}
    if not begins:
        return {}
    with closing(open_backend(data_dir).tick_reader()) as reader:
        stored = {symbol: _Stored(reader, market, symbol, first_ms) for symbol, first_ms in begins.items()}
        starts = {
            symbol: high_water[symbol] + 1 if each.start is None else each.start for symbol, each in stored.items()
        }
        overlapping = {symbol: each for symbol, each in stored.items() if each.start is not None}
        if overlapping:
            _compare(upload, starts, overlapping)
    return starts


class _Stored:
    """The trades of one symbol from a time on. ``start``: the number of the first of them, None where there is none."""

    def __init__(self, reader: TickReader, market: str, symbol: str, first_ms: int) -> None:
        self._reader, self._market, self._symbol = reader, market, symbol
        self._begin_ms = bar_open(first_ms, SECOND_MS)
        self._last_ms = reader.newest_second(market, symbol)
        self._bars = self._read()
        self._next = next(self._bars, None)
        self.start: int | None = None
        if self._next is not None and self._next.open_time_ms == self._begin_ms:
            ticks = reader.ticks_of_second(market, symbol, self._begin_ms, _END)
            self.start = next((tick.agg_id for tick in ticks if tick.trade_time_ms >= first_ms), None)
            if self.start is None:
                self._next = next(self._bars, None)
        if self.start is None and self._next is not None:
            self.start = self._next.first_id

    def reaches(self, second_ms: int) -> bool:
        """Whether something of this second, or a later one, is stored."""
        return self._last_ms is not None and second_ms <= self._last_ms

    def differs(self, second_ms: int, ticks: list[Tick], is_end: bool) -> bool:
        """Whether a second of the files is another than the stored one. Call it with rising seconds.

        ``is_end``: the files may have a part of it only.
        """
        bar, self._next = self._next, next(self._bars, None)
        if bar is None or bar.open_time_ms != second_ms:
            return True
        if not is_end and self._begin_ms < second_ms != self._last_ms:
            return second_bar(second_ms, ticks) != bar
        stored = self._reader.ticks_of_second(self._market, self._symbol, second_ms, _END)
        stored = [tick for tick in stored if tick.agg_id >= (self.start or 0)]
        both = min(len(stored), len(ticks))
        return stored[:both] != ticks[:both] or (len(ticks) > both and second_ms != self._last_ms)

    def refusal(self, second_ms: int) -> ValueError:
        """What was found, and what was expected."""
        end = utc((self._last_ms or 0) + SECOND_MS)
        return ValueError(
            f"market {self._market!r} has trades of {self._symbol} to {end}, and those of the files differ from them in"
            f" the second {utc(second_ms)}; expected the same trades again, only later ones, or another market"
        )

    def _read(self) -> Iterator[Bar]:
        at = self._begin_ms
        while self.reaches(at):
            yield from self._reader.bars(self._market, self._symbol, at, at + _WINDOW_MS)
            at += _WINDOW_MS


def _compare(upload: Upload, starts: Mapping[str, int], stored: Mapping[str, _Stored]) -> None:
    """Raises ValueError where some second of the files is another than the stored one."""
    seconds: dict[str, int] = {}
    ticks: dict[str, list[Tick]] = {symbol: [] for symbol in stored}

    def check(symbol: str, is_end: bool) -> None:
        if ticks[symbol] and stored[symbol].differs(seconds[symbol], ticks[symbol], is_end):
            raise stored[symbol].refusal(seconds[symbol])
        ticks[symbol] = []

    for rows in upload.trades(Counter(), starts):
        for symbol, agg_id, price, quantity, time_ms, maker in rows:
            if symbol not in stored:
                continue
            second_ms = bar_open(time_ms, SECOND_MS)
            if seconds.setdefault(symbol, second_ms) != second_ms:
                check(symbol, is_end=False)
                seconds[symbol] = second_ms
            if stored[symbol].reaches(second_ms):
                ticks[symbol].append(Tick(symbol, agg_id, float(price), float(quantity), time_ms, maker))
    for symbol in stored:
        check(symbol, is_end=True)
