"""A held position by the line it was entered on, beside the model's moving one (trap T1): the model's z comes back to 0
when its line moves to the price, and the coins that are held earn nothing by that."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.backtest.account import Account
from engine.backtest.costs import Costs
from engine.backtest.sizing import variance_saved
from engine.market.position_lock import PositionLock
from engine.pairs.costs import fill_cost
from engine.pairs.enums import Action
from engine.pairs.layout import In, Out
from engine.pairs.model import PairModel
from engine.pairs.quantities import order_quantities
from engine.pairs.run import PairRun
from engine.stats.representation import short_repr

VARIANCE_BARS = 100  # of X, newest
AVERSION = 1.0  # of an investor who maximises the growth of the capital


@dataclass(frozen=True, slots=True)
class LockedPosition:
    """A lock at the close of the model's last bar. Money in quote currency; NaN: not known.

    ``spread`` and ``z`` by the frozen line, mean and deviation; ``model_z`` by the moving ones. ``gross``: result of
    the coins since the lock; ``costs`` of trading them in and out again at the half-spreads of now.

    ``drift``: dollars of X held beyond the hedge by the model's beta of now, + for long. A re-hedge is worth
    ``rehedge_saves``: aversion / 2 x drift^2 x variance of X over ``rehedge_bars`` / capital, against
    ``rehedge_costs``.
    """

    lock: PositionLock
    spread: float
    z: float
    model_z: float
    gross: float
    costs: float
    drift: float
    rehedge_saves: float
    rehedge_costs: float
    rehedge_bars: float

    __repr__ = short_repr

    @property
    def net(self) -> float:
        """What would be left if both legs were closed now."""
        return self.gross - self.costs

    @property
    def is_rehedge_worth(self) -> bool:
        """Whether the variance that a re-hedge saves is worth more than it costs."""
        return self.rehedge_saves > self.rehedge_costs


def lock_of(run: PairRun) -> PositionLock | None:
    """Freeze what is held now: the coins and the line of the open signal, or without one those of a new entry against
    z at the last close. None while there is no z or no hedge."""
    model, settings, where = run.model, run.settings, run.run
    if not model.size:
        return None
    shot, prices, held = model.snapshot(model.size - 1), model.prices(model.size - 1), run.held()
    locked_ms = shot.open_time_ms + settings.interval_ms
    if held is not None:
        coins = held.quantity_y, held.quantity_x
        given = (held.beta, held.alpha, held.spread, held.z, held.deviation)
        beta, alpha, spread, z, deviation = (math.nan if value is None else value for value in given)
    elif math.isnan(shot.z) or math.isnan(shot.beta):
        return None
    else:
        beta, alpha, spread, z, deviation = shot.beta, shot.alpha, shot.spread, shot.z, shot.deviation
        action = Action.ENTER_SHORT if z > 0.0 else Action.ENTER_LONG
        coins = order_quantities(settings, action, beta, prices, (0.0, 0.0))
    line = beta, alpha, spread - z * deviation, deviation
    return PositionLock(where.market, where.y, where.x, settings.space, *line, *coins, *prices, locked_ms)


def locked_position(lock: PositionLock, model: PairModel) -> LockedPosition | None:
    """The lock at the close of the model's last bar; None before its first."""
    if not model.size:
        return None
    last, costs, account = model.size - 1, Costs.of(model.settings), Account()
    y_price, x_price = model.prices(last)
    y, x = (y_price, x_price) if lock.space == "price" else (math.log(y_price), math.log(x_price))
    spread = y - lock.beta * x - lock.alpha
    halves = [float(half[0]) for half in model.inputs(In.HALF, last, model.size)]
    y_half, x_half = halves if costs.use_quotes else [costs.fixed_half] * 2
    rate_y, rate_x = (fill_cost(costs.charged_fee, half, costs.slippage_bps * 1e-4) for half in (y_half, x_half))
    traded_y = abs(lock.coins_y) * (lock.y_price + y_price)
    traded_x = abs(lock.coins_x) * (lock.x_price + x_price)
    drift = _drift(lock, model, y_price, x_price)
    bars = float(account.rehedge_bars)
    if model.calibration is not None and math.isfinite(model.calibration.half_life):
        bars = model.calibration.half_life
    variance = _variance(model)
    return LockedPosition(
        lock=lock,
        spread=spread,
        z=(spread - lock.mean) / lock.deviation if lock.deviation > 0.0 else math.nan,
        model_z=float(model.column(Out.Z)[last]),
        gross=lock.coins_y * (y_price - lock.y_price) + lock.coins_x * (x_price - lock.x_price),
        costs=rate_y * traded_y + rate_x * traded_x,
        drift=drift,
        rehedge_saves=variance_saved(AVERSION, abs(drift), variance, bars, account.capital),
        rehedge_costs=rate_x * abs(drift),
        rehedge_bars=bars,
    )


def _drift(lock: PositionLock, model: PairModel, y_price: float, x_price: float) -> float:
    """Dollars of X beyond the hedge of the held Y by the model's beta; NaN while that is unknown."""
    beta = float(model.column(Out.BETA)[-1])
    hedge = beta * x_price / y_price if model.settings.space == "price" else beta
    return lock.coins_x * x_price + hedge * lock.coins_y * y_price


def _variance(model: PairModel) -> float:
    """Mean square of the newest log changes of X a bar; NaN before there are two bars."""
    row = In.LOG_LAST if model.settings.price == "last" else In.LOG_MID
    changes = np.diff(model.inputs(row, max(model.size - VARIANCE_BARS - 1, 0))[1])
    return float(np.mean(changes * changes)) if changes.size else math.nan
