"""Bid, ask and mid inferred from trades, and the effective half-spread.

A trade with the buyer as maker (``m=true``) was a sale at the bid; the others were purchases at the ask. The last of
each is the trade-side quote, and their average the mid. Trap T4: statistics on last prices mistake the bounce between
the two for mean reversion, and nominal 5 % tests reject 58 % of random walks at a half-spread of two one-second sigmas.
Statistics run on the mid; the last price is for display.

Source: Roll 1984 (the half-spread estimated from the bounce).
"""

from __future__ import annotations

import math

import numpy as np

from engine.stats.checks import ArrayLike, Bools, Floats, as_series, same_index, same_length
from engine.stats.jit import njit
from engine.stats.pandas_results import keeps_index
from engine.stats.regression import centred_products


@njit
def quote_step(bid: float, ask: float, price: float, buyer_is_maker: bool, clamp: bool) -> tuple[float, float]:
    """One trade: ``(bid, ask)`` in and out, NaN before a side has traded.

    With ``clamp`` a print through the other side's stale quote moves that quote with it: a purchase at 99 means that
    the lowest ask is 99, and also that a bid of 100 no longer exists.
    """
    if buyer_is_maker:
        return price, (price if clamp and ask < price else ask)
    return (price if clamp and bid > price else bid), price


@njit
def carry_quote(
    bid: float, ask: float, new_bid: float, new_ask: float, low: float, high: float
) -> tuple[float, float]:  # fmt: skip
    """One bar with trades: ``(bid, ask)`` before it and after it, NaN where not known.

    ``new_bid`` and ``new_ask`` are the bar's own; a side without one keeps its older quote, clamped by the bar's
    prints: a sale below the old bid was itself at the bid. ``engine.market.bars.Quote`` is the same step for modules
    that must not import Numba; a test checks that the two agree.
    """
    if new_bid > 0.0:
        bid = new_bid
    elif low < bid:
        bid = low
    if new_ask > 0.0:
        ask = new_ask
    elif high > ask:
        ask = high
    return bid, ask


@njit
def quotes_kernel(price: Floats, buyer_is_maker: Bools, clamp: bool, bid: Floats, ask: Floats) -> None:
    """The quote after each trade into ``bid`` and ``ask``."""
    b = a = np.nan
    for i in range(price.size):
        b, a = quote_step(b, a, price[i], buyer_is_maker[i], clamp)
        bid[i], ask[i] = b, a


@keeps_index
def trade_side_quotes(price: ArrayLike, buyer_is_maker: ArrayLike, *, clamp: bool = True) -> tuple[Floats, Floats]:
    """``(bid, ask)`` after each trade, in the trades' order; NaN until that side has traded.

    ``clamp``: a print through the other side's stale quote moves it too, so that the bid is never above the ask.
    """
    same_index(price, buyer_is_maker, "price", "buyer_is_maker")
    prices = as_series(price, "price")
    sides = _sides(buyer_is_maker)
    same_length(prices, sides, "price", "buyer_is_maker")
    bid, ask = np.empty_like(prices), np.empty_like(prices)
    quotes_kernel(prices, sides, clamp, bid, ask)
    return bid, ask


@keeps_index
def trade_side_mid(price: ArrayLike, buyer_is_maker: ArrayLike) -> Floats:
    """Half-way between the last sale and the last purchase after each trade; NaN until both sides have traded.

    The two are not clamped here. Each shows every move of the price once and weighs a half, so bounce cancels at any
    spread and a correlation by Hayashi and Yoshida comes out right; on clamped quotes a true 0.80 reads up to 0.9.

    >>> trade_side_mid([100.0, 101.0, 101.0, 99.0], [True, False, False, True])
    array([  nan, 100.5, 100.5, 100. ])
    """
    bid, ask = trade_side_quotes(price, buyer_is_maker, clamp=False)
    return (bid + ask) / 2.0


def half_spread_bps(price: ArrayLike, buyer_is_maker: ArrayLike) -> float:
    """Effective half-spread in basis points: the median over trades of (ask - bid) / 2 over the mid.

    NaN until both sides have traded. The trap: a side that has not traded for long is stale, so in a quiet market
    this measures the movement since then as much as the spread; the quote ages distinguish them.
    """
    bid, ask = trade_side_quotes(price, buyer_is_maker)
    halves = 1e4 * (ask - bid) / (ask + bid)
    known = halves[np.isfinite(halves)]
    return float(np.median(known)) if known.size else math.nan


def roll_half_spread(price: ArrayLike) -> float:
    """Roll's half-spread sqrt(-cov(d p_t, d p_{t-1})), in the unit of ``price``; 4 trades or more.

    NaN where the covariance is not negative: no bounce is visible, which does not mean a spread of 0. It assumes that
    sides alternate at random; runs of one side make it too small.
    """
    steps = np.diff(as_series(price, "price", minimum=4))
    *_, product, _ = centred_products(steps[1:].copy(), steps[:-1].copy())
    covariance = product / (steps.size - 2)
    return math.sqrt(-covariance) if covariance < 0.0 else math.nan


def _sides(buyer_is_maker: ArrayLike) -> Bools:
    found = np.asarray(buyer_is_maker)
    if found.ndim != 1 or not (found.dtype.kind == "b" or (found.dtype.kind in "iu" and np.isin(found, (0, 1)).all())):
        raise ValueError(f"buyer_is_maker is {found.ndim}-D {found.dtype}; expected 1-D true or false for every trade")
    return np.array(found, dtype=np.bool_)
