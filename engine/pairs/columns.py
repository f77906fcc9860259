"""What the compiled rule reads and writes, one column a bar: names and places in one table."""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class In(IntEnum):
    """Input rows. Prices in the unit of the settings' space (log or quote currency)."""

    Y = 0
    X = 1
    Y_AGE = auto()  # ms since the leg's last trade, at the bar's end
    X_AGE = auto()
    Y_HALF = auto()  # half-spread as a fraction of the price; NaN unknown
    X_HALF = auto()
    FLAGS = auto()  # bits of codes.Flag


class Out(IntEnum):
    """Output rows; NaN where not known. What stands at a bar was known at its close."""

    BETA = 0  # of the line the spread is measured from: fitted up to the bar before
    ALPHA = auto()
    SPREAD = auto()
    MEAN = auto()  # of the spread over the z window, the bar itself left out
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
    REAL_BARS = auto()  # bars with a trade in both legs since the run's first, for the coverage


class At(IntEnum):
    """The recursive state between bars; a checkpoint is a copy of it."""

    BETA = 0
    ALPHA = auto()
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
    POSITION = auto()
    ENTERED = auto()
    LEFT = auto()
    TAINTED = auto()  # slot of the latest tainted bar
    Z_MEAN = auto()
    Z_DEVIATION = auto()


class Par(IntEnum):
    """Parameters of one calibrated run."""

    KALMAN = 0  # 1: the spread is the filter's innovation, 0: the distance from rolling least squares
    FILTER_Z = auto()
    CENTRE = auto()
    V_E = auto()
    Q_ALPHA = auto()
    CALIBRATED = auto()  # slot from which the filter runs; inf before
    Z_WINDOW = auto()
    TAINT_WINDOW = auto()
    ENTRY = auto()
    EXIT = auto()
    STOP = auto()
    MAX_Z = auto()
    MAX_HOLD = auto()
    COOLDOWN = auto()
    GATED = auto()
    GATE_ROW = auto()
    GATE_EVERY = auto()
    GATE_DWELL = auto()
    GATE_CRITERION = auto()
    GATE_MAX_LAG = auto()
    TEST_WINDOW = auto()
    STALE_MS = auto()
    COST_FILTER = auto()
    FEE = auto()  # a fraction, per fill
    PRICE_SPACE = auto()
    FIRST = auto()  # slot of the run's first bar
