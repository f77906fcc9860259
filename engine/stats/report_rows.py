"""The rows of :func:`engine.stats.test_report`: one function a test, each from the library or kernel that has it.

``arch`` takes more than a second and 60 MB to import, so it is imported where a test is run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, ClassVar, TypeAlias

import numpy as np

from engine.stats.checks import Floats
from engine.stats.error_correction import error_correction
from engine.stats.false_discovery import holm
from engine.stats.gregory_hansen import MOST_REGRESSORS, gregory_hansen
from engine.stats.johansen import Johansen, johansen
from engine.stats.mackinnon import critical_values, tau_pvalue
from engine.stats.regression import multiple_ols
from engine.stats.representation import short_repr
from engine.stats.stationarity import kpss, kpss_kernel
from engine.stats.unitroot import BIC, adf_kernel
from engine.stats.wild_bootstrap import wild_pvalue

NO_RELATION = "no relation"
BOOTSTRAP = "Engle-Granger, wild bootstrap"
JOHANSEN = "Johansen trace"
MOST_LEGS = 5  # of X: where the tables of Engle-Granger and Shin end
NORMAL_5 = NormalDist().inv_cdf(0.975)
# Shin 1994, table 1, a constant: 10, 5, 1 %; rows 1 to 5 legs of X.
SHIN = np.array([
    [0.231, 0.314, 0.533], [0.163, 0.221, 0.380], [0.121, 0.159, 0.271], [0.094, 0.121, 0.208], [0.075, 0.097, 0.158],
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class TestRow:
    """One test. ``statistic`` beyond ``critical`` rejects ``null`` at 5 %, on its own; ``pvalue`` is that of the test
    on its own, ``adjusted`` Holm's over all tests of "no relation", or over all legs that "walk"; NaN elsewhere.

    ``is_rejected``: at 5 %, after adjusting where the row is adjusted; False for Johansen's trace of full rank, by
    which every leg comes back by itself. ``verdict`` says it in words.
    """

    __test__: ClassVar[bool] = False  # pytest takes classes that are called Test.. for tests

    test: str
    null: str
    statistic: float
    critical: float
    pvalue: float
    adjusted: float
    is_rejected: bool
    verdict: str

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, eq=False)
class Legs:
    """``y`` (bars,) and ``x`` (bars, legs of X), both about their means; ``names`` of y, then of X's legs."""

    names: tuple[str, ...]
    y: Floats
    x: Floats
    label: Callable[[int], str]  # of a bar: its time where the index has one

    @property
    def columns(self) -> Iterator[tuple[str, Floats]]:
        """Every leg with its name, y first."""
        yield self.names[0], self.y
        for i, name in enumerate(self.names[1:]):
            yield name, np.ascontiguousarray(self.x[:, i])


Rows: TypeAlias = list[TestRow]


def row(test: str, null: str, statistic: float, critical: float, pvalue: float, verdict: str = "") -> TestRow:
    """A row before it is adjusted. A critical value below 0 is one to be below; where there is none p decides."""
    statistic, critical, pvalue = float(statistic), float(critical), float(pvalue)
    if math.isnan(critical):
        is_rejected = pvalue <= 0.05
    else:
        is_rejected = statistic < critical if critical < 0.0 else abs(statistic) > critical
    return TestRow(test, null, statistic, critical, pvalue, math.nan, is_rejected, verdict)


def engle_granger_rows(legs: Legs, draws: int, seed: int) -> Rows:
    """Engle-Granger with any number of legs, and with one leg its wild bootstrap on the same statistic and lags."""
    bars, count = legs.x.shape
    residual = multiple_ols(legs.y, legs.x).residuals
    statistic, lags = adf_kernel(residual, False, BIC, -1)
    if lags < 0:
        raise ValueError("the residual is constant; expected legs and a spread that move")
    critical = critical_values(count + 1, bars)[5]
    rows = [row("Engle-Granger", NO_RELATION, statistic, critical, tau_pvalue(statistic, count + 1))]
    if count == 1:
        pvalue, _ = wild_pvalue(legs.y, legs.x[:, 0].copy(), statistic, lags, 0.0, draws, np.uint64(seed))
        rows.append(row(BOOTSTRAP, NO_RELATION, statistic, math.nan, pvalue))
    return rows


def phillips_ouliaris_rows(legs: Legs) -> Rows:
    """Zt with arch's Bartlett kernel and automatic bandwidth."""
    from arch.unitroot.cointegration import phillips_ouliaris

    found = phillips_ouliaris(legs.y, legs.x, trend="c", test_type="Zt")
    return [row("Phillips-Ouliaris", NO_RELATION, found.stat, found.critical_values[5], found.pvalue)]


def gregory_hansen_rows(legs: Legs) -> Rows:
    """The constant moves; the constant and the hedge move. With more legs than the paper's table has, none."""
    rows = []
    for model, moved in (("level", "level"), ("regime", "hedge")) if legs.x.shape[1] <= MOST_REGRESSORS else ():
        found = gregory_hansen(legs.y, legs.x, model)
        name = f"Gregory-Hansen, {moved} moves"
        at = f"; if it moved, at {legs.label(found.break_bar)}"
        rows.append(row(name, NO_RELATION, found.statistic, found.critical[5], found.pvalue, at))
    return rows


def johansen_of(legs: Legs) -> Johansen:
    """With the constant restricted to the spreads: prices have no drift to speak of."""
    return johansen(np.column_stack([legs.y, legs.x]), constant="restricted")


def johansen_rows(found: Johansen) -> Rows:
    """The trace of rank 0."""
    critical, pvalue = float(found.trace_critical[0, 1]), float(found.trace_pvalue[0])
    return [row(JOHANSEN, NO_RELATION, float(found.trace[0]), critical, pvalue, f"; rank {found.rank}")]


def dynamic_ols(legs: Legs) -> Any:
    """arch's DOLS: as many leads as lags of the changes of X, by BIC, up to 4 (bars/100)^(1/4)."""
    from arch.unitroot.cointegration import DynamicOLS

    cap = math.ceil(4.0 * (legs.y.size / 100.0) ** 0.25)
    return DynamicOLS(legs.y, legs.x, trend="c", common=True, max_lag=cap, max_lead=cap, method="bic").fit()


def shin_rows(legs: Legs, fitted: Any) -> Rows:
    """KPSS of the DOLS residual, by Shin's table: the one of a raw series would call every relation stable."""
    statistic, _ = kpss_kernel(np.array(fitted.resid, dtype=np.float64), -1)
    table = SHIN[legs.x.shape[1] - 1]
    pvalue = float(np.interp(statistic, table, (0.10, 0.05, 0.01)))
    found = row("KPSS of the residual (Shin)", "a relation", statistic, float(table[1]), pvalue)
    verdict = "the residual wanders" if found.is_rejected else "no objection to a relation"
    return [replace(found, verdict=verdict)]


def hedge_rows(legs: Legs, fitted: Any) -> Rows:
    """DOLS: the hedge of each leg of X with the interval that its standard error gives."""
    rows = []
    for name, hedge, error in zip(legs.names[1:], fitted.params, fitted.std_errors, strict=False):
        statistic = float(hedge / error)
        pvalue = math.erfc(abs(statistic) / math.sqrt(2.0))
        low, high = hedge - NORMAL_5 * error, hedge + NORMAL_5 * error
        verdict = f"{hedge:.4g} ({low:.4g} to {high:.4g}), if a relation holds"
        rows.append(row("DOLS", f"hedge of {name} is 0", statistic, NORMAL_5, pvalue, verdict))
    return rows


def error_correction_rows(legs: Legs) -> Rows:
    """Which of two legs closes the gap, and by how much a bar; with more legs, none."""
    if legs.x.shape[1] > 1:
        return []
    found = error_correction(legs.y, legs.x[:, 0])
    of_each = ((found.t_y, -found.speed_y), (found.t_x, found.beta * found.speed_x))
    rows = []
    for name, (statistic, share) in zip(legs.names, of_each, strict=True):
        pvalue = math.erfc(abs(statistic) / math.sqrt(2.0))
        each = row("Error correction", f"{name} ignores the gap", statistic, NORMAL_5, pvalue)
        verdict = f"{name} closes {share:.1%} of it a bar, if a relation holds"
        rows.append(replace(each, verdict=verdict if each.is_rejected else f"{name} ignores it"))
    return rows


def leg_rows(legs: Legs) -> Rows:
    """What the tests of a relation presume, that each leg walks: ADF-GLS of every leg, then KPSS with its null."""
    from arch.unitroot import DFGLS

    walks, stays = [], []
    for name, values in legs.columns:
        gls, plain = DFGLS(values, trend="c", method="bic"), kpss(values)
        walks.append(row("ADF-GLS", f"{name} walks", gls.stat, gls.critical_values["5%"], gls.pvalue))
        stays.append(row("KPSS", f"{name} is stationary", plain.statistic, plain.critical[5], plain.pvalue))
    verdicts = ("comes back by itself", "walks, as presumed"), ("walks, as presumed", "may be stationary")
    return [
        replace(each, verdict=f"{name} {verdict[0] if each.is_rejected else verdict[1]}")
        for rows, verdict in zip((adjusted(walks), stays), verdicts, strict=True)
        for name, each in zip(legs.names, rows, strict=True)
    ]


def adjusted(rows: Rows) -> Rows:
    """The rows of one question, each rejected only where Holm's p is below 5 % too."""
    pvalues = holm([each.pvalue for each in rows])
    return [
        replace(each, adjusted=float(p), is_rejected=each.is_rejected and bool(p <= 0.05))
        for each, p in zip(rows, pvalues, strict=True)
    ]
