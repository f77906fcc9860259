"""What a closed trade earned: fills, every cost and profit, as the backtest's ledger counts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.backtest import Costs, mark
from engine.market.builder import GRACE_MS
from engine.market.intervals import bar_open
from engine.market.records import Decision, Run
from engine.pairs.settings import PairSettings
from engine.store.bulk import BulkReader
from services.export.fill_spreads import half_spread_at

BOOK, REPEAT, LOG = "book", "repeat", "log"  # how a result is counted: see TradeResult

_LONGEST_SEARCH = 1_000  # bars in which only one leg traded


class Fill(NamedTuple):
    """The opens of both legs in the bar that opens at ``open_time_ms``."""

    open_time_ms: int
    y: float
    x: float


class TradeResult(NamedTuple):
    """In quote currency: ``gross`` without costs; ``fee``, ``half_spread`` and ``slippage`` paid on all fills, and
    ``funding`` received; ``net`` = gross - fee - half_spread - slippage + funding; both None where a half-spread is not
    known. ``entry`` and ``exit``: the fills.
    ``counted``: ``book`` by the paper book of the pair, ``repeat`` by the same ledger over bars that an earlier run of
    the pair has counted, so it is in no total, ``log`` from the stored decisions alone. ``is_replayed``: the entry was
    decided over bars from before its run began."""

    gross: float
    fee: float
    half_spread: float | None
    slippage: float
    funding: float
    net: float | None
    entry: Fill
    exit: Fill
    counted: str = LOG
    is_replayed: bool = False


class BookedTrades(NamedTuple):
    """What the paper ledgers of ``runs`` have: by the run and the open of the bar that gave the entry, in ms. An exit
    of these runs whose entry is not in it has no result yet."""

    runs: frozenset[str]
    trades: Mapping[tuple[str, int], TradeResult]


NOT_BOOKED = BookedTrades(frozenset(), {})


def fill_after(reader: BulkReader, market: str, legs: tuple[str, str], bar_ms: int, width_ms: int) -> Fill | None:
    """Where a decision of the bar ``bar_ms`` is filled: the opens of the first later bar in which both legs traded.

    None where there is none yet.
    """
    at = bar_ms + width_ms
    for _ in range(_LONGEST_SEARCH):
        y, x = (_first_bar(reader, market, leg, at, width_ms) for leg in legs)
        if y is None or x is None:
            return None
        slots = y[0], x[0]
        if slots[0] == slots[1]:
            return Fill(slots[0], y[1], x[1])
        at = max(slots)
    return None


def _first_bar(reader: BulkReader, market: str, symbol: str, from_ms: int, width_ms: int) -> tuple[int, float] | None:
    """Open time and open of the first bar with a trade from ``from_ms`` on, made from trades or not."""
    trade = reader.first_trade(market, symbol, from_ms)
    until = from_ms + _LONGEST_SEARCH * width_ms
    traded_ms = until if trade is None else min(bar_open(trade[0], width_ms), until)
    if traded_ms > from_ms:
        for bar in reader.sourced_bars(market, symbol, width_ms, from_ms, traded_ms):
            if bar.volume > 0.0:
                return bar.open_time_ms, bar.open
    return None if trade is None else (bar_open(trade[0], width_ms), trade[1])


def result_of(
    entry: Decision, exit_: Decision, fills: tuple[Fill, Fill], settings: PairSettings, measured: float | None = None
) -> TradeResult:
    """The result of one trade whose orders were filled at ``fills``, with the costs of the pair's settings: fee,
    slippage, and the half-spread that is set, or else the ``measured`` one: what both fills paid of it. No funding is
    counted.

    Both orders go through :func:`engine.backtest.mark` on the bars of the decisions and fills: the profit of the bars
    between is that from one fill to the other, so no other bar is needed.
    """
    places = sorted({entry.bar_ms, exit_.bar_ms, *(fill.open_time_ms for fill in fills)})
    row = {time_ms: at for at, time_ms in enumerate(places)}
    price_y, price_x = [entry.y_price] * len(places), [entry.x_price] * len(places)
    quantity_y, quantity_x = ([float("nan")] * len(places) for _ in range(2))
    for decision, fill in zip((entry, exit_), fills, strict=True):
        quantity_y[row[decision.bar_ms]], quantity_x[row[decision.bar_ms]] = decision.quantity_y, decision.quantity_x
        price_y[row[fill.open_time_ms]], price_x[row[fill.open_time_ms]] = fill.y, fill.x
    bps = settings.fee_bps, settings.half_spread_bps or 0.0, settings.slippage_bps
    costs = Costs(*bps)
    is_still = [time_ms not in {fill.open_time_ms for fill in fills} for time_ms in places]
    ledger = mark(price_y, price_x, quantity_y, quantity_x, costs, is_filled_bar=is_still)
    net, paid = float(ledger.pnl.sum()), float(ledger.cost.sum())
    fee, set_half, slippage = (paid * each / sum(bps) if paid else 0.0 for each in bps)
    half_spread = measured if settings.half_spread_bps is None else set_half
    after = None if half_spread is None else net + set_half - half_spread
    return TradeResult(net + paid, fee, half_spread, slippage, 0.0, after, *fills)


def measured_half_spread(
    reader: BulkReader, run: Run, decisions: tuple[Decision, Decision], fills: tuple[Fill, Fill]
) -> float | None:
    """What the fills of an entry and its exit paid of the half-spreads of their bars; None where one is not known, and
    while a bar can still get trades."""
    paid, clock_ms = 0.0, reader.watermark_ms(run.market) or 0
    if clock_ms < fills[-1].open_time_ms + run.interval_ms + GRACE_MS:
        return None
    for decision, fill in zip(decisions, fills, strict=True):
        for leg, coins, price in ((run.y, decision.quantity_y, fill.y), (run.x, decision.quantity_x, fill.x)):
            half = half_spread_at(reader, run.market, leg, fill.open_time_ms, run.interval_ms)
            if half is None:
                return None
            paid += half * abs(coins) * price
    return paid
