"""Many tests at once: the share of false discoveries of a scan, and the chance that any test of one pair errs.

A scan of 190 independent pairs finds 25 at a plain p < 0.05 and 8 at Engle-Granger's. Benjamini and Hochberg bound the
share of false ones among those found: call a pair found when its q is below the share that can be borne. Pairs that
share a leg depend on each other; Benjamini and Yekutieli hold under any dependence, at the price of a factor
1 + 1/2 + .. + 1/m. Both need tests that are right one by one, which those of a leg with transitory noise are not: a
scan keeps the strongest find of each leg (``engine.scan.selection``). For several tests of *one* pair, Holm
bounds the probability that any of them errs.

Sources: Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001; Holm 1979.
"""

from __future__ import annotations

import numpy as np

from engine.stats.checks import ArrayLike, Floats, Ints, as_series
from engine.stats.pandas_results import keeps_index


@keeps_index
def benjamini_hochberg(pvalues: ArrayLike) -> Floats:
    """q-values in the order of ``pvalues``; a test without a p-value (NaN) has no q and is not counted.

    The trap: pass every test that was run, not only those shown; otherwise the bound does not hold.

    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5])
    array([0.04      , 0.05333333, 0.05333333, 0.5       ])
    """
    return _adjusted(pvalues, harmonic=False)


@keeps_index
def benjamini_yekutieli(pvalues: ArrayLike) -> Floats:
    """The same under any dependence between the tests: each q is larger by 1 + 1/2 + .. + 1/m, at most 1.

    >>> benjamini_yekutieli([0.01, 0.5]).round(3)
    array([0.03, 0.75])
    """
    return _adjusted(pvalues, harmonic=True)


@keeps_index
def holm(pvalues: ArrayLike) -> Floats:
    """p-values adjusted for their number: calling those below 5 % found errs in 5 % of cases at most, in *any* of them.

    Under any dependence between the tests, as with several tests of one pair. A test without a p-value (NaN) is not
    counted. The trap: choose the tests before looking, and count all of them.

    >>> holm([0.01, 0.04, 0.03]).round(9)
    array([0.03, 0.06, 0.06])
    """
    given, known = _given(pvalues)
    order = known[np.argsort(given[known], kind="stable")]
    scaled = given[order] * np.arange(known.size, 0, -1)  # the smallest p x m, the next x (m - 1), ..
    adjusted = np.full(given.size, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def _given(pvalues: ArrayLike) -> tuple[Floats, Ints]:
    """The p-values, and where they are known."""
    given = as_series(pvalues, "pvalues", is_squared=False, minimum=0, nan=True)
    known = np.flatnonzero(~np.isnan(given))
    p = given[known]
    if ((p < 0) | (p > 1)).any():
        at = int(known[np.argmax((p < 0) | (p > 1))])
        raise ValueError(f"pvalues[{at}] is {given[at]}; expected 0 to 1")
    return given, known


def _adjusted(pvalues: ArrayLike, *, harmonic: bool) -> Floats:
    given, known = _given(pvalues)
    p, tests = given[known], known.size
    order = np.argsort(p, kind="stable")
    factor = float((1.0 / np.arange(1, tests + 1)).sum()) if harmonic else 1.0
    scaled = p[order] * (tests * factor) / np.arange(1, tests + 1)  # q_(i) = min over j >= i of p_(j) m / j
    q = np.full(given.size, np.nan)
    q[known[order]] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q
