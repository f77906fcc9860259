"""The line that defines the spread, and its refit schedule.

OLS and TLS follow from the moments of the beta window, so they roll with every bar at O(1). Huber and Theil-Sen need
the whole window: they are refitted at every slot that ``refit_every`` divides and stay fixed until the next. With a
tenth of the window between two fits, a bar costs O(window) on average, Theil-Sen's slopes included.
"""

from __future__ import annotations

import numpy as np

from engine.pairs.layout import At, Floats, Par
from engine.pairs.settings import ESTIMATORS
from engine.stats.jit import njit
from engine.stats.regression import tls_of
from engine.stats.robust import huber_kernel, theil_sen_kernel
from engine.stats.windows import line_of

KALMAN, OLS, HUBER, THEIL_SEN, TLS = range(len(ESTIMATORS))


@njit
def roll_lines(par: Par, state: Floats, mean_y: float, mean_x: float, syy: float, sxy: float, sxx: float) -> None:
    """The lines from the moments of the beta window; NaN until it is full."""
    alpha, beta = line_of(mean_y, mean_x, sxy, sxx)
    state[At.OLS_ALPHA], state[At.OLS_BETA] = alpha, beta
    if par.estimator == OLS:
        state[At.LINE_ALPHA], state[At.LINE_BETA] = alpha, beta
    elif par.estimator == TLS:
        state[At.LINE_ALPHA], state[At.LINE_BETA] = tls_of(mean_y, mean_x, syy, sxy, sxx)


@njit
def refit(par: Par, state: Floats, y: Floats, x: Floats) -> None:
    """The line over the whole beta window with prices ``y`` and ``x``; NaN if undefined."""
    alpha = beta = np.nan
    if par.estimator == HUBER:
        alpha, beta = huber_kernel(y, x)
    else:
        alpha, beta, _ = theil_sen_kernel(y, x)
    state[At.LINE_ALPHA], state[At.LINE_BETA] = alpha, beta


@njit
def is_refitted(par: Par) -> bool:
    """Whether the line in use is fitted on a schedule and not with every bar."""
    return par.estimator == HUBER or par.estimator == THEIL_SEN
