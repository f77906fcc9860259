"""Contract of every TrialStore: it counts, and forgets nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.store import open_backend
from engine.store.trials import LoggedTrial, Trial, TrialStore
from tests.engine.store.contract.memory import MemoryTrials
from tests.engine.store.harness import T0

DAY_MS = 86_400_000
TRIAL = Trial("backtest", "d1", "s1", "usdm", "ETHUSDT", "BTCUSDT", T0, T0 + DAY_MS, sharpe=0.1)


def on_sqlite(folder: Path) -> TrialStore:
    backend = open_backend(folder)
    backend.analysis().close()
    return backend.trials()


def in_memory(_: Path) -> TrialStore:
    return MemoryTrials()


@pytest.fixture(params=[on_sqlite, in_memory])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TrialStore:
    make: Callable[[Path], TrialStore] = request.param
    return make(tmp_path)


def test_a_trial_knows_its_number_on_its_data(store: TrialStore) -> None:
    assert store.on_data("d1") == (0, 0) and store.newest() == []
    assert store.add(T0, [TRIAL]) == [1]
    cells = [replace(TRIAL, kind="cell", settings=f"s{n}") for n in range(3)]
    assert store.add(T0 + 1, cells) == [2, 3, 4]
    other = replace(TRIAL, data="d2", kind="scan", tests=190, x="")
    assert store.add(T0 + 2, [other, TRIAL]) == [190, 5]
    assert store.on_data("d1") == (5, 3)  # s1 three times
    assert store.on_data("d2") == (190, 190)
    assert store.newest(2) == [LoggedTrial(6, T0 + 2, TRIAL), LoggedTrial(5, T0 + 2, other)]
    assert store.add(T0, []) == []


def test_data_that_overlap_count_together_whatever_the_pair(store: TrialStore) -> None:
    later = replace(TRIAL, data="d2", from_ms=T0 + 60_000, to_ms=T0 + DAY_MS + 60_000)
    pair = replace(TRIAL, data="d3", y="SOLUSDT")
    after = replace(TRIAL, data="d4", from_ms=T0 + DAY_MS, to_ms=T0 + 2 * DAY_MS)
    spot = replace(TRIAL, data="d5", market="spot")
    store.add(T0, [TRIAL, later, pair, after, spot])
    assert store.overlapping("usdm", T0, T0 + DAY_MS) == (3, 2)  # the same pair and settings on one minute more
    assert store.overlapping("usdm", T0 + DAY_MS, T0 + 3 * DAY_MS) == (2, 1)
    assert store.overlapping("usdm", T0 - 5, T0) == (0, 0)


def test_the_ratios_of_all_settings_are_known(store: TrialStore) -> None:
    ratios = [("s1", 0.1), ("s2", None), ("s3", -0.2), ("s1", 0.1)]
    store.add(T0, [replace(TRIAL, settings=name, sharpe=ratio) for name, ratio in ratios])
    assert store.sharpes("d1") == [0.1, -0.2] and store.sharpes("d9") == []


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("stu"), st.integers(1, 5), st.integers(0, 9)), max_size=25
    )
)
@settings(deadline=None, max_examples=25, derandomize=True)
def test_both_stores_count_alike(
    tmp_path_factory: pytest.TempPathFactory, tried: list[tuple[str, str, int, int]]
) -> None:
    stores = [on_sqlite(tmp_path_factory.mktemp("ledger")), MemoryTrials()]
    trials = [replace(TRIAL, data=d, settings=s, tests=n, from_ms=T0 + at, to_ms=T0 + at + 3) for d, s, n, at in tried]
    half = len(trials) // 2
    first, second = ([store.add(T0, trials[:half]) + store.add(T0, trials[half:])] for store in stores)
    assert first == second
    for data in "ab":
        assert stores[0].on_data(data) == stores[1].on_data(data)
    for at in range(0, 12, 2):
        assert stores[0].overlapping("usdm", T0 + at, T0 + at + 1) == stores[1].overlapping(
            "usdm", T0 + at, T0 + at + 1
        )


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="kind is 'guess'; expected one of backtest, cell, scan, view"):
        replace(TRIAL, kind="guess")
    with pytest.raises(ValueError, match=f"to_ms is {T0}; expected above from_ms"):
        replace(TRIAL, to_ms=T0)
    with pytest.raises(ValueError, match="tests is 0; expected at least 1"):
        replace(TRIAL, tests=0)
