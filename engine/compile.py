"""Compiles every kernel at set-up, so that no kernel compiles at run time: ``python -m engine.compile``.

Compiled code is cached beside the source and reused by every later process; a second run takes one second. Call every
new kernel that other packages call from Python here once (``tests/engine/test_compile.py`` lists the exceptions).
"""

from __future__ import annotations

import sys

import numpy as np

from engine import stats
from engine.alerts.budget import ou_path
from engine.alerts.evaluator import BarValues, RuleState, step
from engine.alerts.history import History, firings
from engine.alerts.rules import AlertRule, Condition, Feature
from engine.alerts.window_metrics import change_of, correlation_of, half_life_at, spike_of
from engine.backtest import (
    Account,
    Costs,
    PairPath,
    Venue,
    combine,
    equity_band,
    mark,
    performance,
    run,
    sweep,
    twin_pairs,
)
from engine.backtest.layout import Row, TradeCol, new_states, par_record
from engine.backtest.ledger_run import held_on, ledger_par
from engine.backtest.paper import EQUITY, close_last, take_bars
from engine.backtest.sizing import variance_saved
from engine.market.bars import Bar
from engine.market.spans import SpanIndex
from engine.pairs.bar_grid import bar_grid
from engine.pairs.enums import Action
from engine.pairs.evidence import evidence_of
from engine.pairs.leg import Leg
from engine.pairs.leg_features import PairBar
from engine.pairs.model import PairModel
from engine.pairs.quantities import order_quantities
from engine.pairs.settings import PairSettings
from engine.scan.confirmation import Bars, confirm
from engine.scan.correlation import correlations
from engine.scan.kernel import Found
from engine.scan.prices import closing_prices
from engine.scan.scan import scan_universe
from engine.stats import cointegration, health, mackinnon, moments, quotes, rolling, structural_breaks, volume, windows
from engine.stats.checks import Floats, Ints
from engine.stats.half_life import unbiased_phi
from engine.stats.hedge_interval import METHODS
from engine.stats.kalman import kalman_step
from engine.stats.wild_bootstrap import wild_bootstrap_kernel

SERIES_BARS = 120
PAIR_BARS = 400
_SETTINGS = PairSettings(calibration_bars=60, beta_window=30, z_window=20, test_window=50)


def compile_stats() -> int:
    """Run every kernel of ``engine.stats`` once on a few bars; returns the number of statistics."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.standard_normal(SERIES_BARS))
    y = x + rng.standard_normal(SERIES_BARS)
    times = np.arange(SERIES_BARS, dtype=np.int64)
    return sum(map(len, (_hedges(y, x), _steps(), _series(y), _tests(y, x), _trades(y, x, times))))


def compile_pairs() -> int:
    """Run one small pair, by hand and from a leg, and its evidence; returns the number of bars."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(0, 1e-3, PAIR_BARS))
    y = x + rng.normal(0, 1e-3, PAIR_BARS)
    model = PairModel(_SETTINGS)
    for n in range(PAIR_BARS):
        price_y, price_x = float(np.exp(y[n])), float(np.exp(x[n]))
        model.update(PairBar(5_000 * n, price_y, price_x, y_last=price_y, x_last=price_x))
    evidence_of(model)
    bar_grid(np.exp(y), np.exp(x), 5_000 * np.arange(PAIR_BARS), _SETTINGS)
    order_quantities(_SETTINGS, Action.ENTER_LONG, 1.0, (1.0, 1.0), (0.0, 0.0))
    model.flags(0)
    leg = Leg(1_000, 0)
    bar = Bar(0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 0.0, 1, 1, 1.0, 0, None, None, "quotes")
    leg.close([bar], 2_000, SpanIndex().touches)
    return model.size + leg.size


def compile_backtest() -> int:
    """Backtest a small pair; returns the number of bars."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(0, 1e-3, PAIR_BARS))
    y = x + rng.normal(0, 1e-3, PAIR_BARS)
    mark(np.exp(y), np.exp(x), y, x)
    found = run(np.exp(y), np.exp(x), 5_000 * np.arange(PAIR_BARS), _SETTINGS, Costs(), Account(), Venue())
    held_on(found.inputs, Costs(), Account(), Venue())
    sweep(found.inputs, [_SETTINGS], Costs(), threads=1)
    par = ledger_par(_SETTINGS, Costs(), Account(), Venue())
    take_bars(par_record(par), new_states(par), np.zeros((EQUITY + 1, 1)), 0, 1, np.zeros((1, len(TradeCol))), 0)
    close_last(par_record(par), new_states(par), np.zeros((len(Row), 1)), 0, np.zeros(len(TradeCol)))
    variance_saved(1.0, 1.0, 1.0, 1.0, 1.0)
    return found.inputs.bars


def compile_scan() -> int:
    """Scan three random walks, correlate them, and confirm one pair; returns how many pairs there are."""
    walks = np.cumsum(np.random.default_rng(0).normal(0.0, 1e-3, (3, PAIR_BARS)), axis=1)
    prices = {f"S{i}": np.exp(walk) for i, walk in enumerate(walks)}
    correlations(prices)
    one = prices["S0"]
    closing_prices(np.arange(PAIR_BARS), (one, one, one, one, one), np.ones(PAIR_BARS, dtype=np.bool_), 0, PAIR_BARS)
    logs = np.split(walks, [PAIR_BARS // 2], axis=1)
    confirm(Bars(tuple(prices), *map(np.ascontiguousarray, logs)), np.array([[1, 0]]), np.zeros((1, len(Found))), 1)
    return scan_universe(prices, threads=1).tests


def compile_luck() -> int:
    """Metrics, bands, twins and a portfolio of a few bars; returns the number of twins."""
    bars, day_ms = 40, 86_400_000
    rng = np.random.default_rng(0)
    times = day_ms * np.arange(bars, dtype=np.int64)
    equity = 1_000.0 + np.cumsum(rng.standard_normal(bars))
    trades = {name: np.arange(10.0) + 1.0 for name in ("entry", "exit", "value", "gross", "net")}
    performance(times, equity, trades, capital=1_000.0, interval_ms=day_ms)
    equity_band(rng.normal(0.0, 1e-2, bars), 1_000.0, draws=19)
    held = np.where(np.arange(bars) % 8 < 4, 1.0, 0.0)
    pair = PairPath("Y", "X", equity, equity, held, -held, held)
    combine([pair], times, capital=1_000.0, interval_ms=day_ms)
    return len(list(twin_pairs(equity, equity, 2)))


def compile_alerts() -> int:
    """One rule at one bar and over a few, and the metrics over a window; returns the number of alerts."""
    y = np.cumsum(np.random.default_rng(0).standard_normal(SERIES_BARS))
    x = ou_path(y, 0.5)
    for values in (change_of(y, 1, 2), correlation_of(y, x, 1, 20), spike_of(y, 1, 5), half_life_at(y, x, 1, 60)):
        assert values.size == y.size - 1
    rule, feature = AlertRule("far", Condition("z", "above", 0.0)), Feature("z")
    step(rule, RuleState(), BarValues(0, {feature: 1.0}))
    return firings(rule, History(np.arange(y.size, dtype=np.int64), (feature,), y[np.newaxis])).fired.size


def _hedges(y: Floats, x: Floats) -> list[object]:
    return [
        stats.ols(y, x),
        stats.tls(y, x),
        stats.huber(y, x),
        stats.theil_sen(y, x),
        stats.multiple_ols(y, [x]),
        stats.multiple_regression(y, [x]),
        *(stats.hedge_interval(y, x, estimator, resamples=2) for estimator in METHODS),
        stats.kalman(y, x, 10.0, calibration=20),
        stats.rolling_ols(y, x, 16),
        stats.rolling_correlation(y, x, 16),
        stats.pearson(y, x),
    ]


def _steps() -> list[object]:
    """The kernels that other packages also call from Python, bar by bar."""
    return [
        windows.window_push(windows.window_new(16), 0, 1.0, 1.0),
        windows.line_of(1.0, 1.0, 1.0, 1.0),
        windows.spread_moments(16.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.5),
        rolling.zscore_of(1.0, 0.0, 1.0),
        kalman_step(1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0),
        mackinnon.eg_critical(1, 64.0),
        health.memory_of(2.0, 1.0),
        structural_breaks.cusum_step(0.0, 0.0, 1.0, 0.5),
        quotes.quote_step(1.0, 2.0, 1.5, True, True),
        quotes.carry_quote(1.0, 2.0, 1.0, 2.0, 1.0, 2.0),
        volume.vwap_step(0.0, 0.0, 1.0, 1.0),
        moments.Moments().add(1.0).add(2.0),
        moments.Moments.of([1.0, 2.0]),
        moments.CoMoments().add(1.0, 2.0),
        moments.CoMoments.of([1.0, 2.0], [1.0, 2.0]),
    ]


def _series(y: Floats) -> list[object]:
    out = np.empty_like(y), np.empty_like(y)
    return [
        moments.prefix_moments(y, *out),
        stats.rolling_moments(y, 16),
        stats.zscore(y, 16),
        stats.half_life(y),
        unbiased_phi(y, True),
        stats.hurst(y),
        stats.cusum(y),
        stats.roll_half_spread(y),
        stats.ljung_box(y),
    ]


def _tests(y: Floats, x: Floats) -> list[object]:
    one, lags = np.empty(1), np.empty(1, dtype=np.int64)
    cointegration.engle_granger_many(np.stack([y, x]), np.array([[0, 1]]), 0, 1, one, lags, one.copy())
    wild_bootstrap_kernel(y, x, 0, 1, 0.05, 19, np.uint64(0))
    return [
        stats.adf(y),
        stats.kpss(y),
        stats.engle_granger(y, x),
        stats.engle_granger_robust(y, x, draws=19),
        stats.gregory_hansen(y, x),
        stats.error_correction(y, x),
        stats.granger_causality(y, x),
        stats.engle_granger_robust(y, x, draws=19),
        stats.eg_pvalue(-3.0, 50),
    ]


def _trades(y: Floats, x: Floats, times: Ints) -> list[object]:
    volumes = np.ones(y.size)
    return [
        stats.hayashi_yoshida(times, y, times, x),
        stats.trade_side_mid(np.abs(y) + 1.0, y > x),
        stats.vwap(np.abs(y) + 1.0, volumes),
        stats.vwap(np.abs(y) + 1.0, volumes, window=16),
        stats.volume_ratio(volumes, 16),
    ]


if __name__ == "__main__":
    counts = (
        f"{compile_stats()} statistics, {compile_pairs()} bars of a pair, {compile_scan()} pairs of a scan, "
        f"{compile_backtest()} bars of a backtest, {compile_alerts()} alerts"
    )
    sys.stdout.write(f"compiled: {counts}, {compile_luck()} twins\n")
