"""All tests of one relation in one table, so that nobody shops for a verdict.

Six tests of "no relation" find something on one window of noise in seven; here their number is counted and their
p-values are adjusted for it (Holm 1979), so that *any* of them errs in at most 5 % of windows, as far as each keeps its
own size. Where the variance of the legs moves only the wild bootstrap does; the summary says when it is not among those
that find a relation. The tests of the legs and of the residual have other nulls: they say what the others presume, and
are not counted as evidence.

Sources: Engle and Granger 1987; Cavaliere and Taylor 2008; Phillips and Ouliaris 1990; Gregory and Hansen 1996;
Johansen 1991; Shin 1994; Elliott, Rothenberg and Stock 1996; Kwiatkowski et al. 1992; Stock and Watson 1993.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from engine.stats import report_rows as rows_of
from engine.stats.checks import ArrayLike, as_legs, as_series, same_index, same_length, whole
from engine.stats.report_readings import readings
from engine.stats.report_rows import BOOTSTRAP, MOST_LEGS, Legs, Rows, TestRow
from engine.stats.representation import short_repr
from engine.stats.wild_bootstrap import SEED

if TYPE_CHECKING:
    import pandas as pd

MINIMUM_BARS = 100
DRAWS = 999  # so that the smallest p of the bootstrap survives being adjusted
WIDTH = 112  # characters of the text


@dataclass(frozen=True, slots=True, eq=False)
class TestReport:
    """Every test of one relation. ``names`` are those of y, then of the legs of X; ``bars`` those of the window.

    ``tests`` is how many tests of "no relation" were run and adjusted for, ``found`` how many of them reject it then.
    ``rows`` begin with those; ``readings`` say how to read those that disagree.
    """

    __test__: ClassVar[bool] = False  # pytest takes classes that are called Test.. for tests

    names: tuple[str, ...]
    bars: int
    tests: int
    found: int
    rows: tuple[TestRow, ...]
    readings: tuple[str, ...]

    __repr__ = short_repr

    @property
    def summary(self) -> str:
        """The verdict in a sentence or two."""
        of, among = self.names[0], " and ".join(self.names[1:])
        counted = f"adjusted for all {self.tests}, over {self.bars:,} bars"
        if not self.found:
            return f"No relation of {of} on {among} was found: none of {self.tests} tests rejects it, {counted}."
        found = f"{self.found} of {self.tests} tests find a relation of {of} on {among}, {counted}."
        missing = any(each.test == BOOTSTRAP and not each.is_rejected for each in self.rows)
        return f"{found} The wild bootstrap is not among them." if missing else found

    def table(self) -> pd.DataFrame:
        """One row a test: ``test``, ``null``, ``statistic``, ``critical`` (5 %), ``pvalue``, ``adjusted``,
        ``is_rejected``, ``verdict``."""
        import pandas as pd

        return pd.DataFrame([asdict(each) for each in self.rows])

    def record(self) -> dict[str, Any]:
        """The report as plain JSON values; a number that is not known is None."""
        rows = [{key: None if value != value else value for key, value in asdict(each).items()} for each in self.rows]
        return asdict(self) | {"summary": self.summary, "rows": rows}

    def to_text(self) -> str:
        """The table, the verdict and the readings as plain text."""
        head = ("test", "null", "statistic", "5 % value", "p", "adjusted", "verdict")
        cells = [head, *(_cells(each) for each in self.rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(head) - 1)]
        lines = []
        for line in cells:
            padded = [
                f"{cell:<{w}}" if i < 2 else f"{cell:>{w}}"
                for i, (cell, w) in enumerate(zip(line, widths, strict=False))
            ]
            lines.append("  ".join([*padded, line[-1]]).rstrip())
        notes = [textwrap.fill(each, WIDTH, initial_indent="- ", subsequent_indent="  ") for each in self.readings]
        return "\n".join([self.summary, "", *lines, "", *notes]) + "\n"


def _cells(each: TestRow) -> tuple[str, ...]:
    numbers = (each.statistic, each.critical, each.pvalue, each.adjusted)
    shown = ["" if np.isnan(value) else f"{value:.3f}" for value in numbers]
    return each.test, each.null, *shown, each.verdict


def test_report(
    y: ArrayLike, x: ArrayLike | Sequence[ArrayLike], *, draws: int = DRAWS, seed: int = SEED
) -> TestReport:
    """Every test of the relation of y on one to five legs of x: a series, a list or a frame of them; log prices.

    Tests of "no relation", adjusted together: Engle-Granger, its wild bootstrap (one leg; ``draws`` and ``seed``),
    Phillips-Ouliaris, Gregory-Hansen with a constant and with a hedge that moves (up to four legs), Johansen's trace
    with the restricted constant. Beside them Shin's test of "a relation", the hedge by DOLS, which leg closes the gap
    (one leg of x), and ADF-GLS and KPSS of each leg. Lags by BIC; Johansen's is 1.

    100 bars or more. Raises ValueError for legs that do not move, are one line or differ in length or index. The
    first call takes a second or two: it imports ``arch``. Equal to statsmodels and arch, called with the same lags, to
    1e-8.
    """
    legs = _legs(y, x)
    draws, seed = whole(draws, "draws", at_least=19), whole(seed, "seed", at_least=0)
    relation: Rows = [
        *rows_of.engle_granger_rows(legs, draws, seed),
        *rows_of.phillips_ouliaris_rows(legs),
        *rows_of.gregory_hansen_rows(legs),
    ]
    system = rows_of.johansen_of(legs)
    relation += rows_of.johansen_rows(system)
    fitted = rows_of.dynamic_ols(legs)
    others = [
        *rows_of.shin_rows(legs, fitted),
        *rows_of.hedge_rows(legs, fitted),
        *rows_of.error_correction_rows(legs),
        *rows_of.leg_rows(legs),
    ]
    full = {rows_of.JOHANSEN} if system.rank == len(legs.names) else set()  # as many relations as legs: none walks
    alone = {each.test for each in relation if each.is_rejected} - full
    judged = [_judged(each, alone, full, len(relation)) for each in rows_of.adjusted(relation)]
    rows = (*judged, *others)
    read = readings([each for each in rows if each.test not in full], alone, legs.names)
    found = sum(each.is_rejected for each in judged)
    return TestReport(legs.names, legs.y.size, len(judged), found, rows, read)


def _judged(each: TestRow, alone: set[str], full: set[str], tests: int) -> TestRow:
    """With its verdict. A ``full`` rank is no relation: every leg comes back by itself."""
    if each.test in full:
        return replace(each, is_rejected=False, verdict="full rank: each leg comes back by itself, no relation")
    return replace(each, verdict=_verdict(each, alone, tests))


def _verdict(each: TestRow, alone: set[str], tests: int) -> str:
    if each.is_rejected:
        return f"a relation{each.verdict}"
    return f"not after adjusting for {tests} tests" if each.test in alone else "no relation seen"


def _legs(y: ArrayLike, x: ArrayLike | Sequence[ArrayLike]) -> Legs:
    left = as_series(y, "y", minimum=MINIMUM_BARS)
    for each in x if isinstance(x, (list, tuple)) else [x]:
        same_index(y, each, "y", "x")
    table = as_legs(x, "x", minimum=MINIMUM_BARS)
    same_length(left, table, "y", "x")
    count = table.shape[1]
    if not 1 <= count <= MOST_LEGS:
        raise ValueError(f"x has {count} legs; expected 1 to {MOST_LEGS}")
    index = getattr(y, "index", None) if hasattr(y, "iloc") else None

    def label(bar: int) -> str:
        if index is None:
            return f"bar {bar}"
        at = index[bar]
        return f"{at:%Y-%m-%d %H:%M:%S %Z}" if getattr(at, "tzinfo", None) else str(at)

    return Legs(_names(y, x, count), left - left.mean(), table - table.mean(axis=0), label)


def _names(y: Any, x: Any, count: int) -> tuple[str, ...]:
    """Those of pandas, else y and x, or x1, x2, .."""
    plain = ["x"] if count == 1 else [f"x{i + 1}" for i in range(count)]
    own = list(getattr(x, "columns", [])) or [
        getattr(each, "name", None) for each in (x if isinstance(x, (list, tuple)) else [x])
    ]
    named = [plain[i] if i >= len(own) or own[i] is None else str(own[i]) for i in range(count)]
    first = getattr(y, "name", None)
    return ("y" if first is None else str(first), *named)
