"""Sources of an exchange's trades: the synthetic market, recorded trades, or recorded frames.

A source has its own time, which starts at ``start_ms``. It is advanced in the time of its exchange, which is
``shift_ms`` ahead (after a trading halt, or when a recording starts now), and returns the events since the last call,
in that time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from simulator.candles import CANDLES, Candles
from simulator.errors import FaultRefused, RecordingRefused
from simulator.market import LAG_MS, SyntheticMarket
from simulator.past import SyntheticPast
from simulator.recordings import Recording, TimedFrame, agg_trade_of, read_recording
from simulator.settings import Coin
from simulator.trade_history import TRADES, Rows, decimal_text

ROWS_A_STEP = 10_000  # sent at once when a reader sets the pace: a few megabytes
FRAME_SPACING_MS = 10.0  # between frames that were recorded without a time
_EVENT_TIME = re.compile(r'"([ET])":([0-9]{13})(?![0-9])')


class Instrument(NamedTuple):
    """A symbol's data in exchangeInfo; tick and lot as decimal text."""

    symbol: str
    tick: str
    lot: str


@dataclass(slots=True)
class Happened:
    """Trades per symbol; ``frames`` None: create the frames from the trades, else send exactly these."""

    trades: dict[str, Rows] = field(default_factory=dict)
    frames: list[str] | None = None


class Source(Protocol):
    """The interface of a venue's market."""

    start_ms: int
    step_ms: int
    instruments: tuple[Instrument, ...]

    def advance(self, until_ms: int, shift_ms: int) -> Happened:
        """The events since the last call, up to and including ``until_ms`` on the exchange's clock."""

    def jump(self, symbol: str, bps: float) -> None:
        """Move one price permanently. Raises FaultRefused if prices are recorded."""

    def past(self, symbol: str, end_ms: int, minutes: int) -> Candles:
        """The last so many minutes before it began, which was ``end_ms`` on the exchange's clock; fewer where there are
        no more."""

    @property
    def finished(self) -> bool:
        """Whether the source is exhausted."""


class SyntheticSource:
    """The synthetic market as a source; it never ends."""

    finished = False

    def __init__(self, market: SyntheticMarket, coins: Sequence[Coin], start_ms: int, history_minutes: int = 0) -> None:
        """``history_minutes``: so long a past has candles."""
        self.market = market
        self._coins = {coin.symbol: coin for coin in coins}
        self._past = SyntheticPast(market.began, market.seed, market.factor_bps, history_minutes)
        self.start_ms = start_ms
        self.step_ms = _step_ms(sum(coin.trades_per_s for coin in coins) / 1_000)
        self.instruments = tuple(Instrument(coin.symbol, coin.tick, coin.lot) for coin in coins)

    def advance(self, until_ms: int, shift_ms: int) -> Happened:
        """See Source."""
        trades = self.market.advance(until_ms - shift_ms)
        return Happened({symbol: _later(rows, shift_ms) for symbol, rows in trades.items()})

    def past(self, symbol: str, end_ms: int, minutes: int) -> Candles:
        """See Source."""
        return self._past.candles(self._coins[symbol], end_ms, minutes)

    def jump(self, symbol: str, bps: float) -> None:
        """See Source."""
        self.market.jump(symbol, bps)


class RecordedTrades:
    """Trades of one or more files, each at its own time, E drawn with ``seed``.

    Ids keep the order of the file; a trade whose time is before that of an earlier id is due with that id.
    """

    def __init__(self, trades: dict[str, Rows], seed: int) -> None:
        self.start_ms = min(int(rows["time_ms"].min()) for rows in trades.values())
        self.instruments = tuple(_instrument(symbol, rows) for symbol, rows in trades.items())
        self._rows = {symbol: _sent(rows, seed, symbol) for symbol, rows in trades.items()}
        self._due = {symbol: np.maximum.accumulate(rows["time_ms"]) for symbol, rows in self._rows.items()}
        self._next = dict.fromkeys(trades, 0)
        span_ms = max(int(due[-1]) for due in self._due.values()) - self.start_ms + 1
        self.step_ms = _step_ms(sum(map(len, self._rows.values())) / span_ms)

    def advance(self, until_ms: int, shift_ms: int) -> Happened:
        """See Source."""
        trades = {}
        for symbol, rows in self._rows.items():
            low = self._next[symbol]
            high = int(np.searchsorted(self._due[symbol], until_ms - shift_ms, side="right"))
            if high > low:
                trades[symbol], self._next[symbol] = _later(rows[low:high], shift_ms), high
        return Happened(trades)

    def past(self, symbol: str, end_ms: int, minutes: int) -> Candles:
        """Nothing is known of the time before a recording."""
        return np.empty(0, CANDLES)

    def jump(self, symbol: str, bps: float) -> None:
        """Recorded prices stay what they are."""
        raise FaultRefused("jump needs a synthetic market; this exchange replays recorded trades")

    @property
    def finished(self) -> bool:
        """See Source."""
        return all(self._next[symbol] == len(rows) for symbol, rows in self._rows.items())


class RecordedFrames:
    """Frames of one file, verbatim and in its order, at the times they were received.

    Only with ``restamp`` does the shift also move the E and T inside the frames. The valid aggTrades among them, with
    ascending ids, are in REST.
    """

    def __init__(self, frames: Sequence[TimedFrame], restamp: bool) -> None:
        undated_ms = next((int(found[2]) for frame in frames if (found := _EVENT_TIME.search(frame.text))), 0)
        at_ms = np.array([f.at_ms or undated_ms + FRAME_SPACING_MS * n for n, f in enumerate(frames)])
        self._due: list[float] = np.maximum.accumulate(at_ms).tolist()
        self._texts = [frame.text for frame in frames]
        self._trades = [agg_trade_of(text) for text in self._texts]
        self._restamp = restamp
        self._next = 0
        self._last_id: dict[str, int] = {}
        self.start_ms = int(self._due[0])
        self.step_ms = _step_ms(len(frames) / (self._due[-1] - self.start_ms + 1))
        known: dict[str, list[tuple[object, ...]]] = {}
        for symbol, row in filter(None, self._trades):
            known.setdefault(symbol, []).append(row)
        self.instruments = tuple(_instrument(symbol, np.array(rows, TRADES)) for symbol, rows in known.items())

    def advance(self, until_ms: int, shift_ms: int) -> Happened:
        """See Source."""
        low, self._next = self._next, bisect_right(self._due, until_ms - shift_ms)
        moved_ms = shift_ms if self._restamp else 0
        rows: dict[str, list[tuple[object, ...]]] = {}
        for symbol, row in filter(None, self._trades[low : self._next]):
            if row[0] > self._last_id.get(symbol, -1):
                self._last_id[symbol] = row[0]
                rows.setdefault(symbol, []).append(row)
        trades = {symbol: _later(np.array(mine, TRADES), moved_ms) for symbol, mine in rows.items()}
        return Happened(trades, [_moved(text, moved_ms) for text in self._texts[low : self._next]])

    def past(self, symbol: str, end_ms: int, minutes: int) -> Candles:
        """Nothing is known of the time before a recording."""
        return np.empty(0, CANDLES)

    def jump(self, symbol: str, bps: float) -> None:
        """Recorded prices stay what they are."""
        raise FaultRefused("jump needs a synthetic market; this exchange replays recorded frames")

    @property
    def finished(self) -> bool:
        """See Source."""
        return self._next == len(self._texts)


def recorded_source(
    paths: Sequence[Path], symbol: str | None, skip_zero: bool, seed: int, restamp: bool
) -> tuple[RecordedTrades | RecordedFrames, Counter[str]]:
    """The files as one source, and the counts of skipped lines, by reason.

    Raises RecordingRefused when a file cannot be replayed, or the files cannot be replayed together.
    """
    recordings = [read_recording(path, symbol, skip_zero) for path in paths]
    skipped = sum((recording.skipped for recording in recordings), Counter[str]())
    if any(recording.frames for recording in recordings):
        if len(recordings) > 1:
            raise RecordingRefused(f"{len(paths)} files with frames among them; expected one file of frames alone")
        return RecordedFrames(recordings[0].frames, restamp), skipped
    return RecordedTrades(_merged(recordings), seed), skipped


def _merged(recordings: Sequence[Recording]) -> dict[str, Rows]:
    merged: dict[str, Rows] = {}
    for recording in recordings:
        for symbol, rows in recording.trades.items():
            if symbol in merged:
                raise RecordingRefused(f"two files with trades of {symbol}; expected each symbol in one file")
            merged[symbol] = rows
    return merged


def _later(rows: Rows, shift_ms: int) -> Rows:
    if shift_ms:
        rows = rows.copy()
        rows["time_ms"] += shift_ms
    return rows


def _sent(rows: Rows, seed: int, symbol: str) -> Rows:
    """The rows with their E: 4..160 ms late and never before an earlier id's."""
    rows = rows.copy()
    rng = np.random.default_rng([seed, *symbol.encode()])
    lags = rng.integers(LAG_MS[0], LAG_MS[1] + 1, len(rows))
    rows["lag_ms"] = np.maximum.accumulate(rows["time_ms"] + lags) - rows["time_ms"]
    return rows


def _instrument(symbol: str, rows: Rows) -> Instrument:
    """Tick and lot with the decimals of the finest recorded price and quantity."""
    return Instrument(
        symbol,
        decimal_text(1, int(rows["price_decimals"].max())),
        decimal_text(1, int(rows["quantity_decimals"].max())),
    )


def _moved(text: str, shift_ms: int) -> str:
    if not shift_ms:
        return text
    return _EVENT_TIME.sub(lambda found: f'"{found[1]}":{int(found[2]) + shift_ms}', text)


def _step_ms(rows_per_ms: float) -> int:
    return int(min(max(ROWS_A_STEP / max(rows_per_ms, 1e-9), 1), 60_000))
