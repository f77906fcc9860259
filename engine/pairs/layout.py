"""The inputs and outputs of the compiled rule, one column a bar: names and row numbers."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import NamedTuple, TypeAlias, get_type_hints

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class In(IntEnum):
    """Rows of one leg's inputs, shared by all pairs of the leg. NaN where not known."""

    MID = 0  # the trade-side mid; if the taker side is unknown, the last print
    LAST = auto()  # the last print
    LOG_MID = auto()
    LOG_LAST = auto()
    AGE = auto()  # ms since the leg's last trade, at the bar's end
    HALF = auto()  # half-spread as a fraction of the price
    FLAGS = auto()  # bits of enums.LegFlag


class Out(IntEnum):
    """Output rows; NaN where not known. A bar's values were known at its close."""

    BETA = 0  # of the line the spread is measured from: fitted up to the bar before
    ALPHA = auto()
    SPREAD = auto()
    MEAN = auto()  # of the spread over the z window, without the bar itself
    DEVIATION = auto()
    Z = auto()
    BETA_OLS = auto()  # rolling least squares, and the filter, whichever is in use
    BETA_KALMAN = auto()
    GATE_STATISTIC = auto()  # of the latest test
    GATE_CRITICAL = auto()
    GATE_PVALUE = auto()
    GATE = auto()  # 1 open, 0 closed, NaN before the first test
    COVERAGE = auto()  # share of bars with a trade in both legs, over the z window
    COST_Z = auto()  # round trip in deviations of the spread
    POSITION = auto()  # +1 long the spread, -1 short, after this bar's decision
    ACTION = auto()
    REASON = auto()
    MEMORY = auto()  # half-life of the filter's memory at this bar, in bars; NaN without an update
    REAL_BARS = auto()  # bars with a trade in both legs since the run's first, for the coverage
    GATE_BOOTSTRAP = auto()  # p-value of the wild bootstrap that the latest test needed; NaN where it needed none
    QUOTE_Z = auto()  # from the mids to the quotes that an order takes, in deviations of the spread
    OBJECTION = auto()  # the Reason that speaks against any entry at this bar, whatever z and the thresholds; 0: none


class At(IntEnum):
    """The recursive state between bars; a checkpoint is a copy of it."""

    LINE_BETA = 0  # of the line in use; the filter's is below
    LINE_ALPHA = auto()
    OLS_BETA = auto()
    OLS_ALPHA = auto()
    K_BETA = auto()
    K_ALPHA = auto()  # belongs to x - centre
    P11 = auto()
    P12 = auto()
    P22 = auto()
    GATE = auto()
    GATE_SINCE = auto()
    GATE_STATISTIC = auto()
    GATE_CRITICAL = auto()
    GATE_PVALUE = auto()
    GATE_TESTS = auto()
    GATE_FLIPS = auto()
    GATE_BARS = auto()  # bars since the first test, it included
    GATE_OPEN_BARS = auto()
    TESTED = auto()  # slot of the latest test
    POSITION = auto()
    ENTERED = auto()
    LEFT = auto()
    TAINTED = auto()  # slot of the latest tainted bar
    Z_MEAN = auto()
    Z_DEVIATION = auto()
    LAST_ERROR = auto()  # of the filter, at the bar before; NaN where a leg did not trade in it
    LAST_X = auto()
    LEVEL_UP = auto()  # the four sums of the break alarm
    LEVEL_DOWN = auto()
    BETA_UP = auto()
    BETA_DOWN = auto()
    BROKEN = auto()  # slot of the alarm, which ends the run; NaN before
    GATE_BOOTSTRAP = auto()
    LAST_Z = auto()  # z at the bar before


class Par(NamedTuple):
    """Parameters of one calibrated run. Lengths in bars; NaN where only a calibration gives the value.

    Kernels take them as one record, ``as_record``: a named tuple is unpacked field by field at each call, which
    costs a live bar a third of its time (``python -m bench pairs``).
    """

    price: int  # the row of In with the pair's prices
    is_price_space: bool  # the line is in prices, not in log prices
    estimator: int  # an index into settings.ESTIMATORS
    filter_z: bool
    entry_mode: int  # an index into settings.ENTRY_MODES
    at_quotes: bool  # an entry needs the threshold at the quotes
    entry: float
    exit: float
    stop: float
    max_z: float
    cooldown: float
    stale_ms: float
    least_coverage: float
    hedge_min: float  # dollars of X per dollar of Y
    hedge_max: float
    negative_hedge: bool
    cost_filter: bool
    fee: float  # a fraction, per fill
    half_spread: float  # a fraction, per fill; NaN: measured
    slippage: float  # a fraction, per fill
    gated: bool
    gate_row: int  # of the critical values
    gate_every: int
    gate_dwell: int
    gate_criterion: int
    gate_max_lag: int
    gate_bootstrap: float  # the level of the wild bootstrap, a fraction; 0: the plain test alone opens
    gate_locked: bool  # the spread is too slow for any test window, so the gate never opens
    beta_window: int
    z_window: int
    test_window: int
    refit_every: int
    taint_window: int
    max_hold: float  # in half-lives; inf: no limit
    half_life: float  # of the calibration, in bars; inf before it, and where nothing reverts
    calibrated: float  # slot from which the filter runs; inf before
    centre: float
    v_e: float
    q_alpha: float
    phi: float  # of the calibration's residual: the autocorrelation that is taken out of the filter's errors
    short_beta: float  # of the steps of y on those of x, at the calibration
    level_limit: float  # of the break alarm's sums; inf: no alarm
    beta_limit: float
    centre_limit: float  # of the spread's mean over the z window, in its deviations there; inf: any


Record: TypeAlias = npt.NDArray[np.void]
_TYPES = {int: np.int64, bool: np.bool_, float: np.float64}
_PAR = np.dtype([(name, _TYPES[kind]) for name, kind in get_type_hints(Par).items()])


def as_record(par: Par) -> Record:
    """Shape (1,), one field for each of ``Par``; inside a kernel its element 0 has them as attributes."""
    return np.array([tuple(par)], dtype=_PAR)
