"""The ledger's identities, on random orders, costs, funding, rounding and stops; and the account's rules by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.backtest import Account, Costs, Instrument, Venue, mark
from engine.backtest.costs import TIERS
from engine.backtest.layout import PARTS, ForcedExit, Refusal, Row, TradeCol, empty_rows, new_states, par_record
from engine.backtest.ledger import run_ledger, step
from engine.backtest.ledger_run import ledger_par
from engine.pairs import Action, PairSettings, Reason
from engine.pairs.costs import fill_cost
from engine.stats.checks import Floats, Ints

FREE = Costs(0.0, 0.0)
RICH = Account(capital=100_000.0)
LONG, SHORT, EXIT = int(Action.ENTER_LONG), int(Action.ENTER_SHORT), int(Action.EXIT)


def market(seed: int, bars: int = 80, still: float = 0.1) -> Floats:
    """Rows of random prices, lines and costs."""
    rng = np.random.default_rng(seed)
    rows = empty_rows(bars)
    rows[Row.CLOSE_Y], rows[Row.CLOSE_X] = (
        level * np.exp(np.cumsum(rng.normal(0, 4e-3, bars))) for level in (3_000.0, 60_000.0)
    )
    for fill, close in ((Row.FILL_Y, Row.CLOSE_Y), (Row.FILL_X, Row.CLOSE_X)):
        rows[fill] = rows[close] * np.exp(rng.normal(0, 1e-3, bars))
    rows[[Row.HALF_Y, Row.HALF_X]] = rng.uniform(0, 3e-4, (2, bars))
    rows[[Row.VOLUME_Y, Row.VOLUME_X]] = rng.uniform(1.0, 100.0, (2, bars))
    rows[[Row.FUNDING_Y, Row.FUNDING_X]] = np.where(rng.random((2, bars)) < 0.1, rng.normal(0, 1e-3, (2, bars)), 0.0)
    rows[Row.IS_TRADED] = rng.random(bars) >= still
    rows[Row.SLOT] = np.arange(bars)
    rows[Row.Z] = rng.normal(0, 2, bars)
    rows[Row.BETA] = 0.9 + np.cumsum(rng.normal(0, 2e-3, bars))
    rows[Row.ALPHA] = -2.0 + np.cumsum(rng.normal(0, 2e-2, bars))
    rows[Row.HEDGE] = rows[Row.BETA]
    rows[Row.RUN] = 0.0
    return rows


def in_price_space(rows: Floats) -> Floats:
    found = rows.copy()
    found[Row.BETA] *= 3_000.0 / 60_000.0
    found[Row.HEDGE] = found[Row.BETA] * found[Row.CLOSE_X] / found[Row.CLOSE_Y]
    return found


def orders(seed: int, bars: int) -> tuple[Ints, Ints]:
    """Entries and exits in turn, as a rule gives them, with and without a pause."""
    rng = np.random.default_rng([seed, 1])
    actions, is_in = np.zeros(bars, dtype=np.int64), False
    for i in range(bars):
        if rng.random() < 0.35:
            actions[i] = EXIT if is_in else (LONG if rng.random() < 0.5 else SHORT)
            is_in = not is_in
    return actions, np.where(actions == EXIT, int(Reason.TARGET), 0)


def ledger(
    rows: Floats, actions: Ints, reasons: Ints, costs: Costs = FREE, account: Account = RICH, venue: Venue | None =
    None, space: str = "log", notional: float = 10_000.0,
) -> tuple[Floats, Floats, Any]:  # fmt: skip
    """(trades, equity, final state)."""
    where = venue or Venue()
    par = ledger_par(PairSettings(space=space, notional=notional), costs, account, where)
    state, trades = new_states(par), np.full((rows.shape[1] + 2, len(TradeCol)), np.nan)
    equity = np.empty(rows.shape[1])
    count = run_ledger(par_record(par), state, rows, actions, reasons, where.delay_bars, trades, equity)
    return trades[:count], equity, state[0]


def order(bars: int, **at: int) -> tuple[Ints, Ints]:
    """Actions at given bars: ``order(9, long=2, exit=5)``."""
    actions = np.zeros(bars, dtype=np.int64)
    for name, place in at.items():
        actions[place] = {"long": LONG, "short": SHORT, "exit": EXIT}[name]
    return actions, np.where(actions == EXIT, int(Reason.TARGET), 0)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    fee=st.floats(0, 20),
    slip=st.floats(0, 5),
    impact=st.floats(0, 20),
    tier=st.sampled_from(TIERS),
    lot=st.sampled_from([0.0, 0.001, 0.01]),
    tick=st.sampled_from([0.0, 0.1]),
    neutral=st.sampled_from(["beta", "dollar", "volatility"]),
    stop=st.sampled_from([None, 0.002, 0.01]),
    rehedge=st.sampled_from([None, 1e3]),
    delay=st.integers(0, 3),
    space=st.sampled_from(["log", "price"]),
)
def test_parts_add_up_to_the_legs_and_trades_to_equity(  # noqa: PLR0913 - drawn
    seed: int, fee: float, slip: float, impact: float, tier: str, lot: float, tick: float, neutral: str,
    stop: float | None, rehedge: float | None, delay: int, space: str,
) -> None:  # fmt: skip
    rows = market(seed) if space == "log" else in_price_space(market(seed))
    costs = Costs(fee, 1.0, slip, impact, tier, maker_fee_bps=fee / 2)
    account = replace(RICH, neutral=neutral, stop_loss=stop, rehedge=rehedge, volatility_bars=10)
    venue = Venue(Instrument(tick, lot), Instrument(tick, lot), delay_bars=delay)
    trades, equity, _ = ledger(rows, *orders(seed, rows.shape[1]), costs, account, venue, space)
    assert len(trades) > 3
    parts = trades[:, list(PARTS)]
    np.testing.assert_allclose(parts.sum(axis=1), trades[:, TradeCol.NET], rtol=0, atol=1e-9)
    assert equity[-1] - account.capital == pytest.approx(trades[:, TradeCol.NET].sum(), abs=1e-9)
    gross_parts = trades[:, TradeCol.CONVERGENCE : TradeCol.ROUNDING + 1].sum(axis=1)
    if tick == 0.0:
        np.testing.assert_allclose(gross_parts, trades[:, TradeCol.GROSS], rtol=0, atol=1e-9)
    if space == "price":
        assert np.abs(trades[:, TradeCol.LOG_TO_PRICE]).max() < 1e-9
    if neutral == "beta":
        assert np.abs(trades[:, TradeCol.HEDGE_RATIO]).max() < 1e-9
    if rehedge is None:
        held_y, held_x = trades[:, TradeCol.COINS_Y], trades[:, TradeCol.COINS_X]
        legs = held_y * (trades[:, TradeCol.EXIT_Y] - trades[:, TradeCol.ENTRY_Y])
        legs += held_x * (trades[:, TradeCol.EXIT_X] - trades[:, TradeCol.ENTRY_X])
        np.testing.assert_allclose(trades[:, TradeCol.GROSS], legs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("space", ["log", "price"])
def test_each_part_is_what_its_formula_says(space: str) -> None:
    rows = market(3, still=0.0) if space == "log" else in_price_space(market(3, still=0.0))
    venue = Venue(Instrument(lot=0.01), Instrument(lot=0.001))
    (trade,), _, _ = ledger(rows, *order(80, long=10, exit=30), Costs(5.0, 1.0), venue=venue, space=space)
    y, x = (rows[row] if space == "price" else np.log(rows[row]) for row in (Row.FILL_Y, Row.FILL_X))
    b, a, f, g = rows[Row.BETA], rows[Row.ALPHA], 11, 31
    dollars = 10_000.0 if space == "log" else 10_000.0 / rows[Row.CLOSE_Y, 10]
    spread = [y[i] - b[i - 1] * x[i] - a[i - 1] for i in (f, g)]
    assert trade[TradeCol.CONVERGENCE] == pytest.approx(dollars * (spread[1] - spread[0]), rel=1e-9)
    assert trade[TradeCol.BETA_DRIFT] == pytest.approx(dollars * (b[30] - b[10]) * (x[g] - x[f]), rel=1e-9)
    level = (a[30] + b[30] * x[f]) - (a[10] + b[10] * x[f])
    assert trade[TradeCol.ALPHA_DRIFT] == pytest.approx(dollars * level, rel=1e-9)
    wanted_y = 10_000.0 / rows[Row.CLOSE_Y, 10]
    assert trade[TradeCol.RESIDUAL_Y] == pytest.approx(np.floor(wanted_y / 0.01) * 0.01 - wanted_y)
    assert trade[TradeCol.FEES] < 0.0 and trade[TradeCol.FUNDING] != 0.0


@pytest.mark.parametrize("seed", range(20))
def test_excursions_include_the_entry_and_the_exit(seed: int) -> None:
    """At the entry nothing is earned and its fill is paid: the worst is never above it, the best never below 0."""
    rows, (actions, reasons) = market(seed), orders(seed, 80)
    trades, _, _ = ledger(rows, actions, reasons, Costs(5.0, None, 1.0))
    assert len(trades) > 3
    for trade in trades:
        value = abs(trade[TradeCol.COINS_Y]) * trade[TradeCol.ENTRY_Y]
        value += abs(trade[TradeCol.COINS_X]) * trade[TradeCol.ENTRY_X]
        assert trade[TradeCol.MAE] <= min(trade[TradeCol.NET], -6e-4 * value)
        assert trade[TradeCol.MFE] >= max(trade[TradeCol.NET], 0.0)


def test_excursions_by_hand() -> None:
    """One coin of Y filled at 95, closes of 100 and 110, left at 130; X still, no cost."""
    rows = market(0, 4, still=0.0)
    rows[Row.CLOSE_Y] = rows[Row.FILL_Y] = np.array([100.0, 100.0, 110.0, 130.0])
    rows[Row.FILL_Y, 1], rows[Row.CLOSE_X], rows[Row.FILL_X] = 95.0, 100.0, 100.0
    rows[[Row.HALF_Y, Row.HALF_X, Row.FUNDING_Y, Row.FUNDING_X]] = 0.0
    actions, reasons = np.array([LONG, 0, EXIT, 0]), np.array([0, 0, int(Reason.TARGET), 0])
    for side, least, most in ((LONG, 0.0, 35.0), (SHORT, -35.0, 0.0)):
        actions[0] = side
        (trade,), _, _ = ledger(rows, actions, reasons, notional=100.0)
        assert trade[TradeCol.MAE] == pytest.approx(least) and trade[TradeCol.MFE] == pytest.approx(most)


def test_costs_are_those_of_the_live_filter() -> None:
    rows = market(4, still=0.0)
    rows[[Row.FUNDING_Y, Row.FUNDING_X]] = 0.0
    costs = Costs(4.0, 1.0, 0.5)
    (trade,), equity, _ = ledger(rows, *order(80, short=10, exit=20), costs)
    paid = 0.0
    for fill, half, coins in ((Row.FILL_Y, Row.HALF_Y, TradeCol.COINS_Y), (Row.FILL_X, Row.HALF_X, TradeCol.COINS_X)):
        for i in (11, 21):
            paid += abs(trade[coins]) * rows[fill, i] * fill_cost(4e-4, rows[half, i], 0.5e-4)
    assert trade[TradeCol.GROSS] - trade[TradeCol.NET] == pytest.approx(paid, rel=1e-12)
    assert equity[10] == RICH.capital != equity[11]


def test_equity_is_what_marking_the_same_orders_gives() -> None:
    rows = market(5)
    rows[[Row.FUNDING_Y, Row.FUNDING_X]] = 0.0
    rows[[Row.HALF_Y, Row.HALF_X]] = 1e-4
    trades, equity, _ = ledger(rows, *orders(5, 80), Costs(5.0, 1.0))
    order_y, order_x = np.full(80, np.nan), np.full(80, np.nan)
    for trade in trades:
        for col, sign in ((TradeCol.ENTRY_SIGNAL, 1.0), (TradeCol.EXIT_SIGNAL, -1.0)):
            if trade[col] == trade[col]:
                at = int(trade[col])
                order_y[at], order_x[at] = sign * trade[TradeCol.COINS_Y], sign * trade[TradeCol.COINS_X]
    marked = mark(
        rows[Row.CLOSE_Y], rows[Row.CLOSE_X], order_y, order_x, Costs(5.0, 1.0), y_fill=rows[Row.FILL_Y],
        x_fill=rows[Row.FILL_X], is_filled_bar=rows[Row.IS_TRADED] == 0.0,
    )  # fmt: skip
    np.testing.assert_allclose(equity, RICH.capital + np.cumsum(marked.pnl), rtol=0, atol=1e-8)


def test_funding_over_three_times_eight_hours_by_hand() -> None:
    """Long 2 coins of Y at 100, 110, 90 and short 1 of X at 200: rates of 1, -2, 3 bps of Y and 2, 1, 0 of X."""
    rows = market(6, 30, still=0.0)
    rows[[Row.CLOSE_Y, Row.FILL_Y]], rows[[Row.CLOSE_X, Row.FILL_X]] = 100.0, 200.0
    rows[[Row.HALF_Y, Row.HALF_X]] = 0.0
    rows[Row.CLOSE_Y, 15], rows[Row.CLOSE_Y, 23] = 110.0, 90.0  # the last closes before the second and third time
    rows[[Row.FUNDING_Y, Row.FUNDING_X]] = 0.0
    rows[Row.FUNDING_Y, [8, 16, 24]] = 1e-4, -2e-4, 3e-4  # hourly bars: 8, 16 and 24 h
    rows[Row.FUNDING_X, [8, 16, 24]] = 2e-4, 1e-4, 0.0
    rows[Row.HEDGE] = 1.0
    (trade,), equity, _ = ledger(rows, *order(30, long=3, exit=27), notional=200.0)
    assert (trade[TradeCol.COINS_Y], trade[TradeCol.COINS_X]) == (2.0, -1.0)
    of_y = -(2 * 100 * 1e-4) + 2 * 110 * 2e-4 - 2 * 90 * 3e-4  # longs pay a positive rate
    of_x = 1 * 200 * 2e-4 + 1 * 200 * 1e-4  # shorts receive it
    assert of_y + of_x == pytest.approx(0.03, abs=1e-12)
    assert trade[TradeCol.FUNDING] == pytest.approx(0.03, abs=1e-12)
    assert equity[-1] == pytest.approx(RICH.capital + 0.03, abs=1e-9)
    (opposite,), _, _ = ledger(rows, *order(30, short=3, exit=27), notional=200.0)
    assert opposite[TradeCol.FUNDING] == pytest.approx(-0.03, abs=1e-12)
    (later,), _, _ = ledger(rows, *order(30, long=7, exit=27), notional=200.0)
    assert later[TradeCol.FUNDING] == pytest.approx(0.03 - (-0.02 + 0.04), abs=1e-12)  # filled after the first time


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_delay_is_the_same_as_orders_that_come_later(k: int) -> None:
    for seed in range(20):
        rows, (actions, reasons) = market(seed), orders(seed, 80)
        # lines, hedges and prices that sized an order come from the bar that gave it, so they are the same on all bars
        for row in (Row.CLOSE_Y, Row.CLOSE_X, Row.BETA, Row.ALPHA, Row.HEDGE):
            rows[row] = rows[row, 0]
        late = ledger(rows, actions, reasons, Costs(5.0, 1.0), venue=Venue(delay_bars=k))
        moved = [np.concatenate([np.zeros(k, dtype=np.int64), each[:-k]]) for each in (actions, reasons)]
        shifted = ledger(rows, moved[0], moved[1], Costs(5.0, 1.0))
        np.testing.assert_array_equal(late[1], shifted[1])
        timing = [TradeCol.ENTRY_SIGNAL, TradeCol.EXIT_SIGNAL, TradeCol.ENTRY_Z, TradeCol.EXIT_Z]
        rest = [col for col in TradeCol if col not in timing]
        np.testing.assert_array_equal(late[0][:, rest], shifted[0][:, rest])
        np.testing.assert_array_equal(late[0][:, TradeCol.ENTRY_SIGNAL] + k, shifted[0][:, TradeCol.ENTRY_SIGNAL])


def test_bar_by_bar_and_all_at_once_are_the_same_ledger() -> None:
    rows, (actions, reasons) = market(8), orders(8, 80)
    account = replace(RICH, neutral="volatility", stop_loss=0.003, rehedge=1e3)
    trades, equity, state = ledger(rows, actions, reasons, Costs(5.0, 1.0), account)
    par = par_record(ledger_par(PairSettings(), Costs(5.0, 1.0), account, Venue()))
    live, row, closed = new_states(ledger_par(PairSettings(), Costs(), account, Venue())), np.empty(len(TradeCol)), []
    for i in range(80):
        if step(par[0], live[0], rows, i, i, int(actions[i]), int(reasons[i]), row):
            closed.append(row.copy())
        assert live[0]["equity"] == equity[i]
    np.testing.assert_array_equal(np.array(closed), trades[trades[:, TradeCol.REASON] != ForcedExit.OPEN])
    assert live[0]["trades"] == state["trades"] == len(closed)


def test_exposures_sum_as_the_sizing_says() -> None:
    rows = market(9, still=0.0)
    rows[Row.FILL_Y], rows[Row.FILL_X] = rows[Row.CLOSE_Y], rows[Row.CLOSE_X]
    for name, ratio in (("beta", rows[Row.HEDGE, 40]), ("dollar", 1.0)):
        (trade,), _, _ = ledger(rows, *order(80, long=40, exit=50), account=replace(RICH, neutral=name))
        dollars_y = trade[TradeCol.COINS_Y] * rows[Row.CLOSE_Y, 40]
        assert dollars_y == pytest.approx(10_000.0)
        assert trade[TradeCol.COINS_X] * rows[Row.CLOSE_X, 40] == pytest.approx(-ratio * dollars_y)
    weighty = rows.copy()
    weighty[Row.CLOSE_Y] = 3_000.0 * (rows[Row.CLOSE_Y] / 3_000.0) ** 2  # twice the log changes
    account = replace(RICH, neutral="volatility")
    ratios = []
    for each in (rows, weighty):
        (trade,), _, _ = ledger(each, *order(80, long=40, exit=50), account=account)
        ratios.append(-trade[TradeCol.COINS_X] * each[Row.CLOSE_X, 40] / 10_000.0)
    assert ratios[1] == pytest.approx(2.0 * ratios[0])
    (half,), _, _ = ledger(rows, *order(80, long=40, exit=50), account=replace(RICH, sizing="equity", share=0.25))
    assert half[TradeCol.COINS_Y] * rows[Row.CLOSE_Y, 40] == pytest.approx(25_000.0)


def test_kelly_follows_the_past_trades_is_capped_and_ends_without_an_edge() -> None:
    rows = market(10, still=0.0)
    rows[[Row.FUNDING_Y, Row.FUNDING_X]] = 0.0
    rows[Row.HEDGE], rows[Row.CLOSE_X], rows[Row.FILL_X] = 1.0, 100.0, 100.0
    gains = np.cumsum(np.tile([0.0, 1.0, 2.0, 1.0, 3.0], 16))
    rows[Row.CLOSE_Y] = rows[Row.FILL_Y] = 1_000.0 + gains
    actions, reasons = np.zeros(80, dtype=np.int64), np.zeros(80, dtype=np.int64)
    actions[0::5], actions[2::5], reasons[2::5] = LONG, EXIT, int(Reason.TARGET)
    account = replace(RICH, sizing="kelly", kelly_trades=4, kelly_fraction=5e-6, kelly_cap=3.0)
    trades, equity, _ = ledger(rows, actions, reasons, account=account)
    returns = trades[:4, TradeCol.NET] / trades[:4, TradeCol.VALUE]
    leverage = 5e-6 * returns.mean() / returns.var(ddof=1)
    at = int(trades[4, TradeCol.ENTRY_SIGNAL])
    gross = (trades[4, [TradeCol.COINS_Y, TradeCol.COINS_X]] * rows[[Row.CLOSE_Y, Row.CLOSE_X], at] * [1, -1]).sum()
    assert 0.0 < leverage < 3.0 and gross == pytest.approx(leverage * equity[at])
    capped, equity, _ = ledger(rows, actions, reasons, account=replace(account, kelly_fraction=1.0))
    assert capped[4, TradeCol.VALUE] == pytest.approx(3.0 * equity[at], rel=5e-3)
    losing, _, state = ledger(rows, actions, reasons, Costs(100.0), account)
    assert len(losing) == 4 and state[Refusal.NO_EDGE.name.lower()] == 12


def test_leverage_bounds_an_entry_and_margins_and_distances_are_shown() -> None:
    rows = market(11, still=0.0)
    account = Account(capital=4_000.0, leverage=2.5, maintenance=0.01)
    (trade,), _, _ = ledger(rows, *order(80, short=10, exit=20), account=account)
    dollars = np.abs(trade[[TradeCol.COINS_Y, TradeCol.COINS_X]]) * rows[[Row.CLOSE_Y, Row.CLOSE_X], 10]
    assert dollars.sum() == pytest.approx(10_000.0)
    assert trade[TradeCol.MARGIN_Y] == pytest.approx(abs(trade[TradeCol.COINS_Y]) * rows[Row.FILL_Y, 11] / 2.5)
    short, long = trade[TradeCol.LIQUIDATION_Y], trade[TradeCol.LIQUIDATION_X]
    assert 1 / 2.5 - short == pytest.approx(0.01 * (1 + short)) and 1 / 2.5 - long == pytest.approx(0.01 * (1 - long))


def test_a_stop_loss_and_a_liquidation_close_at_the_next_bar() -> None:
    rows = market(12, still=0.0)
    rows[Row.HEDGE], rows[Row.CLOSE_X], rows[Row.FILL_X] = 1.0, 100.0, 100.0
    rows[Row.CLOSE_Y] = rows[Row.FILL_Y] = np.where(np.arange(80) < 20, 1_000.0, 975.0)
    rows[[Row.FUNDING_Y, Row.FUNDING_X, Row.HALF_Y, Row.HALF_X]] = 0.0
    actions, reasons = order(80, long=10, exit=60)
    (stopped,), _, _ = ledger(rows, actions, reasons, account=replace(RICH, stop_loss=0.0125))
    assert (stopped[TradeCol.REASON], stopped[TradeCol.EXIT_SIGNAL], stopped[TradeCol.EXIT]) == (40.0, 20.0, 21.0)
    (kept,), _, _ = ledger(rows, actions, reasons, account=replace(RICH, stop_loss=0.0126))
    assert kept[TradeCol.REASON] == Reason.TARGET and kept[TradeCol.EXIT] == 61.0
    (gained,), _, _ = ledger(rows, *order(80, short=10, exit=60), account=replace(RICH, stop_loss=0.0125))
    assert gained[TradeCol.REASON] == Reason.TARGET  # the same move on the other side is a gain
    poor = Account(capital=330.0, leverage=100.0, maintenance=0.005)
    (lost,), equity, _ = ledger(rows, actions, reasons, account=poor)
    assert lost[TradeCol.REASON] == ForcedExit.LIQUIDATION and lost[TradeCol.EXIT] == 21.0
    assert equity[-1] == pytest.approx(330.0 - 250.0)


def test_orders_that_are_too_small_are_refused_and_counted() -> None:
    rows = market(13, still=0.0)
    for where in (Instrument(min_notional=10_001.0), Instrument(lot=100.0)):
        trades, equity, state = ledger(rows, *order(80, long=10, exit=20), venue=Venue(y=where))
        assert len(trades) == 0 and state["too_small"] == 1.0 and (equity == RICH.capital).all()
    trades, _, state = ledger(rows, *order(80, long=10, exit=20), venue=Venue(x=Instrument(min_notional=20_000.0)))
    assert len(trades) == 0 and state["too_small"] == 1.0
    unknown = rows.copy()
    unknown[Row.HEDGE, 10] = np.nan
    assert ledger(unknown, *order(80, long=10, exit=20))[2]["unknown"] == 1.0


def test_an_order_waits_for_a_bar_in_which_both_legs_trade() -> None:
    rows = market(14, still=0.0)
    rows[Row.IS_TRADED, 11:15] = 0.0
    (trade,), _, _ = ledger(rows, *order(80, long=10, exit=20))
    assert trade[TradeCol.ENTRY] == 15.0 and trade[TradeCol.ENTRY_Y] == rows[Row.FILL_Y, 15]
    trades, equity, state = ledger(rows, *order(80, long=10, exit=13))
    assert len(trades) == 0 and state["cancelled"] == 1.0 and (equity == RICH.capital).all()


def test_no_rehedge_while_it_costs_more_than_the_variance_it_saves() -> None:
    rows = market(15, still=0.0)
    rows[[Row.HALF_Y, Row.HALF_X]] = 0.0
    aversion, bars, at = 500.0, 20, 25
    account = replace(RICH, rehedge=aversion, rehedge_bars=bars)
    (free,), _, _ = ledger(rows, *order(80, long=10, exit=60), account=account)
    (dear,), _, _ = ledger(rows, *order(80, long=10, exit=60), Costs(1_000.0), account)
    assert free[TradeCol.REHEDGE] != 0.0 == dear[TradeCol.REHEDGE]
    rows[Row.HEDGE, :at], rows[Row.HEDGE, at:] = 0.9, 1.1  # missing since bar 25
    rows[Row.CLOSE_Y], rows[Row.FILL_Y] = 1_000.0, 1_000.0
    x_change = np.tile([0.01, -0.01], 40)
    rows[Row.CLOSE_X] = rows[Row.FILL_X] = 100.0 * np.exp(np.cumsum(x_change))
    variance, held = 1e-4, 0.9 * 10_000.0 * rows[Row.CLOSE_X, at] / rows[Row.CLOSE_X, 10]
    missing = abs(1.1 * 10_000.0 - held)
    worth = 0.5 * aversion * missing * variance * bars / RICH.capital  # of each dollar traded
    for fee, is_traded in ((worth * 1e4 * 0.98, True), (worth * 1e4 * 1.02, False)):
        _, _, state = ledger(rows[:, : at + 2], *order(at + 2, long=10), Costs(fee), account)
        assert bool(state["added_x"] != 0.0) is is_traded


def test_prices_are_rounded_to_ticks_against_the_order() -> None:
    rows = market(16, still=0.0)
    rows[[Row.HALF_Y, Row.HALF_X]] = 0.0
    rows[Row.FILL_Y] = 1_000.25
    rows[[Row.FUNDING_Y, Row.FUNDING_X]] = 0.0
    (trade,), _, _ = ledger(rows, *order(80, long=10, exit=20), venue=Venue(y=Instrument(tick=1.0)))
    coins = trade[TradeCol.COINS_Y]
    assert trade[TradeCol.ROUNDING] == pytest.approx(-coins * (0.75 + 0.25))  # bought at 1,001, sold at 1,000


def test_what_cannot_be_is_refused() -> None:
    for make, message in (
        (lambda: Costs(slippage_bps=-1.0), "slippage_bps is -1.0"),
        (lambda: Costs(tier="broker"), "tier is 'broker'; expected taker or maker"),
        (lambda: Costs(half_spread_bps=None, use_quotes=False), "half_spread_bps is None without use_quotes"),
        (lambda: Account(leverage=0.0), "leverage is 0.0; expected a finite number above 0"),
        (lambda: Account(leverage=10.0, maintenance=0.1), "maintenance is 0.1; expected 0 to below 1 / leverage, 0.1"),
        (lambda: Account(neutral="delta"), "neutral is 'delta'; expected beta, dollar, volatility"),
        (lambda: Account(stop_loss=0.0), "stop_loss is 0.0"),
        (lambda: Venue(delay_bars=-1), "delay_bars is -1; expected at least 0"),
        (lambda: Instrument(tick=-0.1), "tick is -0.1"),
        (lambda: Instrument.from_exchange_info({"symbol": "A"}), r"'A' has the filters \[\]; expected PRICE_FILTER"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
