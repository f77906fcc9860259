"""The break alarm: has the relation between the legs moved since it was calibrated? An alarm ends the run.

Two sign CUSUMs run on the filter's errors, with the autocorrelation of the calibration's residual taken out:
w_t = e_t - phi e_{t-1} - (short beta - beta_t) dx_t. One sums the sign of w_t: it alarms where the level has moved.
The other sums the sign of w_t dx_t: it alarms where beta has moved, which no level shows. Signs hold their false-alarm
rate on fat tails and under changing variance (:mod:`engine.stats.structural_breaks`).

The short beta is that of the steps over the calibration. On short bars it lies below the line's, as a leg follows the
other late (Epps 1979); held against the line's it would look like a moved beta: only a change since then counts. The
filter's own beta_t moves while it learns; taking it out keeps the short beta where the calibration saw it.
A bar in which a leg did not trade has no error, and neither has the bar after it.
"""

from __future__ import annotations

import numpy as np

from engine.pairs.layout import At, Floats, Par
from engine.stats.jit import njit
from engine.stats.structural_breaks import cusum_step, sign_cusum_threshold

# Half of the mean sign that is to be caught soonest.
LEVEL_REFERENCE = 0.25  # a level that moved by 4 deviations of a spread with a half-life of 20 bars gives 0.42
BETA_REFERENCE = 0.1  # beta .9 -> .5, the spread's shocks 8 bps and those of x 6 bps a bar, give 0.19


# Two alarms share the false ones, so each is set for 2 x the bars between them; phi and the short beta are estimated,
# which brings false alarms nearer by another factor [simulated: tests/engine/pairs/test_break_alarm.py].
LEVEL_RESERVE, BETA_RESERVE = 10.0, 4.0


def level_limit(bars: float) -> float:
    """Of the sums for the level, where ``bars`` lie between false alarms of either kind."""
    return sign_cusum_threshold(LEVEL_RESERVE * bars, LEVEL_REFERENCE)


def beta_limit(bars: float) -> float:
    """Of the sums for beta."""
    return sign_cusum_threshold(BETA_RESERVE * bars, BETA_REFERENCE)


@njit
def whitened_slope(residual: Floats, x: Floats, phi: float) -> float:
    """Slope of residual_t - phi residual_{t-1} on dx_t through the origin; 0 where x does not move."""
    sxy = sxx = 0.0
    for t in range(1, x.size):
        step = x[t] - x[t - 1]
        sxy += step * (residual[t] - phi * residual[t - 1])
        sxx += step * step
    return sxy / sxx if sxx > 0.0 else 0.0


@njit
def watch_breaks(par: Par, state: Floats, slot: int, error: float, x: float) -> None:
    """Take the filter's error at one bar, NaN where a leg did not trade in it; ``x`` is the price of X there."""
    step = x - state[At.LAST_X]
    white = error - par.phi * state[At.LAST_ERROR] - (par.short_beta - state[At.K_BETA]) * step
    state[At.LAST_ERROR], state[At.LAST_X] = error, x
    if white != white or white == 0.0:
        return
    sign = 1.0 if white > 0.0 else -1.0
    state[At.LEVEL_UP], state[At.LEVEL_DOWN] = cusum_step(
        state[At.LEVEL_UP], state[At.LEVEL_DOWN], sign, LEVEL_REFERENCE
    )
    if step != 0.0:
        state[At.BETA_UP], state[At.BETA_DOWN] = cusum_step(
            state[At.BETA_UP], state[At.BETA_DOWN], sign * np.sign(step), BETA_REFERENCE
        )
    level = max(state[At.LEVEL_UP], state[At.LEVEL_DOWN])
    beta = max(state[At.BETA_UP], state[At.BETA_DOWN])
    if level > par.level_limit or beta > par.beta_limit:
        state[At.BROKEN] = slot
