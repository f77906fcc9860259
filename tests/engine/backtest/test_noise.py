"""The backtest that loses money on noise: 200 pairs of walks, beside the formulas that show a fortune there."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import Account, Costs, Venue, prepare, run_on
from engine.pairs import PairSettings, classic
from engine.pairs.layout import Out
from engine.stats.checks import Floats

SEEDS, BARS, MINUTE_MS = 200, 3_000, 60_000
PER_YEAR = np.sqrt(525_600.0)  # for these figures of docs/mathematics.md only: never displayed
FREE, PAID = Costs(0.0, 0.0), Costs(5.0, 1.0)
RICH = Account(capital=1e6)  # so that no walk ends in a margin call
# The hedge of two walks is any number: with the usual range a third of them would not trade.
NOISE = classic(
    interval_ms=MINUTE_MS, stale_after_ms=MINUTE_MS, gate="off", cost_filter=False, calibration_bars=100,
    hedge_min=0.0, hedge_max=100.0, negative_hedge=True,
)  # fmt: skip
RULES = {
    "rolling least squares": replace(NOISE, estimator="ols", beta_window=130),
    "a fast filter": replace(NOISE, memory_half_life=3.3),
}


def walks(seed: int) -> tuple[Floats, Floats]:
    """Levels of BTC and ETH; steps of 8e-4 and 6e-4 a minute."""
    rng = np.random.default_rng(seed)
    y = 3_000.0 * np.exp(np.cumsum(rng.normal(0.0, 8e-4, BARS)))
    return y, 60_000.0 * np.exp(np.cumsum(rng.normal(0.0, 6e-4, BARS)))


def sharpe(changes: Floats) -> float:
    return float(PER_YEAR * changes.mean() / changes.std(ddof=1))


def figures(chosen: PairSettings) -> tuple[Floats, Floats, Floats]:
    """By seed: Sharpe of the legs at no cost, with costs, and of position x change of the spread (T1)."""
    free, paid, trap = [], [], []
    for seed in range(SEEDS):
        y, x = walks(seed)
        inputs = prepare(y, x, np.arange(BARS) * MINUTE_MS, chosen, FREE)
        found = run_on(inputs, FREE, RICH, Venue())
        assert len(found.trades) >= 5 and sum(found.refused.values()) == 0
        free.append(sharpe(np.diff(found.equity)))
        costly = prepare(y, x, np.arange(BARS) * MINUTE_MS, chosen, PAID)
        paid.append(sharpe(np.diff(run_on(costly, PAID, RICH, Venue()).equity)))
        (model,) = inputs.models
        trap.append(sharpe(model.column(Out.POSITION)[:-1] * np.nan_to_num(np.diff(model.column(Out.SPREAD)))))
    return np.array(free), np.array(paid), np.array(trap)


def upper_bound(values: Floats) -> float:
    """The 97.5 % bound of the median, by the sign test: exact whatever the distribution."""
    return float(np.sort(values)[int(np.ceil(values.size / 2 + 1.96 * np.sqrt(values.size) / 2))])


@pytest.mark.parametrize("name", RULES)
def test_noise_earns_nothing_at_no_cost_loses_with_costs_and_the_trap_would_have_shown(name: str) -> None:
    free, paid, trap = figures(RULES[name])
    sys.stdout.write(
        f"{name}: {np.median(free):.2f} at no cost, {np.median(paid):.1f} after 6 bps, T1 {np.median(trap):.0f}\n"
    )
    assert abs(np.median(free)) <= 3.5
    assert upper_bound(paid) < 0.0
    assert np.median(trap) > 20.0


def test_the_default_filter_earns_nothing_either() -> None:
    """Its memory is so long that the trap hardly shows; the legs are the same."""
    free, paid, _ = figures(NOISE)
    assert abs(np.median(free)) <= 3.5 and upper_bound(paid) < 0.0
