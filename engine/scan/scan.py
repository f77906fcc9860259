"""Tests every pair of a universe for cointegration, with correction for the number of tests.

Of 190 pairs of walks that share nothing but a common factor, 25 pass a plain Dickey-Fuller test at 5 %, 8 pass
Engle-Granger's, and none a bound on the share of false finds. That bound is of tests that are right: a leg with
transitory noise distorts all of its own, so a pair is found only if neither leg has a stronger find. What is found is
then looked at on bars that the selection has not seen, and tested with the variance that its legs really have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from engine.scan.confirmation import HEDGE_LEVEL, HOLDOUT_LEVEL, WILD_LEVEL, Bars, confirm
from engine.scan.kernel import Found, scan_pairs
from engine.scan.selection import NONE, strongest_of_each_leg
from engine.scan.settings import LEAST_BARS, ScanSettings
from engine.scan.universe import Excluded, Floats, train_bars, universe
from engine.scan.work import IsCancelled, Progress, ScanCancelled, work_off
from engine.stats.checks import Ints
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.false_discovery import benjamini_hochberg, benjamini_yekutieli
from engine.stats.half_life import NULL_BARS_RESIDUAL_5
from engine.stats.mackinnon import critical_values
from engine.stats.representation import short_repr
from engine.stats.unitroot import CRITERIA, FIXED, lag_limit

if TYPE_CHECKING:
    import pandas as pd

    from engine.scan.universe import Prices

__all__ = ["ScanCancelled", "ScanResult", "scan", "scan_universe"]

CHUNK = 512  # pairs between two looks at progress and cancellation


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """``pairs``: one row a pair, the smallest statistic first (see :func:`scan`); ``tests``: their number.

    ``symbols``: the scanned ones, most liquid first. ``bars`` of the selection, ``holdout_bars`` after it.
    """

    pairs: pd.DataFrame
    settings: ScanSettings
    symbols: tuple[str, ...]
    bars: int
    holdout_bars: int
    tests: int
    excluded: tuple[Excluded, ...]

    __repr__ = short_repr

    def record(self, most: int | None = None) -> dict[str, Any]:
        """The result as plain JSON values, at most the first ``most`` pairs; a number that is not known is None."""
        rows = self.pairs if most is None else self.pairs.head(most)
        known = rows.astype(object).where(rows.notna(), None)
        return {
            "settings": self.settings.to_json(),
            "symbols": list(self.symbols),
            "bars": self.bars,
            "holdout_bars": self.holdout_bars,
            "tests": self.tests,
            "excluded": [[each.name, each.code, each.detail] for each in self.excluded],
            "pairs": known.to_dict("records"),
        }


def scan(
    prices: Prices, settings: ScanSettings | None = None, *, volume: Prices | None = None, threads: int | None = None
) -> pd.DataFrame:
    """The pairs of a universe, the smallest statistic first; :func:`scan_universe` also lists the exclusions.

    ``prices``: a frame with a column a symbol and a row a bar, or a mapping of such columns; logarithms are taken here.
    Columns: ``y``, ``x`` (the more liquid leg), ``statistic`` (Engle-Granger), ``critical_5`` and ``pvalue`` (both at
    this length), ``q_value`` (Benjamini-Hochberg), ``q_value_by`` (Benjamini-Yekutieli), ``half_life_bars`` of the
    residual (median-unbiased, NaN: no reversion), ``half_life_null_bars`` (one unrelated pair in twenty shows fewer),
    ``crossings`` of the mean, ``hurst``, ``beta`` (a ratio of dollars), ``alpha``, ``lags``, then ``holdout_statistic``
    and ``holdout_pvalue``: plain Dickey-Fuller with eight lags of the same line on the held-out newest bars.

    ``is_found``: q is at most the share of false finds that the settings allow, and neither leg has a stronger find;
    where one has, ``explained_by`` names that find, "Y ~ X" (else ""). Of what is found (else NaN) ``hedge_pvalue``,
    how often moves of X or of Y with random signs would have hedged the held-out bars as well, and ``wild_pvalue``, the
    wild bootstrap of the statistic. ``is_confirmed``: found, the hold-out's p below 5 %, the hedge's at most 2 % and
    the wild bootstrap's at most 5 %.

    Sources: Engle and Granger 1987; Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001; for the last two
    columns ``engine.scan.confirmation``.
    """
    return scan_universe(prices, settings, volume=volume, threads=threads).pairs


def scan_universe(
    prices: Prices,
    settings: ScanSettings | None = None,
    *,
    volume: Prices | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    is_cancelled: IsCancelled | None = None,
) -> ScanResult:
    """Scan every pair once; X is the more liquid leg: by median volume, else the earlier column.

    ``progress(done, total)`` is called from this thread. ``threads`` (default: one a core, at most 8) do not affect the
    result. Raises ScanCancelled once ``is_cancelled()`` is true, ValueError for invalid prices and if the hold-out
    leaves the selection fewer than 100 bars.
    """
    chosen = settings or ScanSettings()
    kept = universe(prices, chosen, volume)
    bars = train_bars(kept.log_prices.shape[1], chosen)
    if kept.symbols and bars < LEAST_BARS:
        raise ValueError(f"the selection would see {bars} bars; expected at least {LEAST_BARS}")
    pairs = _all_pairs(len(kept.symbols))
    numbers = np.full((len(pairs), len(Found)), np.nan)
    split = Bars(kept.symbols, *(np.ascontiguousarray(part) for part in np.split(kept.log_prices, [bars], axis=1)))
    lags = _lag_choice(chosen)
    at_once = threads or min(numba.get_num_threads(), 8)

    def part(here: slice) -> None:
        scan_pairs(split.train, split.holdout, pairs[here], *lags, numbers[here])

    work_off(part, len(pairs), CHUNK, at_once, progress, is_cancelled)
    tested = ~np.isnan(numbers[:, Found.STATISTIC])
    untested = tuple(_why_untested(split, int(y), int(x), *lags) for y, x in pairs[~tested])
    order = np.argsort(numbers[tested, Found.STATISTIC], kind="stable")
    rows, legs = numbers[tested][order], pairs[tested][order]
    verdicts = _judged(split, rows, legs, chosen, at_once, is_cancelled)
    return ScanResult(
        _table(rows, np.array(kept.symbols, dtype=object)[legs], bars, verdicts),
        chosen, kept.symbols, bars, split.holdout.shape[1], len(rows), kept.excluded + untested,
    )  # fmt: skip


def _all_pairs(symbols: int) -> Ints:
    """Rows of (y, x), x before y in the order of liquidity."""
    y, x = np.tril_indices(symbols, -1)
    return np.stack([y, x], axis=1).astype(np.int64)


def _lag_choice(settings: ScanSettings) -> tuple[int, int]:
    """``(criterion, max_lag)`` of the kernels."""
    return (FIXED, int(settings.lags)) if settings.lags.isdecimal() else (CRITERIA[settings.lags], -1)


def _why_untested(bars: Bars, y: int, x: int, criterion: int, max_lag: int) -> Excluded:
    """The reason why a pair has no statistic."""
    pair, seen = f"{bars.symbols[y]} ~ {bars.symbols[x]}", bars.train.shape[1]
    for leg in (y, x):
        if np.ptp(bars.train[leg]) == 0.0:
            return Excluded(pair, "CONSTANT_LEG", f"{bars.symbols[leg]}, in the {seen:,} bars of the selection")
    if engle_granger_kernel(bars.train[y], bars.train[x], FIXED, 0)[1] < 0:
        return Excluded(pair, "ONE_LINE", "the residual is rounding")
    if criterion == FIXED and max_lag > lag_limit(seen, False):
        needed = f"{max_lag:,} lags need {2 * max_lag + 3:,} bars"
        return Excluded(pair, "TOO_MANY_LAGS", f"{needed}; the selection has {seen:,}")
    return Excluded(pair, "DEPENDENT_LAGS", "the residual's lagged changes are combinations of each other")


class _Verdicts(NamedTuple):
    """One value a pair."""

    q: dict[str, Floats]  # by the name of the control that the settings ask for
    is_found: npt.NDArray[np.bool_]
    explained_by: Ints  # the row of another pair, or NONE
    hedge: Floats
    wild: Floats
    is_confirmed: npt.NDArray[np.bool_]


def _judged(
    bars: Bars, rows: Floats, legs: Ints, settings: ScanSettings, threads: int, is_cancelled: IsCancelled | None
) -> _Verdicts:
    """What is found, and what of it is confirmed."""
    pvalue, holdout = rows[:, Found.PVALUE], rows[:, Found.HOLDOUT_PVALUE]
    q = {"bh": benjamini_hochberg(pvalue), "by": benjamini_yekutieli(pvalue)}
    is_candidate = q[settings.control] <= settings.false_share
    is_found, explained_by = strongest_of_each_leg(rows[:, Found.STATISTIC], legs, is_candidate)
    hedge, wild = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    hedge[is_found], wild[is_found] = confirm(bars, legs[is_found], rows[is_found], threads, is_cancelled)
    passed = (holdout < HOLDOUT_LEVEL) & (hedge <= HEDGE_LEVEL) & (wild <= WILD_LEVEL)  # False where one is NaN
    return _Verdicts(q, is_found, explained_by, hedge, wild, is_found & passed)


def _table(rows: Floats, legs: npt.NDArray[np.object_], bars: int, verdicts: _Verdicts) -> pd.DataFrame:
    import pandas as pd

    columns = {
        "y": legs[:, 0],
        "x": legs[:, 1],
        "statistic": rows[:, Found.STATISTIC],
        "critical_5": critical_values(2, bars)[5] if bars else np.nan,
        "pvalue": rows[:, Found.PVALUE],
        "q_value": verdicts.q["bh"],
        "q_value_by": verdicts.q["by"],
        "half_life_bars": rows[:, Found.HALF_LIFE],
        "half_life_null_bars": NULL_BARS_RESIDUAL_5 * bars,
        "crossings": rows[:, Found.CROSSINGS].astype(np.int64),
        "hurst": rows[:, Found.HURST],
        "beta": rows[:, Found.BETA],
        "alpha": rows[:, Found.ALPHA],
        "lags": rows[:, Found.LAGS].astype(np.int64),
        "holdout_statistic": rows[:, Found.HOLDOUT_STATISTIC],
        "holdout_pvalue": rows[:, Found.HOLDOUT_PVALUE],
        "hedge_pvalue": verdicts.hedge,
        "wild_pvalue": verdicts.wild,
        "is_found": verdicts.is_found,
        "explained_by": ["" if row == NONE else " ~ ".join(legs[row]) for row in verdicts.explained_by],
        "is_confirmed": verdicts.is_confirmed,
    }
    return pd.DataFrame(columns)
