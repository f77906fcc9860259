"""The cost wall against Bertram's table, and its forecast against the rule run on simulated spreads."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import erfi

from engine.backtest import breakeven, cost_wall
from engine.backtest.breakeven import _Rule, best_entry
from engine.pairs import PairModel, PairSettings, classic
from engine.pairs.layout import Out
from engine.stats import bertram_entry
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


def test_the_best_entry_at_a_mean_exit_is_bertrams() -> None:
    for cost, expected in ((0.25, 0.964), (0.5, 1.264), (1.0, 1.714), (1.5, 2.109)):  # math.md: a*(2c)
        assert best_entry(cost) == pytest.approx(expected, abs=1e-3)
        assert best_entry(cost) == pytest.approx(bertram_entry(cost), abs=1e-9)
    assert doctest.testmod(breakeven).attempted > doctest.testmod(breakeven).failed == 0


@pytest.mark.parametrize("leave", [0.2, 0.5, 1.0])
def test_the_best_entry_at_any_exit_is_the_maximum(leave: float) -> None:
    for cost in (0.1, 0.5, 2.0):

        def loss(a: float, cost: float = cost) -> float:
            return -(a - leave - cost) / (erfi(a / math.sqrt(2)) - erfi(leave / math.sqrt(2)))

        bounds, options = (leave + cost, leave + cost + 4), {"xatol": 1e-9}
        found = minimize_scalar(loss, bounds=bounds, method="bounded", options=options)
        assert best_entry(cost, leave) == pytest.approx(found.x, abs=1e-5)


@pytest.mark.parametrize(("enter", "leave"), [(1.0, 0.0), (1.5, 0.5), (2.0, 0.0)])
def test_trades_a_day_are_those_of_the_rule_on_a_simulated_spread(enter: float, leave: float) -> None:
    """Bars see each crossing late, so there are a few fewer than in continuous time: 200 bars a half-life."""
    half_life, bars = 200.0, 4_000_000
    spread = ar1(np.random.default_rng(1), bars, half_life)
    side, trades = 0, 0
    for level in spread.tolist():
        if side == 0 and abs(level) >= enter:
            side, trades = (1 if level > 0 else -1), trades + 1
        elif side != 0 and side * level <= leave:
            side = 0
    phi = 2.0 ** (-1.0 / half_life)
    expected, net = _Rule(enter, leave, 0.25, 1.0).expected(half_life, math.sqrt(1.0 - phi * phi))
    assert trades / bars == pytest.approx(expected, rel=0.12) and trades / bars < expected
    assert net == pytest.approx(expected * (enter - leave - 0.25))


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
    """95 % by the half-life's interval; the hedge and the deviation are estimated too."""
    covered, seeds = 0, 100
    for seed in range(seeds):
        model = modelled(seed, entry_z=2.0, exit_z=0.0, fee_bps=2.0)
        wall = cost_wall(model)
        phi = 2.0 ** (-1.0 / 20.0)
        enter = 2.0 * float(model.column(Out.DEVIATION)[-1])
        true, _ = _Rule(enter, 0.0, wall.round_trip, 1_440.0).expected(20.0, 3e-3 * math.sqrt(1.0 - phi * phi))
        covered += wall.trades_per_day_low <= true <= wall.trades_per_day_high
    assert covered >= 85


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
    assert low.entry_z == low.break_even_z > 0.6 and low.net_bps_per_day == pytest.approx(0.0, abs=1e-9)
    assert cost_wall(modelled(3, entry_z=0.6, fee_bps=5.0)).net_bps_per_day < 0.0
    rng = np.random.default_rng(4)
    x = 11.0 + 5e-4 * walk(rng, 900)
    model = PairModel(PairSettings(interval_ms=MINUTE_MS, stale_after_ms=MINUTE_MS), 28_000_000)
    model.extend(bars_of(0.9 * x + ar1(rng, 900, 20.0, 3e-3) - 2.0, x, half_spread=math.nan))
    wall = cost_wall(model)
    assert math.isnan(wall.round_trip) and math.isnan(wall.net_bps_per_day) and math.isnan(wall.optimal_z)
    assert wall.trades_per_day > 0.0 and not wall.pays
    with pytest.raises(ValueError, match="the window has 50 bars; expected at least 100"):
        cost_wall(model, 50)
