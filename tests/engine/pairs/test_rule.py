"""The rule: what blocks an entry, in which order, and that nothing blocks an exit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import SettingsError
from engine.pairs import Action, Flag, PairModel, PairSettings, Reason, defended
from engine.pairs.calibration import parameters
from engine.pairs.layout import Floats, Out
from engine.pairs.leg_features import FLAGS, X_AGE, X_HALF, Y_AGE, Y_HALF
from engine.pairs.rule import is_entry_signal
from tests.engine.pairs.worlds import CLASSIC, PRESETS, WIDTH_MS, fill, model_of, reverting, walking

OPEN = replace(CLASSIC, gate="off")
LONG, SHORT = Action.ENTER_LONG, Action.ENTER_SHORT


def first_entry(model: PairModel) -> int:
    return int(np.flatnonzero(np.isin(model.column(Out.ACTION), [LONG, SHORT]))[0])


def at(bars: Floats, place: int, row: int, value: float) -> Floats:
    changed = bars.copy()
    changed[row, place] = value
    return changed


def test_each_objection_alone_blocks_the_entry_and_is_named() -> None:
    bars = reverting(1)
    place = first_entry(model_of(bars, OPEN))
    filled = at(bars, place, FLAGS, Flag.X_FILLED)
    cases: list[tuple[Reason, Floats, PairSettings]] = [
        (Reason.BRIDGE_DOWN, at(bars, place, FLAGS, Flag.BRIDGE_DOWN), OPEN),
        (Reason.TAINTED_GAP, at(bars, place, FLAGS, Flag.TAINTED), OPEN),
        (Reason.TAINTED_GAP, at(bars, place - 15, FLAGS, Flag.TAINTED), OPEN),  # inside the z window
        (Reason.STALE_LEG, at(bars, place, Y_AGE, 10_001.0), OPEN),
        (Reason.STALE_LEG, at(bars, place, X_AGE, 10_001.0), OPEN),
        (Reason.FILLED_BAR, filled, OPEN),
        (Reason.BELOW_COST, bars, replace(OPEN, cost_filter=True, fee_bps=100.0)),
        (Reason.BELOW_COST, at(bars, place, Y_HALF, np.nan), replace(OPEN, cost_filter=True, fee_bps=0.0)),
        (Reason.NOT_EXECUTABLE, bars, replace(OPEN, entry_at="quotes", half_spread_bps=100.0)),
        (Reason.NOT_EXECUTABLE, at(bars, place, X_HALF, np.nan), replace(OPEN, entry_at="quotes")),
        (Reason.WARMUP, bars, replace(CLASSIC, test_window=5_000)),
    ]
    for reason, given, chosen in cases:
        shot = model_of(given, chosen).snapshot(place)
        assert (shot.action, shot.reason, shot.position) == (Action.NO_ENTRY, reason, 0.0)


def test_the_first_of_several_objections_is_the_one_that_is_given() -> None:
    bars = reverting(1)
    place = first_entry(model_of(bars, OPEN))
    everything = at(bars, place, FLAGS, Flag.BRIDGE_DOWN | Flag.TAINTED | Flag.Y_FILLED)
    everything[Y_AGE, place] = 1e9
    expected = [Reason.BRIDGE_DOWN, Reason.TAINTED_GAP, Reason.STALE_LEG, Reason.FILLED_BAR]
    for bit, reason in zip([0, Flag.BRIDGE_DOWN, Flag.TAINTED, 0], expected, strict=True):
        everything[FLAGS, place] -= bit
        if reason is Reason.FILLED_BAR:
            everything[Y_AGE, place] = 0.0
        assert model_of(everything, OPEN).snapshot(place).reason is reason


def test_nothing_blocks_an_exit() -> None:
    bars = reverting(2)
    model = model_of(bars, OPEN)
    actions = model.column(Out.ACTION)
    leaves = np.flatnonzero(actions == Action.EXIT)
    for place in leaves[:6]:
        worst = at(bars, place, FLAGS, Flag.BRIDGE_DOWN | Flag.TAINTED)
        worst[[Y_AGE, X_AGE], place] = 1e9
        worst[[Y_HALF, X_HALF], place] = np.nan
        assert model_of(worst, replace(OPEN, least_coverage=1.0)).snapshot(int(place)).action is Action.EXIT


def test_a_window_with_too_few_real_bars_gives_no_entry() -> None:
    bars = reverting(3)
    for start in range(100, 800, 20):  # every second stretch of ten bars lacks a leg
        bars = fill(bars, "x", start, start + 11)
    demanding = model_of(bars, replace(OPEN, least_coverage=0.6, stale_after_ms=10**9))
    coverage, actions = demanding.column(Out.COVERAGE), demanding.column(Out.ACTION)
    entries = np.isin(actions, [LONG, SHORT])
    assert entries[coverage >= 0.6].any() and not entries[coverage < 0.6].any()
    assert Reason.TAINTED_GAP in demanding.column(Out.REASON)[(coverage < 0.6) & (actions == Action.NO_ENTRY)]
    easy = model_of(bars, replace(OPEN, least_coverage=0.0, stale_after_ms=10**9))
    assert np.isin(easy.column(Out.ACTION), [LONG, SHORT])[coverage < 0.6].any()


def test_the_taint_lasts_as_long_as_any_window_looks_back() -> None:
    """A line or a test that stands until its next schedule looks back that much further."""
    bars = reverting(4, 1_500)
    z_bars, beta_bars, test_bars = 20, 40, 60
    for name, changes, window in (
        ("the filter without a gate", {"gate": "off"}, z_bars),
        ("a rolling line without a gate", {"gate": "off", "estimator": "ols"}, beta_bars),
        ("a fitted line without a gate", {"gate": "off", "estimator": "huber"}, beta_bars + 3),
        ("gated", {}, test_bars + 5),
    ):
        chosen = replace(CLASSIC, entry_z=0.05, exit_z=0.01, cooldown_bars=0, **changes)
        tainted = model_of(at(bars, 700, FLAGS, Flag.TAINTED), chosen).column(Out.REASON)
        blocked = 700 + np.flatnonzero(tainted[700:] == Reason.TAINTED_GAP)
        assert window - 4 <= blocked.max() - 700 < window, name
        assert not (tainted[:700] == Reason.TAINTED_GAP).any()


def test_stops_act_on_the_adverse_side() -> None:
    chosen = replace(OPEN, entry_z=1.5, stop_z=3.0, z_window=50)
    stopped = 0
    for seed in range(10):
        model = model_of(walking(seed), chosen)
        z, actions, reasons = (model.column(row) for row in (Out.Z, Out.ACTION, Out.REASON))
        before = np.roll(model.column(Out.POSITION), 1)
        for place in np.flatnonzero((actions == Action.EXIT) & (reasons == Reason.STOP)):
            assert -before[place] * z[place] >= 3.0  # a long entered at -1.5 leaves at -3, not at +3
            stopped += 1
        target = (actions == Action.EXIT) & (reasons == Reason.TARGET)
        assert (-before[target] * z[target] <= chosen.exit_z).all()
    assert stopped > 5


def test_a_position_is_left_when_it_has_been_held_too_long_and_then_cools_down() -> None:
    chosen = replace(OPEN, max_hold_half_lives=0.5, cooldown_bars=7, entry_z=0.8)
    model = model_of(walking(3), chosen)
    assert model.calibration is not None
    longest = 0.5 * model.calibration.half_life
    actions, reasons = model.column(Out.ACTION), model.column(Out.REASON)
    entries, leaves = np.flatnonzero(np.isin(actions, [LONG, SHORT])), np.flatnonzero(actions == Action.EXIT)
    held = leaves - entries[: leaves.size]
    timed = reasons[leaves] == Reason.TIME
    assert timed.any() and (held[timed] >= longest).all() and (held <= longest + 1).all()
    assert (entries[1 : leaves.size] - leaves[: entries[1 : leaves.size].size] > 7).all()
    assert (reasons == Reason.COOLDOWN).any()


def test_entry_modes_are_a_state_machine_of_two_bars() -> None:
    """Beyond (1.5 or more), inside, at the exit (0.3 or less): every step from one to the next, on both sides."""
    for mode, signals in (
        ("simple", {(was, "out") for was in ("in", "out", "other", "home", "unknown")}),
        ("uptick", {(was, "out") for was in ("in", "other", "home")}),
        ("downtick", {("out", "in")}),
    ):
        par = parameters(replace(OPEN, entry_mode=mode, entry_z=1.5, exit_z=0.3), None)
        for side in (1.0, -1.0):
            before = {"in": 1.0, "out": 1.6, "other": -1.6, "home": 0.2, "unknown": np.nan}
            found = {
                (was, now)
                for was, last in before.items()
                for now, z in {"in": 1.2, "out": 1.5, "home": 0.2}.items()
                if is_entry_signal(par, side * z, side * last)
            }
            assert found == signals, mode
        assert not is_entry_signal(par, np.nan, 1.6)


@pytest.mark.parametrize("mode", ["uptick", "downtick"])
def test_an_entry_mode_enters_at_its_crossings_only(mode: str) -> None:
    model = model_of(reverting(8, 2_000), replace(OPEN, entry_mode=mode, entry_z=1.2))
    z, actions, reasons = (model.column(row) for row in (Out.Z, Out.ACTION, Out.REASON))
    entries = np.flatnonzero(np.isin(actions, [LONG, SHORT]))
    assert entries.size > 10
    before, now = np.abs(z[entries - 1]), np.abs(z[entries])
    crossed = z[entries - 1] * z[entries] < 0.0
    if mode == "uptick":
        assert (now >= 1.2).all() and ((before < 1.2) | crossed).all()
    else:
        assert ((now < 1.2) & (now > OPEN.exit_z) & (before >= 1.2)).all() and not crossed.any()
    assert (actions[entries] == np.where(z[entries] > 0, SHORT, LONG)).all()
    assert (reasons[actions == Action.NO_ENTRY] != Reason.NONE).all()


def test_the_standing_objection_is_the_same_whatever_the_thresholds() -> None:
    """So one set of inputs serves a sweep over them."""
    bars = fill(reverting(9, 1_200), "x", 500, 540)
    columns = [
        model_of(bars, replace(CLASSIC, entry_z=z, exit_z=0.1, stop_z=stop, max_z=stop, cooldown_bars=pause))
        for z, stop, pause in ((0.5, None, 0), (1.5, 2.5, 3), (3.0, 3.5, 50))
    ]
    first, *others = ([model.column(row) for row in (Out.OBJECTION, Out.Z, Out.COST_Z)] for model in columns)
    assert {Reason.WARMUP, Reason.GATE_CLOSED, Reason.FILLED_BAR} <= set(first[0])
    for each in others:
        np.testing.assert_array_equal(each, first)


def test_slippage_is_part_of_the_round_trip() -> None:
    bars = reverting(1)
    plain, dear = (model_of(bars, replace(OPEN, fee_bps=2.0, slippage_bps=slip)) for slip in (0.0, 1.0))
    dearer = model_of(bars, replace(OPEN, fee_bps=3.0))
    np.testing.assert_allclose(dear.column(Out.COST_Z), dearer.column(Out.COST_Z), rtol=1e-12)
    assert (dear.column(Out.COST_Z)[-100:] > plain.column(Out.COST_Z)[-100:]).all()


def test_no_entry_beyond_the_largest_z() -> None:
    chosen = replace(OPEN, entry_z=1.0, max_z=1.5)
    model = model_of(reverting(5), chosen)
    z, actions = np.abs(model.column(Out.Z)), model.column(Out.ACTION)
    entries = np.isin(actions, [LONG, SHORT])
    assert entries.any() and (z[entries] < 1.5).all()
    assert set(model.column(Out.REASON)[(actions == Action.NO_ENTRY) & (z >= 1.5)]) >= {Reason.MAX_Z}


@pytest.mark.parametrize("name", PRESETS)
def test_every_bar_beyond_the_threshold_has_exactly_one_reason(name: str) -> None:
    chosen = PRESETS[name]
    model = model_of(fill(reverting(6, 1_500), "y", 900, 905), chosen)
    z, actions, reasons = (model.column(row) for row in (Out.Z, Out.ACTION, Out.REASON))
    beyond = np.abs(z) >= chosen.entry_z
    assert beyond.sum() > 20 and (actions[beyond] != Action.NONE).all()
    assert ((actions == Action.NO_ENTRY) <= beyond).all()
    assert (np.isin(actions, [Action.NO_ENTRY, Action.EXIT]) == (reasons != Reason.NONE)).all()


def test_settings_that_cannot_be_are_refused() -> None:
    for changes, message in (
        ({"estimator": "lasso"}, "estimator is 'lasso'; expected kalman or ols or huber or theil-sen or tls"),
        ({"entry_mode": "late"}, "entry_mode is 'late'; expected simple or uptick or downtick"),
        ({"slippage_bps": -0.1}, "slippage_bps is -0.1; expected 0 to 1,000"),
        ({"refit_every": 0}, "refit_every is 0; expected 1 to 10,000 bars, or none"),
        ({"least_coverage": 1.5}, "least_coverage is 1.5; expected 0 to 1"),
        ({"estimator": "huber", "z_scale": "filter"}, "z_scale is 'filter'; expected rolling unless"),
    ):
        with pytest.raises(SettingsError, match=message):
            PairSettings(**changes)  # type: ignore[arg-type]


def test_settings_are_kept_as_text() -> None:
    for chosen in (*PRESETS.values(), defended(estimator="tls", interval_ms=WIDTH_MS)):
        assert PairSettings.from_json(chosen.to_json()) == chosen
    older = '{"z_window": 30, "estimator": "ols"}'  # written before a field was there
    assert PairSettings.from_json(older) == PairSettings(z_window=30, estimator="ols")
