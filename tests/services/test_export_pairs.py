"""Exports of pairs: the log with its trades and what they earned, and the analysis as the live loop has it."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest

from engine.backtest import Costs, mark
from engine.pairs.layout import Out
from engine.store import open_backend
from engine.store.bulk import SignalFilter
from engine.store.sqlite.analysis_reader import SqliteAnalysisReader
from engine.store.sqlite.bulk_reader import SqliteBulkReader
from services.export import ExportService, MonitorAnalysis, NothingToExport, PairRequest, StoredAnalysis
from services.export.signals import SIGNAL_COLUMNS, signal_rows
from services.pairs import PairService
from tests.engine.pairs.markets import SETTINGS, Trouble, deliver, make_ticks
from tests.live.test_monitor import Harness

WIDTH = SETTINGS.interval_ms
PAIR = PairRequest("sim", "YUSDT", "XUSDT")


@pytest.fixture
async def traded(tmp_path: Path) -> AsyncIterator[Harness]:
    """A pair that has traded; its last trades and a filled gap came while it was watched."""
    harness = await Harness.open(tmp_path)
    arrived = deliver(make_ticks(1, seconds=400), Trouble())
    await harness.write(arrived[:2_000])
    harness.read_all()
    for at in range(2_000, len(arrived), 500):
        await harness.write(arrived[at : at + 500])
        harness.read_all()
    harness.monitor._save([])
    yield harness
    harness.monitor.close()
    await harness.writer.close()


def exports(harness: Harness) -> ExportService:
    return ExportService(open_backend(harness.folder), lambda: MonitorAnalysis(harness.monitor))


def log_of(harness: Harness, wanted: SignalFilter = SignalFilter()) -> pd.DataFrame:  # noqa: B008  # frozen
    content = b"".join(exports(harness).signals(wanted, "csv").chunks)
    return pd.read_csv(io.BytesIO(content), parse_dates=["bar_close", "given_at"])


async def test_the_log_says_whose_decisions_they_are(traded: Harness) -> None:
    log = log_of(traded)
    assert tuple(log.columns) == SIGNAL_COLUMNS and str(log["bar_close"].dt.tz) == "UTC"
    assert {"enter_long", "enter_short", "exit", "no_entry"} <= set(log["kind"])
    assert set(log["market"]) == {"sim"} and set(log["y"]) == {"YUSDT"} and set(log["x"]) == {"XUSDT"}
    assert set(log["interval"]) == {"2s"} and set(log["spread_unit"]) == {"bps"}
    known = log.dropna(subset=["spread"])
    assert known["spread_charted"].tolist() == (known["spread"] * 1e4).tolist()


async def test_only_live_decisions_are_late(traded: Harness) -> None:
    (run,) = SqliteAnalysisReader(traded.folder / "analysis.db").runs()
    stored = {(decision.bar_ms + WIDTH, decision.revision): decision for decision in traded.stored()}
    log = log_of(traded)
    times = log["bar_close"].dt.as_unit("ms").astype("int64").tolist()
    decisions = [stored[key] for key in zip(times, log["revision"].tolist(), strict=True)]
    is_live = [each.given_seq > run.began_seq for each in decisions]
    assert sum(is_live) > 0 and log["late_ms"].notna().tolist() == is_live
    late = log["late_ms"].dropna().tolist()
    assert late == [each.late_ms for each, live in zip(decisions, is_live, strict=True) if live]


async def test_closed_trades_earn_what_the_ledger_says(traded: Harness) -> None:
    """Over all bars at once, as a backtest of the logged orders does it."""
    log = log_of(traded)
    reader = SqliteBulkReader(traded.folder / "ticks.db")
    legs = {}
    for symbol in ("YUSDT", "XUSDT"):
        seconds = reader.seconds("sim", symbol, 0, 2**50)
        frame = pd.DataFrame({"slot": seconds.open_time_ms // WIDTH, "open": seconds.open, "close": seconds.close})
        legs[symbol] = frame.groupby("slot").agg({"open": "first", "close": "last"})
    grid = np.arange(min(leg.index[0] for leg in legs.values()), max(leg.index[-1] for leg in legs.values()) + 1)
    y, x = (leg.reindex(grid) for leg in legs.values())
    is_filled = (y["open"].isna() | x["open"].isna()).to_numpy()
    bars = {name: leg[name].ffill().bfill() for name, leg in (("open", y), ("close", y))}
    bars_x = {name: x[name].ffill().bfill() for name in ("open", "close")}
    newest = log.sort_values("revision").groupby("bar_close").tail(1).sort_values("bar_close")
    closed = newest.dropna(subset=["net"])
    assert len(closed) >= 5 and (closed["kind"] == "exit").all()
    for _, row in closed.iterrows():
        (entry,) = [one for _, one in newest.iterrows() if one["trade_id"] == row["trade_id"] and one["kind"] != "exit"]
        orders = np.full((2, grid.size), np.nan)
        for each in (entry, row):
            slot = each["bar_close"].value // 10**6 // WIDTH - 1
            orders[:, int(slot - grid[0])] = each["quantity_y"], each["quantity_x"]
        ledger = mark(
            bars["close"].to_numpy(), bars_x["close"].to_numpy(), *orders, Costs(SETTINGS.fee_bps),
            y_fill=bars["open"].to_numpy(), x_fill=bars_x["open"].to_numpy(), is_filled_bar=is_filled,
        )  # fmt: skip
        net = ledger.pnl.sum() - row["half_spread"]  # fills are opens, of any trade: a measured half-spread is on top
        assert row["net"] == pytest.approx(net, rel=1e-9, abs=1e-9) and row["half_spread"] > 0
        assert row["fee"] == pytest.approx(ledger.cost.sum(), rel=1e-12) and row["fee"] > 0
        assert row["gross"] == pytest.approx(row["net"] + row["fee"] + row["half_spread"], rel=1e-12)
    reader.close()


async def test_superseded_rows_earn_nothing_twice(traded: Harness) -> None:
    rows = [row for page in signal_rows(*_stores(traded), SignalFilter()) for row in page]
    standing = {(row.run_id, row.bar_close): row.revision for row in rows}
    paid = [row for row in rows if row.net is not None]
    assert all(row.revision == standing[row.run_id, row.bar_close] for row in paid)
    assert len({row.trade_id for row in paid}) == len(paid) > 0
    opened = {row.trade_id for row in rows if row.kind.startswith("enter")}
    assert {row.trade_id for row in rows if row.kind == "exit"} <= opened


def _stores(harness: Harness) -> tuple[SqliteAnalysisReader, SqliteBulkReader]:
    return SqliteAnalysisReader(harness.folder / "analysis.db"), SqliteBulkReader(harness.folder / "ticks.db")


async def test_a_trade_that_is_not_filled_yet_has_no_result(tmp_path: Path) -> None:
    """The first bar after the exit has no trade yet."""
    harness = await Harness.open(tmp_path)
    ticks = make_ticks(1, seconds=400)
    await harness.write(ticks)
    harness.read_all()
    exit_ = [row for page in signal_rows(*_stores(harness), SignalFilter()) for row in page if row.kind == "exit"][-1]
    other = tmp_path / "cut"
    other.mkdir()
    cut = await Harness.open(other)
    grace = next(each for each in ticks if each.trade_time_ms > exit_.bar_close + 2_000)
    early = [each for each in ticks if each.trade_time_ms < exit_.bar_close]
    await cut.write([*early, grace._replace(trade_time_ms=exit_.bar_close + 100_000)])
    cut.read_all()
    rows = [row for page in signal_rows(*_stores(cut), SignalFilter()) for row in page]
    same = [row for row in rows if row.bar_close == exit_.bar_close and row.kind == "exit"]
    assert exit_.net is not None and same and same[0].net is None and same[0].trade_id is not None
    for each in (harness, cut):
        each.monitor.close()
        await each.writer.close()


async def test_filters(traded: Harness) -> None:
    log = log_of(traded)
    trades = log_of(traded, SignalFilter(without_refusals=True))
    assert len(trades) == (log["kind"] != "no_entry").sum() < len(log)
    exits = log_of(traded, SignalFilter(kinds=("exit",), reasons=("TARGET",)))
    assert len(exits) == ((log["kind"] == "exit") & (log["reason"] == "TARGET")).sum() > 0
    middle = int(log["bar_close"].dt.as_unit("ms").astype("int64").median())
    halves = [log_of(traded, SignalFilter(to_ms=middle)), log_of(traded, SignalFilter(from_ms=middle))]
    assert sum(map(len, halves)) == len(log) and halves[1]["bar_close"].min().value // 10**6 >= middle
    for symbols in ((), ("YUSDT",), ("XUSDT", "YUSDT")):
        assert len(log_of(traded, SignalFilter("sim", symbols))) == len(log)
    for wanted in (SignalFilter("usdm"), SignalFilter(symbols=("ZUSDT",)), SignalFilter(symbols=("YUSDT", "ZUSDT"))):
        with pytest.raises(NothingToExport, match="no decision of"):
            log_of(traded, wanted)
    (watch_id,) = traded.monitor.watches
    pairs = PairService(traded.monitor, SETTINGS, lambda: None)
    wanted = pairs.logged(watch_id)
    assert wanted is not None and len(log_of(traded, wanted)) == len(log) and pairs.logged(99) is None


async def test_the_log_of_a_pair_begins_with_the_exit_of_its_previous_run(traded: Harness) -> None:
    (watch_id,) = traded.monitor.watches
    traded.monitor.watch("sim", "YUSDT", "XUSDT", replace(SETTINGS, entry_z=1.9, exit_z=0.2))
    wanted = PairService(traded.monitor, SETTINGS, lambda: None).logged(watch_id)
    assert wanted is not None
    shown = traded.monitor.log_of(watch_id)
    log = log_of(traded, wanted)
    assert log["bar_close"].dt.as_unit("ms").astype("int64").tolist() == [
        each.decision.bar_ms + WIDTH for each in shown
    ]


async def test_the_analysis_is_the_live_loops(traded: Harness) -> None:
    service = exports(traded)
    live = polars.read_parquet(b"".join(service.analytics(PAIR, "parquet").chunks))
    (watch,) = traded.monitor.watches.values()
    run = traded.monitor.followed(watch)
    assert run is not None and len(live) == run.model.size > 100
    for row in Out:
        name = row.name.lower()
        if row not in (Out.ACTION, Out.REASON, Out.REAL_BARS):
            expected = run.model.column(row)
            found = live[name].cast(polars.Float64).fill_null(float("nan")).to_numpy()
            assert np.array_equal(found, expected, equal_nan=True), name
    assert {"y_close", "x_mid", "y_half_spread", "x_volume", "action", "reason", "run_id", "bar_close"} <= set(
        live.columns
    )
    assert set(live["action"]) >= {"", "enter_long", "exit"}
    again = StoredAnalysis(open_backend(traded.folder))
    stored = ExportService(open_backend(traded.folder), lambda: again).analytics(PAIR, "parquet")
    assert polars.read_parquet(b"".join(stored.chunks)).equals(live)
    csv = pd.read_csv(io.BytesIO(b"".join(service.analytics(PAIR, "csv").chunks)))
    assert len(csv) == len(live) and csv["z"].notna().sum() == live["z"].count()


async def test_pages_and_ranges_of_an_analysis(traded: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    service = exports(traded)
    live = polars.read_parquet(b"".join(service.analytics(PAIR, "parquet").chunks))
    monkeypatch.setattr("services.export.analytics._BARS", 17)
    assert polars.read_parquet(b"".join(service.analytics(PAIR, "parquet").chunks)).equals(live)
    times = live["timestamp"].dt.epoch("ms").to_list()
    rng = random.Random(1)
    for _ in range(5):
        from_ms, to_ms = sorted(rng.sample(range(times[0], times[-1]), 2))
        part = service.analytics(PairRequest("sim", "YUSDT", "XUSDT", from_ms, to_ms), "parquet")
        opens = polars.read_parquet(b"".join(part.chunks))["timestamp"].dt.epoch("ms").to_list()
        assert opens == [time for time in times if from_ms <= time < to_ms]


async def test_a_pair_that_is_not_watched_is_named(traded: Harness, tmp_path: Path) -> None:
    backend = open_backend(traded.folder)
    for source in (MonitorAnalysis(traded.monitor), StoredAnalysis(backend)):
        service = ExportService(backend, lambda source=source: source)  # type: ignore[misc]
        with pytest.raises(
            NothingToExport, match=r"XUSDT ~ YUSDT in market sim .* expected a watched pair: YUSDT ~ XUSDT"
        ):
            service.analytics(PairRequest("sim", "XUSDT", "YUSDT"), "csv")
        with pytest.raises(NothingToExport, match="has no bar in its run from"):
            service.analytics(PairRequest("sim", "YUSDT", "XUSDT", 0, 1), "csv")
