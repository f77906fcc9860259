"""PBO against a slow reference that follows the paper word by word, and by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import rankdata

from engine.backtest.overfitting import cscv
from engine.stats.checks import Floats


def reference(table: Floats, blocks: int) -> tuple[Floats, list[int]]:
    """Logits and best cells: sub-matrices joined in their order, ratios, ranks (Bailey et al. 2015, section 2)."""
    parts = np.split(table, blocks)
    logits, chosen = [], []
    for places in combinations(range(blocks), blocks // 2):
        train = np.concatenate([parts[i] for i in places])
        test = np.concatenate([parts[i] for i in range(blocks) if i not in places])
        best = int(np.argmax(train.mean(axis=0) / train.std(axis=0, ddof=1)))
        rank = rankdata(test.mean(axis=0) / test.std(axis=0, ddof=1))[best]
        share = rank / (table.shape[1] + 1)
        logits.append(np.log(share / (1 - share)))
        chosen.append(best)
    return np.array(logits), chosen


@pytest.mark.parametrize(
    ("periods", "cells", "blocks", "seed"), [(64, 7, 8, 1), (60, 20, 6, 2), (40, 2, 4, 3), (48, 33, 8, 4)]
)
def test_equal_to_the_procedure_of_the_paper(periods: int, cells: int, blocks: int, seed: int) -> None:
    table = np.random.default_rng(seed).normal(1e-3, 0.01, (periods, cells))
    found = cscv(table, blocks)
    logits, chosen = reference(table, blocks)
    assert found.logits == pytest.approx(logits, abs=1e-9) and found.chosen.tolist() == chosen
    assert found.pbo == np.mean(logits <= 0) and found.dropped == 0


def test_two_blocks_by_hand() -> None:
    """Cell 0 gains in the first half only, cell 1 loses and gains a little, cell 2 gains always."""
    table = np.array([[5.0, -1.0, 1.0], [4.0, -2.0, 2.0], [-5.0, 1.0, 1.0], [-4.0, 2.0, 2.0]])
    found = cscv(table, 2)
    root = np.sqrt(0.5)
    assert found.chosen.tolist() == [0, 1]  # 4.5/.7071; in the second half cells 1 and 2 tie at 1.5, the first counts
    assert found.train == pytest.approx([4.5 / root, 1.5 / root])
    assert found.test == pytest.approx([-4.5 / root, -1.5 / root])
    assert found.logits == pytest.approx(np.log([0.25 / 0.75, 0.25 / 0.75]))  # rank 1 of 3, twice
    assert (found.pbo, found.loss) == (1.0, 1.0) and found.slope == pytest.approx(-1.0)


def test_a_cell_with_skill_is_no_overfit_and_noise_is() -> None:
    rng = np.random.default_rng(6)
    table = rng.normal(0.0, 0.01, (240, 50))
    assert 0.2 < cscv(table, 8).pbo < 0.8
    table[:, 17] += 5e-3
    skilled = cscv(table, 8)
    assert skilled.pbo < 0.02 and skilled.loss < 0.02 and (skilled.chosen == 17).mean() > 0.95


def test_cells_that_never_move_stand_between_winners_and_losers() -> None:
    rng = np.random.default_rng(7)
    table = np.stack([rng.normal(-0.05, 0.01, 40), np.zeros(40), np.full(40, 0.0), rng.normal(0.05, 0.01, 40)], axis=1)
    found = cscv(table, 4)
    assert (found.chosen == 3).all() and found.pbo == 0.0
    flat = cscv(table[:, :3], 4)  # the best are the two that did nothing: equal ranks 2.5 of 3
    assert flat.logits == pytest.approx(np.log(2.5 / 1.5)) and np.isnan(flat.slope)


def test_periods_beyond_a_multiple_are_dropped_at_the_start() -> None:
    table = np.random.default_rng(8).normal(0.0, 0.01, (43, 5))
    found = cscv(table, 4)
    assert found.dropped == 3 and np.array_equal(found.logits, cscv(table[3:], 4).logits)


def test_many_cells_are_ranked_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(9).normal(0.0, 0.01, (80, 30))
    whole = cscv(table, 8)
    monkeypatch.setattr("engine.backtest.overfitting.CHUNK_CELLS", 100)
    assert np.array_equal(whole.logits, cscv(table, 8).logits)


def test_what_cannot_be_cut_is_refused() -> None:
    table = np.random.default_rng(1).standard_normal((10, 3))
    with pytest.raises(ValueError, match="blocks is 3 for 10 periods; expected an even number, at most 5"):
        cscv(table, 3)
    with pytest.raises(ValueError, match="blocks is 6 for 10 periods"):
        cscv(table, 6)
    with pytest.raises(ValueError, match="returns has 1 cell; expected at least 2"):
        cscv(table[:, :1], 2)
    with pytest.raises(ValueError, match="blocks is 22; expected at least 2 and at most 20"):
        cscv(table, 22)
