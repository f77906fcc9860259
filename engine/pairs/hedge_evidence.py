"""How sure a pair's hedge ratio is, and which leg keeps to it: computed on demand from a model's columns."""

from __future__ import annotations

import math

from engine.pairs.calibration import refit_every
from engine.pairs.layout import At, Out
from engine.pairs.model import PairModel
from engine.pairs.settings import MAX_WINDOW, REFITTED
from engine.stats.error_correction import ErrorCorrection, find_error_correction
from engine.stats.hedge_interval import MINIMUM_BARS, HedgeInterval, filter_interval, hedge_interval
from engine.stats.kalman import KalmanSettings, KalmanState
from engine.stats.regression import spread_of

RESAMPLES = 59  # of the lines that are bootstrapped: an error good to a tenth, in milliseconds


def hedge_of(model: PairModel, test_bars: int) -> HedgeInterval | None:
    """The interval of the line that the last bar was measured from; None while there is no line, or no spread.

    Over the bars that the line was fitted to. The filter's beta is the one after the last bar; its spread is that of
    one fixed line over the last ``test_bars`` (5,000 where there is no test window), or as many as there are.
    """
    if not model.size or math.isnan(float(model.column(Out.BETA)[-1])):
        return None
    if model.settings.estimator == "kalman":
        return _of_filter(model, test_bars)
    bars = model.windows()["beta"]
    stop = _fitted_until(model, bars)
    y, x = model.inputs(model.price_row, stop - bars, stop)
    if spread_of(y, x) is None:
        return None
    return hedge_interval(y, x, model.settings.estimator, resamples=RESAMPLES)


def error_correction_of(model: PairModel, test_bars: int) -> ErrorCorrection | None:
    """The speeds of both legs over the test window; None before it is full, and where nothing moves."""
    if not MINIMUM_BARS <= test_bars <= model.size:
        return None
    y, x = model.inputs(model.price_row, model.size - test_bars)
    return find_error_correction(y, x)


def _fitted_until(model: PairModel, bars: int) -> int:
    """The place after the last bar in the window of the line: the bar before the last, or where it was last fitted."""
    known = model.size - 1
    if model.settings.estimator not in REFITTED:
        return known
    since = ((model.first_slot or 0) + known - 1) % refit_every(model.settings, bars)
    return known - since


def _of_filter(model: PairModel, test_bars: int) -> HedgeInterval | None:
    calibration = model.calibration
    if calibration is None or calibration.start is None:
        return None
    bars = min(model.size, test_bars or MAX_WINDOW)
    found = spread_of(*model.inputs(model.price_row, model.size - bars))
    if found is None:
        return None
    state = KalmanState(*(model.state(row) for row in (At.K_BETA, At.K_ALPHA, At.P11, At.P12, At.P22)))
    settings = KalmanSettings(0.0, math.nan, calibration.start.v_e, calibration.start.centre)
    real = model.column(Out.REAL_BARS)
    fitted = calibration.filter_bars
    taught = fitted + int(real[-1] - real[fitted - 1])
    return filter_interval(state, settings, found[2], taught)
