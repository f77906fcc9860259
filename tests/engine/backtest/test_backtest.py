"""``run``: one path with the live pipeline, no look-ahead, costs that are the filter's own, pandas in and out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from engine.backtest import Account, Costs, Venue, prepare, run, run_on
from engine.backtest.layout import Row, TradeCol
from engine.pairs import PairSettings, Reason, run_pair
from engine.pairs.layout import Out
from tests.engine.backtest.configurations import MINUTE_MS, START_MS, configuration, pair

SETTINGS = PairSettings(
    interval_ms=MINUTE_MS, calibration_bars=60, z_window=20, memory_half_life=200.0, gate="off", entry_z=1.2,
    exit_z=0.2, stale_after_ms=MINUTE_MS,
)  # fmt: skip
COSTS = Costs(2.0, 0.5)


def test_decisions_and_quantities_are_the_live_ones() -> None:
    for space in ("log", "price"):
        y, x = (leg.assign(volume=1.0) for leg in pair(1))
        chosen = replace(SETTINGS, space=space, half_spread_bps=COSTS.half_spread_bps, fee_bps=COSTS.fee_bps)
        frame = run_pair(y, x, None, chosen)
        found = run(y, x, None, chosen)
        entries = frame[frame["action"].isin(["enter_long", "enter_short"])]
        assert len(found.trades) == len(entries) > 20
        assert (found.trades["entry_signal_time"] == entries.index).all()
        np.testing.assert_array_equal(found.trades["coins_y"], entries["quantity_y"])
        np.testing.assert_array_equal(found.trades["coins_x"], entries["quantity_x"])
        exits = frame[frame["action"] == "exit"]
        closed = found.trades[~found.trades["is_open"]]
        assert closed["reason"].tolist() == exits["reason"].tolist()
        assert (closed["exit_signal_time"] == exits.index).all()


def test_nothing_at_or_before_a_bar_depends_on_what_comes_after() -> None:
    for seed in range(12):
        given = configuration(seed)
        rest = (given.settings, given.costs, given.account, given.venue)
        whole = run(given.y, given.x, None, *rest)
        for cut in (200, 333):
            part = run(given.y.iloc[:cut], given.x.iloc[:cut], None, *rest)
            np.testing.assert_array_equal(part.equity, whole.equity.iloc[:cut])
            np.testing.assert_array_equal(part.inputs.rows, whole.inputs.rows[:, :cut])
            closed = part.trades[~part.trades["is_open"]]
            pd.testing.assert_frame_equal(closed, whole.trades.iloc[: len(closed)], check_dtype=False)


def test_a_feed_that_comes_one_bar_later_moves_every_fill_by_one_bar() -> None:
    y, x = pair(3)
    rest = (replace(SETTINGS, estimator="ols", beta_window=40), COSTS)
    found = run(y, x, None, *rest)
    moved = [leg.set_axis(leg.index + pd.Timedelta(minutes=1)) for leg in (y, x)]
    later = run(moved[0], moved[1], None, *rest)
    times = [name for name in found.trades if name.endswith("_time")]
    for name in times:
        expected = (found.trades[name] + pd.Timedelta(minutes=1)).dt.as_unit("ms")
        pd.testing.assert_series_equal(later.trades[name], expected)
    rest_of = [name for name in found.trades if name not in times]
    pd.testing.assert_frame_equal(later.trades[rest_of], found.trades[rest_of])
    np.testing.assert_array_equal(later.equity, found.equity)


def test_fills_come_on_the_next_bar_at_its_open_and_never_on_a_carried_one() -> None:
    y, x = pair(4)
    found = run(y, x, None, SETTINGS, COSTS)
    trades = found.trades[~found.trades["is_open"]]
    traded = (y["volume"] > 0) & (x["volume"] > 0)
    for signal, fill, price in (
        ("entry_signal_time", "entry_time", "entry"), ("exit_signal_time", "exit_time", "exit"),
    ):  # fmt: skip
        assert traded[trades[fill]].all()
        for at, to in zip(trades[signal], trades[fill], strict=True):
            assert to > at and not traded[at:to].iloc[1:-1].any()  # the first that traded
        np.testing.assert_array_equal(trades[f"{price}_y"], y["open"][trades[fill]])
        np.testing.assert_array_equal(trades[f"{price}_x"], x["open"][trades[fill]])
    closes = run(y.drop(columns="open"), x.drop(columns="open"), None, SETTINGS, COSTS).trades
    np.testing.assert_array_equal(closes["entry_y"], y["close"][closes["entry_time"]])


def test_a_fill_at_quotes_pays_their_own_half_spread() -> None:
    y, x = pair(5)
    for leg, half in ((y, 2e-4), (x, 1e-4)):
        leg["fill_bid"], leg["fill_ask"] = leg["open"] * (1 - half), leg["open"] * (1 + half)
    found = run(y, x, None, SETTINGS, Costs(0.0, 9.0))
    first = found.trades.iloc[0]
    bought = [first["coins_y"] > 0, first["coins_x"] > 0]
    at, to = first["entry_time"], first["exit_time"]
    cash = 0.0
    for leg, coins, is_bought in zip((y, x), (first["coins_y"], first["coins_x"]), bought, strict=True):
        sides = ("fill_ask", "fill_bid") if is_bought else ("fill_bid", "fill_ask")
        cash += coins * (leg[sides[1]][to] - leg[sides[0]][at])
    assert first["net"] == pytest.approx(cash, abs=1e-9)
    given = run(y, x, None, SETTINGS, Costs(0.0, 9.0, use_quotes=False)).trades.iloc[0]
    assert given["half_spread"] < 4 * first["half_spread"] < 0.0


def test_stops_act_on_the_adverse_side_only() -> None:
    """Walks, on which z runs away: each stop closes a long at a low z and a short at a high one."""
    stops = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        y, x = np.exp(np.cumsum(rng.normal(0, 8e-4, (2, 1_500)), axis=1)) * [[3e3], [6e4]]
        chosen = replace(SETTINGS, entry_z=1.5, stop_z=2.5, hedge_min=0.0, hedge_max=50.0, negative_hedge=True)
        trades = run(y, x, START_MS + MINUTE_MS * np.arange(1_500), chosen, COSTS, Account(capital=1e6)).trades
        side = np.where(trades["side"] == "long", 1.0, -1.0)
        away = -side * trades["exit_z"]
        stopped = (trades["reason"] == Reason.STOP.name).to_numpy()
        assert (away[stopped] >= 2.5).all()
        beyond = (side * trades["exit_z"] > 2.5).to_numpy()  # as far out on the other side
        assert (trades["reason"][beyond] == Reason.TARGET.name).all()
        stops += int(stopped.sum())
    assert stops > 30


def test_a_delay_moves_fills_and_not_decisions() -> None:
    y, x = (leg.assign(volume=1.0) for leg in pair(6))
    found, late = (run(y, x, None, SETTINGS, COSTS, venue=Venue(delay_bars=k)) for k in (0, 2))
    np.testing.assert_array_equal(found.inputs.actions, late.inputs.actions)
    assert (late.trades["entry_time"] == late.trades["entry_signal_time"] + pd.Timedelta(minutes=3)).all()
    signals = found.trades["entry_signal_time"]
    assert late.trades["entry_signal_time"].tolist() == signals[signals <= y.index[-4]].tolist()


def test_the_cost_filter_counts_the_costs_of_the_backtest() -> None:
    y, x = pair(7)
    chosen = replace(SETTINGS, cost_filter=True, fee_bps=0.0, half_spread_bps=0.0)
    cheap, dear = (prepare(y, x, None, chosen, costs) for costs in (Costs(0.0, 0.0), Costs(4.0, 1.0, 1.0)))
    assert np.nanmax(cheap.rows[Row.COST_Z]) == 0.0
    model = dear.models[0]
    expected = 2 * 6e-4 * (1 + np.abs(model.column(Out.BETA))) / model.column(Out.DEVIATION)
    known = dear.rows[Row.COST_Z] == dear.rows[Row.COST_Z]
    np.testing.assert_allclose(dear.rows[Row.COST_Z][known], expected[known], rtol=1e-12)
    assert 0 < (dear.actions == 1).sum() < (cheap.actions == 1).sum()
    maker = prepare(y, x, None, chosen, Costs(4.0, 1.0, 1.0, tier="maker", maker_fee_bps=2.0))
    np.testing.assert_allclose(maker.rows[Row.COST_Z], 0.5 * dear.rows[Row.COST_Z], rtol=1e-12)


def test_pandas_keeps_its_index_and_arrays_get_the_bars() -> None:
    y, x = pair(8)
    found = run(y["close"], x["close"], None, SETTINGS, COSTS)
    assert found.equity.index.equals(y.index) and found.equity.iloc[0] == 10_000.0
    local = [leg["close"].tz_convert("Asia/Tokyo") for leg in (y, x)]
    assert run(*local, None, SETTINGS, COSTS).equity.index.equals(local[0].index)
    times = START_MS + MINUTE_MS * np.arange(len(y))
    numbered = run(y["close"].reset_index(drop=True), x["close"].to_numpy(), times, SETTINGS, COSTS)
    assert numbered.equity.index.equals(pd.RangeIndex(len(y)))
    plain = run(y["close"].to_numpy(), x["close"].to_numpy(), times, SETTINGS, COSTS)
    assert plain.equity.index.equals(y.index.rename("bar_open"))
    for each in (numbered, plain):
        np.testing.assert_array_equal(each.equity, found.equity)
        pd.testing.assert_frame_equal(each.trades, found.trades)


def test_a_hole_in_the_index_is_carried_and_a_late_leg_starts_later() -> None:
    y, x = pair(9)
    missing = y.index[100:110]
    found = run(y.drop(missing), x.iloc[50:], None, SETTINGS, COSTS)
    assert found.equity.index.equals(y.index.drop(missing))
    assert (found.equity.iloc[:51] == 10_000.0).all() and found.inputs.bars == len(y) - 50
    assert (found.inputs.rows[Row.IS_TRADED, 50:60] == 0.0).all()


def test_totals_attribution_and_trades_say_the_same() -> None:
    given = configuration(11)
    found = run(given.y, given.x, None, given.settings, given.costs, given.account, given.venue)
    totals = found.metrics
    assert totals["PnL net [quote]"] == pytest.approx(found.trades["net"].sum(), abs=1e-9)
    assert totals["PnL gross [quote]"] - totals["Costs [quote]"] == pytest.approx(totals["PnL net [quote]"], abs=1e-9)
    equity = totals["Equity, last [quote]"]
    assert equity == pytest.approx(totals["Capital [quote]"] + totals["PnL net [quote]"], abs=1e-9)
    assert totals["Trades [#]"] + totals["Open trades [#]"] == len(found.trades) == len(found.attribution)
    np.testing.assert_allclose(found.attribution.sum(axis=1), found.trades["net"], atol=1e-9)
    assert (found.trades["hold_seconds"] == 60.0 * found.trades["hold_bars"]).all()
    assert "trades=<" in repr(found) and len(repr(found)) < 1_500


def test_costs_that_are_not_known_are_refused() -> None:
    y, x = pair(10)
    with pytest.raises(ValueError, match="has no half-spread: expected quotes in it, or Costs with half_spread_bps"):
        run(y, x, None, SETTINGS, None)
    volumes = [leg.drop(columns="volume") for leg in (y, x)]
    with pytest.raises(ValueError, match="has no volume: expected a column volume, or Costs without impact_bps"):
        run(*volumes, None, SETTINGS, Costs(1.0, 1.0, impact_bps=5.0))
    for column, value, expected in (
        ("open", 0.0, "positive, finite prices"), ("fill_ask", np.inf, "positive, finite prices"),
        ("volume", -1.0, "finite numbers of at least 0"),
    ):  # fmt: skip
        wrong = y.assign(**{column: y["close"]})
        wrong.loc[y.index[7], column] = value
        with pytest.raises(ValueError, match=rf"y.{column} is {value} at \d+ ms; expected {expected}, or NaN"):
            run(wrong, x, None, SETTINGS, COSTS)
    with pytest.raises(ValueError, match=r"funding_y\[1\] is nan; expected finite numbers"):
        run(y, x, None, SETTINGS, COSTS, venue=Venue(funding_y=([START_MS, START_MS + 1], [0.0, np.nan])))
    with pytest.raises(ValueError, match="funding_x has 1 rates and 2 times"):
        run(y, x, None, SETTINGS, COSTS, venue=Venue(funding_x=([START_MS, START_MS + 1], [0.0])))


def test_funding_falls_into_the_bar_of_its_time() -> None:
    y, x = pair(12)
    rates = pd.Series([1e-4, 2e-4, 4e-4], index=y.index[[7, 7, 300]] + pd.to_timedelta([0, 30, 1], unit="s"))
    rates.index = rates.index.where(rates.index != rates.index[1], rates.index[1])
    outside = pd.Series([9.0], index=y.index[:1] - pd.Timedelta(days=1))
    found = prepare(y, x, None, SETTINGS, COSTS, Venue(funding_y=rates, funding_x=outside))
    due = found.rows[Row.FUNDING_Y]
    assert due[7] == pytest.approx(3e-4) and due[300] == 4e-4 and np.count_nonzero(due) == 2
    assert not found.rows[Row.FUNDING_X].any()


def test_one_set_of_inputs_serves_many_accounts() -> None:
    y, x = pair(13)
    inputs = prepare(y, x, None, SETTINGS, COSTS)
    small, large = (run_on(inputs, COSTS, Account(capital=capital), Venue()) for capital in (5e4, 1e5))
    np.testing.assert_allclose(np.diff(small.equity), np.diff(large.equity), atol=1e-9)
    assert (small.trades[:, TradeCol.ENTRY] == large.trades[:, TradeCol.ENTRY]).all()
