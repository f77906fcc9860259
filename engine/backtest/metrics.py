"""Performance of a backtest: every figure with its unit in its name, and an interval where one makes sense.

Ratios come from returns of whole UTC days (or hours, brought to a day by Lo's factor), flat ones included; annual ones
are sqrt(365) times those of a day. Under 30 days no figure is annualised: it is None, and its reason has the ratio of
a day, its interval and the track record it would need. An unknown figure is None, never 0.

Intervals are 95 %: the Sharpe ratio's by its standard error (:mod:`engine.backtest.sharpe`), a share's by Wilson,
averages of wins and losses by theirs, all others by stationary block bootstrap.

Sources: those of the modules that it calls; docs/mathematics.md lists the formulas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest.block_bootstrap import DRAWS, SEED, draw_places, percentile_interval, usual_block
from engine.backtest.clock import DAY_MS, STEPS_MS, YEAR_DAYS, EquityCurve
from engine.backtest.drawdown import drawdown
from engine.backtest.luck import LEVEL, deflated_sharpe, minimum_track_record, probabilistic_sharpe, why_no_luck
from engine.backtest.sharpe import MINIMUM_RETURNS, lo_factor, sharpe_ratio, sortino_ratio
from engine.backtest.trade_metrics import Findings, Trades, add_holds, add_money, add_results
from engine.stats.checks import ArrayLike, Floats, positive, whole
from engine.stats.jit import njit
from engine.stats.representation import short_repr

if TYPE_CHECKING:
    from engine.backtest.trade_metrics import TradesLike

ANNUAL_DAYS = 30  # under these no figure is annualised
LEAST_RETURNS = 5  # for an interval of return and drawdown
A_DAY, SHARPE, SORTINO = "Sharpe of a day [-]", "Sharpe, annualised [-]", "Sortino, annualised [-]"
GROWTH, CALMAR, WORST = "Return, annualised [%]", "Calmar [-]", "Worst day [%]"
FALL = "Max drawdown at ends of whole periods [%]"  # of the returns that its interval resamples


@dataclass(frozen=True, slots=True)
class Performance:
    """``metrics`` by name and unit, None where unknown; ``intervals`` (95 %) by the same name; ``reasons``: why a
    metric, or an interval that one would expect, is not known. Names: docs/mathematics.md."""

    metrics: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    reasons: dict[str, str]

    __repr__ = short_repr


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """``clock``: ``daily`` or ``hourly``. ``trials``: how many backtests, this one included, were run to choose it, for
    the DSR; ``trial_deviation``: standard deviation of their ratios of one period, None takes that of no skill."""

    clock: str = "daily"
    trials: float = 1.0
    trial_deviation: float | None = None
    draws: int = DRAWS
    seed: int = SEED

    def __post_init__(self) -> None:
        """Raises ValueError with the field, the value and what was expected."""
        if self.clock not in STEPS_MS:
            raise ValueError(f"clock is {self.clock!r}; expected one of {', '.join(STEPS_MS)}")
        if positive(self.trials, "trials") < 1.0:
            raise ValueError(f"trials is {self.trials}; expected at least 1")
        whole(self.draws, "draws", at_least=19)
        whole(self.seed, "seed", at_least=0)

    @property
    def per_day(self) -> int:
        """Returns a day."""
        return DAY_MS // STEPS_MS[self.clock]


def performance(
    times_ms: ArrayLike,
    equity: ArrayLike,
    trades: TradesLike,
    *,
    capital: float,
    interval_ms: int,
    settings: MetricSettings | None = None,
) -> Performance:
    """All metrics of a backtest. ``times_ms``: opens of the bars, UTC; ``equity``: quote currency at their closes,
    capital included; ``trades``: columns as in :mod:`engine.backtest.trade_metrics`.

    Raises ValueError for input that is not of that form.
    """
    curve = EquityCurve.of(times_ms, equity, capital, interval_ms)
    chosen, parts, found = settings or MetricSettings(), Trades(trades, curve.open_ms), Findings()
    add_money(found, parts, curve.capital)
    _add_equity(found, curve)
    if not _is_ruined(found, curve):
        _add_ratios(found, curve, chosen)
    add_results(found, parts, chosen.draws, chosen.seed)
    add_holds(found, parts, curve.interval_ms, curve.equity.size)
    _add_turnover(found, curve, parts)
    return Performance(found.values, found.intervals, found.reasons)


def _add_equity(found: Findings, curve: EquityCurve) -> None:
    fall, seconds = drawdown(curve.equity, curve.capital), curve.interval_ms / 1_000.0
    end = curve.equity.size - 1 if fall.recovered is None else fall.recovered
    found.add("Capital [quote]", curve.capital)
    found.add("Equity, last [quote]", float(curve.equity[-1]))
    found.add("Return [%]", 100.0 * (float(curve.equity[-1]) / curve.capital - 1.0))
    found.add("Span [days]", curve.span_ms / DAY_MS)
    found.add("Max drawdown [%]", 100.0 * fall.fraction)
    found.add("Max drawdown [quote]", fall.quote)
    found.add("Max drawdown, length [bars]", float(end - fall.peak))
    found.add("Max drawdown, length [s]", (end - fall.peak) * seconds)
    back = None if fall.recovered is None else float(fall.recovered - fall.trough)
    found.add("Max drawdown, recovery [bars]", back, "not recovered by the last bar")
    found.add("Max drawdown, recovery [s]", None if back is None else back * seconds, "not recovered by the last bar")
    found.add("Longest time under a peak [bars]", float(fall.longest_bars))


def _is_ruined(found: Findings, curve: EquityCurve) -> bool:
    """Whether the equity was lost, so that no later return exists."""
    lost = np.flatnonzero(curve.equity <= 0.0)
    if lost.size:
        for name in (A_DAY, GROWTH, SHARPE, SORTINO, CALMAR, WORST, FALL):
            found.add(name, None, f"equity fell to {curve.equity[lost[0]]:g} in bar {lost[0]}")
    return bool(lost.size)


def _add_ratios(found: Findings, curve: EquityCurve, settings: MetricSettings) -> None:
    _, returns = curve.returns(STEPS_MS[settings.clock])
    day_ends, days = curve.days()
    found.add(WORST, 100.0 * float(days.min()))
    found.add("Worst day [end, ms UTC]", float(day_ends[int(np.argmin(days))]))
    found.add("Returns [#]", float(returns.size))
    _add_sharpe(found, returns, settings)
    if curve.span_ms < ANNUAL_DAYS * DAY_MS:
        reason = f"{curve.span_ms / DAY_MS:.3g} days; annualised from {ANNUAL_DAYS} days on. {_evidence(found)}"
        for name in (GROWTH, SHARPE, SORTINO, CALMAR):
            found.add(name, None, reason)
    else:
        _add_annual(found, curve, returns, settings.per_day)
    _add_drawn(found, returns, settings)


def _add_sharpe(found: Findings, returns: Floats, settings: MetricSettings) -> None:
    """The ratio of a day; PSR, DSR and the minimum track record by the clock's own returns."""
    found.add("Trials [#]", settings.trials)
    names = (A_DAY, "PSR [0..1]", "DSR [0..1]", "Minimum track record [days]")
    if returns.size < MINIMUM_RETURNS or not np.ptp(returns) > 1e-12 * np.max(np.abs(returns)):
        for name in names:
            found.add(name, None, f"{returns.size} whole periods, all equal; expected {MINIMUM_RETURNS} that differ")
        return
    ratio = sharpe_ratio(returns)
    factor = lo_factor(returns, settings.per_day) if settings.per_day > 1 else 1.0
    short = returns.size < settings.per_day
    found.add(
        A_DAY, factor * ratio.ratio,
        "under a day of returns" if short else "autocorrelations of the returns leave a day no variance",
    )  # fmt: skip
    if not math.isnan(factor):
        found.bound(A_DAY, ratio.interval(factor))
    size, skew, kurtosis = ratio.returns, ratio.skew, ratio.kurtosis
    if why := why_no_luck(returns):
        for name in names[1:]:
            found.add(name, None, why)
        return
    found.add(names[1], probabilistic_sharpe(ratio.ratio, size, skew=skew, kurtosis=kurtosis))
    spread = settings.trial_deviation
    deflated = deflated_sharpe(ratio.ratio, size, settings.trials, deviation=spread, skew=skew, kurtosis=kurtosis)
    found.add(names[2], deflated)
    needed = minimum_track_record(ratio.ratio, skew=skew, kurtosis=kurtosis, level=LEVEL) / settings.per_day
    found.add(
        names[3], needed if math.isfinite(needed) else None, "not known: the ratio is not above 0, no length would do"
    )


def _add_annual(found: Findings, curve: EquityCurve, returns: Floats, per_day: int) -> None:
    growth = (float(curve.equity[-1]) / curve.capital) ** (YEAR_DAYS * DAY_MS / curve.span_ms) - 1.0
    year, fall, a_day = math.sqrt(YEAR_DAYS), found.values["Max drawdown [%]"], found.values[A_DAY]
    found.add(GROWTH, 100.0 * growth)
    found.add(SHARPE, None if a_day is None else a_day * year, found.reasons.get(A_DAY, ""))
    if A_DAY in found.intervals:
        low, high = found.intervals[A_DAY]
        found.bound(SHARPE, (year * low, year * high))
    found.add(SORTINO, sortino_ratio(returns) * math.sqrt(per_day * YEAR_DAYS), "no period lost")
    found.add(CALMAR, 100.0 * growth / fall if fall else None, "equity never fell")


def _evidence(found: Findings) -> str:
    """The ratio of a day with its interval and the track record it would need, in words."""
    name = "Minimum track record [days]"
    a_day, needed = found.values[A_DAY], found.values[name]
    if a_day is None:
        return f"No ratio of a day: {found.reasons[A_DAY]}"
    low, high = found.intervals[A_DAY]
    record = f"minimum track record {found.reasons[name] if needed is None else f'{needed:.3g} days'}"
    return f"Sharpe of a day {a_day:.2f} ({low:.2f} to {high:.2f}), {record}"


def _add_drawn(found: Findings, returns: Floats, settings: MetricSettings) -> None:
    """Drawdown of the returns; intervals of it, of return and of Sortino: other orders of the same returns."""
    fall = drawdown(np.cumprod(1.0 + returns, dtype=np.float64), 1.0).fraction if returns.size else None
    found.add(FALL, None if fall is None else 100.0 * fall, "no whole period")
    if returns.size < LEAST_RETURNS:
        for name in ("Return [%]", FALL):
            found.bound(name, (math.nan, math.nan), f"no interval under {LEAST_RETURNS} whole periods")
        return
    block = usual_block(returns.size)
    drawn = drawn_paths(returns, settings.draws, block, np.uint64(settings.seed))
    of = (LEVEL, returns.size, block)
    found.bound("Return [%]", percentile_interval(100.0 * drawn[:, 0], *of))
    found.bound(FALL, percentile_interval(100.0 * drawn[:, 1], *of))
    if found.values[SORTINO] is not None:
        scale = math.sqrt(settings.per_day * YEAR_DAYS)
        found.bound(SORTINO, percentile_interval(scale * drawn[:, 2], *of), "no period lost")


@njit
def drawn_paths(returns: Floats, draws: int, mean_block: float, seed: np.uint64) -> Floats:
    """Return, largest fall (fractions) and Sortino ratio of one period of resampled returns, shape (draws, 3)."""
    out, places = np.empty((draws, 3)), np.empty(returns.size, dtype=np.int64)
    for number in range(draws):
        draw_places(places, returns.size, mean_block, seed, number)
        level = peak = 1.0
        fall = total = squares = 0.0
        for i in places:
            level *= 1.0 + returns[i]
            peak = max(peak, level)
            fall = max(fall, 1.0 - level / peak)
            total += returns[i]
            squares += min(returns[i], 0.0) ** 2
        out[number, 0], out[number, 1] = level - 1.0, fall
        out[number, 2] = total / np.sqrt(squares * returns.size) if squares > 0.0 else np.nan
    return out


def _add_turnover(found: Findings, curve: EquityCurve, trades: Trades) -> None:
    traded, days = trades.traded(), curve.span_ms / DAY_MS
    found.add("Turnover [quote]", traded)
    found.add("Turnover [x capital a day]", traded / curve.capital / days)
