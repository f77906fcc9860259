"""Every metric by hand on one small backtest, and against empyrical and plain pandas on long ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.backtest.clock import DAY_MS, HOUR_MS, EquityCurve
from engine.backtest.drawdown import drawdown
from engine.backtest.metrics import MetricSettings, Performance, performance
from engine.backtest.sharpe import lo_factor, sharpe_ratio
from engine.backtest.trade_metrics import Trades, wilson
from engine.stats.checks import Floats

T0 = 1_790_035_200_000  # a midnight in UTC
MINUTE_MS = 60_000

# Six bars of 12 h, three whole days: equity ends the days at 1,100, 990 and 1,188, so returns of 10, -10 and 20 %.
EQUITY = [1_050.0, 1_100.0, 1_000.0, 990.0, 1_200.0, 1_188.0]
TRADES = {
    "entry": [0, 2, 4, 5],
    "exit": [1, 3, 5, 5],
    "value": [2_000.0, 2_000.0, 1_000.0, 1_000.0],
    "gross": [110.0, -100.0, 205.0, 0.0],
    "fees": [-6.0, -6.0, -3.0, -2.0],
    "half_spread": [-3.0, -3.0, -1.0, -1.0],
    "slippage": [0.0, -1.0, 0.0, 0.0],
    "funding": [-1.0, 0.0, 1.0, 0.0],
    "net": [100.0, -110.0, 202.0, -3.0],
    "mae": [-20.0, -120.0, -5.0, -3.0],
    "mfe": [110.0, 10.0, 220.0, 0.0],
    "half_life_bars": [0.5, 2.0, np.nan, 1.0],
    "is_open": [False, False, False, True],
}


def small(**settings: Any) -> Performance:
    times = T0 + np.arange(6) * 12 * HOUR_MS
    return performance(
        times, EQUITY, TRADES, capital=1_000.0, interval_ms=12 * HOUR_MS, settings=MetricSettings(**settings)
    )


def long_run(days: int, seed: int, bar_ms: int = 10 * MINUTE_MS, start: int = T0) -> tuple[Floats, Floats]:
    bars = days * DAY_MS // bar_ms
    rng = np.random.default_rng(seed)
    return start + np.arange(bars) * bar_ms, 10_000.0 * np.exp(np.cumsum(rng.standard_t(5, bars) * 8e-4 + 1e-5))


NO_TRADES: dict[str, list[float]] = {name: [] for name in ("entry", "exit", "value", "gross", "net")}

BY_HAND = {
    "PnL gross [quote]": 215.0,
    "Fees [quote]": 17.0,
    "Half-spread [quote]": 8.0,
    "Slippage [quote]": 1.0,
    "Funding paid [quote]": 0.0,
    "Costs [quote]": 26.0,
    "PnL net [quote]": 189.0,
    "PnL net [% of capital]": 18.9,
    "Capital [quote]": 1_000.0,
    "Equity, last [quote]": 1_188.0,
    "Return [%]": 18.8,
    "Span [days]": 3.0,
    "Max drawdown [%]": 10.0,  # from 1,100 in bar 1 to 990 in bar 3, above it in bar 4
    "Max drawdown at ends of whole periods [%]": 10.0,  # the days end at 1,100 and 990
    "Max drawdown [quote]": 110.0,
    "Max drawdown, length [bars]": 3.0,
    "Max drawdown, length [s]": 3 * 43_200.0,
    "Max drawdown, recovery [bars]": 1.0,
    "Max drawdown, recovery [s]": 43_200.0,
    "Longest time under a peak [bars]": 2.0,
    "Worst day [%]": -10.0,
    "Worst day [end, ms UTC]": float(T0 + 2 * DAY_MS),
    "Returns [#]": 3.0,
    "Sharpe of a day [-]": (0.2 / 3) / math.sqrt((0.01 + 0.01 + 0.04 - 3 * (0.2 / 3) ** 2) / 2),
    "Trades [#]": 3.0,
    "Open trades [#]": 1.0,
    "Win rate [%]": 200.0 / 3.0,
    "Average win [quote]": 151.0,
    "Average loss [quote]": -110.0,
    "Profit factor [-]": 302.0 / 110.0,
    "Expectancy [quote a trade]": 64.0,
    "Expectancy [bps of value]": 1e4 * 192.0 / 5_000.0,
    "Exposure [% of bars]": 100.0 * 4 / 6,  # held at the closes of bars 0, 2, 4 and 5
    "Hold, mean [bars]": 1.0,
    "Hold, mean [s]": 43_200.0,
    "Hold, longest [bars]": 1.0,
    "Hold, mean [half-lives]": (2.0 + 0.5) / 2,
    "MAE, mean [bps of value]": -(100.0 + 600.0 + 50.0) / 3,
    "MAE, extreme [bps of value]": -600.0,
    "MFE, mean [bps of value]": (550.0 + 50.0 + 2_200.0) / 3,
    "MFE, extreme [bps of value]": 2_200.0,
    "Turnover [quote]": 11_000.0,  # 6,000 in, 5,000 out
    "Turnover [x capital a day]": 11.0 / 3.0,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_every_metric_by_hand(name: str) -> None:
    assert small().metrics[name] == pytest.approx(BY_HAND[name], rel=1e-12)


def test_no_other_metric_goes_without_a_hand() -> None:
    """The rest: luck, with the papers' figures in test_luck.py, and what a few days do not have."""
    rest = {"PSR [0..1]", "DSR [0..1]", "Minimum track record [days]", "Trials [#]"}
    annual = {"Return, annualised [%]", "Sharpe, annualised [-]", "Sortino, annualised [-]", "Calmar [-]"}
    assert set(small().metrics) == set(BY_HAND) | rest | annual


def test_under_30_days_nothing_is_annualised_and_the_reason_has_the_evidence() -> None:
    found = small()
    for name in ("Return, annualised [%]", "Sharpe, annualised [-]", "Sortino, annualised [-]", "Calmar [-]"):
        assert found.metrics[name] is None and name not in found.intervals
        assert found.reasons[name].startswith("3 days; annualised from 30 days on. Sharpe of a day 0.44 (")
        assert found.reasons[name].endswith("record not known: 3 whole periods, luck can be told from 30 on")
    assert found.metrics["PSR [0..1]"] is found.metrics["DSR [0..1]"] is None
    times, equity = long_run(30, 1)
    args: dict[str, Any] = {"capital": 1e4, "interval_ms": 10 * MINUTE_MS}
    assert performance(times, equity, NO_TRADES, **args).metrics["Sharpe, annualised [-]"] is not None
    assert performance(times[:-1], equity[:-1], NO_TRADES, **args).metrics["Sharpe, annualised [-]"] is None


def test_annual_figures_by_hand() -> None:
    """Sixty days of +1 %, -0.5 %, each at once."""
    levels = 1_000.0 * np.cumprod(np.tile([1.01, 0.995], 30))
    found = performance(T0 + np.arange(60) * DAY_MS, levels, NO_TRADES, capital=1_000.0, interval_ms=DAY_MS).metrics
    growth = (1.01 * 0.995) ** (30 * 365 / 60) - 1
    deviation = 0.0075 * math.sqrt(60 / 59)
    assert found["Return, annualised [%]"] == pytest.approx(100 * growth)
    assert found["Sharpe, annualised [-]"] == pytest.approx(0.0025 / deviation * math.sqrt(365))
    assert found["Sortino, annualised [-]"] == pytest.approx(0.0025 / math.sqrt(0.005**2 / 2) * math.sqrt(365))
    assert found["Calmar [-]"] == pytest.approx(growth / 0.005)


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_empyrical(seed: int) -> None:
    empyrical = pytest.importorskip("empyrical", reason="empyrical-reloaded of requirements-dev.txt is not installed")
    times, equity = long_run(90, seed)
    found = performance(times, equity, NO_TRADES, capital=1e4, interval_ms=10 * MINUTE_MS).metrics
    series = pd.Series(equity, index=pd.to_datetime(times + 10 * MINUTE_MS - 1, unit="ms"))
    daily = pd.concat([pd.Series([1e4]), series.resample("1D").last()]).pct_change().dropna().to_numpy()
    bars = np.diff(equity, prepend=1e4) / np.concatenate(([1e4], equity[:-1]))
    year = {"annualization": 365}
    assert found["Sharpe, annualised [-]"] == pytest.approx(empyrical.sharpe_ratio(daily, **year), rel=1e-9)
    assert found["Sortino, annualised [-]"] == pytest.approx(empyrical.sortino_ratio(daily, **year), rel=1e-9)
    assert found["Return, annualised [%]"] == pytest.approx(100 * empyrical.annual_return(daily, **year), rel=1e-9)
    assert found["Return [%]"] == pytest.approx(100 * empyrical.cum_returns_final(daily), rel=1e-9)
    assert found["Max drawdown [%]"] == pytest.approx(-100 * empyrical.max_drawdown(bars), rel=1e-9)
    calmar = empyrical.annual_return(daily, **year) / -empyrical.max_drawdown(bars)
    assert found["Calmar [-]"] == pytest.approx(calmar, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("offset_h", [0, 7])
def test_equal_to_plain_pandas(seed: int, offset_h: int) -> None:
    """Days that begin and end inside the data; a run that starts at 07:00 has no return for its first and last day."""
    times, equity = long_run(45, seed, start=T0 + offset_h * HOUR_MS)
    found = performance(times, equity, NO_TRADES, capital=1e4, interval_ms=10 * MINUTE_MS).metrics
    series = pd.Series(equity, index=pd.to_datetime(times + 10 * MINUTE_MS, unit="ms"))
    ends = series[series.index.normalize() == series.index]
    levels = np.concatenate(([1e4], ends)) if offset_h == 0 else ends.to_numpy()
    returns = levels[1:] / levels[:-1] - 1
    assert found["Returns [#]"] == (45 if offset_h == 0 else 44)
    assert found["Sharpe of a day [-]"] == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-9)
    peaks = np.maximum(series.cummax(), 1e4)
    assert found["Max drawdown [%]"] == pytest.approx(100 * float((1 - series / peaks).max()), rel=1e-9)
    every = np.concatenate(([1e4], ends if offset_h == 0 else np.append(ends, equity[-1])))
    assert found["Worst day [%]"] == pytest.approx(100 * float((every[1:] / every[:-1] - 1).min()), rel=1e-9)


def test_the_hourly_clock_is_brought_to_a_day_by_lo() -> None:
    times, equity = long_run(40, 3)
    found = performance(
        times, equity, NO_TRADES, capital=1e4, interval_ms=10 * MINUTE_MS, settings=MetricSettings("hourly")
    )
    levels = np.concatenate(([1e4], equity[5::6]))
    returns = levels[1:] / levels[:-1] - 1
    ratio, factor = sharpe_ratio(returns), lo_factor(returns, 24)
    assert found.metrics["Returns [#]"] == 960
    assert found.metrics["Sharpe of a day [-]"] == pytest.approx(factor * ratio.ratio)
    assert found.intervals["Sharpe of a day [-]"] == pytest.approx(ratio.interval(factor))
    assert found.metrics["Sharpe, annualised [-]"] == pytest.approx(factor * ratio.ratio * math.sqrt(365))


def test_more_trials_deflate() -> None:
    times, equity = long_run(30, 1)
    args: dict[str, Any] = {"capital": 1e4, "interval_ms": 10 * MINUTE_MS}
    one, many = (
        performance(times, equity, NO_TRADES, **args, settings=MetricSettings("daily", trials=trials))
        for trials in (1.0, 100.0)
    )
    assert one.metrics["PSR [0..1]"] is not None
    assert one.metrics["DSR [0..1]"] == one.metrics["PSR [0..1]"] == many.metrics["PSR [0..1]"]
    assert (many.metrics["DSR [0..1]"] or 1.0) < (one.metrics["DSR [0..1]"] or 0.0)


def test_intervals_hold_their_values_and_need_enough() -> None:
    assert set(small().intervals) == {"Sharpe of a day [-]"}
    assert small().reasons["Return [%]"] == "no interval under 5 whole periods"
    times, equity = long_run(60, 4)
    rng = np.random.default_rng(4)
    entry = np.sort(rng.choice(8_000, 120, replace=False))
    net = rng.normal(2.0, 20.0, 120)
    trades = {"entry": entry, "exit": entry + 10, "value": np.full(120, 5e3), "gross": net + 1, "net": net}
    found = performance(times, equity, trades, capital=1e4, interval_ms=10 * MINUTE_MS)
    expected = {
        "Return [%]", "Max drawdown at ends of whole periods [%]", "Sharpe of a day [-]", "Sharpe, annualised [-]",
        "Sortino, annualised [-]", "Win rate [%]", "Average win [quote]", "Average loss [quote]", "Profit factor [-]",
        "Expectancy [quote a trade]", "Expectancy [bps of value]", "Hold, mean [bars]",
    }  # fmt: skip
    assert set(found.intervals) == expected
    for name, (low, high) in found.intervals.items():
        assert low <= (found.metrics[name] or 0.0) <= high, name
    again = performance(times, equity, trades, capital=1e4, interval_ms=10 * MINUTE_MS)
    assert again == found


def test_the_interval_of_the_drawdown_is_of_what_it_resamples() -> None:
    """A fall inside a day is one of bars; whole days neither have it nor resample it."""
    times, equity = long_run(60, 4)
    equity[1_000] *= 0.5
    found = performance(times, equity, NO_TRADES, capital=1e4, interval_ms=10 * MINUTE_MS)
    of_days = np.concatenate(([1e4], equity[143::144]))
    by_hand = 100.0 * (1.0 - of_days / np.maximum.accumulate(of_days)).max()
    name = "Max drawdown at ends of whole periods [%]"
    low, high = found.intervals[name]
    assert found.metrics[name] == pytest.approx(by_hand) and low <= by_hand <= high < 50.0
    assert (found.metrics["Max drawdown [%]"] or 0.0) > 50.0 and "Max drawdown [%]" not in found.intervals
    short = performance(times[:100], equity[:100], NO_TRADES, capital=1e4, interval_ms=10 * MINUTE_MS)
    assert short.metrics[name] is None and short.reasons[name] == "no whole period"


def test_luck_is_not_told_from_returns_of_which_almost_all_are_zero() -> None:
    """Sixty days, one trade of two days: its Sharpe ratio is that of the time it was out."""
    times = T0 + np.arange(60) * DAY_MS

    def of(days: int) -> Performance:
        moves = np.where(np.arange(60) < days, np.where(np.arange(60) % 2, 0.02, 0.01), 0.0)
        return performance(times, 1e3 * np.cumprod(1.0 + moves), NO_TRADES, capital=1e3, interval_ms=DAY_MS)

    for name in ("PSR [0..1]", "DSR [0..1]", "Minimum track record [days]"):
        assert of(2).metrics[name] is None
        assert of(2).reasons[name] == (
            "not known: 2 of 60 whole periods with a profit or a loss, luck can be told from 30 on"
        )
        assert of(29).metrics[name] is None and of(30).metrics[name] is not None


def test_the_interval_of_the_expectancy_covers() -> None:
    rng, hits = np.random.default_rng(8), []
    times, equity = T0 + np.arange(2) * DAY_MS, np.array([1_000.0, 1_001.0])
    for _ in range(300):
        net = rng.exponential(10.0, 60) - 8.0
        trades = {"entry": np.zeros(60), "exit": np.ones(60), "value": np.full(60, 1e3), "gross": net, "net": net}
        low, high = performance(
            times, equity, trades, capital=1e3, interval_ms=DAY_MS, settings=MetricSettings(draws=300)
        ).intervals["Expectancy [quote a trade]"]
        hits.append(low <= 2.0 <= high)
    assert 0.9 <= np.mean(hits) <= 0.97


def test_what_is_not_known_is_none_with_its_reason() -> None:
    flat = performance(T0 + np.arange(40) * DAY_MS, np.full(40, 1e3), NO_TRADES, capital=1e3, interval_ms=DAY_MS)
    assert flat.metrics["Return [%]"] == 0.0 == flat.metrics["Max drawdown [%]"]
    assert flat.metrics["Max drawdown, recovery [bars]"] == 0.0
    reasons = {
        "Sharpe of a day [-]": "40 whole periods, all equal; expected 2 that differ",
        "Sharpe, annualised [-]": "40 whole periods, all equal; expected 2 that differ",
        "Sortino, annualised [-]": "no period lost",
        "Calmar [-]": "equity never fell",
        "Win rate [%]": "no closed trade",
        "Profit factor [-]": "no closed trade",
        "Hold, mean [half-lives]": "no column half_life_bars",
    }
    for name, reason in reasons.items():
        assert flat.metrics[name] is None and flat.reasons[name] == reason
    ruin = performance(T0 + np.arange(3) * DAY_MS, [1e3, -5.0, 20.0], NO_TRADES, capital=1e3, interval_ms=DAY_MS)
    assert ruin.metrics["Sharpe of a day [-]"] is None
    assert ruin.reasons["Calmar [-]"] == "equity fell to -5 in bar 1"
    assert ruin.metrics["Max drawdown [%]"] == pytest.approx(100.5)


def test_drawdowns_by_hand() -> None:
    found = drawdown(np.array([90.0, 95.0, 80.0, 120.0, 60.0]), 100.0)  # the capital is the first peak
    assert (found.peak, found.trough, found.recovered, found.fraction) == (3, 4, None, 0.5)
    assert found.longest_bars == 3
    first = drawdown(np.array([90.0, 100.0]), 100.0)
    assert (first.peak, first.trough, first.recovered) == (-1, 0, 1)
    still = drawdown(np.array([100.0, 100.0]), 100.0)
    assert (still.fraction, still.longest_bars) == (0.0, 0)


def test_a_gap_in_the_bars_is_a_flat_time() -> None:
    times = np.array([T0, T0 + 3 * DAY_MS])
    curve = EquityCurve.of(times, [110.0, 121.0], 100.0, DAY_MS)
    ends, returns = curve.returns(DAY_MS)
    assert returns == pytest.approx([0.1, 0.0, 0.0, 0.1]) and ends[-1] == T0 + 4 * DAY_MS
    assert curve.days()[1] == pytest.approx([0.1, 0.0, 0.0, 0.1])


def test_positions_that_overlap_are_exposed_once() -> None:
    columns = {"entry": [0, 1, 4], "exit": [3, 2, 9], "value": [1] * 3, "gross": [0] * 3, "net": [0] * 3}
    assert Trades(columns, np.arange(10)).exposed_bars(6) == 5


def test_trades_may_name_their_bars_by_time() -> None:
    """As the frame of a backtest has them."""
    times = T0 + np.arange(6) * 12 * HOUR_MS
    frame = pd.DataFrame(TRADES)
    for name in ("entry", "exit"):
        frame[f"{name}_time"] = pd.to_datetime(times[frame.pop(name)], unit="ms", utc=True)
    args: dict[str, Any] = {"capital": 1_000.0, "interval_ms": 12 * HOUR_MS}
    assert performance(times, EQUITY, frame, **args) == small()
    frame.loc[2, "exit_time"] += pd.Timedelta("1h")
    with pytest.raises(ValueError, match=r"exit_time\[2\] is 1790254800000 ms; expected the open of a bar"):
        performance(times, EQUITY, frame, **args)


def test_wilson_by_its_published_example() -> None:
    """81 of 263, Newcombe 1998 table I: .2553 to .3662; 0 of 20: 0 to .1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_what_cannot_be_is_refused() -> None:
    times = T0 + np.arange(2) * DAY_MS
    args: dict[str, Any] = {"capital": 1e3, "interval_ms": DAY_MS}
    with pytest.raises(ValueError, match="expected net among them"):
        performance(times, [1e3, 1e3], {"entry": [], "exit": [], "value": [], "gross": []}, **args)
    with pytest.raises(ValueError, match=r"exit\[0\] is bar 1, entry bar 2; expected no exit before it"):
        performance(times, [1e3, 1e3], {"entry": [2], "exit": [1], "value": [1], "gross": [0], "net": [0]}, **args)
    with pytest.raises(ValueError, match="equity has 1 values and times_ms has 2"):
        performance(times, [1e3], NO_TRADES, **args)
    with pytest.raises(ValueError, match=r"times_ms\[1\] is 1 ms after the bar before; expected 86400000"):
        performance([T0, T0 + 1], [1e3, 1e3], NO_TRADES, **args)
    with pytest.raises(ValueError, match=r"capital is 0\.0; expected a finite number above 0"):
        performance(times, [1e3, 1e3], NO_TRADES, capital=0.0, interval_ms=DAY_MS)
    with pytest.raises(ValueError, match="clock is 'weekly'; expected one of daily, hourly"):
        MetricSettings("weekly")
