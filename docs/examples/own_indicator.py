"""An indicator of your own: Wilder's RSI, bar by bar, so that a live bar and a million bars run the same code."""

import numpy as np
from numpy.typing import NDArray

from engine.stats.jit import njit

PERIOD = 14


@njit
def rsi_step(state: NDArray[np.float64], price: float) -> float:
    """``state``: last price, mean gain, mean loss, bars so far; it changes. NaN until there are ``PERIOD`` changes."""
    last, gain, loss, bars = state
    change = price - last if bars > 0 else 0.0
    weight = 1.0 / min(max(bars, 1.0), PERIOD)  # a plain mean at first, then Wilder's
    gain += weight * (max(change, 0.0) - gain)
    loss += weight * (max(-change, 0.0) - loss)
    state[:] = price, gain, loss, bars + 1.0
    return 100.0 * gain / (gain + loss) if bars >= PERIOD and gain + loss > 0.0 else np.nan


@njit
def compute_rsi(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every bar, 0 to 100."""
    state = np.zeros(4)
    return np.array([rsi_step(state, price) for price in prices])
