"""Numbers only: floats and arrays in, numbers out.

Arrays are 1-D float64 of equal length, times int64 ms UTC, log prices where not said otherwise. Results are frozen
dataclasses. Bad input raises ValueError saying what was found; a value that is not known is NaN, never 0. Every
statistic that is used bar by bar is a compiled kernel that takes its state and returns it, so that one bar and a
million bars run the same code.
"""

from engine.stats.cointegration import EngleGranger, engle_granger
from engine.stats.filtering import KalmanRun, KalmanSettings, KalmanState, kalman, kalman_calibrate, kalman_filter
from engine.stats.moments import CoMoments, Moments
from engine.stats.regression import Line, Plane, multiple_ols, ols, tls
from engine.stats.reversion import HalfLife, half_life
from engine.stats.rolling import RollingLine, rolling_correlation, rolling_moments, rolling_ols, zscore
from engine.stats.unitroot import UnitRoot, adf

__all__ = [
    "ols", "tls", "multiple_ols", "Line", "Plane",
    "kalman", "kalman_calibrate", "kalman_filter", "KalmanRun", "KalmanSettings", "KalmanState",
    "adf", "engle_granger", "UnitRoot", "EngleGranger",
    "half_life", "HalfLife",
    "Moments", "CoMoments", "rolling_moments", "rolling_ols", "rolling_correlation", "zscore", "RollingLine",
]  # fmt: skip
