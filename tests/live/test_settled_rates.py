"""Funding rates are read once for all pairs of a symbol, again after a time, and what was known outlives a failure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.errors import StoreError
from engine.market.funding import Funding
from live import settled_rates
from live.settled_rates import FUNDING_EVERY_S, NO_FUNDING, SettledRates
from tests.live.test_paper import FAST, T0, run_of


class Store:
    def __init__(self) -> None:
        self.times: list[int] = []
        self.reads: Counter[str] = Counter()
        self.is_down = False

    def funding(self, market: str, symbol: str, kind: str, from_ms: int, to_ms: int) -> list[Funding]:
        self.reads[symbol] += 1
        if self.is_down:
            raise StoreError("the file is locked")
        return [Funding(symbol, kind, at, 1e-4) for at in self.times if from_ms <= at < to_ms]

    def close(self) -> None:
        pass


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time_s = [1_000.0]
    monkeypatch.setattr(settled_rates.time, "monotonic", lambda: time_s[0])
    return time_s


def pair(y: str, x: str, start_ms: int = T0) -> Any:
    class Followed:
        run = replace(run_of(FAST), y=y, x=x, start_ms=start_ms)

    return Followed()


def test_a_symbol_is_read_once_for_all_pairs(now: list[float]) -> None:
    store = Store()
    rates = SettledRates(lambda: store)  # type: ignore[arg-type, return-value]
    store.times = [T0 + 1]
    symbols = [f"S{number}" for number in range(6)]
    for _ in range(3):
        for at, y in enumerate(symbols):
            for x in symbols[at + 1 :]:
                assert all(times.tolist() == [T0 + 1] for times, _ in rates.of(pair(y, x)))
    assert store.reads == dict.fromkeys(symbols, 1)
    now[0] += FUNDING_EVERY_S
    before = rates._known["sim", "S0"].rates
    assert rates.of(pair("S0", "S1"))[0] is before, "the same object while nothing is new"
    assert store.reads["S0"] == 2


def test_an_earlier_start_and_new_rates_are_read(now: list[float]) -> None:
    store = Store()
    rates = SettledRates(lambda: store)  # type: ignore[arg-type, return-value]
    store.times = [T0 - 5, T0 + 1]
    assert rates.of(pair("A", "B"))[0][0].tolist() == [T0 + 1]
    assert rates.of(pair("A", "B", T0 - 10))[0][0].tolist() == [T0 - 5, T0 + 1]
    store.times.append(T0 + 2)
    assert rates.of(pair("A", "B"))[0][0].size == 2, "looked a moment ago"
    assert rates.of(pair("A", "B"), is_fresh=True)[0][0].size == 3
    np.testing.assert_array_equal(rates.of(pair("A", "C"))[0][1], np.full(3, 1e-4))


def test_what_was_known_outlives_a_failure(now: list[float]) -> None:
    store = Store()
    rates = SettledRates(lambda: store)  # type: ignore[arg-type, return-value]
    store.times, store.is_down = [T0 + 1], True
    for _ in range(3):
        assert rates.of(pair("A", "B"))[0][0].size == 0
    assert store.reads["A"] == 1, "a store that fails is not asked with every bar"
    store.is_down = False
    now[0] += FUNDING_EVERY_S
    assert rates.of(pair("A", "B"))[0][0].tolist() == [T0 + 1]
    store.is_down = True
    now[0] += FUNDING_EVERY_S
    assert rates.of(pair("A", "B"))[0][0].tolist() == [T0 + 1]


def test_without_a_store_there_are_none() -> None:
    assert SettledRates(None).of(pair("A", "B")) is NO_FUNDING
