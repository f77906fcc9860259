"""A threshold solved on fifty days keeps its budget on the next fifty; a preview says what a rule would have done."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.alerts.budget import Budget, default_cap, ou_path, poisson_interval, solve_budget
from engine.alerts.history import History, firings
from engine.alerts.preview import preview
from engine.alerts.rules import AlertRule, Condition, Feature, Group
from engine.errors import SettingsError
from engine.stats import zscore
from engine.stats.checks import Floats

T0 = 1_790_035_200_000  # a midnight
MINUTE_MS, DAY_BARS, DAYS = 60_000, 1_440, 50
FRESH = range(1_000, 1_020)  # the method was chosen with the seeds 0 to 19
PHI = 2.0 ** (-1.0 / 60.0)
Z = Feature("z")
RULE = AlertRule("far", Condition("z", "leaves", -2.0, 2.0, hysteresis=0.5), cooldown_s=1_800.0)


def ou(seed: int) -> Floats:
    """The distance of a spread with a half-life of an hour from its true mean."""
    return ou_path(np.random.default_rng(seed).standard_normal(2 * DAYS * DAY_BARS), PHI)


def ou_rolling(seed: int) -> Floats:
    """The same over a rolling mean and deviation."""
    return zscore(ou_path(np.random.default_rng(seed).standard_normal(2 * DAYS * DAY_BARS + 200), PHI), 200)[200:]


def walk(seed: int) -> Floats:
    """The rolling z of a spread that never reverts."""
    return zscore(np.cumsum(np.random.default_rng(seed).standard_normal(2 * DAYS * DAY_BARS + 200)), 200)[200:]


def history(z: Floats) -> History:
    return History(T0 + MINUTE_MS * np.arange(z.size), (Z,), z[np.newaxis])


def realised(world: Callable[[int], Floats], seed: int, per_day: float) -> tuple[Budget, int, int]:
    """(the budget from the first half, alerts in the second, the most on one of its days)."""
    bars, half = history(world(seed)), DAYS * DAY_BARS
    budget = solve_budget(RULE, bars.part(0, half), per_day)
    fired = firings(budget.rule, bars.part(half, 2 * half)).fired
    return budget, fired.size, int(np.bincount(fired // DAY_BARS).max())


def kept(world: Callable[[int], Floats], seeds: range, per_day: float) -> int:
    """In how many seeds the count is inside the band; the cap is kept in all."""
    inside = 0
    for seed in seeds:
        budget, alerts, most = realised(world, seed, per_day)
        assert most <= budget.cap == default_cap(per_day)
        inside += abs(alerts - DAYS * per_day) <= 1.96 * math.sqrt(2 * DAYS * per_day)
    return inside


@pytest.mark.parametrize("world", [ou, walk])
def test_the_next_fifty_days_keep_the_budget(world: Callable[[int], Floats]) -> None:
    assert kept(world, range(2), 2.0) == 2


@pytest.mark.soak
@pytest.mark.parametrize("world", [ou, ou_rolling, walk])
@pytest.mark.parametrize("per_day", [1.0, 2.0, 5.0])
def test_the_next_fifty_days_keep_the_budget_in_18_of_20_seeds(
    world: Callable[[int], Floats], per_day: float
) -> None:  # fmt: skip
    inside = kept(world, FRESH, per_day)
    print(f"{world.__name__}, {per_day:g} a day: {inside} of 20")  # noqa: T201
    assert inside >= 18, f"{world.__name__}, {per_day:g} a day"


def test_a_budget_says_what_it_expects() -> None:
    bars = history(ou(4)).part(0, 10 * DAY_BARS)
    found = solve_budget(RULE, bars, 3.0)
    assert found.method == "ou" and found.low < found.expected <= 3.0 < found.high and found.days == 10.0
    assert found.counted == firings(found.rule, bars).fired.size
    assert found.rule.budget_per_day == 3.0 and found.rule.cap_per_day == found.cap == default_cap(3.0)
    wild = history(np.where(np.arange(20_000) % 400 < 5, 4.0 + np.random.default_rng(1).random(20_000), 0.0))
    counted = solve_budget(replace(RULE, cooldown_s=0.0), wild, 2.0)
    assert counted.method == "empirical" and counted.expected == counted.counted / counted.days <= 2.0
    gate = Condition("gate", "above", 0.5)
    with pytest.raises(SettingsError, match="0 stored bars with gate; expected at least 500"):
        solve_budget(replace(RULE, when=Group("all", (RULE.when, gate))), bars, 2.0, leaf=1)
    with pytest.raises(SettingsError, match="a budget of 0 alerts a day; expected above 0"):
        solve_budget(RULE, bars, 0)


def test_poisson_intervals_cover() -> None:
    rng = np.random.default_rng(5)
    for mean in (0.5, 4.0, 30.0):
        counts = rng.poisson(mean, 2_000)
        inside = [low <= mean <= high for low, high in map(poisson_interval, counts.tolist())]
        assert np.mean(inside) >= 0.94


def test_a_z_that_dances_on_the_threshold_for_an_hour_gives_at_most_the_budget() -> None:
    rng = np.random.default_rng(2)
    z = 2.0 + rng.normal(0.0, 0.02, 3_600)  # one bar a second
    bars = History(T0 + 1_000 * np.arange(3_600), (Z,), z[np.newaxis])
    bare = AlertRule("bare", Condition("z", "above", 2.0))
    assert firings(bare, bars).fired.size > 800
    assert firings(replace(bare, cap_per_day=2), bars).fired.size == 2
    assert firings(replace(bare, when=Condition("z", "above", 2.0, hysteresis=0.3)), bars).fired.size == 1
    assert firings(replace(bare, cooldown_s=1_800.0), bars).fired.size == 2


def test_a_preview_says_how_many_reverted_and_how_far_it_went_first() -> None:
    z = np.zeros(400)
    z[20:26] = [2.5, 3.1, 2.0, 1.0, 0.3, 0.0]  # back after 4 bars, 0.6 further on the way
    z[100:150] = 3.0  # stays longer than two half-lives, no further
    z[200:210] = -2.2
    z[201] = math.nan
    z[395:] = 2.4  # not over yet
    found = preview(RULE, history(z), z, 10.0, 0.5)
    assert [(each.reverted, each.adverse) for each in found.alerts[:3]] == [(True, pytest.approx(0.6)), (False, 0.0),
                                                                            (True, 0.0)]  # fmt: skip
    assert len(found.alerts) == 4 and found.alerts[3].reverted is None and math.isnan(found.alerts[3].adverse)
    assert (found.followed, found.reverted, found.median_adverse, found.held) == (3, 2, 0.0, 0)
    assert found.alerts[0].close_ms == T0 + 20 * MINUTE_MS and found.per_day == pytest.approx(4 * 1_440 / 400)
    unknown = preview(RULE, history(z), z, math.inf, 0.5)
    assert unknown.followed == 0 and math.isnan(unknown.median_adverse)
