"""Bars, as a function of the set of their ticks.

A one-second bar is folded over all of its ticks in id order; longer bars are aggregated from one-second bars in time
order. Both orders are fixed, so the floating-point sums are bit-identical for every order of arrival. A second without
a trade has no bar.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.market.intervals import SECOND_MS
from engine.market.ticks import Tick


class Bar(NamedTuple):
    """Prints and quotes of ``[open_time_ms, open_time_ms + width)``. Prices and volumes are float64.

    ``trades`` counts aggregate trades. ``bid`` is the last price at which a taker sold inside the bar
    and ``ask`` the last at which a taker bought, each clamped by later prints through it; None when the
    bar has no such print. Their ages count from the print to the end of the bar. ``price_basis`` is
    ``quotes``, or ``last`` where the taker side of some tick is unknown.
    """

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float
    trades: int
    buy_volume: float
    first_id: int
    last_id: int
    bid: float | None
    bid_age_ms: int | None
    ask: float | None
    ask_age_ms: int | None
    price_basis: str


class SecondFold:
    """The ticks of one second, folded into its bar as they arrive.

    Appending in id order is O(1). A tick with an id below the last one causes a full refold: adding it to the running
    sums would round differently from id order.
    """

    __slots__ = ("_bar", "_ids", "_ticks", "open_time_ms")

    def __init__(self, open_time_ms: int, ticks: Iterable[Tick] = ()) -> None:
        self.open_time_ms = open_time_ms
        self._ticks: list[Tick] = sorted(ticks, key=_agg_id)
        self._ids: list[int] = [tick.agg_id for tick in self._ticks]
        self._bar = _Running(open_time_ms)
        for tick in self._ticks:
            self._bar.add(tick)

    def add(self, tick: Tick) -> None:
        """Add one new tick of this second."""
        if not self._ids or tick.agg_id > self._ids[-1]:
            self._ids.append(tick.agg_id)
            self._ticks.append(tick)
            self._bar.add(tick)
            return
        at = bisect_right(self._ids, tick.agg_id)
        self._ids.insert(at, tick.agg_id)
        self._ticks.insert(at, tick)
        self._bar = _Running(self.open_time_ms)
        for each in self._ticks:
            self._bar.add(each)

    def bar(self) -> Bar:
        """The bar of the ticks so far; there must be at least one."""
        return self._bar.bar()


class _Running:
    """The left fold over one second's ticks in id order."""

    __slots__ = (
        "ask", "ask_ms", "bid", "bid_ms", "buy_volume", "close", "first_id", "high", "last_id", "low",
        "open", "open_time_ms", "quote_volume", "sided", "trades", "volume",
    )  # fmt: skip

    def __init__(self, open_time_ms: int) -> None:
        self.open_time_ms = open_time_ms
        self.open = self.high = self.low = self.close = 0.0
        self.volume = self.quote_volume = self.buy_volume = 0.0
        self.trades = self.first_id = self.last_id = 0
        self.bid: float | None = None
        self.ask: float | None = None
        self.bid_ms = self.ask_ms = 0
        self.sided = True

    def add(self, tick: Tick) -> None:
        price = tick.price
        if not self.trades:
            self.open = self.high = self.low = price
            self.first_id = tick.agg_id
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.trades += 1
        self.last_id = tick.agg_id
        self.volume += tick.quantity
        self.quote_volume += price * tick.quantity
        if tick.buyer_is_maker is None:
            self.sided = False
        elif tick.buyer_is_maker:  # the taker sold: the print is at the bid
            self.bid, self.bid_ms = price, tick.trade_time_ms
            if self.ask is not None and self.ask < price:
                self.ask = price
        else:  # the taker bought: the print is at the ask
            self.buy_volume += tick.quantity
            self.ask, self.ask_ms = price, tick.trade_time_ms
            if self.bid is not None and self.bid > price:
                self.bid = price

    def bar(self) -> Bar:
        if not self.trades:
            raise ValueError(f"no tick in the second that begins at {self.open_time_ms} ms; a bar needs at least one")
        end = self.open_time_ms + SECOND_MS
        bid, ask = (self.bid, self.ask) if self.sided else (None, None)
        return Bar(
            self.open_time_ms, self.open, self.high, self.low, self.close,
            self.volume, self.quote_volume, self.trades, self.buy_volume, self.first_id, self.last_id,
            bid, None if bid is None else end - self.bid_ms,
            ask, None if ask is None else end - self.ask_ms,
            "quotes" if self.sided else "last",
        )  # fmt: skip


def second_bar(open_time_ms: int, ticks: Iterable[Tick]) -> Bar:
    """The one-second bar that opens at ``open_time_ms``, from all of its ticks in any order."""
    return SecondFold(open_time_ms, ticks).bar()


def roll_up(bars: Sequence[Bar], open_time_ms: int, width_ms: int) -> Bar:
    """One longer bar from the one-second bars inside it, given in time order; there must be at least one."""
    if not bars:
        raise ValueError(f"no one-second bar in the {width_ms} ms from {open_time_ms} ms; a bar needs at least one")
    high, low = bars[0].high, bars[0].low
    volume = quote_volume = buy_volume = 0.0
    trades = 0
    quote = Quote()
    for bar in bars:
        high, low = max(high, bar.high), min(low, bar.low)
        volume += bar.volume
        quote_volume += bar.quote_volume
        buy_volume += bar.buy_volume
        trades += bar.trades
        quote = quote.after(bar, bar.open_time_ms + SECOND_MS)
    end = open_time_ms + width_ms
    return Bar(
        open_time_ms, bars[0].open, high, low, bars[-1].close,
        volume, quote_volume, trades, buy_volume, bars[0].first_id, bars[-1].last_id,
        quote.bid, None if quote.bid is None else end - quote.bid_ms,
        quote.ask, None if quote.ask is None else end - quote.ask_ms,
        "quotes" if all(bar.price_basis == "quotes" for bar in bars) else "last",
    )  # fmt: skip


class Quote(NamedTuple):
    """The trade-side quote carried from bar to bar: the last bid and ask prints and their times.

    A bar without a print on one side keeps the older quote of that side, clamped by the bar's prints:
    a sale below the old bid was a bid, so it cannot be higher than that.
    """

    bid: float | None = None
    bid_ms: int = 0
    ask: float | None = None
    ask_ms: int = 0

    def after(self, bar: Bar, end_ms: int) -> Quote:
        """The quote at the end of ``bar``, which ends at ``end_ms``."""
        if bar.price_basis != "quotes":
            return Quote()
        bid, bid_ms, ask, ask_ms = self
        if bar.bid is not None:
            bid, bid_ms = bar.bid, end_ms - (bar.bid_age_ms or 0)
        elif bid is not None:
            bid = min(bid, bar.low)
        if bar.ask is not None:
            ask, ask_ms = bar.ask, end_ms - (bar.ask_age_ms or 0)
        elif ask is not None:
            ask = max(ask, bar.high)
        return Quote(bid, bid_ms, ask, ask_ms)

    @property
    def mid(self) -> float | None:
        """Half-way between bid and ask; None until both sides have traded."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2


def _agg_id(tick: Tick) -> int:
    return tick.agg_id
