"""What a new pair starts with: it earns on true pairs after costs, and trades next to nothing on unrelated ones."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from config import Config
from dashboard import new_pair_settings
from engine.pairs import PairSettings, classic, defended, run_pair
from engine.pairs.layout import Floats
from screen.pages.pair.settings_form import PRESET_COSTS
from tests.engine.pairs.noises import NOISES, pair_with_break, unrelated
from tests.engine.pairs.trades import trades_of
from tests.engine.pairs.worlds import SLOT, WIDTH_MS

FILL = 6e-4  # 5 bps of fee and 1 bp of half-spread
TRUE_BARS, NOISE_BARS, WARM_BARS = 5_500, 4_300, 800  # an unrelated pair has 3,500 bars after its first test, or fewer
DEFAULT = new_pair_settings(Config())
CLASSIC = classic()


def followed(y: Floats, x: Floats, settings: PairSettings) -> pd.DataFrame:
    times = (SLOT + np.arange(y.size)) * WIDTH_MS
    return run_pair(np.exp(y), np.exp(x), times, replace(settings, half_spread_bps=1.0))


def net_of_true_pairs(settings: PairSettings, half_life: float, seeds: int) -> Floats:
    """Net of each pair, in quote currency per 10,000 notional: half-life in bars, sd 30 bps."""
    nets = []
    for seed in range(seeds):
        y, x = pair_with_break(seed, TRUE_BARS, "gauss", half_life=half_life)
        found = trades_of(followed(y, x, settings), FILL)
        nets.append(sum(trade.net for trade in found))
    return np.array(nets)


def test_a_new_pair_starts_with_the_defended_preset_and_classic_is_a_setting() -> None:
    assert defended() == DEFAULT
    chosen = new_pair_settings(Config(default_preset="classic", default_window=70, zscore_threshold=1.5))
    assert chosen == classic(70, 1.5) and chosen.cost_filter and DEFAULT.cost_filter
    assert new_pair_settings(Config(zscore_threshold=3.0)) == defended(entry_z=3.0)
    assert not PairSettings().cost_filter, "the record itself stays plain"


def test_new_pairs_earn_on_true_relations_after_costs() -> None:
    fast = net_of_true_pairs(DEFAULT, 20.0, 15)
    assert fast.mean() > 0.0 and (fast > 0.0).mean() >= 0.8
    slow = net_of_true_pairs(DEFAULT, 60.0, 40)
    assert slow.mean() > 0.0 and (slow < 0.0).mean() <= 0.25


@pytest.mark.soak
def test_what_the_presets_earn_on_true_pairs() -> None:
    """The sentence under the preset's choice."""
    textbook = net_of_true_pairs(CLASSIC, 20.0, 60)
    fast, slow = (net_of_true_pairs(DEFAULT, half_life, 60) for half_life in (20.0, 60.0))
    for name, nets in (("classic, 20", textbook), ("defended, 20", fast), ("defended, 60", slow)):
        won, lost = (nets > 0.0).mean(), (nets < 0.0).mean()
        print(f"{name}: mean net {nets.mean():.0f}, in profit {won:.0%}, in loss {lost:.0%}")  # noqa: T201
    assert fast.mean() > 0.0 and (fast > 0.0).mean() >= 0.8
    assert slow.mean() > 0.0 and (slow < 0.0).mean() <= 0.25
    loses, earns = (float(text) for text in re.findall(r"(\d+\.\d) %", PRESET_COSTS))
    assert (-textbook.mean() / 100.0, fast.mean() / 100.0) == pytest.approx((loses, earns), abs=0.06)
    assert not (textbook > 0.0).any() and (fast > 0.0).all()


def assert_quiet_on_noise(pairs: int) -> None:
    """Entries and costs per 3,500 bars and pair, and gross near 0, over all noises."""
    entries, costs, gross, bars = 0, 0.0, [], 0
    for noise in NOISES:
        for seed in range(pairs // len(NOISES) + 1):
            y, x = unrelated(seed, NOISE_BARS, noise)
            found = trades_of(followed(y, x, DEFAULT), FILL)
            bars += NOISE_BARS - WARM_BARS
            entries += len(found)
            costs += sum(trade.cost for trade in found)
            gross.append(sum(trade.gross for trade in found))
    share = 3_500 / bars
    mean, error = float(np.mean(gross)), float(np.std(gross, ddof=1)) / np.sqrt(len(gross))
    print(f"{entries * share:.2f} entries, {costs * share:.1f} of costs, gross {mean:.1f} +- {error:.1f}")  # noqa: T201
    assert entries * share <= 1.2 and costs * share <= 40.0 and abs(mean) <= 2.5 * error


def test_new_pairs_hardly_trade_on_noise() -> None:
    assert_quiet_on_noise(70)


@pytest.mark.soak
def test_new_pairs_hardly_trade_on_noise_over_400_pairs() -> None:
    assert_quiet_on_noise(400)
