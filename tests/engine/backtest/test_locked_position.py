"""A held position by its own line: what the coins earn, while the model's line moves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.backtest.locked_position import AVERSION, VARIANCE_BARS, LockedPosition, lock_of, locked_position
from engine.market.history import MemoryHistory
from engine.market.position_lock import PositionLock
from engine.pairs.layout import In, Out
from engine.pairs.leg_features import PairBar
from engine.pairs.model import PairModel
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import classic
from tests.engine.pairs.markets import SETTINGS, make_ticks, run_of

OPEN = replace(SETTINGS, gate="off", fee_bps=1.0)


def followed(seed: int, ticks: int | None = None, space: str = "log") -> PairRun:
    history = MemoryHistory()
    pipeline, run = Pipeline(history), run_of(replace(OPEN, space=space))
    for seq, tick in enumerate(make_ticks(seed, 300)[:ticks], 1):
        history.add(seq, tick)
        pipeline.feed(seq, tick)
    pipeline.begin(run, seq)
    return pipeline.runs[run.run_id]


def until_held(is_held: bool) -> PairRun:
    """A run that holds a position of the rule, or none but has a hedge."""
    for ticks in range(1_500, 2_900, 40):
        run = followed(1, ticks)
        if (run.held() is not None) == is_held and not math.isnan(run.model.column(Out.Z)[-1]):
            return run
    raise AssertionError("no such moment in this market")


def test_a_lock_takes_the_coins_and_the_line_of_the_open_signal() -> None:
    run = until_held(True)
    entry, lock = run.held(), lock_of(run)
    assert entry is not None and lock is not None
    assert (lock.coins_y, lock.coins_x) == (entry.quantity_y, entry.quantity_x)
    assert (lock.beta, lock.alpha, lock.deviation) == (entry.beta, entry.alpha, entry.deviation)
    assert (entry.spread - lock.mean) / lock.deviation == pytest.approx(entry.z)  # type: ignore[operator]
    assert (lock.y_price, lock.x_price) == run.model.prices(run.model.size - 1)
    assert lock.locked_ms == run.model.open_time_ms(run.model.size)


def test_without_a_signal_it_is_a_new_entry_against_z() -> None:
    run = until_held(False)
    lock, shot = lock_of(run), run.model.snapshot(run.model.size - 1)
    assert lock is not None and math.copysign(1.0, lock.coins_y) == -math.copysign(1.0, shot.z)
    assert abs(lock.coins_y * lock.y_price) == pytest.approx(OPEN.notional)
    assert -lock.coins_x * lock.x_price / (lock.coins_y * lock.y_price) == pytest.approx(shot.beta)
    found = locked_position(lock, run.model)
    assert found is not None
    assert found.gross == 0.0 and found.z == pytest.approx(shot.z) and found.drift == pytest.approx(0.0, abs=1e-9)
    assert found.spread == pytest.approx(shot.spread, abs=1e-12) and not found.is_rehedge_worth


def test_before_there_is_a_hedge_nothing_is_locked() -> None:
    run = followed(1, 150)
    assert 0 < run.model.size < OPEN.calibration_bars and lock_of(run) is None
    assert lock_of(followed(1, 3)) is None


@pytest.mark.parametrize("space", ["log", "price"])
def test_each_number_is_its_formula(space: str) -> None:
    run, later = followed(2, 2_000, space), followed(2, space=space)
    lock = lock_of(run)
    assert lock is not None
    found = locked_position(lock, later.model)
    assert found is not None
    last = later.model.size - 1
    (y, x), beta = later.model.prices(last), later.model.column(Out.BETA)[last]
    assert found.gross == lock.coins_y * (y - lock.y_price) + lock.coins_x * (x - lock.x_price) != 0.0
    spread = y - lock.beta * x if space == "price" else math.log(y) - lock.beta * math.log(x)
    assert found.spread == pytest.approx(spread - lock.alpha, abs=1e-12)
    assert found.z == pytest.approx((found.spread - lock.mean) / lock.deviation)
    assert found.model_z == later.model.column(Out.Z)[last]
    hedge_coins = -beta * lock.coins_y if space == "price" else -beta * lock.coins_y * y / x
    assert found.drift == pytest.approx((lock.coins_x - hedge_coins) * x) and abs(found.drift) > 0.1
    half_y, half_x = (half[0] for half in later.model.inputs(In.HALF, last))
    traded_y, traded_x = abs(lock.coins_y) * (y + lock.y_price), abs(lock.coins_x) * (x + lock.x_price)
    assert found.costs == pytest.approx((1e-4 + half_y) * traded_y + (1e-4 + half_x) * traded_x)
    assert found.net == found.gross - found.costs
    changes = np.diff(later.model.inputs(In.LOG_MID)[1])[-VARIANCE_BARS:]
    saved = AVERSION / 2 * found.drift**2 * np.mean(changes**2) * found.rehedge_bars / 10_000.0
    assert found.rehedge_saves == pytest.approx(saved)
    assert found.rehedge_costs == pytest.approx((1e-4 + half_x) * abs(found.drift))


def scripted() -> tuple[PositionLock, PairModel, LockedPosition]:
    """Y falls away from X for good while it is held, and the model's line follows it there."""
    rng = np.random.default_rng(3)
    x = np.log(60_000.0) + np.cumsum(rng.normal(0, 2e-4, 900))
    spread = np.zeros(900)
    for t in range(1, 900):
        spread[t] = 0.8 * spread[t - 1] + rng.normal(0, 5e-4)
    y = x - 3.0 + spread - np.where(np.arange(900) >= 600, 0.01, 0.0)
    settings = classic(interval_ms=1_000, gate="off", fee_bps=0.0, half_spread_bps=0.0, calibration_bars=100)
    model, lock, found = PairModel(settings), None, None
    for t in range(900):
        shot = model.update(PairBar(1_000 * t, float(np.exp(y[t])), float(np.exp(x[t]))))
        if t == 600:
            prices = model.prices(599)
            coins = settings.notional / prices[0], -shot.beta * settings.notional / prices[1]
            line = (shot.beta, shot.alpha, shot.mean, shot.deviation)
            lock = PositionLock("sim", "Y", "X", "log", *line, *coins, *prices, 600_000)
        if lock is not None:
            found = locked_position(lock, model)
            assert found is not None
            if t > 650 and abs(found.model_z) < 0.1:
                break
    assert lock is not None and found is not None
    return lock, model, found


def test_the_models_z_comes_back_to_0_while_the_held_coins_have_lost() -> None:
    _, _, found = scripted()
    assert abs(found.model_z) < 0.1
    assert found.z < -5.0 and found.gross < -50.0 and found.costs == 0.0


def test_a_large_drift_is_worth_its_costs_and_a_small_one_is_not() -> None:
    lock, model, _ = scripted()
    model.settings = replace(model.settings, fee_bps=4e-4)  # bars of a second: little variance to save
    near = locked_position(lock, model)
    far = locked_position(replace(lock, coins_x=40.0 * lock.coins_x), model)
    assert near is not None and far is not None
    assert not near.is_rehedge_worth and far.is_rehedge_worth
    assert near.rehedge_costs < far.rehedge_costs and repr(far).startswith("LockedPosition(")
