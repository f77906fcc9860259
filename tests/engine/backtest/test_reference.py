"""The backtest equals an independent slow one, trade by trade, over 200 random configurations."""

from __future__ import annotations

from collections import Counter

import numpy as np

from engine.backtest import run
from engine.backtest.backtest import Result
from tests.engine.backtest.configurations import Configuration, configuration
from tests.engine.backtest.reference import backtest

SEEDS = range(200)


def both(given: Configuration) -> tuple[Result, int]:
    """The result, equal to the reference's; and the number of trades."""
    found = run(given.y, given.x, None, given.settings, given.costs, given.account, given.venue)
    trades, equity = backtest(found.inputs, given.settings, given.costs, given.account, given.venue)
    ours = found.trades
    assert len(ours) == len(trades)
    assert ours["side"].tolist() == ["long" if side > 0 else "short" for side in trades["side"]]
    assert ours["reason"].tolist() == trades["reason"].tolist()
    times = found.inputs.open_times_ms
    for column, place in (("entry_time", "entry"), ("exit_time", "exit")):
        expected = times[trades[place].to_numpy(dtype=int)]
        assert (ours[column].dt.as_unit("ms").astype("int64").to_numpy() == expected).all()
    for column in ("coins_y", "coins_x", "value"):
        np.testing.assert_allclose(ours[column], trades[column].astype(float), rtol=1e-9)
    np.testing.assert_allclose(ours["net"], trades["net"].astype(float), rtol=1e-9, atol=1e-8)
    known = found.inputs.grid.places[0] >= found.inputs.grid.begin
    assert known.all()
    np.testing.assert_allclose(found.equity, equity, rtol=1e-11, atol=1e-8)
    return found, len(trades)


def test_two_hundred_random_configurations_give_the_reference_trades() -> None:
    counts: Counter[str] = Counter()
    total = 0
    for seed in SEEDS:
        given = configuration(seed)
        found, number = both(given)
        total += number
        counts.update(found.trades["reason"])
        counts.update({f"refused {name}": many for name, many in found.refused.items()})
        counts["rehedged"] += int((found.attribution["rehedge"] != 0.0).sum())
        counts["rounded"] += int((found.attribution["rounding"] != 0.0).sum())
        counts["funded"] += int((found.attribution["funding"] != 0.0).sum())
    assert total > 3_000
    for each in ("TARGET", "STOP", "TIME", "RUN_END", "STOP_LOSS", "LIQUIDATION", "OPEN", "refused too_small",
                 "refused no_edge", "refused cancelled", "rehedged", "rounded", "funded"):  # fmt: skip
        assert counts[each] > 0, (each, counts)
