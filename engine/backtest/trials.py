"""What was tried on which data: the keys of the trials ledger, and how many independent trials correlated ones are.

The best of many backtests is good by luck. The DSR (:mod:`engine.backtest.luck`) and q-values correct for the number of
trials, if *all* are counted: each backtest, sweep cell, scanned pair and viewed pair. ``engine.store`` keeps them, by
the fingerprint of their data and by market and time, so that one bar more does not begin a new count.

Sources: Bailey and Lopez de Prado 2014, appendix A.3 (implied independent trials).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_columns


def data_fingerprint(columns: Mapping[str, ArrayLike]) -> str:
    """32 hex digits of the columns of a data set: names, order of the values, every bit of them. The order of the
    columns, and the kind of number that holds a whole one, do not matter.

    >>> data_fingerprint({"y": [1.0, 2.0], "x": [3, 4]}) == data_fingerprint({"x": [3.0, 4.0], "y": [1, 2]})
    True
    """
    digest = hashlib.sha256()
    for name in sorted(columns):
        values = np.asarray(columns[name])
        if values.dtype.kind not in "biuf":
            raise ValueError(f"{name} holds {values.dtype}; expected numbers")
        floats = np.ascontiguousarray(values, dtype="<f8")
        floats = np.where(np.isnan(floats), np.nan, floats) + 0.0  # one NaN, and no -0
        digest.update(f"{name}:{floats.shape}:".encode() + floats.tobytes())
    return digest.hexdigest()[:32]


def settings_fingerprint(settings: Mapping[str, Any]) -> str:
    """32 hex digits of what was tried: plain values by name, in any order.

    >>> settings_fingerprint({"entry": 2, "exit": 0.5}) == settings_fingerprint({"exit": 0.5, "entry": 2})
    True
    """
    text = "\n".join(f"{name}={settings[name]!r}" for name in sorted(settings))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def effective_trials(returns: ArrayLike) -> float:
    """How many independent trials the columns of (periods, trials) returns are: r + (1 - r) N, r their mean
    correlation, at least 0. A trial that never moves correlates with none.

    An interpolation between N unrelated trials and one that was run N times. Groups of alike trials that are unrelated
    to each other are counted too high: on the safe side.

    >>> effective_trials(np.array([[0.1, 0.1], [-0.1, -0.1], [0.2, 0.2]]))
    1.0
    """
    table = as_columns(returns, "returns", minimum=2)
    count = table.shape[1]
    if count == 1:
        return 1.0
    mean = min(max(_mean_correlation(table), 0.0), 1.0)
    return float(mean + (1.0 - mean) * count)


def _mean_correlation(table: Floats) -> float:
    """Mean over all pairs of columns, without the matrix: that of the squared sum of standardised columns."""
    centred = table - table.mean(axis=0)
    norms = np.sqrt((centred * centred).sum(axis=0))
    moves = norms > 1e-12 * np.max(np.abs(table), axis=0)
    unit = np.divide(centred, norms, out=np.zeros_like(centred), where=moves)
    total, count = unit.sum(axis=1), table.shape[1]
    own = float(moves.sum())
    return (float(total @ total) - own) / float(count * (count - 1))
