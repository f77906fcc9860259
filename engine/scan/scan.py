"""Every pair of a universe: which keep together, judged knowing how many were asked.

Of 190 pairs of walks that share nothing but a common factor, 25 pass a plain Dickey-Fuller test at 5 %, 8 pass
Engle-Granger's, and none a bound on the share of false finds. What is found is then looked at on bars that the
selection has not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from engine.errors import PairbridgeError
from engine.scan.kernel import Found, scan_pairs
from engine.scan.settings import LEAST_BARS, ScanSettings
from engine.scan.universe import Excluded, Floats, Universe, train_bars, universe
from engine.stats.checks import Ints
from engine.stats.false_discovery import benjamini_hochberg, benjamini_yekutieli
from engine.stats.half_life import NULL_RESIDUAL
from engine.stats.mackinnon import critical_values
from engine.stats.representation import short_repr
from engine.stats.unitroot import CRITERIA, FIXED

if TYPE_CHECKING:
    import pandas as pd

    from engine.scan.universe import Prices

CHUNK = 512  # pairs between two looks at progress and cancellation
Progress = Callable[[int, int], object]


class ScanCancelled(PairbridgeError):
    """The scan was asked to stop; there is no result."""


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """``pairs``: one row a pair, the smallest statistic first (see :func:`scan`); ``tests``: how many were run.

    ``symbols``: the scanned ones, most liquid first. ``bars`` the selection saw, ``holdout_bars`` it did not.
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
    """The pairs of a universe, the smallest statistic first; :func:`scan_universe` also says what was left out.

    ``prices``: a frame with a column a symbol and a row a bar, or a mapping of such columns; logarithms are taken here.
    Columns: ``y``, ``x`` (the more liquid leg), ``statistic`` (Engle-Granger), ``critical_5`` (at this length),
    ``pvalue`` (asymptotic), ``q_value`` (Benjamini-Hochberg), ``q_value_by`` (Benjamini-Yekutieli), ``half_life_bars``
    of the residual (NaN: no reversion) beside ``half_life_null_bars`` that noise would show, ``crossings`` of the
    mean, ``hurst``, ``beta`` (a ratio of dollars), ``alpha``, ``lags``, then ``holdout_statistic`` and
    ``holdout_pvalue``: plain Dickey-Fuller of the same line on the newest bars, which took no part in all before it;
    ``is_found``: q below the share of false finds that the settings allow; ``is_confirmed``: found, and the hold-out's
    p below 5 %.

    Sources: Engle and Granger 1987; Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001.
    """
    return scan_universe(prices, settings, volume=volume, threads=threads).pairs


def scan_universe(
    prices: Prices,
    settings: ScanSettings | None = None,
    *,
    volume: Prices | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> ScanResult:
    """Scan every pair once, X being the more liquid leg: by median volume, else the one whose column stands first.

    ``progress(done, total)`` is called from this thread. ``threads`` (default: one a core, at most 8) do not show in
    the result. Raises ScanCancelled once ``is_cancelled()`` is true, ValueError for prices that cannot be read and
    where the hold-out leaves the selection fewer than 100 bars.
    """
    chosen = settings or ScanSettings()
    kept = universe(prices, chosen, volume)
    bars = train_bars(kept.log_prices.shape[1], chosen)
    if kept.symbols and bars < LEAST_BARS:
        raise ValueError(f"the selection would see {bars} bars; expected at least {LEAST_BARS}")
    pairs = _all_pairs(len(kept.symbols))
    numbers = np.full((len(pairs), len(Found)), np.nan)
    train, holdout = (np.ascontiguousarray(part) for part in np.split(kept.log_prices, [bars], axis=1))
    fixed = chosen.lags.isdecimal()
    criterion, max_lag = (FIXED, int(chosen.lags)) if fixed else (CRITERIA[chosen.lags], -1)

    def part(start: int) -> int:
        here = slice(start, start + CHUNK)
        scan_pairs(train, holdout, pairs[here], criterion, max_lag, numbers[here])
        return min(start + CHUNK, len(pairs))

    _work_off(part, len(pairs), threads or min(numba.get_num_threads(), 8), progress, is_cancelled)
    return _result(kept, chosen, pairs, numbers, bars, holdout.shape[1])


def _all_pairs(symbols: int) -> Ints:
    """Rows of (y, x), x before y in the order of liquidity."""
    y, x = np.tril_indices(symbols, -1)
    return np.stack([y, x], axis=1).astype(np.int64)


def _work_off(
    part: Callable[[int], int],
    total: int,
    threads: int,
    progress: Progress | None,
    is_cancelled: Callable[[], bool] | None,
) -> None:
    pool = ThreadPoolExecutor(threads)
    try:
        done = 0
        for future in [pool.submit(part, start) for start in range(0, total, CHUNK)]:
            if is_cancelled is not None and is_cancelled():
                raise ScanCancelled(f"cancelled after {done} of {total} pairs")
            done = future.result()
            if progress is not None:
                progress(done, total)
    finally:
        pool.shutdown(cancel_futures=True)


def _result(
    kept: Universe, settings: ScanSettings, pairs: Ints, numbers: Floats, bars: int, holdout_bars: int
) -> ScanResult:
    names = np.array(kept.symbols, dtype=object)
    tested = ~np.isnan(numbers[:, Found.STATISTIC])
    lines = tuple(
        Excluded(f"{names[y]} ~ {names[x]}", "ONE_LINE", "one leg is the other, or a leg does not move")
        for y, x in pairs[~tested]
    )
    order = np.argsort(numbers[tested, Found.STATISTIC], kind="stable")
    rows, legs = numbers[tested][order], pairs[tested][order]
    return ScanResult(
        _table(rows, names[legs[:, 0]], names[legs[:, 1]], settings, bars),
        settings, kept.symbols, bars, holdout_bars, int(tested.sum()), kept.excluded + lines,
    )  # fmt: skip


def _table(rows: Floats, y: Any, x: Any, settings: ScanSettings, bars: int) -> pd.DataFrame:
    import pandas as pd

    pvalue, holdout = rows[:, Found.PVALUE], rows[:, Found.HOLDOUT_PVALUE]
    q = {"bh": benjamini_hochberg(pvalue), "by": benjamini_yekutieli(pvalue)}
    is_found = q[settings.control] <= settings.false_share
    columns = {
        "y": y,
        "x": x,
        "statistic": rows[:, Found.STATISTIC],
        "critical_5": critical_values(2, bars)[5] if bars else np.nan,
        "pvalue": pvalue,
        "q_value": q["bh"],
        "q_value_by": q["by"],
        "half_life_bars": rows[:, Found.HALF_LIFE],
        "half_life_null_bars": NULL_RESIDUAL * bars,
        "crossings": rows[:, Found.CROSSINGS].astype(np.int64),
        "hurst": rows[:, Found.HURST],
        "beta": rows[:, Found.BETA],
        "alpha": rows[:, Found.ALPHA],
        "lags": rows[:, Found.LAGS].astype(np.int64),
        "holdout_statistic": rows[:, Found.HOLDOUT_STATISTIC],
        "holdout_pvalue": holdout,
        "is_found": is_found,
        "is_confirmed": is_found & (holdout < 0.05),
    }
    return pd.DataFrame(columns)
