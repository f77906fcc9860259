"""The trades of ended runs are those of their paper books: on screens, in the exported log, in no total twice."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from engine.backtest.layout import TradeCol
from engine.errors import StoreError
from engine.store import open_backend
from engine.store.bulk import SignalFilter
from live.paper import entered_ms
from services.export import ExportService, MonitorAnalysis
from services.paper_trades import BOOK, LOG, PaperTradeService
from tests.live.test_paper_book import FIRST, TICKS, Books

MEASURED = replace(FIRST, half_spread_bps=None)


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    """A pair in its third run, each begun over all bars from before it; half-spreads are measured."""
    made = await Books.open(tmp_path)
    made.choose(MEASURED)
    await made.read(0, 1_500)
    at = await made.read_until_open(1_500)
    made.choose(replace(MEASURED, entry_z=1.2, fee_bps=2.0))
    await made.read(at, 2_700)
    made.choose(replace(MEASURED, entry_z=1.1))
    await made.read(2_700, len(TICKS))
    made.harness.monitor._save([])
    yield made
    await made.close()


def service_of(books: Books) -> PaperTradeService:
    return PaperTradeService(books.harness.monitor, books.books, open_backend(books.harness.folder))


def exported(books: Books, trades: PaperTradeService) -> pd.DataFrame:
    monitor = books.harness.monitor
    service = ExportService(open_backend(books.harness.folder), lambda: MonitorAnalysis(monitor), trades.booked)
    return pd.read_csv(io.BytesIO(b"".join(service.signals(SignalFilter(), "csv").chunks)))


async def test_all_runs_together_are_the_paper_book_of_the_pair(books: Books) -> None:
    """The run of a new setting decides the same bars again: added up, they would count three times."""
    trades, book = service_of(books), books.paper().book
    found = trades.closed(SignalFilter(), LOG)
    (total,) = found.totals
    assert len(books.results()) == 2 and all(result.trades >= 2 for result in books.results())
    assert (total.trades, total.wins) == (book.trades, book.wins)
    assert total.net == pytest.approx(book.realised, abs=1e-6)
    for name in ("fees", "half_spread", "slippage", "funding"):
        assert getattr(total, name) == pytest.approx(getattr(book, name), abs=1e-6), name
    assert total.half_spread > 0.0 and found.repeated >= 4 and found.open_exits == found.log_only == 0
    assert found.rows[0].total == pytest.approx(total.net)


async def test_the_exported_log_has_each_trade_as_the_book_of_its_run_had_it(books: Books) -> None:
    log = exported(books, service_of(books)).dropna(subset=["net"])
    counted = log[log["counted"] == BOOK]
    for result in books.results():
        rows = counted[counted["run_id"] == result.run_id]
        assert len(rows) == result.trades and (rows["half_spread"] > 0.0).all()
        assert rows["net"].sum() == pytest.approx(result.realised, abs=1e-6)
        assert rows["half_spread"].sum() == pytest.approx(result.half_spread, abs=1e-6)
    assert set(log["counted"]) == {"book", "repeat"}
    again = log[log["counted"] == "repeat"]
    assert set(again["run"]) == {2, 3}, "the first run of a pair repeats nothing"


async def test_a_current_run_shows_what_the_book_counts_of_it(books: Books) -> None:
    found, book = service_of(books).closed(SignalFilter(), BOOK), books.paper().book
    ended = books.results()
    (total,) = found.totals
    assert total.net == pytest.approx(book.realised - sum(each.realised for each in ended), abs=1e-6)
    assert total.trades == book.trades - sum(each.trades for each in ended)
    ledger = books.books.ledger(1, books.run)[0]
    assert found.repeated == len(ledger.trades) - total.trades == book.repeated >= 2


async def test_what_was_decided_after_the_fact_is_marked_as_a_replay(tmp_path: Path) -> None:
    """The first run of a pair begins over stored bars: its book counts them, and says that nobody followed them."""
    books = await Books.open(tmp_path)
    await books.read(0, 1_500)
    watch_id = books.harness.monitor.watch("sim", "XUSDT", "YUSDT", MEASURED)
    await books.read(1_500, len(TICKS))
    run = books.harness.monitor.followed(books.harness.monitor.watches[watch_id])
    assert run is not None
    paper = books.books.paper(watch_id, run)
    assert paper is not None and paper.book.runs == 1
    rows = books.books.ledger(watch_id, run)[0].trades
    late = [run.current[int(at)].given_seq <= run.run.began_seq for at in entered_ms(run, rows)]
    assert 0 < paper.book.replayed == late.count(True) < len(rows)
    assert paper.book.replayed_net == pytest.approx(rows[late, TradeCol.NET].sum())
    trades = service_of(books)
    log = exported(books, trades).dropna(subset=["net"])
    marked = log[log["replayed"] == 1]
    assert set(marked["y"]) == {"XUSDT"} and len(marked) == paper.book.replayed
    for counted in (BOOK, LOG):
        (total,) = trades.closed(SignalFilter(), counted).totals
        assert (total.replayed, total.replayed_net) == (len(marked), pytest.approx(marked["net"].sum()))
    await books.close()


async def test_a_run_whose_sums_are_not_those_that_were_stored_has_no_result_of_its_book(books: Books) -> None:
    """Its bars have changed since, or another version computed it: then its trades are not shown as the book's."""
    first = books.results()[0]
    with closing(sqlite3.connect(books.harness.folder / "analysis.db")) as db, db:
        db.execute("UPDATE paper_results SET realised=realised+0.01 WHERE run_id=?", (first.run_id,))
    trades = service_of(books)
    found = trades.closed(SignalFilter(), LOG)
    assert found.log_only >= first.trades - 1
    assert found.totals[0].trades == books.paper().book.trades - first.trades
    log = exported(books, trades)
    mine = log[(log["run_id"] == first.run_id) & (log["kind"] == "exit")]
    assert set(mine["counted"].dropna()) == {"log"}
    known = mine.dropna(subset=["net"])
    assert len(known) >= 2 and (known["half_spread"] > 0.0).all(), "a measured half-spread is charged, or unknown"


async def test_by_the_log_alone_a_trade_pays_the_half_spreads_of_the_bars_that_filled_it(books: Books) -> None:
    trades = service_of(books)
    by_book = exported(books, trades).set_index(["run_id", "bar_close"])
    bare = ExportService(open_backend(books.harness.folder), lambda: MonitorAnalysis(books.harness.monitor))
    by_log = pd.read_csv(io.BytesIO(b"".join(bare.signals(SignalFilter(), "csv").chunks)))
    by_log = by_log[by_log["net"].notna()]
    ends = {run.run_id: run.to_ms for run in books.results()}
    closes = pd.to_datetime(by_log["bar_close"]).dt.as_unit("ms").astype("int64")
    is_cut = [at >= ends.get(run, 2**62) for run, at in zip(by_log["run_id"], closes, strict=True)]
    assert sum(is_cut) == 1, "the run's end closes it in the book at its last price, and not at the next print"
    by_log = by_log[[not cut for cut in is_cut]].set_index(["run_id", "bar_close"])
    same = by_book.loc[by_log.index]
    assert len(by_log) >= 10 and set(by_log["counted"]) == {"log"}
    for name in ("gross", "fee", "half_spread", "slippage", "net"):
        assert (by_log[name] - same[name]).abs().max() < 1e-6, name


async def test_without_the_store_of_trades_the_decisions_stay_and_the_current_runs_book(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend(books.harness.folder)

    def gone() -> None:
        raise StoreError("no store of trades is here")

    monkeypatch.setattr(backend, "tick_reader", gone)
    trades = PaperTradeService(books.harness.monitor, books.books, backend)
    found = trades.closed(SignalFilter(), LOG)
    ended = sum(result.trades for result in books.results())
    assert found.totals[0].trades == books.paper().book.trades - ended and found.log_only >= ended
    monkeypatch.undo()
    again = trades.closed(SignalFilter(), LOG)
    assert again.totals[0].trades == books.paper().book.trades and again.log_only == 0, "it is asked again"
