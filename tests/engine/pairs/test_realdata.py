"""A pair over 30 recorded days of minutes, end to end, every column equal to statsmodels and scipy on 20 bars of it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import theilslopes
from statsmodels.api import OLS, RLM, add_constant
from statsmodels.robust.norms import HuberT
from statsmodels.tsa.stattools import coint

from engine.pairs import PairModel, PairSettings, classic, defended, evidence_of, pair_model, run_pair
from engine.pairs.calibration import refit_every
from engine.pairs.layout import Floats, Out
from engine.stats import half_life, ols
from engine.stats.unitroot import schwert_cap
from tests.engine.pairs.recorded import MINUTE_MS, SYMBOLS, minutes

pytestmark = pytest.mark.realdata

CLASSIC = classic(interval_ms=MINUTE_MS, stale_after_ms=120_000, half_spread_bps=0.5)
PAIRS = [(y, x) for x, y in itertools.combinations(SYMBOLS, 2)]


def modelled(y: str, x: str, chosen: PairSettings = CLASSIC) -> tuple[PairModel, Floats, Floats]:
    """The pair's model and both series as it measures them, less their first values: a reference loses digits there."""
    model = pair_model(minutes(y), minutes(x), settings=chosen)
    log_y, log_x = model.inputs(model.price_row)
    return model, log_y - log_y[0], log_x - log_x[0]


def twenty(model: PairModel, first: int) -> list[int]:
    return np.random.default_rng(2025).integers(first, model.size, 20).tolist()


@pytest.mark.parametrize(("y", "x"), PAIRS)
@pytest.mark.parametrize("preset", ["classic", "defended", "defended, no alarm"])
def test_every_pair_runs_end_to_end(y: str, x: str, preset: str) -> None:
    alarm = 5_000 if preset == "defended" else None
    careful = defended(interval_ms=MINUTE_MS, half_spread_bps=0.5, break_alarm=alarm)
    chosen = CLASSIC if preset == "classic" else careful
    frame = run_pair(minutes(y), minutes(x), settings=chosen)
    assert len(frame) > 43_000
    assert (frame["run"].iloc[-1] > 5) == (alarm is not None)  # beta moves within days on every one of these pairs
    assert frame["z"].notna().mean() > (0.9 if alarm is None else 0.2) and np.isfinite(frame["z"].dropna()).all()
    beyond = frame["z"].abs() >= chosen.entry_z
    assert (frame.loc[beyond, "action"] != "none").all() and beyond.sum() > 100
    refused = frame["action"] == "no_entry"
    assert (frame.loc[refused, "reason"] != "").all()
    silent = int((minutes(y)["volume"] == 0).sum())
    assert frame["y_filled"].sum() == pytest.approx(silent, abs=3)
    assert not frame.loc[frame["y_filled"] | frame["x_filled"], "action"].isin(["enter_long", "enter_short"]).any()


def test_least_squares_spread_and_z() -> None:
    model, y, x = modelled("ETHUSDT", "BTCUSDT", replace(CLASSIC, estimator="ols"))
    w, z_bars = CLASSIC.beta_window or 0, CLASSIC.z_window or 0
    for t in twenty(model, 1_000):
        fit = OLS(y[t - w : t], add_constant(x[t - w : t])).fit()
        spread = y[t - z_bars : t + 1] - fit.predict(add_constant(x[t - z_bars : t + 1]))
        shot = model.snapshot(t)
        assert shot.beta == shot.beta_ols == pytest.approx(fit.params[1], abs=1e-8)
        assert shot.spread == pytest.approx(spread[-1], abs=1e-9)
        assert shot.z == pytest.approx((spread[-1] - spread[:-1].mean()) / spread[:-1].std(ddof=1), abs=1e-6)


@pytest.mark.parametrize("estimator", ["huber", "theil-sen"])
def test_robust_lines(estimator: str) -> None:
    model, y, x = modelled("SOLUSDT", "ETHUSDT", replace(CLASSIC, estimator=estimator))
    w = CLASSIC.beta_window or 0
    every = refit_every(CLASSIC, w)
    for t in twenty(model, 1_000):
        end = t - ((model.first_slot or 0) + t - 1) % every  # the line in use saw the bars before this
        part = slice(end - w, end)
        if estimator == "huber":
            beta, near = RLM(y[part], add_constant(x[part]), M=HuberT()).fit().params[1], 1e-6
        else:
            beta, near = theilslopes(y[part], x[part])[0], 1e-12
        assert model.snapshot(t).beta == pytest.approx(beta, abs=near)


def test_the_gate() -> None:
    model, y, x = modelled("BNBUSDT", "BTCUSDT")
    w, every = CLASSIC.test_window or 0, CLASSIC.gate_every
    for t in twenty(model, 1_000):
        end = t + 1 - ((model.first_slot or 0) + t) % every
        theirs = coint(y[end - w : end], x[end - w : end], maxlag=schwert_cap(w, False), autolag="bic")
        assert model.snapshot(t).gate_statistic == pytest.approx(theirs.coint_t, abs=1e-8)
        assert model.snapshot(t).gate_pvalue == pytest.approx(theirs.pvalue, abs=1e-8)


def test_the_filter_starts_from_least_squares_and_remembers_as_long_as_set() -> None:
    model, y, x = modelled("ADAUSDT", "BTCUSDT", replace(CLASSIC, memory_half_life=500.0))
    start = CLASSIC.calibration_bars
    fit = OLS(y[:start], add_constant(x[:start])).fit()
    assert model.snapshot(start).beta == pytest.approx(fit.params[1], abs=1e-8)
    assert model.calibration is not None and model.calibration.start is not None
    assert model.calibration.start.v_e == pytest.approx(fit.mse_resid, rel=1e-8)
    memory = model.column(Out.MEMORY)[-20_000:]
    assert 100.0 < np.nanmedian(memory) <= 501.0


def test_the_evidence() -> None:
    for y, x in PAIRS:
        model, log_y, log_x = modelled(y, x)
        found = evidence_of(model)
        w = found.test_bars
        expected = half_life(ols(log_y[-w:], log_x[-w:]).residuals, residual=True)
        assert found.half_life is not None and found.half_life.bars == pytest.approx(expected.bars, nan_ok=True)
        assert found.bounce is None and found.health is not None and found.breaks is None
        assert found.tests > 3_500 and 0 < found.tests_today <= 120
        assert [each.bars for each in found.coverage] == [200, 50, 500]


def test_these_majors_open_the_gate_more_often_than_noise_and_far_from_always() -> None:
    """Independent walks are open about 10 % of the time; 23 % was found here."""
    shares = [modelled(y, x)[0].gate_open_share for y, x in PAIRS]
    assert 0.10 < np.mean(shares) < 0.40
