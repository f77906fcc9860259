"""The long forms: the path's properties on a thousand markets, the gate and the bounce on ten times as many pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.pairs import PairSettings, classic
from engine.pairs.layout import Out
from tests.engine.pairs.markets import Trouble, make_ticks
from tests.engine.pairs.test_bounce import LAST, MID, followed, share_opened
from tests.engine.pairs.test_gate import EVERY_BAR, flips_of, gated
from tests.engine.pairs.test_pipeline import NO_SHRINK, assert_one_path, filled, some_restarts, ways
from tests.engine.pairs.worlds import WIDTH_MS, model_of, walking

pytestmark = pytest.mark.soak


@settings(max_examples=1_000, deadline=None, phases=NO_SHRINK)
@given(st.integers(0, 10**9), filled, ways, some_restarts)
def test_restarts_and_order_do_not_show(seed: int, trouble: Trouble, chosen: PairSettings, restarts: set[int]) -> None:
    assert_one_path(make_ticks(seed), trouble, chosen, restarts)


def test_a_rolling_gate_on_400_pairs_of_noise() -> None:
    """math.md section 4: open about 9 % of the time, 96 % of pairs open at least once in 3,000 bars."""
    models = [model_of(walking(seed, 3_500), classic(interval_ms=WIDTH_MS)) for seed in range(400)]
    assert np.mean([model.gate_open_share for model in models]) == pytest.approx(0.09, abs=0.015)
    assert np.mean([np.nanmax(model.column(Out.GATE)) for model in models]) == pytest.approx(0.96, abs=0.03)


@pytest.mark.parametrize("half_life", [15, 25, 40, 60])
def test_hysteresis_on_forty_pairs(half_life: int) -> None:
    ours = naive = 0
    for seed in range(40):
        model = gated(100 + seed, half_life, EVERY_BAR)
        statistic = model.column(Out.GATE_STATISTIC)[499:]
        naive += flips_of(statistic < np.quantile(statistic, model.gate_open_share))
        ours += model.gate_flips
    assert naive >= 5 * ours > 0


@pytest.mark.parametrize(("half_spread", "on_prints"), [(1.0, 0.19), (2.0, 0.58), (4.0, 0.93)])
def test_bounce_on_3_800_pairs(half_spread: float, on_prints: float) -> None:
    found = []
    for seed in range(20):
        mid, prints = followed(1_000 + seed, half_spread, [MID, LAST])
        found.append((share_opened(prints), share_opened(mid)))
    prints_share, mid_share = np.mean(found, axis=0)
    assert prints_share == pytest.approx(on_prints, abs=0.06) and mid_share <= 0.09
