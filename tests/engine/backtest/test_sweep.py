"""A cell of a sweep is the backtest with its settings: the same rule and the same ledger on shared inputs."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from engine.backtest import Account, Costs, Venue, prepare, run, run_on, sweep
from engine.pairs import PairSettings, Reason
from tests.engine.backtest.configurations import configuration, pair

BREAKS = 100  # bars between false alarms: several runs in a test's market


def test_every_cell_equals_its_own_backtest() -> None:
    """Over random configurations, most of which have runs that end."""
    ended = 0
    for seed in range(30):
        given = configuration(seed)
        settings = replace(given.settings, break_alarm=BREAKS)
        inputs = prepare(given.y, given.x, None, settings, given.costs, given.venue)
        cells = [
            replace(settings, entry_z=z, exit_z=exit_z, stop_z=stop, max_z=None, cooldown_bars=pause, entry_mode=mode)
            for z, exit_z, stop, pause, mode in (
                (0.9, 0.0, None, 0, "simple"), (1.3, 0.4, 2.5, 2, "uptick"), (1.1, 0.2, 3.0, 0, "downtick"),
            )
        ]  # fmt: skip
        found = sweep(inputs, cells, given.costs, given.account, given.venue, bucket_ms=3_600_000)
        for at, cell in enumerate(cells):
            alone = run(given.y, given.x, None, cell, given.costs, given.account, given.venue)
            own = run_on(alone.inputs, given.costs, given.account, given.venue)
            for name in own.state.dtype.names or ():
                if not name.startswith(("close_", "exit_signal", "exit_z")):  # of bars in which nothing happens
                    np.testing.assert_array_equal(found.states[name][at], own.state[name][0], err_msg=name)
            ended += int((alone.inputs.reasons == Reason.RUN_END).sum())
            assert found.pnl[at].sum() == pytest.approx(own.equity[-1] - given.account.capital, abs=1e-7)
    assert ended > 10


def test_buckets_hold_the_changes_of_equity_and_threads_change_nothing() -> None:
    y, x = pair(1)
    settings = PairSettings(
        interval_ms=60_000, calibration_bars=60, z_window=20, memory_half_life=200.0, gate="off", stale_after_ms=60_000
    )
    costs = Costs(1.0, 0.5)
    inputs = prepare(y, x, None, settings, costs)
    cells = [replace(settings, entry_z=e, exit_z=q) for e, q in itertools.product((1.0, 1.5, 2.0), (0.0, 0.3, 0.6))]
    one, two = (sweep(inputs, cells, costs, bucket_ms=3_600_000, threads=threads) for threads in (1, 2))
    assert one.states.tobytes() == two.states.tobytes()
    np.testing.assert_array_equal(one.pnl, two.pnl)
    alone = run(y, x, None, cells[4], costs)
    hours = alone.equity.groupby(alone.equity.index.floor("h")).last().diff()
    np.testing.assert_allclose(one.pnl[4][1:], hours.iloc[1:], atol=1e-8)
    table = one.frame()
    for name, key in (("net", "PnL net [quote]"), ("gross", "PnL gross [quote]"), ("costs", "Costs [quote]")):
        assert table[name][4] == pytest.approx(alone.metrics[key])
    assert alone.trades["is_open"].any()
    assert (table["trades"] > 0).all() and (table["drawdown_percent"] > 0).all()


def test_a_cell_may_change_thresholds_only() -> None:
    y, x = pair(2)
    settings = PairSettings(interval_ms=60_000, calibration_bars=60, gate="off", stale_after_ms=60_000)
    inputs = prepare(y, x, None, settings, Costs())
    with pytest.raises(ValueError, match=r"cell 1 differs from the inputs in \['z_window'\]; expected only entry_mode"):
        sweep(inputs, [settings, replace(settings, z_window=30)], Costs(), Account(), Venue())
