"""Where the filter starts: its memory comes near what it is set to within a few memories, and the light says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.pairs import PairModel, defended
from engine.pairs.evidence import HEALTH_BARS, evidence_of
from engine.pairs.layout import Out
from tests.engine.pairs.noises import pair_with_break
from tests.engine.pairs.worlds import SLOT, WIDTH_MS, bars_of, model_of, reverting

CAREFUL = defended(interval_ms=WIDTH_MS, break_alarm=None)
AFTER = (3, 7)  # memories since the filter's start


def filtered(seed: int, half_life: float, until: int | None = None) -> PairModel:
    """A pair over 7 memories of 25 half-lives and more: the half-life may be taken for twice its length."""
    y, x = pair_with_break(seed, int(8 * 25 * half_life * 2.5), "gauss", half_life=half_life)
    return model_of(bars_of(y[:until], x[:until]), CAREFUL)


def measured_memory(model: PairModel, bars: float) -> float:
    """The memory, in bars, so many bars after the filter's start; NaN where the bars end before."""
    found = model.calibration
    assert found is not None and found.start is not None
    end = found.filter_bars + int(bars)
    if end > model.size:
        return np.nan
    measured = model.column(Out.MEMORY)[max(end - HEALTH_BARS, found.filter_bars) : end]
    return 1.0 / float(np.mean(1.0 / measured))


def assert_memories(half_life: float, seeds: int) -> None:
    """The share of the stated memory after 3 and 7 of them, where there is one; the light that is shown after 7 x 25
    half-lives, on every seed."""
    models = [filtered(seed, half_life) for seed in range(seeds)]
    stated = [(model, model.calibration.memory) for model in models if model.calibration and model.calibration.reverts]
    early, late = (
        float(np.nanmedian([measured_memory(model, after * memory) / memory for model, memory in stated]))
        for after in AFTER
    )
    ends = [model.calibration.filter_bars + int(7 * 25 * half_life) for model in models if model.calibration]
    healths = [evidence_of(filtered(seed, half_life, end)).health for seed, end in enumerate(ends)]
    green = [health.light for health in healths if health is not None].count("green") / seeds
    print(f"half-life {half_life:.0f}: {early:.2f} and {late:.2f} of the memory, green {green:.0%}")  # noqa: T201
    assert early >= 0.6 and late >= 0.8 and green >= 0.9


def test_the_memory_is_soon_what_it_is_set_to() -> None:
    assert_memories(20.0, 40)


@pytest.mark.soak
@pytest.mark.parametrize("half_life", [20.0, 60.0])
def test_the_memory_is_soon_what_it_is_set_to_on_200_pairs(half_life: float) -> None:
    assert_memories(half_life, 200)


def test_the_filter_of_a_slow_spread_waits_for_one_memory_and_delays_no_entry() -> None:
    models = (model_of(reverting(seed, 3_000, half_life=60.0), CAREFUL) for seed in range(30))
    model = next(
        each for each in models if each.calibration and each.calibration.bars < each.calibration.memory < 2_000
    )
    found = model.calibration
    assert found is not None and found.bars <= 1_500 and found.filter_bars == max(found.bars, round(found.memory))
    assert found.filter_bars <= found.test_window
    assert found.memory >= found.bars
    known = np.flatnonzero(~np.isnan(model.column(Out.Z)))
    assert known[0] == found.filter_bars and not np.isnan(model.column(Out.Z)[known[0] :]).any()


@pytest.mark.parametrize("changes", [{"gate": "off"}, {"test_window": 600}])
def test_a_filter_that_would_delay_entries_starts_with_the_calibration(changes: dict[str, object]) -> None:
    found = model_of(reverting(1, 1_200, half_life=30.0), replace(CAREFUL, **changes)).calibration
    assert found is not None and found.filter_bars == found.bars == 500


def test_a_revised_past_moves_the_start_as_a_replay_would() -> None:
    bars = reverting(5, 1_500, half_life=30.0)
    for at in (300, 499, 500, 700, 760, 1_200):
        other = bars.copy()
        other[0, at : at + 5] *= 1.001
        live = model_of(other, CAREFUL)
        live.revise(at, np.ascontiguousarray(bars[:, at:]))
        whole = PairModel(CAREFUL, SLOT)
        whole.extend(bars)
        assert live.calibration == whole.calibration
        for row in Out:
            assert np.array_equal(live.column(row), whole.column(row), equal_nan=True), (at, row)
        health = evidence_of(live).health
        assert health == evidence_of(whole).health


@pytest.mark.parametrize(("half_life", "bars"), [(5.0, 500), (20.0, 1_000), (60.0, 1_500)])
def test_a_calibration_that_holds_few_half_lives_is_made_longer(half_life: float, bars: int) -> None:
    lengths = [filtered(seed, half_life, 2_100).calibration for seed in range(20)]
    assert float(np.median([found.bars for found in lengths if found is not None])) == bars
    fixed = [model_of(reverting(seed, 1_600, half_life), replace(CAREFUL, test_window=900)) for seed in range(5)]
    assert all(model.calibration is not None and model.calibration.bars == 500 for model in fixed)
