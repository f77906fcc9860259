"""Correlations of returns, ordered so that similar symbols are adjacent.

Pearson's is over bars, missing ones carried, and is too low for asynchronous trades (trap T5); Hayashi-Yoshida's uses
each symbol's own times. Both are returned for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.scan.settings import ScanSettings
from engine.scan.universe import Excluded, as_frame, universe
from engine.stats.checks import Floats, Ints
from engine.stats.hayashi_yoshida import hayashi_yoshida_kernel, realised_variance
from engine.stats.jit import njit
from engine.stats.moments import centred, dot
from engine.stats.representation import short_repr

if TYPE_CHECKING:
    from engine.scan.universe import Prices

MOST_ORDERED = 150  # most symbols for optimal leaf ordering; with more it takes seconds


@dataclass(frozen=True, slots=True, eq=False)
class Correlations:
    """Square matrices in the order of ``symbols``, sorted by cluster; NaN where undefined. Frames named by symbol if
    the prices were a frame.

    ``pearson`` of the log returns of the bars. ``hayashi_yoshida`` of each symbol's own bars; in a small sample it may
    exceed 1.
    """

    symbols: tuple[str, ...]
    pearson: Floats
    hayashi_yoshida: Floats
    excluded: tuple[Excluded, ...]

    __repr__ = short_repr


def correlations(prices: Prices, *, settings: ScanSettings | None = None) -> Correlations:
    """Both correlations of every two symbols, clustered by Pearson's.

    ``prices`` as for a scan; NaN where a symbol has no bar. The same symbols are excluded as in a scan with these
    settings.

    Sources: Hayashi and Yoshida 2005; Mantegna 1999 (the distance sqrt(2 (1 - r))).
    """
    kept = universe(prices, settings or ScanSettings())
    times = _times_of(prices, kept.first_bar, kept.log_prices.shape[1])
    pearson = _pearson(np.diff(kept.log_prices, axis=1))
    own = [(times[mine], logs[mine]) for mine, logs in zip(kept.own_bars, kept.log_prices, strict=True)]
    together = _hayashi_yoshida(own)
    order = clustered(pearson)
    symbols = tuple(kept.symbols[i] for i in order)
    pearson, together = (_like(prices, matrix[np.ix_(order, order)], symbols) for matrix in (pearson, together))
    return Correlations(symbols, pearson, together, kept.excluded)


def _like(prices: Prices, matrix: Floats, symbols: tuple[str, ...]) -> Any:
    """The matrix; a frame named by symbol where the prices are a frame."""
    import pandas as pd

    return pd.DataFrame(matrix, symbols, symbols) if isinstance(prices, pd.DataFrame) else matrix


def clustered(matrix: Floats) -> Ints:
    """An order of the rows with similar ones adjacent: leaves of the average linkage of sqrt(2 (1 - r))."""
    if matrix.shape[0] < 3:
        return np.arange(matrix.shape[0])
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = np.sqrt(2.0 * (1.0 - np.clip(np.nan_to_num(matrix), -1.0, 1.0)))
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=matrix.shape[0] <= MOST_ORDERED)
    return np.asarray(leaves_list(tree), dtype=np.int64)


@njit
def _pearson(returns: Floats) -> Floats:
    """Rows are symbols. Summed in one fixed order, so that BLAS threads do not change the bits."""
    count, bars = returns.shape
    apart, sizes = np.empty_like(returns), np.empty(count)
    matrix = np.full((count, count), np.nan)
    for i in range(count):
        _, apart[i] = centred(returns[i])
        sizes[i] = np.sqrt(dot(apart[i], apart[i], 0, bars, 0))
        if sizes[i] > 0.0:
            matrix[i, i] = 1.0
        for j in range(i):
            size = sizes[i] * sizes[j]
            if size > 0.0:
                matrix[i, j] = matrix[j, i] = max(-1.0, min(1.0, dot(apart[i], apart[j], 0, bars, 0) / size))
    return matrix


def _times_of(prices: Prices, first_bar: int, bars: int) -> Ints:
    """The bars' times: the index in ms if it holds times, else the bar numbers."""
    import pandas as pd

    index = as_frame(prices).index[first_bar : first_bar + bars]
    if isinstance(index, pd.DatetimeIndex):
        return np.asarray(index.as_unit("ms").asi8, dtype=np.int64)
    return np.arange(bars, dtype=np.int64)


def _hayashi_yoshida(own: list[tuple[Ints, Floats]]) -> Floats:
    if not own:
        return np.empty((0, 0))
    starts = np.cumsum([0, *(times.size for times, _ in own)])
    times, values = (np.ascontiguousarray(np.concatenate(part)) for part in zip(*own, strict=True))
    return _hayashi_yoshida_matrix(times, values, starts)


@njit
def _hayashi_yoshida_matrix(times: Ints, values: Floats, starts: Ints) -> Floats:
    """``starts``: the offset of each symbol's ticks in ``times`` and ``values``, and the end of the last."""
    count = starts.size - 1
    matrix = np.full((count, count), np.nan)
    sizes = np.empty(count)
    for i in range(count):
        sizes[i] = np.sqrt(realised_variance(values[starts[i] : starts[i + 1]]))
    for i in range(count):
        if sizes[i] > 0.0:
            matrix[i, i] = 1.0
        for j in range(i):
            if sizes[i] > 0.0 and sizes[j] > 0.0:
                together = hayashi_yoshida_kernel(
                    times[starts[i] : starts[i + 1]], values[starts[i] : starts[i + 1]],
                    times[starts[j] : starts[j + 1]], values[starts[j] : starts[j + 1]], 0,
                )  # fmt: skip
                matrix[i, j] = matrix[j, i] = together / (sizes[i] * sizes[j])
    return matrix
