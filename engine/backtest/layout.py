"""The ledger's inputs, parameters, state and trades: names and row numbers.

``Row`` is one column a bar, shared by all settings of rule and account. ``LedgerState`` is all that a ledger remembers
between two bars: a backtest, each cell of a sweep and a live paper position own one record of it.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import NamedTuple, TypeAlias, get_type_hints

import numpy as np
import numpy.typing as npt

from engine.stats.checks import Floats

Record: TypeAlias = npt.NDArray[np.void]


class Row(IntEnum):
    """Inputs of a bar. Prices in quote currency, costs and rates as fractions. The first part is the market's, known
    when the bar is over; the second the pipeline's at its close."""

    CLOSE_Y = 0  # the pair's price, which positions are marked and orders are sized at
    CLOSE_X = auto()
    FILL_Y = auto()  # reference price of a fill in this bar: mid of the next quotes, open, or else close
    FILL_X = auto()
    HALF_Y = auto()  # half-spread of a fill in this bar
    HALF_X = auto()
    VOLUME_Y = auto()  # coins; NaN unknown
    VOLUME_X = auto()
    FUNDING_Y = auto()  # rate due in this bar, paid by longs on what was held at its open; 0: none
    FUNDING_X = auto()
    IS_TRADED = auto()  # 1: both legs traded, so orders fill
    SLOT = auto()
    Z = auto()
    COST_Z = auto()
    QUOTE_Z = auto()
    OBJECTION = auto()
    BETA = auto()
    ALPHA = auto()
    HEDGE = auto()  # dollars of X per dollar of Y by beta
    HALF_LIFE = auto()  # of the run's calibration, bars; inf before it
    RUN = auto()  # rises by 1 where a break ended a run


class TradeCol(IntEnum):
    """One closed (or marked) trade. Places are columns of the inputs; money in quote currency; z as it was decided."""

    SIDE = 0  # +1 long the spread
    ENTRY_SIGNAL = auto()  # place of the bar that gave it
    ENTRY = auto()  # place of the bar that filled it
    EXIT_SIGNAL = auto()
    EXIT = auto()
    REASON = auto()  # engine.pairs.Reason, or ForcedExit
    ENTRY_Z = auto()
    EXIT_Z = auto()
    COINS_Y = auto()  # from the entry on
    COINS_X = auto()
    ENTRY_Y = auto()  # reference prices of the fills
    ENTRY_X = auto()
    EXIT_Y = auto()
    EXIT_X = auto()
    VALUE = auto()  # gross, both legs at the entry
    RESIDUAL_Y = auto()  # coins held less coins wanted, by lot rounding
    RESIDUAL_X = auto()
    MARGIN_Y = auto()  # per leg at the entry
    MARGIN_X = auto()
    LIQUIDATION_Y = auto()  # adverse change of the leg's price, a fraction, that would liquidate it alone
    LIQUIDATION_X = auto()
    MAE = auto()  # worst (<= 0) and best (>= 0) result at entry, closes and exit, costs so far included
    MFE = auto()
    GROSS = auto()  # of both legs at reference prices
    NET = auto()
    CONVERGENCE = auto()  # from here on the parts of NET
    BETA_DRIFT = auto()
    ALPHA_DRIFT = auto()
    LOG_TO_PRICE = auto()
    HEDGE_RATIO = auto()
    REHEDGE = auto()
    ROUNDING = auto()
    FEES = auto()
    HALF_SPREAD = auto()
    SLIPPAGE = auto()
    FUNDING = auto()


PARTS = tuple(TradeCol)[TradeCol.CONVERGENCE :]  # of the attribution


class ForcedExit(IntEnum):
    """Exits of the ledger, beyond ``engine.pairs.Reason``."""

    STOP_LOSS = 40
    LIQUIDATION = 41
    OPEN = 42  # not closed: marked at the last bar


class Refusal(IntEnum):
    """Why the ledger did not take an entry that the rule gave."""

    TOO_SMALL = 0  # under the least order value
    NO_EQUITY = 1
    NO_EDGE = 2  # Kelly: the trades so far have lost
    UNKNOWN = 3  # no hedge or volatility
    CANCELLED = 4  # the exit came before the fill


class LedgerPar(NamedTuple):
    """Parameters of a ledger; fractions, not basis points."""

    fee: float
    slippage: float
    impact: float
    tick_y: float
    tick_x: float
    lot_y: float
    lot_x: float
    least_y: float
    least_x: float
    sizing: int  # an index into account.SIZINGS
    neutral: int  # an index into account.NEUTRALS
    notional: float
    share: float
    kelly_fraction: float
    kelly_cap: float
    kelly_trades: float
    capital: float
    leverage: float
    maintenance: float
    stop_loss: float  # inf: none
    rehedge: float  # 0: none
    rehedge_bars: float
    volatility_kept: float  # weight of the past in the variances; 0: not needed
    is_price_space: bool


class LedgerState:
    """All that a ledger remembers between two bars; the trade's fields mean nothing while ``side`` is 0."""

    equity: float  # at the last close, open position included
    realized: float  # net of all closed trades
    close_y: float  # of the last bar
    close_x: float
    var_y: float  # of log changes a bar
    var_x: float
    beta: float  # of the newest line that is known, while a trade is open
    alpha: float
    exit_due: float  # reason of an exit that waits for its fill; 0: none
    exit_signal: float
    exit_z: float
    rehedge_due: float  # coins of X
    entry_due: float  # side of an entry that waits for its fill; 0: none. Its coins, rounded and as wanted:
    due_y: float
    due_x: float
    due_wanted_y: float
    due_wanted_x: float
    due_signal: float  # place, z, prices and line of the bar that gave it
    due_z: float
    due_signal_y: float
    due_signal_x: float
    due_beta: float
    due_alpha: float
    side: float  # of the open trade; the fields up to mfe are its own
    entry_signal: float
    entry: float
    entry_z: float
    signal_y: float
    signal_x: float
    wanted_y: float
    wanted_x: float
    entry_beta: float
    entry_alpha: float
    coins_y: float  # from the entry on, without re-hedges
    coins_x: float
    added_x: float  # by re-hedges, and what it cost at reference prices
    added_value: float
    entry_y: float
    entry_x: float
    value: float
    fees: float
    half_spread: float
    slippage: float
    ticks: float  # by rounding of prices
    funding: float
    open_net: float
    mae: float
    mfe: float
    trades: float  # totals from here on, over closed trades
    wins: float
    turnover: float
    sum_gross: float
    sum_fees: float
    sum_half_spread: float
    sum_slippage: float
    sum_ticks: float
    sum_funding: float
    sum_hold: float  # bars
    return_mean: float  # of net over value, for Kelly
    return_squares: float
    peak: float  # of equity
    drawdown: float  # the largest fall from it, a share of it
    exposed: float  # bars with a position at their close
    too_small: float  # refusals
    no_equity: float
    no_edge: float
    unknown: float
    cancelled: float


_TYPES = {int: np.int64, bool: np.bool_, float: np.float64}
_PAR = np.dtype([(name, _TYPES[kind]) for name, kind in get_type_hints(LedgerPar).items()])
_STATE = np.dtype([(name, np.float64) for name in get_type_hints(LedgerState)])


def par_record(par: LedgerPar) -> Record:
    """Shape (1,), one field for each of ``LedgerPar``."""
    return np.array([tuple(par)], dtype=_PAR)


def new_states(par: LedgerPar, count: int = 1) -> Record:
    """``count`` ledgers before their first bar, shape (count,)."""
    states = np.zeros(count, dtype=_STATE)
    for name in ("close_y", "close_x", "var_y", "var_x", "beta", "alpha"):
        states[name] = np.nan
    states["equity"] = states["peak"] = par.capital
    return states


def empty_rows(bars: int) -> Floats:
    """Inputs of ``bars`` bars, to be written; volumes are unknown."""
    rows = np.empty((len(Row), bars))
    rows[[Row.VOLUME_Y, Row.VOLUME_X]] = np.nan
    return rows
