"""q-values: the share of false discoveries among the pairs that a scan calls cointegrated.

A scan of 190 independent pairs finds 25 at a plain p < 0.05 and 8 at Engle-Granger's. Benjamini and Hochberg bound the
share of false ones among those found: call a pair found when its q is below the share that can be borne. Pairs that
share a leg depend on each other; Benjamini and Yekutieli hold under any dependence, at the price of a factor
1 + 1/2 + .. + 1/m. Both need tests that are right one by one, which those of a leg with transitory noise are not: a
scan keeps the strongest find of each leg (``engine.scan.selection``).

Sources: Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001.
"""

from __future__ import annotations

import numpy as np

from engine.stats.checks import ArrayLike, Floats, as_series


def benjamini_hochberg(pvalues: ArrayLike) -> Floats:
    """q-values in the order of ``pvalues``; a test without a p-value (NaN) has no q and is not counted.

    The trap: pass every test that was run, not only those shown; otherwise the bound does not hold.

    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5])
    array([0.04      , 0.05333333, 0.05333333, 0.5       ])
    """
    return _adjusted(pvalues, harmonic=False)


def benjamini_yekutieli(pvalues: ArrayLike) -> Floats:
    """The same under any dependence between the tests: each q is larger by 1 + 1/2 + .. + 1/m, at most 1.

    >>> benjamini_yekutieli([0.01, 0.5]).round(3)
    array([0.03, 0.75])
    """
    return _adjusted(pvalues, harmonic=True)


def _adjusted(pvalues: ArrayLike, *, harmonic: bool) -> Floats:
    given = as_series(pvalues, "pvalues", is_squared=False, minimum=0, nan=True)
    known = np.flatnonzero(~np.isnan(given))
    p = given[known]
    if ((p < 0) | (p > 1)).any():
        at = int(known[np.argmax((p < 0) | (p > 1))])
        raise ValueError(f"pvalues[{at}] is {given[at]}; expected 0 to 1")
    tests = known.size
    order = np.argsort(p, kind="stable")
    factor = float((1.0 / np.arange(1, tests + 1)).sum()) if harmonic else 1.0
    scaled = p[order] * (tests * factor) / np.arange(1, tests + 1)  # q_(i) = min over j >= i of p_(j) m / j
    q = np.full(given.size, np.nan)
    q[known[order]] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q
