"""A backtest among its null twins: uniform where the legs are unrelated, high on a true pair, and a figure that is
wrong for every pair is wrong for the twins too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from engine.backtest import Costs, Inputs, MetricSettings, NullTwins, Strategy, null_twins, run
from engine.backtest.layout import Row
from engine.backtest.ledger_run import LedgerRun
from engine.pairs.layout import Out
from engine.pairs.settings import defended
from engine.stats.checks import Floats
from tests.engine.backtest.test_noise import FREE, MINUTE_MS, NOISE, PAID, walks
from tests.engine.stats.worlds import ar1, walk

HALF_LIFE, SD, PAIR_BARS = 20.0, 30e-4, 5_500
TIMES = np.arange(6_000, dtype=np.int64) * MINUTE_MS
RULE = replace(NOISE, estimator="ols", beta_window=130)
DEFENDED = defended(interval_ms=MINUTE_MS, stale_after_ms=MINUTE_MS, notional=1_000.0)
DEFENDED_OPEN = replace(DEFENDED, gate="off", cost_filter=False, hedge_min=0.0, hedge_max=100.0, negative_hedge=True)


def on_noise(seed: int, count: int, strategy: Strategy) -> float:
    y, x = walks(seed)
    return null_twins(y, x, TIMES[: y.size], strategy, count=count, seed=seed).percentile


def on_a_pair(seed: int, count: int) -> float:
    rng = np.random.default_rng(seed)
    logs = np.log(60_000.0) + 6e-4 * walk(rng, PAIR_BARS)
    y, x = np.exp(logs + ar1(rng, PAIR_BARS, HALF_LIFE, SD) - 3.0), np.exp(logs)
    return null_twins(y, x, TIMES[:PAIR_BARS], Strategy(DEFENDED, PAID), count=count, seed=seed).percentile


def trap(inputs: Inputs, _: LedgerRun) -> float:
    """An engine that is broken on purpose: position x change of the spread (T1), a fortune on any two legs."""
    (model,) = inputs.models
    changes: Floats = model.column(Out.POSITION)[:-1] * np.nan_to_num(np.diff(model.column(Out.SPREAD)))
    return float(changes.mean() / changes.std())


def test_a_percentile_is_a_function_of_the_pair_and_the_seed() -> None:
    y, x = walks(1)
    times, strategy = TIMES[: y.size], Strategy(RULE, PAID)
    told: list[tuple[int, int]] = []
    one = null_twins(y, x, times, strategy, count=6, seed=3, progress=lambda *at: told.append(at))
    two = null_twins(y, x, times, strategy, count=6, seed=3, threads=1)
    assert one.own == two.own and one.percentile == two.percentile
    np.testing.assert_array_equal(one.twins, two.twins)
    assert told == [(done, 6) for done in range(1, 7)]
    changes = np.diff(run(y, x, times, RULE, PAID).equity)
    assert one.own == pytest.approx(changes.mean() / changes.std(), rel=1e-12)


def test_work_stops_where_the_progress_raises() -> None:
    y, x = walks(1)

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise InterruptedError(done)

    with pytest.raises(InterruptedError):
        null_twins(y, x, TIMES[: y.size], Strategy(RULE, FREE), count=5, progress=stop)


def test_on_noise_the_percentile_is_uniform() -> None:
    found = [on_noise(seed, 9, Strategy(RULE, PAID)) for seed in range(40)]
    assert kstest(np.array(found) / 100.0, "uniform").pvalue > 0.01


def test_a_true_pair_stands_above_its_twins() -> None:
    assert sum(on_a_pair(seed, 39) >= 95.0 for seed in range(5)) >= 4


def test_an_engine_that_is_broken_on_purpose_stands_in_the_middle() -> None:
    found = [on_noise(seed, 9, Strategy(RULE, FREE, statistic=trap)) for seed in range(16)]
    assert 25.0 < np.median(found) < 75.0  # the long form has the bounds of the acceptance


@pytest.mark.soak
def test_all_seeds() -> None:
    """The acceptance: 200 seeds of walks, 50 of them with the broken engine, 50 true pairs, 40 twins each."""
    paid = [on_noise(seed, 40, Strategy(RULE, PAID)) for seed in range(200)]
    assert kstest(np.array(paid) / 100.0, "uniform").pvalue > 0.01
    open_rule = [on_noise(seed, 40, Strategy(DEFENDED_OPEN, PAID)) for seed in range(200)]
    assert kstest(np.array(open_rule) / 100.0, "uniform").pvalue > 0.01
    assert sum(on_a_pair(seed, 100) >= 95.0 for seed in range(50)) >= 40
    broken = [on_noise(seed, 40, Strategy(RULE, FREE, statistic=trap)) for seed in range(50)]
    assert 35.0 <= np.median(broken) <= 65.0


def test_metrics_of_a_result_come_with_intervals_and_count_their_trials() -> None:
    rng = np.random.default_rng(4)
    logs = np.log(60_000.0) + 6e-4 * walk(rng, PAIR_BARS)
    y, x = np.exp(logs + ar1(rng, PAIR_BARS, HALF_LIFE, SD) - 3.0), np.exp(logs)
    found = run(y, x, TIMES[:PAIR_BARS], DEFENDED_OPEN, Costs(5.0, 1.0))
    metrics, made = found.metrics, found.performance()
    assert made is found.performance() and metrics["Trials [#]"] == 1.0
    closed = found.trades[~found.trades["is_open"]]
    assert metrics["Trades [#]"] == len(closed) > 5
    low, high = made.intervals["Sharpe of a day [-]"]
    assert low < (metrics["Sharpe of a day [-]"] or 0.0) < high
    assert metrics["Sharpe, annualised [-]"] is None and "days" in made.reasons["Sharpe, annualised [-]"]
    turnover = (closed["coins_y"].abs() * (closed["entry_y"] + closed["exit_y"])).sum() + (
        closed["coins_x"].abs() * (closed["entry_x"] + closed["exit_x"])
    ).sum()
    still = found.trades[found.trades["is_open"]]["value"].sum()
    assert metrics["Turnover [quote]"] == pytest.approx(turnover + still)
    many = found.performance(MetricSettings(clock="hourly", trials=1_000.0))
    assert (many.metrics["DSR [0..1]"] or 0.0) < (made.metrics["DSR [0..1]"] or 0.0) == made.metrics["PSR [0..1]"]


def test_the_p_value_counts_the_pair_itself_and_ties_against_it() -> None:
    of = [NullTwins(own, np.arange(200.0), 99.9, 1) for own in (500.0, 198.5, 0.0)]
    assert [each.worse for each in of] == [200, 199, 0]
    assert [each.p_value for each in of] == pytest.approx([1 / 201, 2 / 201, 1.0])
    assert NullTwins(7.0, np.full(9, 7.0), 50.0, 1).p_value == 1.0


def test_a_calibration_without_reversion_leaves_the_hold_in_half_lives_unknown() -> None:
    y, x = walks(1)
    found = run(y, x, TIMES[: y.size], RULE, PAID)
    found.inputs.rows[Row.HALF_LIFE] = np.inf
    assert len(found.trades) > 5 and found.metrics["Hold, mean [half-lives]"] is None
    assert "half-life" in found.performance().reasons["Hold, mean [half-lives]"]
