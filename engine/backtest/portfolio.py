"""Several pairs on one capital: which positions the limits admit, the equity, and how the pairs' profits correlate.

Each pair comes with the path of its own backtest: coins held at each close, and profit of each bar, net of costs. A
position is admitted or refused as a whole, at the bar of its fill, in the order of the pairs, after the positions that
end there; it is never cut. Checked are, in shares of the equity at the close before:

* the gross value of the pair's two legs,
* the net value of each of its two symbols over all admitted pairs (a position that brings it nearer to 0 passes),
* the gross value of all admitted pairs.

A refused position earns nothing and costs nothing. Profits are those of the quantities that the pair's own backtest
held: they do not grow with the portfolio. A position that turns without a flat bar between counts as one, and a
re-hedge is part of its position: neither is checked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.backtest.clock import STEPS_MS, EquityCurve
from engine.backtest.drawdown import Drawdown, drawdown
from engine.backtest.luck import LEAST_FOR_LUCK
from engine.stats.checks import ArrayLike, Bools, Floats, Ints, as_series, positive, same_length
from engine.stats.jit import njit
from engine.stats.representation import short_repr

ADMITTED, PAIR_LIMIT, SYMBOL_LIMIT, TOTAL_LIMIT = range(4)
VERDICTS = ("admitted", "pair limit", "symbol limit", "total limit")
SHARPEST = 1e-9  # of a limit, for rounding


@dataclass(frozen=True, slots=True)
class PortfolioLimits:
    """Shares of equity: gross value of one pair, net value of one symbol, gross value of all pairs."""

    pair_gross: float = 1.0
    symbol_net: float = 1.0
    total_gross: float = 3.0

    def __post_init__(self) -> None:
        """Raises ValueError for limits that are not above 0."""
        for name in ("pair_gross", "symbol_net", "total_gross"):
            positive(getattr(self, name), name)


@dataclass(frozen=True, slots=True, eq=False)
class PairPath:
    """One pair's own backtest, one value a bar: closes in quote currency, coins held at each close, and the profit of
    the bar net of costs, in quote currency. ``y`` and ``x``: names of the symbols."""

    y: str
    x: str
    price_y: ArrayLike
    price_x: ArrayLike
    held_y: ArrayLike
    held_x: ArrayLike
    pnl: ArrayLike

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, eq=False)
class Portfolio:
    """``equity``: one value a bar, capital included. ``admitted`` and ``pnl``: bars x pairs, whether the position held
    at the close is admitted, and the profit that counts. ``positions``: one row a position that was asked for, (pair,
    entry bar, end bar, verdict), see ``VERDICTS``; the end is the first flat bar. ``net``: bars x symbols, value held
    at the close; ``gross``: of all pairs. ``correlation``: of the pairs' profits a day or hour, NaN for one that does
    not move, and all of it under 30 whole ``periods``; ``symbols`` in the order of ``net``."""

    equity: Floats
    drawdown: Drawdown
    admitted: Bools
    pnl: Floats
    positions: Ints
    net: Floats
    gross: Floats
    correlation: Floats
    periods: int
    symbols: tuple[str, ...]

    __repr__ = short_repr


def combine(
    pairs: Sequence[PairPath],
    times_ms: ArrayLike,
    *,
    capital: float,
    interval_ms: int,
    limits: PortfolioLimits | None = None,
    clock: str = "daily",
) -> Portfolio:
    """Run several pairs on one capital. All paths have one value for each of ``times_ms`` (opens, UTC).

    Raises ValueError for no pair, lengths that differ, prices that are not positive, and values that are not finite.
    """
    if not pairs:
        raise ValueError("pairs is empty; expected at least one")
    if clock not in STEPS_MS:
        raise ValueError(f"clock is {clock!r}; expected one of {', '.join(STEPS_MS)}")
    names = tuple(sorted({name for pair in pairs for name in (pair.y, pair.x)}))
    legs = np.array([[names.index(pair.y), names.index(pair.x)] for pair in pairs], dtype=np.int64)
    columns = [_checked(pair) for pair in pairs]
    for number, each in enumerate(columns[1:], 1):
        same_length(columns[0][0], each[0], "pair 0", f"pair {number}")
    tables = [np.ascontiguousarray(np.stack(parts, axis=1)) for parts in zip(*columns, strict=True)]
    chosen = limits or PortfolioLimits()
    shares = np.array([chosen.pair_gross, chosen.symbol_net, chosen.total_gross])
    bars, count = tables[0].shape
    equity, gross, net = np.empty(bars), np.zeros(bars), np.zeros((bars, len(names)))
    admitted, pnl = np.zeros((bars, count), dtype=np.bool_), np.zeros((bars, count))
    most = count * (bars // 2 + 1)
    positions = np.empty((most, 4), dtype=np.int64)
    held_y, held_x, price_y, price_x, own = tables
    found = _admit(
        held_y, held_x, price_y, price_x, own, legs, shares, positive(capital, "capital"),
        equity, gross, net, admitted, pnl, positions,
    )  # fmt: skip
    curve = EquityCurve.of(times_ms, equity, capital, interval_ms)
    correlation, periods = _correlation(curve, pnl, STEPS_MS[clock])
    fall = drawdown(equity, curve.capital)
    return Portfolio(equity, fall, admitted, pnl, positions[:found].copy(), net, gross, correlation, periods, names)


def _checked(pair: PairPath) -> tuple[Floats, ...]:
    """held_y, held_x, price_y, price_x and pnl of equal length."""
    name = f"{pair.y}-{pair.x}"
    if pair.y == pair.x:
        raise ValueError(f"both legs are {pair.y}; expected two symbols")
    fields = ("held_y", "held_x", "price_y", "price_x", "pnl")
    values = tuple(as_series(getattr(pair, field), f"{name}.{field}") for field in fields)
    for field, each in zip(fields, values, strict=True):
        same_length(values[0], each, f"{name}.held_y", f"{name}.{field}")
        if field.startswith("price") and not (each > 0.0).all():
            at = int(np.argmin(each > 0.0))
            raise ValueError(f"{name}.{field}[{at}] is {each[at]}; expected positive prices")
    return values


def _correlation(curve: EquityCurve, pnl: Floats, step_ms: int) -> tuple[Floats, int]:
    """Of the profit of whole days or hours between the pairs, and how many there are."""
    count = pnl.shape[1]
    closes, marks = curve.closes_ms, curve.marks(step_ms)
    totals = np.concatenate((np.zeros((1, count)), np.cumsum(pnl, axis=0)))
    table = np.diff(totals[np.searchsorted(closes, marks, side="right")], axis=0)
    out = np.full((count, count), np.nan)
    if table.shape[0] < LEAST_FOR_LUCK:
        return out, int(table.shape[0])
    moves = np.flatnonzero(np.ptp(table, axis=0) > 0.0)
    if moves.size:
        out[np.ix_(moves, moves)] = np.corrcoef(table[:, moves], rowvar=False)
    return out, int(table.shape[0])


@njit
def _admit(  # noqa: PLR0913 - a compiled loop
    held_y: Floats, held_x: Floats, price_y: Floats, price_x: Floats, own: Floats, legs: Ints, shares: Floats,
    capital: float, equity: Floats, gross: Floats, net: Floats, admitted: Bools, pnl: Floats, positions: Ints,
) -> int:  # fmt: skip
    """Write the outputs bar by bar; returns the number of positions asked for. O(bars x pairs)."""
    bars, pairs = held_y.shape
    is_held, is_in = np.zeros(pairs, dtype=np.bool_), np.zeros(pairs, dtype=np.bool_)
    place = np.zeros(pairs, dtype=np.int64)
    count = 0
    before = capital
    for t in range(bars):
        for p in range(pairs):
            ends = is_held[p] and held_y[t, p] == 0.0 and held_x[t, p] == 0.0
            if is_in[p]:
                pnl[t, p] = own[t, p]
                if not ends:
                    _hold(t, p, held_y, held_x, price_y, price_x, legs, gross, net)
            if ends:
                positions[place[p], 2] = t
                is_held[p] = is_in[p] = False
        for p in range(pairs):
            if not is_held[p] and (held_y[t, p] != 0.0 or held_x[t, p] != 0.0):
                verdict = _verdict(t, p, held_y, held_x, price_y, price_x, legs, gross, net, shares * before)
                positions[count, 0], positions[count, 1] = p, t
                positions[count, 2], positions[count, 3] = bars, verdict
                is_held[p], is_in[p], place[p] = True, verdict == ADMITTED, count
                count += 1
                if is_in[p]:
                    pnl[t, p] += own[t, p]
                    _hold(t, p, held_y, held_x, price_y, price_x, legs, gross, net)
            admitted[t, p] = is_in[p]
        for p in range(pairs):
            before += pnl[t, p]
        equity[t] = before
    return count


@njit
def _hold(  # noqa: PLR0913 - part of a compiled loop
    t: int, p: int, held_y: Floats, held_x: Floats, price_y: Floats, price_x: Floats, legs: Ints, gross: Floats,
    net: Floats,
) -> None:  # fmt: skip
    value_y, value_x = held_y[t, p] * price_y[t, p], held_x[t, p] * price_x[t, p]
    gross[t] += abs(value_y) + abs(value_x)
    net[t, legs[p, 0]] += value_y
    net[t, legs[p, 1]] += value_x


@njit
def _verdict(  # noqa: PLR0913 - part of a compiled loop
    t: int, p: int, held_y: Floats, held_x: Floats, price_y: Floats, price_x: Floats, legs: Ints, gross: Floats,
    net: Floats, limits: Floats,
) -> int:  # fmt: skip
    """Why a position is refused, with what is admitted so far in this bar; ``limits`` in quote currency."""
    values = (held_y[t, p] * price_y[t, p], held_x[t, p] * price_x[t, p])
    own = abs(values[0]) + abs(values[1])
    slack = 1.0 + SHARPEST
    if not own <= limits[0] * slack:
        return PAIR_LIMIT
    for leg in range(2):
        held = net[t, legs[p, leg]]
        after = abs(held + values[leg])
        if not (after <= limits[1] * slack or after <= abs(held)):
            return SYMBOL_LIMIT
    return ADMITTED if gross[t] + own <= limits[2] * slack else TOTAL_LIMIT
