"""Details of a watched pair against plain pandas on the same bars, and on the same trades."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.errors import SettingsError
from engine.stats import hayashi_yoshida, hurst, lead_lag, trade_side_mid
from engine.store import open_backend
from services.pair_details import BARS, LAGS_MS, ROLLING, PairDetailService, is_clear
from services.views import ViewerCursor
from tests.engine.pairs.markets import make_ticks
from tests.live.test_monitor import Harness


async def test_they_are_those_of_the_bars_and_of_the_trades(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    ticks = make_ticks(1)
    await harness.write(ticks)
    harness.read_all()
    (watch_id,) = harness.monitor.watches
    found = PairDetailService(harness.monitor, open_backend(tmp_path)).details(watch_id)
    view = harness.views.pair(watch_id, ViewerCursor(), BARS)
    assert view is not None
    bars = pd.DataFrame(view.columns)
    assert found.bars == len(bars) and (found.from_ms, found.to_ms) == (
        bars.t.iloc[0],
        bars.t.iloc[-1] + found.interval_ms,
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
    assert_together(found.together, ticks, found.to_ms)
    spread = bars.spread.dropna().to_numpy(float)
    whole = hurst(spread) if len(spread) >= 100 else None
    assert found.together.hurst == whole if whole else math.isnan(found.together.hurst.exponent)
    harness.monitor.close()
    await harness.writer.close()


def assert_together(found: object, ticks: list[object], to_ms: int) -> None:
    frame = pd.DataFrame([(t.symbol, t.trade_time_ms, float(t.price), t.buyer_is_maker) for t in ticks],
                         columns=["symbol", "t", "price", "maker"])  # type: ignore[attr-defined]  # fmt: skip
    frame = frame[(frame.t < to_ms) & (frame.t >= to_ms - 1_800_000)]
    legs = []
    for _, own in frame.groupby("symbol", sort=False):
        mid = trade_side_mid(own.price.to_numpy(), own.maker.to_numpy())
        legs.append((own.t.to_numpy()[~np.isnan(mid)], np.log(mid[~np.isnan(mid)])))
    first, second = legs
    expected = float(hayashi_yoshida(*first, *second))
    assert found.without_grid == pytest.approx(expected) and found.problem == ""  # type: ignore[attr-defined]
    assert found.by_lag[LAGS_MS.index(0)] == pytest.approx(expected)  # type: ignore[attr-defined]
    assert found.best_lag_ms == 0  # type: ignore[attr-defined]  # these legs move at once
    assert found.granger is not None and 0.0 <= found.granger.p_x_to_y <= 1.0  # type: ignore[attr-defined]
    known = [value for value in found.rolling if value == value]  # type: ignore[attr-defined]
    assert len(known) > ROLLING and all(-1.0 <= value <= 1.0 for value in known)
    assert np.mean(known) == pytest.approx(found.pearson, abs=0.1)  # type: ignore[attr-defined]


def test_a_leader_is_named_only_where_it_stands_out() -> None:
    """Of 300 pairs of legs, half of each step shared, next to none has a leader; one that follows always has."""
    rng = np.random.default_rng(5)
    named = []
    for shift_ms in (0, 200):
        clear = 0
        for _ in range(300):
            times = np.cumsum(rng.integers(20, 400, 2_000))
            y, own = np.cumsum(rng.standard_normal(2_000)), np.cumsum(rng.standard_normal(2_000))
            lags = lead_lag(times, y, times + shift_ms, y + own, np.array(LAGS_MS))
            is_named = is_clear(tuple(lags.correlation.tolist()), (2_000, 2_000))
            clear += is_named and lags.best_lag_ms == (shift_ms or lags.best_lag_ms)
        named.append(clear)
    assert named[0] <= 3 and named[1] > 290


async def test_a_pair_without_bars_says_so(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    service = PairDetailService(harness.monitor, open_backend(tmp_path))
    with pytest.raises(SettingsError, match="the pair has 0 bars; expected at least 30 of a watched pair"):
        service.details(7)
    harness.monitor.close()
    await harness.writer.close()
