"""The cost wall against Bertram's entry, and its forecast against the rule run on simulated spreads."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.backtest import cost_wall
from engine.backtest.breakeven import _Rule
from engine.pairs import PairModel, PairSettings, classic
from engine.pairs.layout import Out
from engine.stats import bertram_entry
from engine.stats.checks import Floats
from engine.stats.jit import njit
from tests.engine.pairs.worlds import bars_of
from tests.engine.stats.worlds import ar1, walk

MINUTE_MS = 60_000


def modelled(seed: int, half_life: float = 20.0, sd: float = 3e-3, bars: int = 3_000, **changes: object) -> PairModel:
    """A pair of minutes with a spread of a known half-life and stationary deviation."""
    rng = np.random.default_rng(seed)
    x = 11.0 + 5e-4 * walk(rng, bars)
    settings = PairSettings(interval_ms=MINUTE_MS, test_window=2_000, stale_after_ms=MINUTE_MS, **changes)  # type: ignore[arg-type]
    model = PairModel(settings, 28_000_000)
    model.extend(bars_of(0.9 * x + ar1(rng, bars, half_life, sd) - 2.0, x, half_spread=1e-4))
    return model


@pytest.mark.parametrize("cost", [0.25, 0.5, 1.0, 1.5])
def test_the_best_entry_on_fine_bars_is_bertrams(cost: float) -> None:
    """With an exit at the mean; where a bar is nothing beside a half-life."""
    half_life = 3e7
    noise = math.sqrt(1.0 - 2.0 ** (-2.0 / half_life))
    found = _Rule(math.nan, 0.0, cost, 1.0).best(half_life, noise)
    assert found.enter == pytest.approx(bertram_entry(cost), abs=1e-3)


@pytest.mark.parametrize("leave", [0.0, 0.5, 1.0])
def test_no_other_entry_is_expected_to_earn_more(leave: float) -> None:
    noise = math.sqrt(1.0 - 2.0 ** (-2.0 / 8.0))
    for cost in (0.1, 0.5, 2.0):
        best = _Rule(math.nan, leave, cost, 1.0).best(8.0, noise)
        most = best.expected(8.0, noise)[1]
        others = [_Rule(each, leave, cost, 1.0).expected(8.0, noise)[1] for each in np.arange(leave, 6.0, 0.01)]
        assert most >= max(others) and most == pytest.approx(max(others), rel=1e-3)


@njit
def traded(spread: Floats, enter: float, leave: float) -> tuple[int, float]:
    """Trades and gross of the rule, each order filled a bar after its signal."""
    side, trades, gross, paid = 0.0, 0, 0.0, 0.0
    for t in range(spread.size - 1):
        if side == 0.0 and abs(spread[t]) >= enter:
            side, paid = math.copysign(1.0, spread[t]), spread[t + 1]
        elif side != 0.0 and side * spread[t] <= leave:
            gross += side * (paid - spread[t + 1])
            side, trades = 0.0, trades + 1
    return trades, gross


@pytest.mark.parametrize("half_life", [1.0, 2.0, 5.0, 20.0, 200.0])
@pytest.mark.parametrize(("enter", "leave"), [(1.0, 0.0), (1.5, 0.5), (2.0, 0.0), (2.0, 0.5), (3.0, 0.5)])
def test_what_is_expected_is_what_the_rule_does_on_simulated_bars(half_life: float, enter: float, leave: float) -> None:
    bars = int(1_000_000 * max(half_life / 5.0, 1.0))
    spread = ar1(np.random.default_rng(1), bars, half_life)
    trades, gross = traded(spread, enter, leave)
    expected, net = _Rule(enter, leave, 0.25, 1.0).expected(half_life, math.sqrt(1.0 - 2.0 ** (-2.0 / half_life)))
    error = 2.5 / math.sqrt(trades)  # of the simulation
    assert expected == pytest.approx(trades / bars, rel=0.08 + error)
    assert net / expected == pytest.approx(gross / trades - 0.25, rel=0.05 + error)


def test_the_wall_is_made_of_the_live_filters_round_trip() -> None:
    model = modelled(1, fee_bps=4.0)
    wall = cost_wall(model)
    beta = abs(model.column(Out.BETA)[-1])
    assert wall.round_trip == pytest.approx(2 * (4e-4 + 1e-4) * (1 + beta), rel=1e-9)
    assert wall.round_trip_bps == pytest.approx(1e4 * wall.round_trip)
    assert wall.break_even_z == pytest.approx(0.5 + wall.round_trip / model.column(Out.DEVIATION)[-1])
    dearer = cost_wall(modelled(1, fee_bps=4.0, slippage_bps=1.0))
    assert dearer.round_trip - wall.round_trip == pytest.approx(2e-4 * (1 + beta), rel=1e-9)
    assert dearer.optimal_z > wall.optimal_z > wall.break_even_z
    assert dearer.best_bps_per_day < wall.best_bps_per_day


def test_price_space_says_the_same_in_basis_points() -> None:
    logs, prices = (cost_wall(modelled(2, space=space)) for space in ("log", "price"))
    assert prices.round_trip_bps == pytest.approx(logs.round_trip_bps, rel=0.05)
    assert prices.net_bps_per_day == pytest.approx(logs.net_bps_per_day, rel=0.3)


def test_the_best_entry_earns_more_than_others_and_the_interval_holds_the_estimate() -> None:
    for seed in range(10):
        walls = {z: cost_wall(modelled(seed, entry_z=z, exit_z=0.0, fee_bps=1.0)) for z in (1.0, 2.0, 3.0)}
        for wall in walls.values():
            assert wall.best_bps_per_day >= wall.net_bps_per_day
            assert wall.net_bps_per_day_low <= wall.net_bps_per_day <= wall.net_bps_per_day_high
            assert wall.trades_per_day_low <= wall.trades_per_day <= wall.trades_per_day_high
        best = walls[2.0].optimal_z
        at_best = cost_wall(modelled(seed, entry_z=best, exit_z=0.0, fee_bps=1.0))
        assert at_best.net_bps_per_day == pytest.approx(at_best.best_bps_per_day, rel=1e-6)


def test_the_interval_covers_what_the_true_process_would_earn() -> None:
    """95 % by the intervals of half-life and shocks; the hedge and the deviation are estimated too."""
    covered, seeds = 0, 100
    for seed in range(seeds):
        model = modelled(seed, entry_z=2.0, exit_z=0.0, fee_bps=2.0)
        wall = cost_wall(model)
        phi = 2.0 ** (-1.0 / 20.0)
        enter = 2.0 * float(model.column(Out.DEVIATION)[-1])
        true, _ = _Rule(enter, 0.0, wall.round_trip, 1_440.0).expected(20.0, 3e-3 * math.sqrt(1.0 - phi * phi))
        covered += wall.trades_per_day_low <= true <= wall.trades_per_day_high
    assert covered >= 90


@pytest.mark.parametrize("seed", [0, 1])
def test_a_spread_that_may_be_back_within_one_bar_has_a_wall(seed: int) -> None:
    wall = cost_wall(modelled(seed, half_life=0.1, bars=900))
    assert wall.half_life.low == 0.0
    assert math.isfinite(wall.trades_per_day_high) and wall.trades_per_day_low <= wall.trades_per_day_high


def test_noise_may_trade_never_and_does_not_pay() -> None:
    paying = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y, x = 8.0 + 6e-4 * walk(rng, 1_500), 11.0 + 6e-4 * walk(rng, 1_500)
        model = PairModel(classic(interval_ms=MINUTE_MS, fee_bps=1.0, stale_after_ms=MINUTE_MS), 28_000_000)
        model.extend(bars_of(y, x))
        wall = cost_wall(model)
        paying += wall.pays
    assert paying <= 6


def test_the_cost_filter_raises_the_entry_and_what_is_unknown_stays_unknown() -> None:
    low = cost_wall(modelled(3, entry_z=0.6, cost_filter=True, fee_bps=5.0))
    plain = cost_wall(modelled(3, entry_z=0.6, fee_bps=5.0))
    assert low.entry_z == low.break_even_z > 0.6 and low.net_bps_per_day > 0.0 > plain.net_bps_per_day
    rng = np.random.default_rng(4)
    x = 11.0 + 5e-4 * walk(rng, 900)
    model = PairModel(PairSettings(interval_ms=MINUTE_MS, stale_after_ms=MINUTE_MS), 28_000_000)
    model.extend(bars_of(0.9 * x + ar1(rng, 900, 20.0, 3e-3) - 2.0, x, half_spread=math.nan))
    wall = cost_wall(model)
    assert math.isnan(wall.round_trip) and math.isnan(wall.net_bps_per_day) and math.isnan(wall.optimal_z)
    assert wall.trades_per_day > 0.0 and not wall.pays
    with pytest.raises(ValueError, match="the window has 50 bars; expected at least 100"):
        cost_wall(model, 50)
