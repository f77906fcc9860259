"""A portfolio of stored backtests is what the engine makes of their arrays; what does not go together says why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from engine.backtest import Account, Costs, PairPath, PortfolioLimits, Result, Venue, combine, run
from engine.backtest.ledger_run import held_on
from engine.errors import SettingsError
from engine.stats.checks import Floats, Ints
from engine.store import open_backend
from services.backtest_files import FOLDER, keep_tables
from services.export import NothingToExport
from services.portfolio import PortfolioRequest, PortfolioService
from services.portfolio_record import portfolio_record
from tests.engine.backtest.configurations import MINUTE_MS, pair
from tests.services.backtest_worlds import SETTINGS

COSTS, ACCOUNT = Costs(2.0, 0.5), Account(1e5)
LEGS = (("ETHUSDT", "BTCUSDT"), ("SOLUSDT", "BTCUSDT"), ("XRPUSDT", "ADAUSDT"))


class World:
    """A data folder with backtests of three pairs: the second lacks some bars, the third begins later."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        backend = open_backend(folder)
        backend.analysis().close()
        self.store = backend.backtests()
        self.results = [made(1), made(2, holes=slice(700, 720)), made(3, begin=300)]
        self.numbers = [self.keep(found, *legs) for found, legs in zip(self.results, LEGS, strict=True)]

    def keep(self, found: Result, y: str, x: str, **changes: Any) -> int:
        times, width = found.inputs.open_times_ms, found.inputs.settings.interval_ms
        record = {
            "market": "sim", "y": y, "x": x, "interval_ms": width, "from_ms": int(times[0]),
            "to_ms": int(times[-1]) + width, "data": "d", "code": "c", "cells": 1, "trial": 1, "net": 0.0,
            "trades": len(found.trades), "tables": keep_tables(found, self.folder),
            "request": {"account": {"capital": found.account.capital}}, **changes,
        }  # fmt: skip
        return self.store.add(1, record).backtest_id

    def combine(self, *numbers: int, **more: Any) -> Any:
        return PortfolioService(self.store, self.folder).combine(PortfolioRequest(numbers, **more))


def made(seed: int, begin: int = 0, holes: slice | None = None, account: Account = ACCOUNT) -> Result:
    y, x = (leg.iloc[begin:] for leg in pair(seed, 2_400))
    if holes is not None:
        y, x = (leg.drop(leg.index[holes]) for leg in (y, x))
    return run(y, x, None, SETTINGS, COSTS, account)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("portfolio"))


def held_by_trades(found: Result) -> tuple[Floats, Floats]:
    """Coins at each close, out of the list of trades: these have no re-hedge."""
    out = np.zeros((2, found.inputs.bars))
    times = found.inputs.open_times_ms.astype("datetime64[ms]")
    for trade in found.trades.itertuples():
        first, last = np.searchsorted(times, [each.to_datetime64() for each in (trade.entry_time, trade.exit_time)])
        if trade.is_open:
            last = found.inputs.bars
        out[0, first:last], out[1, first:last] = trade.coins_y, trade.coins_x
    return out[0], out[1]


def path_of(found: Result, legs: tuple[str, str], times: Ints) -> PairPath:
    own = found.inputs.open_times_ms.tolist()
    places = [own.index(time) for time in times.tolist()]
    equity = np.array([found.account.capital, *found.ledger.equity])
    pnl, before = [], places[0]
    for place in places:
        pnl.append(equity[place + 1] - equity[before])
        before = place + 1
    held_y, held_x = held_by_trades(found)
    rows = found.inputs.rows
    return PairPath(f"{legs[0]} (sim)", f"{legs[1]} (sim)", rows[0][places], rows[1][places], held_y[places],
                    held_x[places], np.array(pnl))  # fmt: skip


@pytest.mark.parametrize(
    "limits", [PortfolioLimits(), PortfolioLimits(0.14, 9.0, 9.0), PortfolioLimits(9.0, 0.12, 9.0),
               PortfolioLimits(9.0, 9.0, 0.3)],
)  # fmt: skip
def test_it_is_what_the_engine_makes_of_the_same_arrays(world: World, limits: PortfolioLimits) -> None:
    capital = 40_000.0
    times = world.results[0].inputs.open_times_ms
    for other in world.results[1:]:
        times = np.array([each for each in times.tolist() if each in set(other.inputs.open_times_ms.tolist())])
    assert times.size < world.results[0].inputs.bars
    paths = [path_of(found, legs, times) for found, legs in zip(world.results, LEGS, strict=True)]
    expected = combine(paths, times, capital=capital, interval_ms=MINUTE_MS, limits=limits, clock="hourly")
    made = world.combine(*world.numbers, capital=capital, limits=limits)
    assert made.times_ms.tolist() == times.tolist()
    for name in ("equity", "pnl", "net", "gross", "correlation"):
        assert getattr(made.found, name) == pytest.approx(getattr(expected, name), rel=1e-9, abs=1e-9, nan_ok=True)
    assert made.found.positions.tolist() == expected.positions.tolist()
    record = json.loads(json.dumps(portfolio_record(made), allow_nan=False))
    assert sum(each["net"] for each in record["pairs"]) == pytest.approx(record["net"], abs=1e-6)
    assert record["net"] == pytest.approx(expected.equity[-1] - capital, abs=1e-9)
    refused = (expected.positions[:, 3] > 0).sum()
    assert sum(record["refused"].values()) == sum(sum(each["refused"].values()) for each in record["pairs"]) == refused
    assert (refused > 0) == (limits != PortfolioLimits())
    assert record["metrics"]["Max drawdown [%]"] == pytest.approx(100 * expected.drawdown.fraction)
    assert record["made_of"] == "made of backtests {}, {} and {}".format(*world.numbers)
    assert not any(name.startswith(("PnL", "DSR", "PSR", "Trades")) for name in record["metrics"])


def test_coins_held_include_re_hedges() -> None:
    """In a bar without a fill the equity changes by what the coins held before it earn."""
    found = made(4, account=replace(ACCOUNT, rehedge=2e5))
    held_y, held_x = held_on(found.inputs, found.costs, found.account, Venue())
    assert not np.array_equal(held_x, held_by_trades(found)[1]), "there are re-hedges"
    still = (np.diff(held_y) == 0) & (np.diff(held_x) == 0) & (held_y[1:] != 0)
    close_y, close_x = found.inputs.rows[0], found.inputs.rows[1]
    earned = held_y[:-1] * np.diff(close_y) + held_x[:-1] * np.diff(close_x)
    assert still.sum() > 100
    assert np.diff(found.ledger.equity)[still] == pytest.approx(earned[still], abs=1e-6)


def test_what_does_not_go_together_says_what_was_found_and_expected(world: World) -> None:
    one, two, three = world.numbers
    again = world.keep(world.results[0], "BTCUSDT", "ETHUSDT")
    with pytest.raises(SettingsError, match=rf"backtests {one} and {again} are both of ETHUSDT ~ BTCUSDT on sim"):
        world.combine(one, again)
    wide = world.keep(world.results[1], "LTCUSDT", "BTCUSDT", interval_ms=300_000)
    with pytest.raises(SettingsError, match=rf"bars of 1m \({one}\), 5m \({wide}\); expected one width"):
        world.combine(one, wide)
    euro = world.keep(world.results[1], "ETHEUR", "BTCEUR")
    with pytest.raises(SettingsError, match="expected one quote currency"):
        world.combine(one, euro)
    y, x = (leg.shift(freq="30D") for leg in pair(5, 400))
    later = world.keep(run(y, x, None, SETTINGS, COSTS, ACCOUNT), "LTCUSDT", "BTCUSDT")
    with pytest.raises(SettingsError, match=rf"no bar in common \({one} has 20.*; {later} has 20.*\); expected two"):
        world.combine(one, later)
    with pytest.raises(NothingToExport, match="number 999"):
        world.combine(one, 999)
    with pytest.raises(SettingsError, match="backtests are 1; expected 2 to 10"):
        world.combine(one)
    with pytest.raises(SettingsError, match=f"backtest {two} is there twice"):
        world.combine(two, three, two)
    with pytest.raises(SettingsError, match="capital"):
        world.combine(one, two, capital=-1.0)


def test_older_tables_and_those_that_are_gone_have_to_be_run_again(world: World) -> None:
    one, two, _ = world.numbers
    tables = keep_tables(world.results[1], world.folder)
    old = world.keep(world.results[1], "LTCUSDT", "BTCUSDT", tables=tables)
    path = world.folder / FOLDER / tables / "equity.parquet"
    polars.read_parquet(path).select("bar_open", "equity").write_parquet(path)
    with pytest.raises(SettingsError, match=rf"backtest {old} was stored without close_y, .*run it again"):
        world.combine(one, old)
    path.unlink()
    with pytest.raises(NothingToExport, match=rf"tables of backtest {old} are not kept any more.*run it again"):
        world.combine(two, old)


def test_no_trial_is_counted(world: World) -> None:
    trials = open_backend(world.folder).trials()
    before = trials.on_data("d")
    world.combine(*world.numbers)
    assert trials.on_data("d") == before
