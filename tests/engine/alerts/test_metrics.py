"""Each metric against a plain formula over a run's bars, and the same for any stretch of bars."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.alerts.metrics import METRICS, PairBars
from engine.backtest.account import Account
from engine.backtest.layout import TradeCol
from engine.pairs.layout import In, Out
from engine.pairs.run import PairRun
from engine.stats import half_life, ols
from tests.engine.pairs.markets import SETTINGS, make_ticks, run_of
from tests.engine.pairs.test_pipeline import Replay

CHOSEN = replace(SETTINGS, fee_bps=0.5, half_spread_bps=0.3, gate="off")


@pytest.fixture(scope="module")
def bars() -> PairBars:
    replay = Replay(run_of(CHOSEN))
    for tick in make_ticks(4, 600):
        replay.take(tick)
    run: PairRun = replay.followed
    assert run.model.size > 250
    return PairBars(run, {"parity": 1.0})


WINDOWS = {"half_life": 60, "correlation": 30, "beta_drift": 20, "change": 10, "spike": 8}


@pytest.mark.parametrize("name", METRICS)
def test_a_bar_has_the_same_value_in_any_stretch(bars: PairBars, name: str) -> None:
    metric, size = METRICS[name], bars.size
    for leg in ("y", "x") if metric.of == "leg" else ("",):
        whole = metric.column(bars, 0, size, leg, WINDOWS.get(name, 0))
        assert whole.shape == (size,) and (name == "gate" or np.count_nonzero(~np.isnan(whole)) > 100)  # it is off
        for start, stop in ((0, 1), (7, 9), (70, 71), (size - 1, size), (100, 100)):
            part = metric.column(bars, start, stop, leg, WINDOWS.get(name, 0))
            np.testing.assert_array_equal(part, whole[start:stop])


def test_values_are_those_of_the_formulas(bars: PairBars) -> None:
    model, at = bars.run.model, bars.size - 1

    def value(name: str, leg: str = "") -> float:
        return float(METRICS[name].column(bars, at, at + 1, leg, WINDOWS.get(name, 0))[0])

    shot = model.snapshot(at)
    assert (value("z"), value("spread"), value("beta"), value("coverage")) == (
        shot.z, shot.spread, shot.beta, shot.coverage,
    )  # fmt: skip
    assert value("z_costs") == pytest.approx(shot.z / shot.cost_z)
    pays = max(CHOSEN.entry_z, CHOSEN.exit_z + shot.cost_z)
    assert value("beyond_entry") == pytest.approx(abs(shot.z) - pays)
    last = model.inputs(In.LAST)[1]
    assert (
        value("change", "x") == pytest.approx(100 * (last[at] / last[at - 10] - 1)) and value("price", "x") == last[at]
    )
    y, x = (np.diff(each[at - 30 : at + 1]) for each in model.inputs(In.LOG_MID))
    assert value("correlation") == pytest.approx(np.corrcoef(y, x)[0, 1])
    price_y, price_x = (each[at - 59 : at + 1] for each in model.inputs(model.price_row))
    expected = half_life(ols(price_y, price_x).residuals, residual=True).bars
    assert value("half_life") == pytest.approx(expected) and math.isfinite(expected)
    volume = METRICS["volume"].column(bars, 0, bars.size, "y", 0)
    assert value("spike", "y") == pytest.approx(volume[at] / np.median(volume[at - 8 : at])) and volume.min() >= 0.0
    assert value("bridge") == 1.0 and value("break_alarm") == 0.0 and value("parity") == 1.0
    beta = model.column(Out.BETA)
    assert value("beta_drift") == pytest.approx(100 * (beta[at] / beta[at - 20] - 1))
    assert value("staleness", "y") == model.inputs(In.AGE)[0][at] / 1_000


def test_money_is_that_of_the_paper_ledger(bars: PairBars) -> None:
    ledger, size = bars.ledger, bars.size
    open_pnl = METRICS["open_pnl"].column(bars, 0, size, "", 0)
    assert ledger.trades.shape[0] >= 3
    realised = np.zeros(size)
    for trade in ledger.trades:
        realised[int(trade[TradeCol.EXIT]) :] += trade[TradeCol.NET]
    np.testing.assert_allclose(open_pnl, ledger.equity - Account().capital - realised, atol=1e-5)
    assert np.count_nonzero(open_pnl == 0.0) > 20 and np.count_nonzero(open_pnl) > 20
    assert open_pnl[-1] == pytest.approx(ledger.position().open_net, abs=1e-5)
    drawdown = METRICS["drawdown"].column(bars, 0, size, "", 0)
    peak = np.maximum.accumulate(np.maximum(ledger.equity, Account().capital))
    np.testing.assert_allclose(drawdown, 100 * (1 - ledger.equity / peak), atol=1e-12)
    assert drawdown.min() == 0.0 < drawdown.max()
