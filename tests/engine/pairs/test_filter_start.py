"""Where the filter starts: its memory comes near what it is set to within a few memories, and the light says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.pairs import PairModel, defended
from engine.pairs.evidence import HEALTH_BARS, evidence_of
from engine.pairs.layout import Out
from engine.stats.health import light
from tests.engine.pairs.noises import pair_with_break
from tests.engine.pairs.worlds import SLOT, WIDTH_MS, bars_of, model_of, reverting

CAREFUL = defended(interval_ms=WIDTH_MS, break_alarm=None)
AFTER = (3, 7)  # memories since the filter's start


def filtered(seed: int, half_life: float) -> PairModel:
    """A pair over 7 memories and more; a half-life that is taken for twice its length makes it longer still."""
    y, x = pair_with_break(seed, int(8 * 25 * half_life * 5), "gauss", half_life=half_life)
    return model_of(bars_of(y, x), CAREFUL)


def memory_share(model: PairModel, memories: int) -> tuple[float, str | None]:
    """Measured over stated memory so many memories after the start, and the light there; NaN where the bars end."""
    found = model.calibration
    assert found is not None and found.start is not None
    end = found.filter_bars + int(memories * found.memory)
    if end > model.size:
        return np.nan, None
    measured = model.column(Out.MEMORY)[max(end - HEALTH_BARS, found.filter_bars) : end]
    memory = 1.0 / float(np.mean(1.0 / measured))
    return memory / found.memory, light(memory, found.half_life)


def assert_memories(half_life: float, seeds: int) -> None:
    models = [filtered(seed, half_life) for seed in range(seeds)]
    shares = {after: np.array([memory_share(model, after)[0] for model in models]) for after in AFTER}
    lights = [memory_share(model, 7)[1] for model in models]
    known = [colour for colour in lights if colour is not None]
    early, late = float(np.nanmedian(shares[3])), float(np.nanmedian(shares[7]))
    green = known.count("green") / len(known)
    print(f"half-life {half_life:.0f}: {early:.2f} and {late:.2f} of the memory, green {green:.0%}")  # noqa: T201
    assert len(known) >= 0.9 * seeds
    assert early >= 0.6 and late >= 0.8 and green >= 0.9


def test_the_memory_is_soon_what_it_is_set_to() -> None:
    assert_memories(20.0, 40)


@pytest.mark.soak
@pytest.mark.parametrize("half_life", [20.0, 60.0])
def test_the_memory_is_soon_what_it_is_set_to_on_200_pairs(half_life: float) -> None:
    assert_memories(half_life, 200)


def test_the_filter_waits_for_one_memory_and_delays_no_entry() -> None:
    models = (model_of(reverting(seed, 3_000, half_life=30.0), CAREFUL) for seed in range(30))
    model = next(each for each in models if each.calibration and 800 < each.calibration.memory < 1_500)
    found = model.calibration
    assert found is not None and found.bars == 500 < found.filter_bars == round(found.memory)
    assert found.filter_bars + found.z_window <= found.test_window
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
