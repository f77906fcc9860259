"""Walk-forward folds never touch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.backtest.folds import Fold, walk_forward


def test_rolling_and_anchored_by_hand() -> None:
    rolling = walk_forward(1_000, 400, 200, purge=10, embargo=20)
    assert rolling == [Fold(0, 400, 410, 610), Fold(220, 620, 630, 830), Fold(440, 840, 850, 1_000)]
    anchored = walk_forward(1_000, 400, 200, anchored=True, purge=10, embargo=20)
    assert anchored == [Fold(0, 400, 410, 610), Fold(0, 620, 630, 830), Fold(0, 840, 850, 1_000)]
    assert np.arange(1_000)[rolling[1].test].tolist() == list(range(630, 830))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    bars=st.integers(2, 400), train=st.integers(1, 200), test=st.integers(1, 100), purge=st.integers(0, 30),
    embargo=st.integers(0, 30), anchored=st.booleans(),
)  # fmt: skip
def test_no_test_bar_is_near_its_training_or_in_another_test(
    bars: int, train: int, test: int, purge: int, embargo: int, anchored: bool
) -> None:
    assume(train + purge + (test + 1) // 2 <= bars)
    folds = walk_forward(bars, train, test, anchored=anchored, purge=purge, embargo=embargo)
    for fold in folds:
        assert 0 <= fold.train_from < fold.train_to and fold.test_from < fold.test_to <= bars
        assert fold.test_from - fold.train_to == purge
        assert fold.train_from == 0 if anchored else fold.train_to - fold.train_from == train
        assert (test + 1) // 2 <= fold.test_to - fold.test_from <= test
    for before, after in pairwise(folds):
        assert after.test_from - before.test_to == embargo and before.test_to - before.test_from == test
    left = bars - folds[-1].test_to - embargo
    assert left < (test + 1) // 2  # another one would not fit


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(
        ValueError, match="100 bars for a training part of 90, 5 left out and a test of 20; expected 105"
    ):
        walk_forward(100, 90, 20, purge=5)
    with pytest.raises(ValueError, match="2 whole hours for a training part of 2 and a test of 1; expected 3"):
        walk_forward(2, 2, 1, unit="whole hours")
    with pytest.raises(ValueError, match="purge is -1; expected at least 0"):
        walk_forward(100, 50, 20, purge=-1)
