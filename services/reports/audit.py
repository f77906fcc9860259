"""The look-ahead audit: everything is computed again without the bars after a moment, and nothing before it may change.

``columns_of`` gives every number that the pipeline and the ledger have at each bar; an audit of any other function that
gives one row a bar works alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest import Strategy, prepare, run_on
from engine.backtest.layout import Row

if TYPE_CHECKING:
    import pandas as pd

Columns = Callable[["pd.DataFrame", "pd.DataFrame"], "pd.DataFrame"]
CUTS = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """The earliest bar that changes when the bars from ``cut`` on are removed, and its first column that does."""

    column: str
    bar_open: str
    cut: str
    whole: float
    truncated: float


@dataclass(frozen=True, slots=True)
class Audit:
    """``difference``: None where nothing changed over ``values`` compared numbers at the ``cuts``."""

    cuts: tuple[str, ...]
    values: int
    difference: Difference | None


def columns_of(strategy: Strategy) -> Columns:
    """Inputs, decisions and equity at every bar of a backtest."""

    def compute(y: pd.DataFrame, x: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        inputs = prepare(y, x, None, strategy.settings, strategy.costs, strategy.venue)
        found = run_on(inputs, strategy.costs, strategy.account, strategy.venue)
        columns = {row.name.lower(): inputs.rows[row] for row in Row}
        columns |= {"action": inputs.actions, "reason": inputs.reasons, "equity": found.equity}
        return pd.DataFrame(columns, index=pd.to_datetime(inputs.open_times_ms, unit="ms", utc=True))

    return compute


def look_ahead_audit(y: pd.DataFrame, x: pd.DataFrame, compute: Columns, cuts: int = CUTS) -> Audit:
    """Compare the whole with truncations at ``cuts`` moments, evenly over the bars.

    Raises ValueError for fewer than ``cuts`` + 2 bars.
    """
    times = y.index.union(x.index)
    if cuts < 1 or len(times) < cuts + 2:
        raise ValueError(f"{len(times)} bars and {cuts} cuts; expected at least one cut, and two bars more than cuts")
    whole, compared = compute(y, x), 0
    moments = [times[len(times) * (at + 1) // (cuts + 1)] for at in range(cuts)]
    for moment in moments:
        part = compute(y[y.index < moment], x[x.index < moment])
        compared += part.size
        found = _first_difference(whole, part, moment)
        if found is not None:
            return Audit(tuple(map(str, moments)), compared, found)
    return Audit(tuple(map(str, moments)), compared, None)


def _first_difference(whole: pd.DataFrame, part: pd.DataFrame, cut: pd.Timestamp) -> Difference | None:
    there = whole.reindex(part.index)[list(part.columns)].to_numpy(dtype=np.float64)
    here = part.to_numpy(dtype=np.float64)
    is_same = (there == here) | (np.isnan(there) & np.isnan(here))
    if is_same.all():
        return None
    bar = int(np.argmin(is_same.all(axis=1)))
    column = int(np.argmin(is_same[bar]))
    return Difference(
        str(part.columns[column]), str(part.index[bar]), str(cut), float(there[bar, column]), float(here[bar, column])
    )


def in_words(audit: Audit) -> str:
    """One line for people."""
    if audit.difference is None:
        return (
            f"no look-ahead: {audit.values:,} numbers are the same without what comes after {len(audit.cuts)} moments"
        )
    found = audit.difference
    return (
        f"look-ahead: {found.column} of the bar {found.bar_open} is {found.whole!r} with all bars and"
        f" {found.truncated!r} without those from {found.cut} on"
    )
