"""A budget of alerts: the threshold at which a rule gives at most so many a day, from stored history.

The rule itself, with its hysteresis, dwell, cool-down and cap, is replayed over the stored bars at each threshold that
is tried: the rate is counted, not derived. Where the metric is an Ornstein-Uhlenbeck process, the same count over a
long simulated path of the fitted process has less noise than the history's: so many alerts a day for so many days have
a standard error of sqrt(rate / days). The fit is taken only if the history's own count at its threshold agrees with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine.alerts.history import DAY_MS, History, firings, utc
from engine.alerts.rules import AlertRule, Condition, Expression, leaves_of
from engine.errors import SettingsError
from engine.stats.checks import Floats
from engine.stats.jit import njit
from engine.stats.ornstein_uhlenbeck import ou_fit
from engine.stats.representation import short_repr

LEAST_BARS = 500
GRID = np.concatenate([np.linspace(0.5, 0.98, 12), 1.0 - np.geomspace(0.02, 1e-5, 16)])  # quantiles that are tried
HALVINGS = 9  # of the interval between two of them
LEAST_DAYS = 3.0  # of bars that can tell a daily rate
WIDEST = 3.0  # budgets that the upper end of the interval may be
OU_BARS = 200_000  # of the simulated path
OU_SEED = 20_260_922
LEVEL_DIGITS = 4  # of its distance from the centre
AGREES = 1.0  # standard errors of the count: a rolling z of a walk is near an OU process, and not one


@dataclass(frozen=True, slots=True)
class Budget:
    """The solved rule, and what to expect of it.

    ``expected`` alerts a day at its ``threshold`` (of ``leaves``: its upper end), with a 95 % interval of the rate from
    ``low`` to ``high``. ``method``: ``ou``, or ``empirical``. ``counted`` alerts over the ``days`` of history, bars of
    the usual width without the gaps. ``cap``: never more on one day.
    """

    rule: AlertRule
    threshold: float
    per_day: float
    expected: float
    low: float
    high: float
    method: str
    counted: int
    days: float
    cap: int

    __repr__ = short_repr

    @property
    def is_telling(self) -> bool:
        """Whether the history is long enough to say how often the rule fires: at least ``LEAST_DAYS``, and an interval
        that ends within ``WIDEST`` budgets."""
        return self.days >= LEAST_DAYS and self.high <= WIDEST * self.per_day


def default_cap(per_day: float) -> int:
    """Two standard deviations of a day's count above a budget; such a day is one in a few dozen.

    >>> [default_cap(n) for n in (0.5, 1, 2, 10)]
    [2, 3, 5, 17]
    """
    return math.ceil(per_day + 2.0 * math.sqrt(per_day))


def solve_budget(rule: AlertRule, history: History, per_day: float, leaf: int = 0) -> Budget:
    """The threshold of the rule's condition number ``leaf`` for at most ``per_day`` alerts a day on these bars. A rule
    without a cap gets the default one. Raises SettingsError for what has no threshold to solve, or too few bars."""
    _check(rule, history, per_day, leaf)
    capped = replace(rule, cap_per_day=rule.cap_per_day or default_cap(per_day), budget_per_day=per_day)
    feature = list(leaves_of(rule.when))[leaf].feature
    values = history.column(feature)
    known = values[np.isfinite(values)]
    centre = float(np.median(known))
    distance = _solved(capped, history, leaf, centre, per_day * history.days)
    method, expected = "empirical", math.nan
    fitted = _ou_history(rule, history, known)
    if fitted is not None:
        likely = _near(capped, fitted, leaf, centre, distance, per_day * fitted.days)
        rate = _count(capped, fitted, leaf, centre, likely) / fitted.days
        counted = _count(capped, history, leaf, centre, likely)
        if abs(counted - rate * history.days) <= AGREES * math.sqrt(rate * history.days):
            method, distance, expected = "ou", likely, rate
    solved = with_distance(capped, leaf, centre, distance, rounded=True)
    counted = firings(solved, history).fired.size
    days = fitted.days if method == "ou" and fitted is not None else history.days
    events = expected * days if method == "ou" else float(counted)
    low, high = poisson_interval(events)
    threshold = list(leaves_of(solved.when))[leaf]
    level = threshold.upper if threshold.kind == "leaves" else threshold.threshold
    return Budget(
        solved, level, per_day, events / days, low / days, high / days, method, counted, history.days,
        solved.cap_per_day,
    )  # fmt: skip


def poisson_interval(events: float) -> tuple[float, float]:
    """The exact 95 % interval of the mean of a Poisson count (Garwood 1936).

    >>> [round(each, 2) for each in poisson_interval(10)]
    [4.8, 18.39]
    """
    from scipy.special import gammaincinv

    low = float(gammaincinv(events, 0.025)) if events > 0.0 else 0.0
    return low, float(gammaincinv(events + 1.0, 0.975))


def with_distance(rule: AlertRule, leaf: int, centre: float, distance: float, rounded: bool = False) -> AlertRule:
    """The rule with the levels of one condition ``distance`` from a centre: on both sides for ``leaves``, below for
    ``below`` and ``crosses`` down, else above. ``rounded``: further away, to a level that is written in few digits."""
    count = -1

    def level(exact: float) -> float:
        return _outward(exact, centre) if rounded else exact

    def changed(expression: Expression) -> Expression:
        nonlocal count
        if not isinstance(expression, Condition):
            return replace(expression, parts=tuple(changed(part) for part in expression.parts))
        count += 1
        if count != leaf:
            return expression
        if expression.kind == "leaves":
            wide = max(distance, expression.hysteresis * 1.000001)
            return replace(expression, threshold=level(centre - wide), upper=level(centre + wide))
        is_low = expression.kind == "below" or expression.direction == "down"
        return replace(expression, threshold=level(centre - distance if is_low else centre + distance))

    return replace(rule, when=changed(rule.when))


def _outward(level: float, centre: float) -> float:
    """The next level further from a centre that is written in ``LEVEL_DIGITS`` digits of its distance."""
    distance = abs(level - centre)
    if not distance:
        return level
    digits = LEVEL_DIGITS - 1 - math.floor(math.log10(distance))
    side, scale = math.copysign(1.0, level - centre), 10.0**digits
    return round(side * math.ceil(side * level * scale) / scale, digits) + 0.0  # no -0.0


def _check(rule: AlertRule, history: History, per_day: float, leaf: int) -> None:
    leaves = list(leaves_of(rule.when))
    if not 0.0 < per_day < math.inf:
        raise SettingsError(f"a budget of {per_day} alerts a day; expected above 0")
    if not 0 <= leaf < len(leaves) or leaves[leaf].kind == "changes":
        raise SettingsError(f"condition {leaf} of {len(leaves)} has no threshold to solve; expected one with a level")
    feature = leaves[leaf].feature
    known = int(np.isfinite(history.column(feature)).sum()) if feature in history.features else 0
    if known < LEAST_BARS:
        raise SettingsError(f"{known} stored bars with {feature.label}; expected at least {LEAST_BARS} for a budget")


def _count(rule: AlertRule, history: History, leaf: int, centre: float, distance: float) -> int:
    return firings(with_distance(rule, leaf, centre, distance), history, history.local(rule.schedule)).fired.size


def _solved(rule: AlertRule, history: History, leaf: int, centre: float, most: float) -> float:
    """The least distance from which on no greater one gives more than ``most`` alerts."""
    values = history.column(list(leaves_of(rule.when))[leaf].feature)
    away = np.abs(values[np.isfinite(values)] - centre)
    local = history.local(rule.schedule)

    def count(distance: float) -> int:
        return firings(with_distance(rule, leaf, centre, distance), history, local).fired.size

    high = float(away.max())
    for low in np.quantile(away, GRID)[::-1].tolist():
        if count(low) > most:
            return _halved(count, low, high, most)
        high = low
    return high


def _near(rule: AlertRule, history: History, leaf: int, centre: float, distance: float, most: float) -> float:
    """As ``_solved``, within a half of a distance that is known to be near."""
    local = history.local(rule.schedule)

    def count(tried: float) -> int:
        return firings(with_distance(rule, leaf, centre, tried), history, local).fired.size

    return _halved(count, 0.5 * distance, 1.5 * distance, most)


def _halved(count: Callable[[float], int], low: float, high: float, most: float) -> float:
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if count(middle) > most else (low, middle)
    return high


def _ou_history(rule: AlertRule, history: History, known: Floats) -> History | None:
    """A long path of the process fitted to a rule's only metric, bars and hours as in the history; None where it is not
    one metric alone, or does not revert."""
    leaves = list(leaves_of(rule.when))
    feature = leaves[0].feature
    if any(each.feature != feature for each in leaves) or known.size < history.bars // 2:
        return None
    found = ou_fit(known)
    if math.isnan(found.sigma_eq):
        return None
    shocks = np.random.default_rng(OU_SEED).standard_normal(OU_BARS)
    path = found.mu + found.sigma_eq * ou_path(shocks, found.phi)
    width_ms = round(history.days * DAY_MS / history.bars)
    close_ms = int(history.close_ms[0]) // DAY_MS * DAY_MS + width_ms * np.arange(1, OU_BARS + 1, dtype=np.int64)
    return History(close_ms, (feature,), path[np.newaxis], utc)


@njit
def ou_path(shocks: Floats, phi: float) -> Floats:
    """An AR(1) of unit variance from standard normal shocks, the first of them its start."""
    out = np.empty_like(shocks)
    scale = np.sqrt(1.0 - phi * phi)
    out[0] = shocks[0]
    for t in range(1, shocks.size):
        out[t] = phi * out[t - 1] + scale * shocks[t]
    return out
