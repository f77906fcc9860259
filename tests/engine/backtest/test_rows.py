"""A live run's bars are the ledger's inputs as they are: bar by bar, at once, and with any split between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import Account, Costs, Venue, inputs_of, run_on
from engine.backtest.inputs import settle_half_spreads
from engine.backtest.layout import Row, TradeCol, empty_rows, new_states, par_record
from engine.backtest.ledger import step
from engine.backtest.ledger_run import ledger_par
from engine.backtest.rows import put_leg_fills, put_pipeline
from engine.market.history import MemoryHistory
from engine.pairs.layout import Out
from engine.pairs.leg import Col
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from tests.engine.pairs.markets import SETTINGS, make_ticks, run_of

COSTS, OPEN = Costs(1.0, 0.3), replace(SETTINGS, gate="off", cost_filter=False)


def followed(seed: int, space: str = "log") -> PairRun:
    """A run that has seen five minutes of trades through the live pipeline."""
    history = MemoryHistory()
    pipeline, run = Pipeline(history), run_of(replace(OPEN, space=space))
    for seq, tick in enumerate(make_ticks(seed, 500), 1):
        history.add(seq, tick)
        pipeline.feed(seq, tick)
    pipeline.begin(run, seq)
    return pipeline.runs[run.run_id]


@pytest.mark.parametrize("space", ["log", "price"])
def test_bar_by_bar_gives_the_rows_and_the_ledger_of_all_at_once(space: str) -> None:
    live = followed(1, space)
    whole = inputs_of([live.model], live.settings)
    put_leg_fills(whole.rows, live.legs)
    for row in (Row.HALF_Y, Row.HALF_X):
        settle_half_spreads(whole.rows[row], COSTS)
    backtest = run_on(whole, COSTS, Account(), Venue())
    assert len(backtest.trades) > 5
    rows = empty_rows(whole.bars)
    par = ledger_par(live.settings, COSTS, Account(), Venue())
    record, state, trade, closed = par_record(par), new_states(par), np.empty(len(TradeCol)), 0
    for i in range(whole.bars):
        column = rows[:, i : i + 1]
        put_pipeline(column, live.model, start=i, stop=i + 1)
        put_leg_fills(column, live.legs)
        for row in (Row.HALF_Y, Row.HALF_X):
            settle_half_spreads(column[row], COSTS)
        action, reason = (int(live.model.column(out)[i]) for out in (Out.ACTION, Out.REASON))
        if step(record[0], state[0], rows, i, i, action, reason, trade):
            np.testing.assert_array_equal(trade, backtest.trades[closed])
            closed += 1
        assert state["equity"][0] == backtest.equity[i]
    np.testing.assert_array_equal(rows, whole.rows)


def test_quantities_are_those_of_the_decisions_that_were_given() -> None:
    live = followed(2)
    whole = inputs_of([live.model], live.settings)
    trades = run_on(whole, COSTS, Account(), Venue()).trades
    for trade in trades:
        decision = live.current[int(whole.open_times_ms[int(trade[TradeCol.ENTRY_SIGNAL])])]
        assert (decision.quantity_y, decision.quantity_x) == (trade[TradeCol.COINS_Y], trade[TradeCol.COINS_X])


def test_fills_of_live_legs_are_at_the_open_with_the_bars_half_spread() -> None:
    live = followed(3)
    whole = inputs_of([live.model], live.settings)
    before = whole.rows.copy()
    put_leg_fills(whole.rows, live.legs)
    begin = int(whole.rows[Row.SLOT, 0]) - live.legs[0].first_slot
    opened = live.legs[0].column(Col.OPEN, begin)[: whole.bars]
    is_known = ~np.isnan(opened)
    assert is_known.any()
    np.testing.assert_array_equal(whole.rows[Row.FILL_Y][is_known], opened[is_known])
    np.testing.assert_array_equal(whole.rows[Row.FILL_Y][~is_known], before[Row.CLOSE_Y][~is_known])
    assert (whole.rows[Row.VOLUME_X][whole.rows[Row.IS_TRADED] == 1.0] > 0.0).all()
    half = live.legs[0].column(Col.HALF_SPREAD, begin)[: whole.bars]
    np.testing.assert_array_equal(whole.rows[Row.HALF_Y], half)
    assert 0.0 < np.nanmean(half) < 1e-3
