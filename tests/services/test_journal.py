"""The journal over all pairs: pages of the store, counts by reason, and closed trades as the books and the log have
them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from engine.errors import SettingsError
from engine.store import open_backend
from engine.store.bulk import SignalFilter
from engine.store.sqlite.analysis_reader import SqliteAnalysisReader
from engine.store.sqlite.bar_reader import SqliteBarReader
from live.paper import PaperBooks
from services import journal as journal_service
from services import paper_trades
from services.export import ExportService, MonitorAnalysis
from services.export.signals import signal_row, signal_rows
from services.journal import JournalRow, JournalService, read_filter
from services.paper_trades import BOOK, LOG, ClosedTrade, PaperTradeService, listed
from tests.engine.pairs.markets import SETTINGS, Trouble, deliver, make_ticks
from tests.live.test_monitor import Harness


@pytest.fixture
async def traded(tmp_path: Path) -> AsyncIterator[Harness]:
    """Two pairs that have traded, one on wider bars; some decisions were revised by late trades."""
    harness = await Harness.open(tmp_path)
    arrived = deliver(make_ticks(1, seconds=400), Trouble())
    await harness.write(arrived[:2_000])
    harness.read_all()
    harness.monitor.watch("sim", "XUSDT", "YUSDT", replace(SETTINGS, interval_ms=1_000))
    for at in range(2_000, len(arrived), 500):
        await harness.write(arrived[at : at + 500])
        harness.read_all()
    yield harness
    harness.monitor.close()
    await harness.writer.close()


def journal_of(harness: Harness) -> JournalService:
    return JournalService(SqliteAnalysisReader(harness.folder / "analysis.db"))


def trades_of(harness: Harness) -> tuple[PaperTradeService, PaperBooks]:
    books = PaperBooks(partial(SqliteBarReader, harness.folder / "ticks.db"))
    return PaperTradeService(harness.monitor, books, open_backend(harness.folder)), books


def every(journal: JournalService, wanted: SignalFilter) -> list[JournalRow]:
    rows: list[JournalRow] = []
    place = None
    while True:
        page = journal.page(wanted, place)
        rows += page.rows
        if page.older is None:
            return rows
        assert len(page.rows) == journal_service.PAGE
        place = page.older


async def test_the_pages_hold_every_decision_once_newest_bar_first(
    traded: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.journal.PAGE", 7)
    journal = journal_of(traded)
    rows = every(journal, SignalFilter())
    stored = [row for page in signal_rows(SqliteAnalysisReader(traded.folder / "analysis.db"), None, SignalFilter())
              for row in page]  # fmt: skip
    assert len(rows) == len(stored) == journal.counts(SignalFilter()).rows > 50
    assert {(row.run_id, row.close_ms, row.revision) for row in rows} == {
        (row.run_id, row.bar_close, row.revision) for row in stored
    }
    places = [(row.close_ms, row.given) for row in rows]
    assert places == sorted(places, reverse=True) and journal.version() == max(row.given for row in rows)
    assert {row.interval for row in rows} == {"1s", "2s"} and {row.is_live for row in rows} == {True, False}
    assert journal.pairs() == [("sim", "XUSDT", "YUSDT"), ("sim", "YUSDT", "XUSDT")]


async def test_a_filter_keeps_what_it_names_and_the_counts_are_of_what_stands(traded: Harness) -> None:
    journal = journal_of(traded)
    rows = every(journal, SignalFilter())
    assert not all(row.stands for row in rows), "no decision was revised: the test shows nothing"
    counts = journal.counts(SignalFilter())
    for kind in {row.kind for row in rows}:
        assert counts.kinds.get(kind, 0) == sum(row.stands and row.kind == kind for row in rows)
    refused = [row.reason for row in rows if row.stands and row.kind == "no_entry"]
    assert counts.reasons == {reason: refused.count(reason) for reason in set(refused)} and len(counts.reasons) >= 2
    assert list(counts.reasons.values()) == sorted(counts.reasons.values(), reverse=True)
    reason, middle = refused[0], sorted(row.close_ms for row in rows)[len(rows) // 2]
    wanted = read_filter("sim/YUSDT~XUSDT", "why-not", reason, "", str(middle))
    kept = every(journal, wanted)
    assert [row.given for row in kept] == [
        row.given for row in rows if row.kind == "no_entry" and row.reason == reason and row.close_ms < middle
    ] and kept  # fmt: skip
    assert every(journal, read_filter("other/YUSDT~XUSDT", "all", "", "", "")) == []


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("sim/A", "all", "", "", ""), "expected market/Y~X"),
        (("", "some", "", "", ""), "expected one of all, trades, why-not"),
        (("", "all", "", "yesterday", ""), "from is 'yesterday'"),
        (("", "all", "", "2026-02-01", "2026-01-01"), "expected an end after its start"),
    ],
)
def test_a_filter_that_cannot_be_read_says_why(values: tuple[str, str, str, str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read_filter(*values)


async def test_a_bar_that_two_runs_decide_is_listed_for_each_and_counted_once(traded: Harness) -> None:
    """After a change of settings the new run decides the bars before it too; what was given live stays."""
    journal = journal_of(traded)
    before, counted = every(journal, SignalFilter()), journal.counts(SignalFilter()).bars
    traded.monitor.watch("sim", "YUSDT", "XUSDT", replace(SETTINGS, fee_bps=SETTINGS.fee_bps + 0.001))
    traded.read_all()
    rows, counts = every(journal, SignalFilter()), journal.counts(SignalFilter())
    assert {row.given for row in before} < {row.given for row in rows}, "nothing of the log is lost"
    later = [row for row in rows if (row.y, row.run_number) == ("YUSDT", 2)]
    assert later and {str(row.run_changed) for row in later} == {
        str({"fee_bps": (SETTINGS.fee_bps, SETTINGS.fee_bps + 0.001)})
    }
    assert {row.run_number for row in before} == {1} and all(row.run_changed is None for row in before)
    standing = [row for row in rows if row.stands and row.kind in ("enter_long", "enter_short")]
    once = {(row.y, row.close_ms, row.interval) for row in standing}
    assert (
        counts.bars.entered
        == len(once)
        < len(standing)
        == sum(counts.kinds.get(kind, 0) for kind in ("enter_long", "enter_short"))
    )
    refused = [row for row in rows if row.stands and row.kind == "no_entry"]
    by_reason = {(row.reason, row.y, row.close_ms, row.interval) for row in refused}
    assert counts.reasons == {name: sum(each[0] == name for each in by_reason) for name in counts.reasons}
    assert sum(counts.reasons.values()) == len(by_reason) < len(refused), "no bar was refused twice: it shows nothing"
    assert max(counts.reasons.values()) <= counts.bars.refused <= len(by_reason)
    assert counts.bars.runs == 3 == counted.runs + 1 and counts.bars.entered >= counted.entered
    stored = SqliteAnalysisReader(traded.folder / "analysis.db")
    exported = [row for page in signal_rows(stored, None, SignalFilter()) for row in page]
    assert {(row.run_id, row.run, row.run_began) for row in exported} == {
        (row.run_id, row.run_number, row.run_began_ms) for row in rows
    }
    assert {row.run for row in exported if row.late_ms is not None} == {1}, "given live by the first run"


async def test_an_empty_journal_is_empty(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    journal = journal_of(harness)
    assert (journal.version(), journal.pairs(), journal.page(SignalFilter()).rows) == (0, [], ())
    assert journal.counts(SignalFilter()).reasons == {} and journal.page(SignalFilter()).older is None
    trades, _ = trades_of(harness)
    assert trades.closed(SignalFilter()).rows == trades.closed(SignalFilter(), LOG).totals == ()
    harness.monitor.close()
    await harness.writer.close()


async def test_trades_of_the_books_are_those_of_the_pair_page(traded: Harness) -> None:
    trades, books = trades_of(traded)
    found = trades.closed(SignalFilter(), BOOK)
    realised = count = 0.0
    for watch_id, watch in traded.monitor.watches.items():
        run = traded.monitor.followed(watch)
        assert run is not None
        paper = books.paper(watch_id, run)
        assert paper is not None
        realised, count = realised + paper.position.realised, count + paper.position.trades
    (total,) = found.totals
    assert (total.unit, total.trades) == ("USDT", count) and count >= 5
    assert total.net == pytest.approx(realised, abs=1e-9)
    for trade in found.rows:
        assert trade.fees > 0.0 and trade.half_spread > 0.0 and trade.entered_ms < trade.closed_ms
        paid = trade.fees + trade.half_spread + trade.slippage - trade.funding
        assert trade.net == pytest.approx(trade.gross - paid, abs=1e-9)


async def test_the_export_adds_up_to_the_totals_of_the_screen(traded: Harness) -> None:
    """Column by column, of both ways to count, and every row in itself."""
    trades, _ = trades_of(traded)
    exports = ExportService(open_backend(traded.folder), lambda: MonitorAnalysis(traded.monitor), trades.booked)
    content = b"".join(exports.signals(SignalFilter(), "csv").chunks)
    rows = pd.read_csv(io.BytesIO(content)).dropna(subset=["net"])
    paid = rows["fee"] + rows["half_spread"] + rows["slippage"] - rows["funding"]
    assert (rows["gross"] - paid - rows["net"]).abs().max() < 1e-9 and set(rows["counted"]) == {BOOK}
    for counted in (BOOK, LOG):
        (total,) = trades.closed(SignalFilter(), counted).totals
        assert total.trades == len(rows) >= 5 and total.fees > 0.0 and total.half_spread > 0.0
        for column, summed in (("fee", "fees"), *((each, each) for each in ("gross", "half_spread", "slippage",
                                                                             "funding", "net"))):  # fmt: skip
            assert rows[column].sum() == pytest.approx(getattr(total, summed), abs=1e-9), column


async def test_without_books_the_log_charges_every_cost_of_the_settings(traded: Harness) -> None:
    store, prices = SqliteAnalysisReader(traded.folder / "analysis.db"), open_backend(traded.folder).bulk_reader()
    dear = replace(SETTINGS, half_spread_bps=1.5, slippage_bps=0.5)
    found = next(
        signal for signal in store.signals(SignalFilter(kinds=("exit",)), 0, 99)
        if signal.stands and signal_row(store, prices, signal, {}).net is not None
    )  # fmt: skip
    row = signal_row(store, prices, found, {found.run.settings: dear})
    prices.close()
    assert row.gross and row.fee and row.half_spread and row.slippage and row.net and row.counted == LOG
    assert row.half_spread / row.fee == pytest.approx(1.5 / dear.fee_bps) and row.slippage == pytest.approx(
        row.half_spread / 3.0
    )
    assert row.net == pytest.approx(row.gross - row.fee - row.half_spread - row.slippage, abs=1e-9)


async def test_trades_of_the_log_are_those_of_the_export(traded: Harness) -> None:
    trades, _ = trades_of(traded)
    backend = open_backend(traded.folder)
    prices, booked = backend.bulk_reader(), trades.booked(SignalFilter())
    rows = [
        row
        for page in signal_rows(backend.analysis_reader(), prices, SignalFilter(kinds=("exit",)), booked)
        for row in page
    ]
    prices.close()
    paid = [row for row in rows if row.net is not None]
    found = trades.closed(SignalFilter(), LOG)
    assert len(paid) == found.totals[0].trades == len(found.rows) >= 5
    assert found.totals[0].net == pytest.approx(sum(row.net for row in paid if row.net is not None))
    assert [row.closed_ms for row in found.rows] == sorted((row.bar_close for row in paid), reverse=True)
    cut = found.rows[len(found.rows) // 2].closed_ms
    some = trades.closed(SignalFilter(from_ms=cut), LOG)
    assert [row.closed_ms for row in some.rows] == [row.closed_ms for row in found.rows if row.closed_ms >= cut]


def closed(at: int, net: float, unit: str = "USDT") -> ClosedTrade:
    return ClosedTrade(
        "sim", "Y", "X", "1s", at, 1, "TARGET", unit, net + 1.0, 1.0, 0.0, 0.0, 0.0, net, at - 1, *[1.0] * 4
    )


def test_totals_run_over_all_trades_and_only_the_newest_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_trades, "KEPT", 3)
    made = [closed(3, 0.5), closed(1, 2.0), closed(5, -1.0), closed(2, 4.0), closed(4, 7.0, "BTC")]
    found = listed(made)
    assert [(row.closed_ms, row.total) for row in found.rows] == [(5, 5.5), (4, 7.0), (3, 6.5)]
    assert [(total.unit, total.trades, total.wins, total.net) for total in found.totals] == [
        ("BTC", 1, 1, 7.0), ("USDT", 4, 3, 5.5)
    ]  # fmt: skip
