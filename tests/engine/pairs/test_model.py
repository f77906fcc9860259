"""Guarantees 2 and 3 on the model itself, for every estimator and preset and over every output column."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.pairs import Action, PairBar, PairModel, PairSettings
from engine.pairs.growable_array import GrowableArray
from engine.pairs.layout import Floats, In, Out
from engine.pairs.leg_features import BAR_ROWS, LegFeatures
from engine.pairs.model import CHECKPOINT_EVERY
from tests.engine.pairs.worlds import (
    CLASSIC,
    PRESETS,
    SLOT,
    WIDTH_MS,
    bars_of,
    columns_of,
    fill,
    model_of,
    reverting,
    walking,
)

BARS = 1_500
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
every_preset = pytest.mark.parametrize("name", PRESETS)
cuts = st.lists(st.integers(1, BARS - 1), max_size=12)


def count(model: PairModel, *actions: Action) -> int:
    return int(np.isin(model.column(Out.ACTION), actions).sum())


def assert_trades(model: PairModel) -> None:
    assert count(model, Action.ENTER_LONG, Action.ENTER_SHORT) >= 3 and count(model, Action.EXIT) >= 3


def in_pieces(bars: Floats, at: list[int], chosen: PairSettings) -> PairModel:
    model = PairModel(chosen, SLOT)
    edges = [0, *sorted(at), bars.shape[1]]
    for start, stop in itertools.pairwise(edges):
        model.extend(bars[:, start:stop])
    return model


@every_preset
@settings(max_examples=30, deadline=None, phases=NO_SHRINK, derandomize=True)
@given(seed=st.integers(0, 10**6), at=cuts, gap=st.integers(100, BARS - 60), length=st.integers(1, 50))
def test_pieces_and_a_gap_that_is_filled_do_not_show(
    name: str, seed: int, at: list[int], gap: int, length: int
) -> None:
    bars, chosen = reverting(seed, BARS), PRESETS[name]
    whole = model_of(bars, chosen)
    assert_trades(whole)
    model = in_pieces(fill(bars, "y", gap, gap + length, tainted=True), at, chosen)
    assert not np.array_equal(columns_of(model), columns_of(whole), equal_nan=True)
    model.revise(gap, bars[:, gap : gap + length])
    np.testing.assert_array_equal(columns_of(model), columns_of(whole))
    later = reverting(seed + 1, 100)
    for each in (model, whole):  # and what follows is the same: so was the state
        each.extend(later)
    np.testing.assert_array_equal(columns_of(model), columns_of(whole))
    assert (model.gate_tests, model.gate_flips) == (whole.gate_tests, whole.gate_flips)
    assert model.gate_open_share == whole.gate_open_share


@every_preset
@settings(max_examples=30, deadline=None, phases=NO_SHRINK, derandomize=True)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, BARS - 1), gap=st.integers(100, BARS - 60))
def test_removing_the_future_changes_nothing_before(name: str, seed: int, cut: int, gap: int) -> None:
    bars = fill(reverting(seed, BARS), "x", gap, gap + 20)
    whole = model_of(bars, PRESETS[name])
    assert_trades(whole)
    np.testing.assert_array_equal(columns_of(model_of(bars[:, :cut], PRESETS[name])), columns_of(whole)[:, :cut])
    wild = bars.copy()
    wild[:2, cut:] *= 3.0  # another future
    np.testing.assert_array_equal(columns_of(model_of(wild, PRESETS[name]))[:, :cut], columns_of(whole)[:, :cut])


@every_preset
def test_every_column_is_known_where_the_rule_is_under_way(name: str) -> None:
    """What the properties above compare is not NaN everywhere."""
    model = model_of(reverting(1, BARS), PRESETS[name])
    known = {row for row in Out if np.isfinite(model.column(row)[-200:]).any()}
    is_robust = PRESETS[name].gate == "robust"
    assert is_robust == ("defended" in name)
    unasked = {Out.QUOTE_Z}  # entries are by the mids
    assert known == set(Out) - unasked - (set() if is_robust else {Out.GATE_BOOTSTRAP})


def test_one_bar_at_a_time_is_the_same_as_all_at_once() -> None:
    bars = fill(reverting(2, 400), "x", 200, 230)
    whole, model = model_of(bars), PairModel(CLASSIC)
    shots = [model.update(PairBar((SLOT + i) * WIDTH_MS, *bars[:, i])) for i in range(400)]
    np.testing.assert_array_equal(columns_of(model), columns_of(whole))
    assert [shot.z for shot in shots[-5:]] == whole.column(Out.Z)[-5:].tolist()
    assert shots[-1] == whole.snapshot(399) and shots[-1].memory == whole.column(Out.MEMORY)[-1]


def test_a_revision_far_back_starts_from_the_checkpoint_before_it() -> None:
    bars = reverting(3, 2 * CHECKPOINT_EVERY + 300)
    whole = model_of(bars)
    for place in (0, 59, 60, CHECKPOINT_EVERY - 1, CHECKPOINT_EVERY, 2 * CHECKPOINT_EVERY + 299):
        wrong = bars.copy()
        wrong[:2, place] *= 1.01
        model = model_of(wrong)
        model.revise(place, bars[:, place : place + 1])
        np.testing.assert_array_equal(columns_of(model), columns_of(whole))


def test_models_share_their_legs_and_see_what_is_revised_in_them() -> None:
    bars = reverting(4, 600)
    alone = model_of(bars)
    y, _ = alone.legs
    later = PairModel(CLASSIC, SLOT + 100, alone.legs)  # began 100 bars after its legs
    assert later.follow() == 500 and later.follow() == 0
    np.testing.assert_array_equal(columns_of(later), columns_of(model_of(bars[:, 100:], CLASSIC, SLOT + 100)))
    y.columns[[In.MID, In.LAST], 350] *= 1.001
    y.columns[[In.LOG_MID, In.LOG_LAST], 350] = np.log(y.columns[In.MID, 350])
    before = columns_of(later)
    later.redo(250)
    assert not np.array_equal(columns_of(later)[:, 250:], before[:, 250:], equal_nan=True)
    np.testing.assert_array_equal(columns_of(later)[:, :250], before[:, :250])
    with pytest.raises(ValueError, match="bars were passed to a model that follows legs"):
        later.extend(bars[:, :1])


def test_what_is_refused_leaves_no_trace() -> None:
    bars = reverting(5, 300)
    model = model_of(bars[:, :200])
    for row, value, message in (
        (0, np.nan, "y is nan in bar 203; expected a positive, finite number"),
        (0, -1.0, "y is -1.0 in bar 203"),
        (1, 0.0, "x is 0.0 in bar 203"),
        (1, np.inf, "x is inf in bar 203"),
        (2, -5.0, "y_age_ms is -5.0 in bar 203; expected 0 ms or more"),
        (3, np.nan, "x_age_ms is nan in bar 203"),
        (7, -3.0, "y_last is -3.0 in bar 203"),
        (8, np.inf, "x_last is inf in bar 203"),
    ):
        bad = bars[:, 200:].copy()
        bad[row, 3] = value
        with pytest.raises(ValueError, match=message):
            model.extend(bad)
    with pytest.raises(ValueError, match=r"bars have shape \(7, 3\); expected \(9, n\)"):
        model.extend(np.ones((7, 3)))
    with pytest.raises(ValueError, match="bars 190 to 290 are revised; expected some of the 200 known"):
        model.revise(190, bars[:, 200:])
    with pytest.raises(ValueError, match="bar opens at 5000 ms; expected the next one"):
        model.update(PairBar(5_000, 1.0, 1.0))
    model.extend(bars[:, 200:])
    np.testing.assert_array_equal(columns_of(model), columns_of(model_of(bars)))


def test_one_bar_says_nothing() -> None:
    shot = model_of(reverting(1, 1)).snapshot(0)
    assert np.isnan([shot.z, shot.beta, shot.spread, shot.gate, shot.coverage, shot.cost_z, shot.memory]).all()
    assert (shot.position, shot.action) == (0.0, Action.NONE)


@every_preset
def test_prices_that_stand_still_give_no_number(name: str) -> None:
    still = bars_of(np.full(BARS, 3.0), np.full(BARS, 5.0))
    model = model_of(still, PRESETS[name])
    for row in (Out.Z, Out.BETA_OLS, Out.BETA_KALMAN, Out.GATE_STATISTIC, Out.GATE_PVALUE, Out.COST_Z):
        assert np.isnan(model.column(row)).all(), row
    assert model.calibration is None and not model.column(Out.ACTION).any()


@every_preset
def test_legs_that_are_one_line_have_no_z(name: str) -> None:
    x = 11.0 + 2e-4 * np.cumsum(np.random.default_rng(1).standard_normal(BARS))
    model = model_of(bars_of(0.5 * x + 1.0, x), PRESETS[name])
    assert np.isnan(model.column(Out.Z)).all() and not model.column(Out.ACTION).any()


@every_preset
def test_a_market_that_stops_gives_no_z_from_rounding(name: str) -> None:
    bars = reverting(6, BARS)
    bars[:2, 700:] = bars[:2, 699:700]
    z = model_of(bars, PRESETS[name]).column(Out.Z)
    assert np.isfinite(z[600:700]).all()
    assert not (np.abs(z[1_300:]) > 50.0).any()


def test_walks_are_calibrated_and_measured_all_the_same() -> None:
    model = model_of(walking(7))
    assert model.calibration is not None and np.isfinite(model.column(Out.Z)[-100:]).all()


def test_tables_that_began_together_do_not_all_grow_in_the_same_bar() -> None:
    tables = [GrowableArray(2) for _ in range(190)]
    grew = []
    for bars in range(1, 6_000):
        before = [table.values.shape[1] for table in tables]
        for table in tables:
            table.hold(bars)
            assert table.values.shape[1] >= bars
        grew.append(sum(table.values.shape[1] != old for table, old in zip(tables, before, strict=True)))
    assert sum(grew) > 600 and max(grew) <= 4


def test_inputs_grow_without_losing_a_bar() -> None:
    leg = LegFeatures(3)
    leg.resize(2)
    leg.columns[:, :2] = [[1.0, 2.0]] * len(In)
    for bars in (5_000, 20_000):
        leg.resize(bars)
        assert leg.columns[:, :2].tolist() == [[1.0, 2.0]] * len(In) and leg.size == bars
    leg.resize(10)
    assert leg.size == 20_000 and len(PairBar._fields) - 1 == BAR_ROWS
