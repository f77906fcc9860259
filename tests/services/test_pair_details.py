"""Details of a watched pair against plain pandas on the same bars, and on the same trades."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import SettingsError
from engine.market.ticks import Tick
from engine.stats import hayashi_yoshida, hurst, trade_side_mid
from engine.store import open_backend
from services.pair_bars import BARS
from services.pair_details import PairDetailService
from services.pair_together import LAGS_MS, ROLLING, Lags, Together, lags_of
from services.views import ViewerCursor
from tests.engine.pairs.markets import make_ticks
from tests.live.test_monitor import Harness


async def test_they_are_those_of_the_bars_and_of_the_trades(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    ticks = make_ticks(1)
    await harness.write(ticks)
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    service = PairDetailService(harness.monitor, open_backend(tmp_path))
    found, together = service.legs(watch_id), service.together(watch_id)
    view = harness.views.pair(watch_id, ViewerCursor(), BARS)
    assert view is not None
    bars = pd.DataFrame(view.columns)
    assert found.bars == len(bars) and (found.from_ms, found.to_ms) == (
        bars.t.iloc[0],
        bars.t.iloc[-1] + 2_000,
    )
    for leg, side in ((found.y, "y"), (found.x, "x")):
        close, volume = bars[f"{side}_last"], bars[f"{side}_volume"].astype(float).fillna(0.0)
        assert leg.filled == bars[f"{side}_close"].isna().sum()
        assert (leg.last, leg.mean) == pytest.approx((close.iloc[-1], close.mean()))
        assert leg.deviation == pytest.approx(close.std())
        assert leg.last_return_bps == pytest.approx(1e4 * math.log(close.iloc[-1] / close.iloc[-2]))
        assert leg.vwap == pytest.approx((close * volume).sum() / volume.sum())
        assert leg.quote_volume == pytest.approx((close * volume).median())
        assert leg.traded_share == pytest.approx((volume > 0).mean())
        usual = volume.rolling(60).median().shift(1)
        spikes = volume[(usual > 0) & (volume >= 5 * usual)]
        assert leg.spikes == len(spikes)
        assert leg.spike_ms == (bars.t[spikes.index[-1]] if len(spikes) else 0)
        counts, edges = np.histogram(close, 24, (close.min(), close.max()), weights=volume)
        np.testing.assert_allclose(leg.profile, counts, rtol=1e-9)
        assert (leg.profile_low, leg.profile_high) == pytest.approx((edges[0], edges[-1]))
        assert leg.low <= leg.point_of_control <= leg.high
    assert (together.from_ms, together.bars) == (found.from_ms, found.bars) and together.symbols == ("YUSDT", "XUSDT")
    assert_together(together, ticks, found.to_ms)
    spread = bars.spread.dropna().to_numpy(float)
    whole = hurst(spread) if len(spread) >= 100 else None
    assert together.hurst == whole if whole else math.isnan(together.hurst.exponent)
    harness.monitor.close()
    await harness.writer.close()


def assert_together(found: Together, ticks: list[Tick], to_ms: int) -> None:
    frame = pd.DataFrame([(t.symbol, t.trade_time_ms, float(t.price), t.buyer_is_maker) for t in ticks],
                         columns=["symbol", "t", "price", "maker"])  # fmt: skip
    frame = frame[(frame.t < to_ms) & (frame.t >= to_ms - 1_800_000)]
    legs = []
    for _, own in frame.groupby("symbol", sort=False):
        mid = trade_side_mid(own.price.to_numpy(), own.maker.to_numpy())
        legs.append((own.t.to_numpy()[~np.isnan(mid)], np.log(mid[~np.isnan(mid)])))
    first, second = legs
    expected = float(hayashi_yoshida(*first, *second))
    assert found.without_grid == pytest.approx(expected) and found.problem == ""
    assert found.by_lag[LAGS_MS.index(0)] == pytest.approx(expected)
    assert len(found.over_time) == 15
    for number, value in enumerate(found.over_time):
        from_ms = to_ms - 1_800_000 + number * 120_000
        own = [(t[(t >= from_ms) & (t < from_ms + 120_000)], mid[(t >= from_ms) & (t < from_ms + 120_000)])
               for t, mid in legs]  # fmt: skip
        is_known = all((np.diff(mid) != 0.0).sum() >= 20 for _, mid in own)
        assert math.isnan(value) if not is_known else value == pytest.approx(float(hayashi_yoshida(*own[0], *own[1])))
    assert np.isfinite(found.over_time).any()
    assert found.best_lag_ms == 0  # these legs move at once
    assert found.granger is not None and 0.0 <= found.granger.p_x_to_y <= 1.0
    known = [value for value in found.rolling if value == value]
    assert len(known) > ROLLING and all(-1.0 <= value <= 1.0 for value in known)
    assert np.mean(known) == pytest.approx(found.pearson, abs=0.1)


def moved(rng: np.random.Generator, shared: float, wild: float, shift_ms: int) -> Lags:
    """Two legs of 4,000 trades each at their own times over 13 minutes. ``shared``: part of each step's variance;
    ``wild``: deviation of the log volatility, which both have in common and which lasts; the second leg follows by
    ``shift_ms``."""
    span_ms, grid = 800_000, 16_000
    level = np.zeros(grid)
    noise = rng.standard_normal(grid) * wild * math.sqrt(1 - 0.9995**2)
    for at in range(1, grid):
        level[at] = 0.9995 * level[at - 1] + noise[at]
    size = np.exp(level)
    common, one, other = (np.cumsum(rng.standard_normal(grid) * size) for _ in range(3))
    t_y, t_x = (np.sort(rng.choice(span_ms, 4_000, replace=False)) for _ in range(2))
    at_y, at_x = t_y * grid // span_ms, np.maximum(t_x - shift_ms, 0) * grid // span_ms
    y, x = (math.sqrt(shared) * common + math.sqrt(1 - shared) * own for own in (one, other))
    return lags_of(t_y, y[at_y], t_x, x[at_x])


@pytest.mark.parametrize("wild", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_no_leader_is_named_where_there_is_none(shared: float, wild: float) -> None:
    """Also where the volatility moves: an error of 1 / sqrt(trades) would be too small there."""
    rng = np.random.default_rng(5)
    assert sum(moved(rng, shared, wild, 0).best_ms != 0 for _ in range(60)) <= 3


def test_one_that_follows_is_found() -> None:
    rng = np.random.default_rng(6)
    found = [moved(rng, 0.9, 0.7, 500).best_ms for _ in range(40)]
    assert sum(best == 500 for best in found) >= 36 and all(best in (0, 200, 500, 1_000) for best in found)


async def test_a_pair_without_bars_says_so(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    service = PairDetailService(harness.monitor, open_backend(tmp_path))
    with pytest.raises(SettingsError, match="the pair has 0 bars; expected at least 30 of a watched pair"):
        service.legs(7)
    harness.monitor.close()
    await harness.writer.close()
