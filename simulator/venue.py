"""The exchange without sockets and clock: advanced to a time, it returns the frames due by then.

A trade is in the trade history, and in REST, from its trade time on. Its frame is due at its E.
"""

from __future__ import annotations

from collections.abc import Collection
from operator import itemgetter

import numpy as np

from simulator.candles import MINUTE_MS, CandleBook, Candles, grouped
from simulator.errors import FaultRefused
from simulator.frames import Frame, agg_trade_frames
from simulator.settings import HOUR_MS
from simulator.sources import Happened, RecordedFrames, Source
from simulator.stream_faults import StreamFaults
from simulator.trade_history import Rows, Trade, TradeHistory, joined, trades_of

FOREVER_MS = 2**62
WIDE_MS = 1_800_000  # from this width on candles of the past are kept
_WIDE_MINUTES = 288_000  # so far back: 200 days
_WIDE_KEPT = 256  # symbols and widths; at most a megabyte each
_PASTS_KEPT = 8  # symbols; each may be some megabytes, and is drawn again in a moment


class Venue:
    """A source's trades in their histories, and in delivery to the subscribers."""

    def __init__(self, source: Source, remember_trades: int, remember_hours: float) -> None:
        self.source = source
        self.now_ms = self._begun_ms = source.start_ms
        self._shift_ms = 0
        self._lag_ms = 0
        self._halted_ms: int | None = None
        self._halted_until_ms = 0
        symbols = [instrument.symbol for instrument in source.instruments]
        self.trade_histories = {
            symbol: TradeHistory(remember_trades, int(remember_hours * HOUR_MS)) for symbol in symbols
        }
        self._books: dict[str, CandleBook] = {}
        for symbol, tick, lot in source.instruments:
            history = self.trade_histories[symbol]
            book = self._books[symbol] = CandleBook(history, tick, lot)
            history.before_forgetting = book.catch_up
        self._pasts: dict[str, tuple[int, Candles]] = {}  # so many minutes were asked for, and came
        self._wide: dict[tuple[str, int], Candles] = {}  # all of the past, by symbol and width
        self.verbatim = isinstance(source, RecordedFrames)
        self._disturbances = {symbol: StreamFaults() for symbol in symbols}
        self._unsent: dict[str, list[Rows]] = {symbol: [] for symbol in symbols}

    @property
    def source_ms(self) -> int:
        """The source's current time, in its own time."""
        return (self.now_ms if self._halted_ms is None else self._halted_ms) - self._shift_ms

    def begin(self, now_ms: int) -> None:
        """Start the source now. Earlier faults count from now."""
        later_ms = now_ms - self.now_ms
        for disturbance in self._disturbances.values():
            disturbance.move(later_ms)
        if self._halted_ms is not None:
            self._halted_ms += later_ms
            self._halted_until_ms += later_ms
        self.now_ms = self._begun_ms = now_ms
        self._shift_ms = now_ms - self.source.start_ms
        self._pasts.clear()
        self._wide.clear()

    def advance(self, now_ms: int, wanted: Collection[str]) -> list[Frame]:
        """Move on to ``now_ms``; the frames due since the last call, in order of E.

        Only symbols in ``wanted`` get frames; those of the others are lost, as without a reader.
        """
        self.now_ms = now_ms
        happened = self._trade(now_ms)
        for symbol, rows in happened.trades.items():
            self.trade_histories[symbol].append(rows)
            if happened.frames is None:
                self._unsent[symbol].append(rows)
        if happened.frames is not None:
            return [Frame(now_ms, None, text) for text in happened.frames]
        streams = [self._stream(symbol, now_ms, symbol in wanted) for symbol in self._unsent]
        frames = [frame for stream in streams for frame in stream]
        if sum(map(bool, streams)) > 1:
            frames.sort(key=itemgetter(0))
        return frames

    def settled(self) -> bool:
        """Whether all trades have been sent."""
        return not any(self._unsent.values()) and not any(d.holding for d in self._disturbances.values())

    def trades(self, symbol: str) -> list[Trade]:
        """The history of one symbol, in id order."""
        return trades_of(symbol, joined(self.trade_history(symbol).snapshot()))

    def trade_history(self, symbol: str) -> TradeHistory:
        """The trade history of one symbol; raises FaultRefused for an unknown one."""
        if symbol not in self.trade_histories:
            raise FaultRefused(f"symbol is {symbol!r}; expected one of {', '.join(self.trade_histories)}")
        return self.trade_histories[symbol]

    def book(self, symbol: str) -> CandleBook:
        """The candles of what one symbol has traded; there must be such a symbol."""
        return self._books[symbol]

    def minutes(self, symbol: str, from_ms: int = 0) -> Candles:
        """The minute candles of one symbol from a time on, those from before the market began included; there may be
        some before that."""
        needed = max(-(-(self._begun_ms - from_ms) // MINUTE_MS), 0)
        asked, past = self._pasts.pop(symbol, (-1, None))
        if past is None or asked < needed:
            asked = max(needed, 2 * asked)  # who pages back asks for more each time
            past = self.source.past(symbol, self._begun_ms, asked)
        self._pasts[symbol] = asked, past
        if len(self._pasts) > _PASTS_KEPT:
            del self._pasts[next(iter(self._pasts))]
        return self._books[symbol].minutes(past)

    def at_least(self, symbol: str, width_ms: int, from_ms: int) -> Candles:
        """Candles of one symbol from a time on, none wider than ``width_ms``: what bars of that width are made of.

        Of the past before the market began wide ones are kept, and drawn once: whoever pages through hours asks for all
        of them, and a symbol's minutes would be drawn again for each page.
        """
        if width_ms < WIDE_MS or self._begun_ms - from_ms > _WIDE_MINUTES * MINUTE_MS:
            return self.minutes(symbol, from_ms)
        past = self._wide.pop((symbol, width_ms), None)
        if past is None:
            past = grouped(self.source.past(symbol, self._begun_ms, _WIDE_MINUTES), width_ms)
        self._wide[symbol, width_ms] = past
        if len(self._wide) > _WIDE_KEPT:
            del self._wide[next(iter(self._wide))]
        return self._books[symbol].minutes(past)

    def disturbance(self, symbol: str) -> StreamFaults:
        """The stream faults of one symbol. Raises FaultRefused for an unknown one, or if frames are replayed."""
        self.trade_history(symbol)
        if self.verbatim:
            raise FaultRefused("this fault needs trades; this exchange replays recorded frames as they are")
        return self._disturbances[symbol]

    def jump(self, symbol: str, bps: float) -> None:
        """Move one price permanently; raises FaultRefused if it is recorded or unknown."""
        self.trade_history(symbol)
        self.source.jump(symbol, bps)

    def lag(self, lag_ms: int) -> None:
        """Send every frame this much later than its E."""
        self._lag_ms = lag_ms

    def halt(self, for_ms: int = FOREVER_MS) -> None:
        """Halt trading for this long; the market then continues from its state."""
        if self._halted_ms is None:
            self._halted_ms = self.now_ms
        self._halted_until_ms = self.now_ms + for_ms

    def clear(self) -> None:
        """End every fault of the market and its streams; a jump stays."""
        self._lag_ms = 0
        self._halted_until_ms = min(self._halted_until_ms, self.now_ms)
        for disturbance in self._disturbances.values():
            disturbance.clear()

    def _trade(self, now_ms: int) -> Happened:
        if self._halted_ms is not None:
            if now_ms < self._halted_until_ms:
                return Happened({})
            self._shift_ms += self._halted_until_ms - self._halted_ms
            self._halted_ms = None
        return self.source.advance(now_ms, self._shift_ms)

    def _stream(self, symbol: str, now_ms: int, wanted: bool) -> list[Frame]:
        disturbance = self._disturbances[symbol]
        if disturbance.stalls(now_ms) or not (self._unsent[symbol] or disturbance.holding):
            return []
        waiting = joined(self._unsent[symbol])
        # E never decreases within a symbol, so the due frames are a prefix.
        sent_ms = waiting["time_ms"] + waiting["lag_ms"]
        cut = int(np.searchsorted(sent_ms, now_ms - self._lag_ms, side="right"))
        self._unsent[symbol] = [waiting[cut:]] if cut < len(waiting) else []
        if not wanted:
            return []
        rows, forgotten = disturbance.passed(waiting[:cut])
        if len(forgotten):
            self._books[symbol].catch_up()
            self.trade_histories[symbol].forget(forgotten)
            self._books[symbol].lose(waiting["time_ms"][np.isin(waiting["id"], forgotten)])
        ended = self._halted_ms is not None or self.source.finished
        return disturbance.sent(agg_trade_frames(symbol, rows), ended and not self._unsent[symbol])
