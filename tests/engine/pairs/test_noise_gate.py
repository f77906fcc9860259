"""How long noise keeps a gate open: the table that stands beside a pair's own share, measured."""

from __future__ import annotations

import numpy as np
import pytest

from engine.pairs import PairModel, PairSettings, classic, defended
from engine.pairs.layout import At, Floats
from engine.pairs.noise_gate import DERIVED, FIXED, NoiseShare, noise_shares
from engine.stats.jit import njit
from tests.engine.pairs.worlds import WIDTH_MS, bars_of, model_of
from tests.engine.stats.noises import NOISES, Noise, unrelated

FIXED_BARS, DERIVED_BARS = 3_500, 9_000
PAIRS = {"classic": 400, "defended": 1_600}
SEED = 2029


@njit
def many_unrelated(noise: Noise, bars: int, pairs: int, seed: int) -> Floats:
    """Log prices, shape (pairs, 2, bars)."""
    np.random.seed(seed)
    out = np.empty((pairs, 2, bars))
    for i in range(pairs):
        unrelated(bars, noise, 0.0, out[i, 0], out[i, 1])
    return out


def share_open(legs: Floats, chosen: PairSettings) -> float:
    """Share of the bars since the first test, over all pairs whose gate can open."""
    models = (model_of(bars_of(8.0 + 5e-4 * y, 11.0 + 5e-4 * x), chosen) for y, x in legs)
    found = [counts(model) for model in models if model.calibration is None or model.calibration.is_testable]
    opened, bars = np.sum(found, axis=0)
    return float(opened / bars)


def counts(model: PairModel) -> tuple[float, float]:
    return model.state(At.GATE_OPEN_BARS), model.state(At.GATE_BARS)


def measured(name: str, preset: str, pairs: int) -> NoiseShare:
    """One row of the table, both gates on the same pairs."""
    make, bars = (classic, FIXED_BARS) if preset == "classic" else (defended, DERIVED_BARS)
    legs = many_unrelated(NOISES[name], bars, pairs, SEED)
    plain, robust = (share_open(legs, make(interval_ms=WIDTH_MS, gate=gate)) for gate in ("engle-granger", "robust"))
    return NoiseShare(name, plain, robust)


@pytest.mark.soak
@pytest.mark.parametrize(("preset", "table"), [("classic", FIXED), ("defended", DERIVED)])
@pytest.mark.parametrize("name", NOISES)
def test_the_table_is_what_all_pairs_show(name: str, preset: str, table: tuple[NoiseShare, ...]) -> None:
    expected = next(row for row in table if row.noise == name)
    found = measured(name, preset, PAIRS[preset])
    assert (found.plain, found.robust) == pytest.approx((expected.plain, expected.robust), abs=0.001)


@pytest.mark.parametrize("name", ["Gaussian", "ARCH-like (.30, .68)", "variance / 25"])
def test_forty_pairs_show_about_the_same(name: str) -> None:
    """The first forty of those of the table."""
    expected = next(row for row in FIXED if row.noise == name)
    found = measured(name, "classic", 40)
    assert (found.plain, found.robust) == pytest.approx((expected.plain, expected.robust), abs=0.03)
    assert found.robust < found.plain


def test_sixty_pairs_of_the_defended_preset_show_what_they_showed_when_the_table_was_measured() -> None:
    """A change of the calibration or the gate moves these: then the table is to be measured again (`make soak`)."""
    found = measured("ARCH-like (.30, .68)", "defended", 60)
    assert (found.plain, found.robust) == pytest.approx((0.1614, 0.0680), abs=0.001)


def test_every_noise_has_its_row_and_the_robust_gate_always_the_smaller_share() -> None:
    for table in (FIXED, DERIVED):
        assert [row.noise for row in table] == list(NOISES)
        assert all(0.05 < row.robust < row.plain for row in table)


def test_the_table_follows_the_windows_and_says_nothing_at_other_levels() -> None:
    assert noise_shares(classic()) == noise_shares(classic(gate="robust")) == FIXED
    assert noise_shares(defended()) == DERIVED and noise_shares(defended(test_window=900)) == FIXED
    assert noise_shares(classic(gate="off")) == noise_shares(classic(gate_level=10)) == ()
