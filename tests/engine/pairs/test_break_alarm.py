"""The break alarm: false alarms as seldom as set on any tails, breaks noticed, and a run that ends with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SettingsError
from engine.pairs import Action, PairModel, PairSettings, Reason, defended, run_pair
from engine.pairs.layout import At, Floats, Out
from tests.engine.pairs.noises import pair_with_break
from tests.engine.pairs.trades import trades_of
from tests.engine.pairs.worlds import CLASSIC, SLOT, WIDTH_MS, bars_of, columns_of, fill, model_of, reverting
from tests.engine.stats.worlds import examples

NOISES = ("gauss", "t3", "garch")
BREAK = 3_000
CAREFUL = defended(interval_ms=WIDTH_MS)
QUICK = replace(CLASSIC, break_alarm=100, gate="off")  # small windows: alarms within some hundred bars


def runs_of(bars: Floats, settings: PairSettings) -> list[PairModel]:
    """One model a run, the next from the bar after an alarm."""
    models, at = [model_of(bars, settings)], 0
    while models[-1].is_broken and at + models[-1].size < bars.shape[1]:
        at += models[-1].size
        models.append(model_of(np.ascontiguousarray(bars[:, at:]), settings, SLOT + at))
    return models


def bars_between_alarms(noise: str, half_life: float, seeds: int) -> float:
    """Bars watched over alarms raised, on pairs that never break."""
    watched = alarms = 0
    for seed in range(seeds):
        y, x = pair_with_break(seed, 12_000, noise, half_life=half_life)
        for model in runs_of(bars_of(y, x), CAREFUL):
            start = model.calibration.filter_bars if model.calibration else model.size
            watched += max(model.size - start, 0)
            alarms += model.is_broken
    return watched / max(alarms, 1)


def noticed_after(noise: str, seed: int, **broken: float) -> float:
    """Bars from the break to the first alarm after it; inf where there is none in 3,000 bars."""
    y, x = pair_with_break(seed, 2 * BREAK, noise, at=BREAK, **broken)
    end = 0
    for model in runs_of(bars_of(y, x), CAREFUL):
        end += model.size
        if end > BREAK and model.is_broken:
            return end - BREAK
    return np.inf


@pytest.mark.parametrize("noise", NOISES)
def test_false_alarms_are_5_000_bars_apart(noise: str) -> None:
    assert bars_between_alarms(noise, 20.0, 30) >= 5_000


@pytest.mark.soak
@pytest.mark.parametrize("half_life", [20.0, 60.0])
@pytest.mark.parametrize("noise", NOISES)
def test_false_alarms_are_5_000_bars_apart_in_the_long_run(noise: str, half_life: float) -> None:
    found = bars_between_alarms(noise, half_life, 400)
    print(f"{noise}, half-life {half_life:.0f}: {found:,.0f} bars between false alarms")  # noqa: T201
    assert found >= 5_000


@pytest.mark.parametrize("noise", NOISES)
def test_a_moved_beta_is_noticed_within_500_bars(noise: str) -> None:
    found = float(np.median([noticed_after(noise, seed, beta_after=0.5) for seed in range(60)]))
    print(f"{noise}: beta .9 -> .5 is noticed after {found:.0f} bars")  # noqa: T201
    assert found <= 500


def test_a_jump_of_the_level_is_noticed_within_50_bars() -> None:
    assert np.median([noticed_after("gauss", seed, shift=0.05) for seed in range(30)]) <= 50


def after_the_shift(estimator: str, shift: float, seeds: int) -> float:
    """Mean net, in quote currency per 10,000 notional, of entries within 2,500 bars after a shift of Y's level."""
    nets = []
    for seed in range(seeds):
        y, x = pair_with_break(seed, BREAK + 3_500, "gauss", at=BREAK, shift=shift)
        times = (SLOT + np.arange(y.size)) * WIDTH_MS
        chosen = defended(interval_ms=WIDTH_MS, estimator=estimator, half_spread_bps=1.0)
        found = trades_of(run_pair(np.exp(y), np.exp(x), times, chosen), 6e-4)
        nets.append(sum(trade.net for trade in found if BREAK <= trade.entry < BREAK + 2_500))
    return float(np.mean(nets))


def test_entries_after_a_shift_of_5_percent_still_earn() -> None:
    kalman, ols = after_the_shift("kalman", 0.05, 20), after_the_shift("ols", 0.05, 20)
    assert kalman > 0.0 and kalman >= ols


@pytest.mark.soak
def test_entries_after_a_shift_of_5_percent_still_earn_on_60_pairs() -> None:
    kalman, ols = after_the_shift("kalman", 0.05, 60), after_the_shift("ols", 0.05, 60)
    whole = after_the_shift("kalman", 0.0, 60)
    print(f"net after a 5 % shift: Kalman {kalman:.0f}, rolling OLS {ols:.0f}; without: {whole:.0f}")  # noqa: T201
    assert kalman > 0.0 and kalman >= ols


def shifted(seed: int, at: int = 500) -> Floats:
    bars = reverting(seed)
    bars[0, at:] *= 1.02
    bars[6, at:] *= 1.02
    return bars


@pytest.mark.parametrize("estimator", ["kalman", "ols"])
def test_the_model_takes_nothing_after_an_alarm(estimator: str) -> None:
    model = model_of(shifted(1), replace(QUICK, estimator=estimator, break_alarm=2_000, calibration_bars=300))
    assert model.is_broken and 500 < model.size < 600 and model.break_kind == "level"
    before = columns_of(model)
    model.extend(shifted(1)[:, model.size : model.size + 50])
    assert np.array_equal(columns_of(model), before, equal_nan=True)
    assert model.snapshot(model.size - 1).open_time_ms == (SLOT + model.size - 1) * WIDTH_MS


def test_no_entry_with_the_bar_of_the_alarm() -> None:
    reasons = set()
    for seed in range(60):
        model = model_of(shifted(seed), replace(QUICK, entry_z=0.5, exit_z=0.1, centre_limit=None))
        last = model.size - 1
        assert model.is_broken and model.column(Out.ACTION)[last] not in (Action.ENTER_LONG, Action.ENTER_SHORT)
        reasons.add(Reason(int(model.column(Out.REASON)[last])))
    assert Reason.BREAK in reasons


@examples
@given(seed=st.integers(0, 50), cuts=st.lists(st.integers(1, 899), max_size=6, unique=True))
def test_pieces_do_not_show(seed: int, cuts: list[int]) -> None:
    bars, whole = shifted(seed), model_of(shifted(seed), QUICK)
    pieces = PairModel(QUICK, SLOT)
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 900], strict=True):
        if not pieces.is_broken:
            pieces.extend(np.ascontiguousarray(bars[:, start:stop]))
    assert pieces.size == whole.size and pieces.is_broken == whole.is_broken
    assert np.array_equal(columns_of(pieces), columns_of(whole), equal_nan=True)


@examples
@given(seed=st.integers(0, 50), at=st.integers(70, 480))
def test_a_revised_past_moves_the_alarm_as_a_replay_would(seed: int, at: int) -> None:
    bars = shifted(seed)
    holed = fill(bars, "y", at, at + 20)
    live = model_of(np.ascontiguousarray(holed[:, :505]), QUICK)
    if not live.is_broken:
        live.revise(at, np.ascontiguousarray(bars[:, at:505]))
        assert np.array_equal(columns_of(live), columns_of(model_of(bars[:, : live.size], QUICK)), equal_nan=True)
        assert live.is_broken == model_of(bars[:, :505], QUICK).is_broken


def test_a_bar_without_a_trade_has_no_error_and_neither_has_the_next() -> None:
    bars = reverting(4, 300)
    sums = [At.LEVEL_UP, At.LEVEL_DOWN, At.BETA_UP, At.BETA_DOWN]
    chosen = replace(QUICK, break_alarm=1_000_000)
    before = model_of(bars[:, :200], chosen)
    holed = fill(bars, "x", 200, 210)
    after = model_of(holed[:, :211], chosen)
    assert [after.state(row) for row in sums] == [before.state(row) for row in sums]
    assert any(model_of(holed[:, :212], chosen).state(row) != before.state(row) for row in sums)


def test_a_notebook_gets_every_run_and_its_closed_position() -> None:
    found = 0
    for seed in range(40):
        bars = shifted(seed)
        times = (SLOT + np.arange(900)) * WIDTH_MS
        frame = run_pair(bars[0], bars[1], times, replace(QUICK, half_spread_bps=0.1, centre_limit=None, entry_z=0.6))
        assert len(frame) == 900 and frame["run"].is_monotonic_increasing and frame["run"].iloc[-1] >= 1
        assert frame["quantity_y"].sum() == pytest.approx(0.0, abs=1e-6) or frame["position"].iloc[-1] != 0.0
        ends = frame[frame["reason"] == "RUN_END"]
        assert (ends["action"] == "exit").all()
        for time in ends.index:
            place = frame.index.get_loc(time)
            assert frame["run"].iloc[place] == frame["run"].iloc[place - 1] + 1
        found += len(ends)
    assert found > 5


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"break_alarm": 99}, "break_alarm is 99; expected 100 to 1,000,000 bars, or none"),
        ({"centre_limit": 0.5}, "centre_limit is 0.5; expected 1 to 10 standard errors, or none"),
    ],
)
def test_settings_of_the_alarm_are_checked(changes: dict[str, float], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        defended(**changes)
