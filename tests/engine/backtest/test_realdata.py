"""Ten recorded pairs over 30 days of minutes, end to end, equal to the reference and true to the last identity."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pandas as pd
import pytest

from engine.backtest import Account, Costs, Instrument, Venue, cost_wall, run
from engine.pairs import PairSettings, classic, defended
from tests.engine.backtest.reference import backtest
from tests.engine.pairs.recorded import MINUTE_MS, SYMBOLS
from tests.realdata import recording

pytestmark = pytest.mark.realdata

PAIRS = [(y, x) for x, y in itertools.combinations(SYMBOLS, 2)]
COSTS = Costs(5.0, 1.0, 0.5, impact_bps=20.0)
ROUNDED = Venue(Instrument(1e-4, 1e-3, 5.0), Instrument(1e-4, 1e-3, 5.0))
OPEN = {"stale_after_ms": 2 * MINUTE_MS, "interval_ms": MINUTE_MS}
RULES = {"classic": classic(gate="off", cost_filter=False, **OPEN), "defended": defended(**OPEN)}


@cache
def candles(symbol: str) -> pd.DataFrame:
    return pd.read_csv(recording(f"klines/{symbol}_1m.csv"), index_col="timestamp", parse_dates=True)


@pytest.mark.parametrize("rule", RULES)
def test_every_pair_adds_up_and_equals_the_reference(rule: str) -> None:
    chosen: PairSettings = RULES[rule]
    trades, money, walls = 0, Account(capital=1e6), []
    for y, x in PAIRS:
        found = run(candles(y), candles(x), None, chosen, COSTS, money, ROUNDED)
        table = found.trades
        trades += len(table)
        np.testing.assert_allclose(found.attribution.sum(axis=1), table["net"], rtol=0, atol=1e-9)
        assert found.equity.iloc[-1] == pytest.approx(1e6 + table["net"].sum(), abs=1e-6)
        assert found.equity.index.equals(candles(y).index)
        slow, equity = backtest(found.inputs, chosen, COSTS, money, ROUNDED)
        assert table["reason"].tolist() == slow["reason"].tolist()
        np.testing.assert_allclose(table["net"], slow["net"].astype(float), rtol=1e-9, atol=1e-7)
        assert equity.iloc[-1] == pytest.approx(found.metrics["Equity, last [quote]"], abs=1e-6)
        walls.append(cost_wall(found.inputs.models[-1]))
    known = [wall for wall in walls if not np.isnan(wall.round_trip)]  # others calibrate a new run at the end
    assert len(known) >= 3
    assert all(wall.round_trip_bps > 2 * 6.5 and wall.break_even_z > chosen.exit_z for wall in known)
    assert trades > 3_000 if rule == "classic" else trades >= 1
