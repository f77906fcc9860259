"""No order above the stated exposure, no entry with a hedge outside its range, and nothing that blocks an exit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import SettingsError
from engine.pairs import Action, PairModel, PairSettings, Reason, classic, defended
from engine.pairs.layout import Floats, Out
from engine.pairs.quantities import order_quantities
from engine.pairs.settings import ESTIMATORS
from tests.engine.pairs.noises import shocks
from tests.engine.pairs.worlds import CLASSIC, bars_of, model_of, reverting
from tests.engine.stats.worlds import ar1, walk

ENTRIES = (Action.ENTER_LONG, Action.ENTER_SHORT)
NOISES = ("gauss", "t3", "garch")
SHORT_PAIRS, LONG_PAIRS, BARS = 3, 500, 1_500


def unrelated(seed: int, noise: str) -> Floats:
    rng = np.random.default_rng(seed)
    y, x = (5e-4 * np.cumsum(shocks(rng, noise, BARS)) for _ in range(2))
    return bars_of(8.0 + y, 11.0 + x)


def presets(estimator: str, space: str = "log") -> list[PairSettings]:
    quick = {"interval_ms": 5_000, "estimator": estimator, "space": space, "gate": "off", "cost_filter": False}
    return [
        classic(calibration_bars=100, beta_window=100, **quick),
        defended(calibration_bars=240, **(quick | {"entry_z": 1.2, "exit_z": 0.2})),
    ]


def assert_bounded(model: PairModel) -> int:
    """Every entry's hedge and exposure; how many entries there were."""
    chosen = model.settings
    places = np.flatnonzero(np.isin(model.column(Out.ACTION), ENTRIES))
    for place in places.tolist():
        y, x = model.prices(place)
        beta = float(model.column(Out.BETA)[place])
        action = Action(int(model.column(Out.ACTION)[place]))
        quantity_y, quantity_x = order_quantities(chosen, action, beta, (y, x), (0.0, 0.0))
        hedge = -(quantity_x * x) / (quantity_y * y)
        assert chosen.hedge_min - 1e-9 <= hedge <= chosen.hedge_max + 1e-9
        exposure = abs(quantity_y * y) + abs(quantity_x * x)
        assert exposure <= (1.0 + chosen.hedge_max) * chosen.notional * (1 + 1e-9)
    return len(places)


@pytest.mark.parametrize("space", ["log", "price"])
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_entries_on_unrelated_pairs_stay_in_range(estimator: str, noise: str, space: str) -> None:
    refused = 0
    for seed in range(SHORT_PAIRS):
        for settings in presets(estimator, space):
            model = model_of(unrelated(seed, noise), settings)
            assert_bounded(model)
            refused += int((model.column(Out.REASON) == Reason.HEDGE_RANGE).sum())
    assert refused > 0, "the range was tried"


@pytest.mark.soak
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_entries_on_500_unrelated_pairs_stay_in_range(estimator: str, noise: str) -> None:
    entries = 0
    for seed in range(LONG_PAIRS):
        for settings in presets(estimator):
            entries += assert_bounded(model_of(unrelated(seed, noise), settings))
    assert entries > LONG_PAIRS


def test_a_true_pair_enters_as_before_and_a_narrow_range_says_why_not() -> None:
    bars = reverting(1)
    free = model_of(bars, replace(CLASSIC, gate="off"))
    assert assert_bounded(free) > 3
    narrow = model_of(bars, replace(CLASSIC, gate="off", hedge_min=2.0, hedge_max=2.1))
    reasons = narrow.column(Out.REASON)[narrow.column(Out.ACTION) == Action.NO_ENTRY]
    assert not np.isin(narrow.column(Out.ACTION), ENTRIES).any() and (reasons == Reason.HEDGE_RANGE).sum() > 3


def test_a_negative_hedge_is_traded_by_choice_only() -> None:
    rng = np.random.default_rng(2)
    x = 11.0 + 2e-4 * walk(rng, 900)
    bars = bars_of(18.0 - 0.9 * x + ar1(rng, 900, 4.0, 2e-3), x)
    chosen = replace(CLASSIC, gate="off")
    assert not np.isin(model_of(bars, chosen).column(Out.ACTION), ENTRIES).any()
    model = model_of(bars, replace(chosen, negative_hedge=True))
    places = np.flatnonzero(np.isin(model.column(Out.ACTION), ENTRIES))
    assert len(places) > 3 and (model.column(Out.BETA)[places] < 0.0).all()


def test_an_exit_is_given_whatever_the_hedge_became() -> None:
    bars = reverting(3)
    chosen = replace(CLASSIC, gate="off", estimator="ols")
    model = model_of(bars, chosen)
    beta = model.column(Out.BETA)
    exits = np.flatnonzero(model.column(Out.ACTION) == Action.EXIT)
    entries = np.flatnonzero(np.isin(model.column(Out.ACTION), ENTRIES))
    inside = beta[entries]
    outside = [place for place in exits if not inside.min() <= beta[place] <= inside.max()]
    assert outside, "some exit comes with a hedge that no entry had"
    tight = replace(chosen, hedge_min=float(inside.min()) - 1e-9, hedge_max=float(inside.max()) + 1e-9)
    assert (model_of(bars, tight).column(Out.ACTION)[outside] == Action.EXIT).all()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"hedge_min": 3.0}, "hedge_min is 3.0; expected from 0 to below hedge_max"),
        ({"hedge_min": -0.1}, "hedge_min is -0.1; expected from 0 to below hedge_max"),
        ({"hedge_max": 101.0}, "hedge_max is 101.0; expected at most 100"),
        ({"hedge_max": float("nan")}, "hedge_max is nan; expected a finite number"),
    ],
)
def test_a_range_that_cannot_be_is_refused(changes: dict[str, float], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        classic(**changes)
