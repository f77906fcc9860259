"""The examples of docs/extending.md: each runs, does what it says, and is short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from docs.examples.own_indicator import PERIOD, compute_rsi, rsi_step

ROOT = Path(__file__).parent.parent
EXAMPLES = ["docs/examples/own_indicator.py"]


@pytest.mark.parametrize("path", EXAMPLES)
def test_an_example_has_at_most_thirty_lines_and_is_in_the_document(path: str) -> None:
    assert len((ROOT / path).read_text().splitlines()) <= 30
    assert path.removeprefix("docs/") in (ROOT / "docs/extending.md").read_text()


def wilder(prices: pd.Series) -> pd.Series:
    """By the book: a plain mean of the first changes, then Wilder's smoothing."""
    change = prices.diff().dropna()
    means = []
    for moved in (change.clip(lower=0), -change.clip(upper=0)):
        first = moved.iloc[:PERIOD].mean()
        rest = [first]
        for value in moved.iloc[PERIOD:]:
            rest.append((rest[-1] * (PERIOD - 1) + value) / PERIOD)
        means.append(np.array(rest))
    return pd.Series(100 * means[0] / (means[0] + means[1]), prices.index[PERIOD:])


def test_the_rsi_is_wilders_and_the_same_bar_by_bar() -> None:
    prices = pd.Series(100 + np.cumsum(np.random.default_rng(3).normal(0, 1, 500)))
    found = compute_rsi(prices.to_numpy())
    assert np.isnan(found[:PERIOD]).all()
    np.testing.assert_allclose(found[PERIOD:], wilder(prices), rtol=1e-10)
    state = np.zeros(4)
    assert [rsi_step(state, price) for price in prices][PERIOD:] == found[PERIOD:].tolist()
