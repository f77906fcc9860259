"""Candles of the time before a synthetic market began, drawn backwards from where it begins.

The factor is a random walk, and so is it backwards; an Ornstein-Uhlenbeck process is the same in both directions. So a
pair that is cointegrated from now on was so before, and prices go on without a jump. Nothing is drawn before it is
asked for.
"""

from __future__ import annotations

import math

import numpy as np

from simulator.candles import CANDLES, MINUTE_MS, Candles
from simulator.market import TYPICAL_NOTIONAL, Floats, MarketState, step_of
from simulator.settings import Coin

_SPAN = 0.6  # of a minute's deviation: how far high and low lie beyond open and close
_LEAST_LOG = -400.0  # of a power of phi that is worked with
_SIZE_SD = 1.3  # of the logarithm of a trade's size, as the market draws it


class SyntheticPast:
    """The minutes before one market began. How many are drawn at once cannot show: each purpose has its generator."""

    def __init__(self, began: MarketState, seed: list[int], factor_bps: float, minutes: int) -> None:
        """``began``: where the market began; ``minutes``: so long was it open before."""
        self.minutes = minutes
        self._began = began
        self._seed = seed
        self._factor_sd = factor_bps * 1e-4 * math.sqrt(60.0)

    def candles(self, coin: Coin, end_ms: int, minutes: int) -> Candles:
        """The last ``minutes`` of the minutes before ``end_ms``, when the market began; no more than there are."""
        minutes = min(minutes, self.minutes)
        began = self._began.coins[coin.symbol]
        steps = self._factor_sd * self._draws("factor", "").standard_normal(minutes)
        factor = self._began.factor + np.r_[0.0, np.cumsum(steps)]
        own, own_sd = _own_path(coin, began.own, self._draws("own", coin.symbol).standard_normal(minutes))
        decimals, tick = step_of(coin.tick)
        mid = np.exp(math.log(coin.price) + coin.beta * factor + own + began.shift) * 10**decimals / tick  # in ticks
        ticks = np.maximum(np.rint(mid), 1).astype(np.int64)
        found = np.empty(minutes, CANDLES)  # the newest first
        found["time_ms"] = end_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS * np.arange(1, minutes + 1)
        found["open"], found["close"] = ticks[1:], ticks[:-1]
        reach = _SPAN * math.hypot(coin.beta * self._factor_sd, own_sd) * mid[:-1]
        beyond = np.abs(self._draws("reach", coin.symbol).standard_normal((minutes, 2))).T * reach
        found["high"] = np.maximum(found["open"], found["close"]) + np.rint(beyond[0]).astype(np.int64)
        found["low"] = np.maximum(np.minimum(found["open"], found["close"]) - np.rint(beyond[1]).astype(np.int64), 1)
        for name in ("open", "high", "low", "close"):
            found[name] *= tick
        self._put_volumes(found, coin)
        return found[::-1]

    def _put_volumes(self, candles: Candles, coin: Coin) -> None:
        lots_decimals, lot = step_of(coin.lot)
        lot_size = lot / 10**lots_decimals
        typical = max(TYPICAL_NOTIONAL / coin.price / lot_size, 1.0) * math.exp(_SIZE_SD**2 / 2)
        count = np.maximum(self._draws("count", coin.symbol).poisson(coin.trades_per_s * 60.0, len(candles)), 1)
        spread = np.exp(0.2 * self._draws("size", coin.symbol).standard_normal(len(candles)))
        lots = np.maximum(np.rint(count * typical * spread), 1).astype(np.int64)
        share = self._draws("side", coin.symbol).uniform(0.3, 0.7, len(candles))
        bought = np.rint(lots * share).astype(np.int64)
        price = (candles["open"] + candles["close"]) / 2 / 10 ** step_of(coin.tick)[0]
        candles["count"], candles["volume"], candles["taker"] = count, lots * lot, bought * lot
        candles["quote"], candles["taker_quote"] = lots * lot_size * price, bought * lot_size * price
        candles["first_id"] = candles["last_id"] = -1

    def _draws(self, purpose: str, symbol: str) -> np.random.Generator:
        return np.random.default_rng([*self._seed, *f"past {purpose} {symbol}".encode()])


def _own_path(coin: Coin, began: float, shocks: Floats) -> tuple[Floats, float]:
    """The coin's own part at the ends of the minutes, the newest first, and its deviation in one minute."""
    if coin.half_life_s is None:
        sd = coin.walk_bps * 1e-4 * math.sqrt(60.0)
        return began + np.r_[0.0, np.cumsum(sd * shocks)], sd
    phi = 0.5 ** (60.0 / coin.half_life_s)
    sd = coin.spread_bps * 1e-4 * math.sqrt(1 - phi * phi)
    path = np.empty(len(shocks) + 1)
    path[0] = began
    most = max(int(_LEAST_LOG / math.log(phi)), 1)  # u_k = phi^k (u_0 + sum_j s e_j / phi^j) while phi^k is a number
    for begin in range(0, len(shocks), most):
        part = sd * shocks[begin : begin + most]
        powers = phi ** np.arange(1, len(part) + 1)
        path[begin + 1 : begin + 1 + len(part)] = powers * (path[begin] + np.cumsum(part / powers))
    return path, sd
