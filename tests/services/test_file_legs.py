"""Dumps of trades and of funding as the source of a backtest: the bars of the store, and the given rates paid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.backtest import Costs, Venue, run
from engine.backtest.layout import Row, TradeCol
from engine.pairs.settings import classic
from engine.store import open_backend
from engine.store.interface import Now
from engine.store.sqlite.writer import SqliteTickWriter
from services import file_legs
from services.backtest import main
from services.backtest_data import legs_of_files, read_legs
from services.backtest_request import FileSource, StoredSource
from tests.engine.store.harness import batch
from tests.services.test_scans import T0, universe

WIDTH_MS = 5_000
RULE = classic(interval_ms=WIDTH_MS, stale_after_ms=10_000, gate="off", cost_filter=False)
LEGS = ("YUSDT", "XUSDT")
RATES = {"YUSDT": (0.0001, -0.00025, 0.0004), "XUSDT": (0.0002, 0.0001, -0.0003)}
PAID_MS = [T0 + 1_000 * second + 3 for second in (300, 480, 620)]  # the exchange is some ms late


def write_trades(folder: Path, order: int = 1) -> list[Path]:
    """The exchange's dump of aggTrades of each leg; ``order`` -1: from the newest to the oldest."""
    paths = []
    for name in LEGS:
        rows = ["agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"]
        for tick in [tick for tick in universe() if tick.symbol == name][::order]:
            maker, number = str(tick.buyer_is_maker).lower(), tick.agg_id
            rows.append(f"{number},{tick.price:.8f},{tick.quantity},{number},{number},{tick.trade_time_ms},{maker}")
        paths.append(folder / f"{name}-aggTrades-2026-09-22.csv")
        paths[-1].write_text("\n".join(rows) + "\n", encoding="utf-8")
    return paths


def write_rates(folder: Path, names: tuple[str, ...] = LEGS) -> list[Path]:
    """The exchange's dump of fundingRate of each leg."""
    paths = []
    for name in names:
        rows = ["calc_time,funding_interval_hours,last_funding_rate"]
        rows += [f"{at},8,{rate:.8f}" for at, rate in zip(PAID_MS, RATES[name], strict=True)]
        paths.append(folder / f"{name}-fundingRate-2026-09.csv")
        paths[-1].write_text("\n".join(rows) + "\n", encoding="utf-8")
    return paths


def source_of(paths: list[Path]) -> FileSource:
    return FileSource(tuple(map(str, paths)), *LEGS)


@pytest.mark.parametrize("order", [1, -1])
async def test_trades_in_files_are_the_bars_of_the_same_trades_stored(tmp_path: Path, order: int) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    for name in LEGS:
        await writer.commit([batch(*(tick for tick in universe() if tick.symbol == name))], [], Now(T0, 0))
    stored = read_legs(StoredSource("sim", *LEGS, T0), WIDTH_MS, open_backend(tmp_path))
    await writer.close()
    found = legs_of_files(source_of(write_trades(tmp_path, order)), WIDTH_MS)
    assert len(found.y) == 139 and found.funding is None and found.interval_ms == WIDTH_MS
    pd.testing.assert_frame_equal(found.y, stored.y)
    pd.testing.assert_frame_equal(found.x, stored.x)


def test_rates_in_files_are_paid_by_the_backtest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [*write_trades(tmp_path), *write_rates(tmp_path)]
    legs = legs_of_files(source_of(paths), 1_000)
    assert legs.funding is not None
    for name, rates in zip(LEGS, legs.funding, strict=True):
        assert rates.index.as_unit("ms").asi8.tolist() == [at // 1_000 * 1_000 for at in PAID_MS]
        assert tuple(rates) == RATES[name]
    options = ["--y", LEGS[0], "--x", LEGS[1], "--interval", "1s", "--preset", "classic", "--set", "gate=off"]
    options += ["--set", "cost_filter=no", "--source", "file"]
    place = ["--data-dir", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert main([*map(str, paths), *options, *place, "--funding"]) == 0, capsys.readouterr().err
    record = json.loads((tmp_path / "out" / "record.json").read_text(encoding="utf-8"))
    rule = replace(RULE, interval_ms=1_000)
    venue = Venue(funding_y=legs.funding[0], funding_x=legs.funding[1])
    paid = run(legs.y, legs.x, None, rule, Costs(5.0, 1.0), venue=venue)
    free = run(legs.y, legs.x, None, rule, Costs(5.0, 1.0))
    expected, held = 0.0, (TradeCol.COINS_Y, TradeCol.COINS_X)
    for number, paid_ms in enumerate(PAID_MS):  # what was held at its bar's open, at the close before, pays
        at = int(np.searchsorted(paid.inputs.open_times_ms, paid_ms, side="right")) - 1
        for trade in paid.ledger.trades:
            if trade[TradeCol.ENTRY] < at <= trade[TradeCol.EXIT]:
                for coins, name, row in zip(held, LEGS, (Row.CLOSE_Y, Row.CLOSE_X), strict=True):
                    expected -= trade[coins] * RATES[name][number] * paid.inputs.rows[row, at - 1]
    assert expected != 0.0 and paid.attribution["funding"].sum() == pytest.approx(expected, rel=1e-9)
    assert record["attribution"]["funding"] == pytest.approx(expected, rel=1e-9)
    assert record["net"] == paid.metrics["PnL net [quote]"] != free.metrics["PnL net [quote]"]


def test_what_files_lack_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trades, rates = write_trades(tmp_path), write_rates(tmp_path)
    cases = [
        ([*trades, rates[0]], False, "files have no settled funding of XUSDT; expected a file of fundingRate of each"),
        (trades, True, "files have no settled funding of YUSDT and XUSDT"),
        (trades[:1], False, "files have ticks of YUSDT; expected bars of YUSDT, or trades of both legs"),
    ]
    for paths, funding, message in cases:
        with pytest.raises(ValueError, match=message):
            legs_of_files(source_of(paths), WIDTH_MS, funding)
    with pytest.raises(ValueError, match=r"no trade of \wUSDT in a whole bar of 3600000 ms"):
        legs_of_files(source_of(trades), 3_600_000)
    monkeypatch.setattr(file_legs, "MOST_TRADES", 100)
    with pytest.raises(ValueError, match=r"files have 2,800 trades; expected at most 100"):
        legs_of_files(source_of(trades), WIDTH_MS)
    for source in ("file", "store"):
        assert main(["--y", "YUSDT", "--x", "XUSDT", "--source", source, "--data-dir", str(tmp_path)]) == 2
        assert "no files and no market; expected files of bars or trades" in capsys.readouterr().err
