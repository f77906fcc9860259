"""The paper book of a pair spans its runs: each ends at its last price with all costs, and no time counts twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from engine.backtest.layout import TradeCol
from engine.backtest.paper import PaperLedger
from engine.market.history import MemoryHistory
from engine.market.paper_result import PaperResult
from engine.pairs.enums import Reason
from engine.pairs.layout import In
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats
from engine.store import open_backend
from engine.store.sqlite.bar_reader import SqliteBarReader
from live.monitor import Monitor
from live.paper import Paper, PaperBooks
from tests.engine.pairs.markets import SETTINGS, make_ticks, run_of
from tests.live.test_monitor import Harness

FIRST = replace(SETTINGS, gate="off", fee_bps=1.0, half_spread_bps=0.3, slippage_bps=0.1)
SECOND = replace(FIRST, entry_z=1.2, fee_bps=2.0)
THIRD = replace(FIRST, entry_z=1.1)


def held(settings: PairSettings) -> tuple[PairRun, PaperLedger]:
    """A run and its ledger at a bar with an open position."""
    history, run, ledger = MemoryHistory(), run_of(settings), PaperLedger(settings)
    pipeline = Pipeline(history)
    pipeline.begin(run, 0)
    for seq, tick in enumerate(make_ticks(3, 300), 1):
        history.add(seq, tick)
        pipeline.feed(seq, tick)
        followed = pipeline.runs[run.run_id]
        if followed.model.size > max(ledger.size, 80) and not followed.revisions:
            ledger.follow(followed.model, followed.legs)
            if ledger.position().side:
                return followed, ledger
    raise AssertionError("no position was opened")


@pytest.mark.parametrize("half_spread_bps", [0.3, None])
def test_an_open_position_closes_at_the_last_price_with_the_costs_of_both_fills(half_spread_bps: float | None) -> None:
    run, ledger = held(replace(FIRST, half_spread_bps=half_spread_bps))
    before, trade = ledger.position(), ledger.closing_trade()
    assert trade is not None
    y, x = run.model.prices(run.model.size - 1)
    value_y, value_x = abs(before.coins_y) * y, abs(before.coins_x) * x
    halves = [half_spread_bps * 1e-4] * 2 if half_spread_bps else last_halves(run)
    paid = 1.1e-4 * (value_y + value_x) + halves[0] * value_y + halves[1] * value_x
    assert trade[TradeCol.NET] == pytest.approx(before.open_net - paid, abs=1e-9)
    assert (trade[TradeCol.EXIT_Y], trade[TradeCol.EXIT_X]) == (y, x)
    assert (trade[TradeCol.REASON], trade[TradeCol.EXIT]) == (Reason.RUN_END, run.model.size - 1)
    parts = trade[TradeCol.CONVERGENCE : TradeCol.FUNDING + 1]
    assert parts.sum() == pytest.approx(trade[TradeCol.NET], abs=1e-9)
    assert repr(ledger.position()) == repr(before), "the ledger itself goes on"
    empty = PaperLedger(FIRST)
    assert empty.closing_trade() is None


def last_halves(run: PairRun) -> list[float]:
    return [float(leg[~np.isnan(leg)][-1]) for leg in run.model.inputs(In.HALF)]


class Books:
    """A monitor with books, whose pair's settings change on the way."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.attach()

    @classmethod
    async def open(cls, folder: Path) -> Books:
        return cls(await Harness.open(folder))

    def attach(self) -> None:
        monitor: Monitor = self.harness.monitor
        bars = partial(SqliteBarReader, self.harness.folder / "ticks.db")
        self.books = PaperBooks(bars, monitor.analysis.paper_results)
        monitor.keep_paper(self.books)

    def restart(self) -> None:
        self.harness.monitor.close()
        self.harness.monitor = self.harness.fresh()
        self.attach()
        self.harness.monitor.step()

    def choose(self, settings: PairSettings) -> None:
        self.harness.monitor.watch("sim", "YUSDT", "XUSDT", settings)

    async def read(self, begin: int, end: int) -> None:
        await self.harness.write(TICKS[begin:end])
        self.harness.read_all()

    async def read_until_open(self, begin: int) -> int:
        """Read on until a position is open; where the reading ends."""
        while not self.paper().position.side:
            await self.read(begin, begin + 5)
            begin += 5
        return begin

    @property
    def run(self) -> PairRun:
        (watch,) = self.harness.monitor.watches.values()
        found = self.harness.monitor.followed(watch)
        assert found is not None
        return found

    def paper(self) -> Paper:
        found = self.books.paper(1, self.run)
        assert found is not None
        return found

    def results(self) -> list[PaperResult]:
        return self.harness.monitor.analysis.paper_results("sim", "YUSDT", "XUSDT")

    async def close(self) -> None:
        self.harness.monitor.close()
        await self.harness.writer.close()


TICKS = make_ticks(3, 500)


def trades_of(run: PairRun) -> Floats:
    """The run's trades, an open one closed as the run's end would."""
    ledger = PaperLedger(run.settings)
    ledger.follow(run.model, run.legs)
    closing_trade = ledger.closing_trade()
    return ledger.trades if closing_trade is None else np.vstack([ledger.trades, closing_trade])


def entered_after(run: PairRun, trades: Floats, cut_ms: int) -> Floats:
    opens = np.array([run.model.open_time_ms(int(place)) for place in trades[:, TradeCol.ENTRY_SIGNAL]])
    return trades[opens >= cut_ms]


async def test_the_book_of_three_runs_is_what_each_earned_after_the_one_before(tmp_path: Path) -> None:
    """Each run begins with all bars from before it: counted without a cut, most trades would count three times."""
    books = await Books.open(tmp_path)
    books.choose(FIRST)
    ended: list[tuple[PairRun, Floats]] = []
    expected, cut_ms = 0.0, 0
    for at, settings in ((1_500, SECOND), (2_700, THIRD)):
        await books.read(0 if at == 1_500 else 1_500, at)
        run = books.run
        trades = trades_of(run)
        counted = entered_after(run, trades, cut_ms)
        books.choose(settings)
        ended.append((run, trades))
        result = books.results()[-1]
        assert (result.run_id, result.trades) == (run.run.run_id, len(counted)) and result.trades >= 2
        assert result.realised == pytest.approx(counted[:, TradeCol.NET].sum(), abs=1e-9)
        assert result.fees == pytest.approx(-counted[:, TradeCol.FEES].sum(), abs=1e-9) and result.fees > 0.0
        assert result.wins == np.count_nonzero(counted[:, TradeCol.NET] > 0.0)
        assert result.to_ms == run.model.open_time_ms(run.model.size) and result.from_ms >= cut_ms
        expected, cut_ms = expected + counted[:, TradeCol.NET].sum(), result.to_ms
    assert len(entered_after(*ended[1], 0)) > books.results()[1].trades, "its history was counted by the run before"
    await books.read(2_700, len(TICKS))
    paper, run = books.paper(), books.run
    ledger = books.books.ledger(1, run)[0]
    mine = entered_after(run, ledger.trades, cut_ms)
    assert len(mine) >= 2 and len(ledger.trades) > len(mine)
    book = paper.book
    assert (book.runs, book.since_ms) == (3, ended[0][0].model.open_time_ms(0))
    assert book.realised == pytest.approx(expected + mine[:, TradeCol.NET].sum(), abs=1e-9)
    assert book.trades == sum(each.trades for each in books.results()) + len(mine)
    assert paper.position.trades == len(ledger.trades), "the position stays that of the run, as parity compares it"
    before = repr(book)
    books.restart()
    assert repr(books.paper().book) == before and len(books.results()) == 2
    await books.close()


async def test_a_position_that_is_open_at_the_end_of_a_run_is_booked_at_its_last_price(tmp_path: Path) -> None:
    books = await Books.open(tmp_path)
    books.choose(FIRST)
    await books.read(0, 1_000)
    await books.read_until_open(1_000)
    run, paper = books.run, books.paper()
    last = trades_of(run)[-1]
    books.choose(SECOND)
    (result,) = books.results()
    assert last[TradeCol.REASON] == Reason.RUN_END
    assert result.trades == paper.position.trades + 1
    assert result.realised == pytest.approx(paper.position.realised + last[TradeCol.NET], abs=1e-9)
    assert result.realised < paper.position.realised + paper.position.open_net, "its fills cost something"
    after = books.paper()
    assert after.book.trades == result.trades and after.book.realised == pytest.approx(result.realised)
    if after.position.side:  # the new run holds one too, entered over bars that the old one has counted
        assert not after.book.is_open_counted and after.book.open_net == 0.0
    await books.close()


async def test_a_run_that_another_version_ends_counts_as_it_was_when_the_program_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = await Books.open(tmp_path)
    books.choose(FIRST)
    await books.read(0, 2_000)
    run = books.run
    net = trades_of(run)[:, TradeCol.NET].sum()
    books.harness.monitor.close()
    assert open_backend(tmp_path).analysis().paper_results("sim", "YUSDT", "XUSDT") == [], "the run is open"
    monkeypatch.setattr("live.runs.code_version", lambda: "another")
    books.harness.monitor = books.harness.fresh()
    books.attach()
    await books.read(2_000, 2_400)
    (result,) = books.results()
    assert result.run_id == run.run.run_id and result.realised == pytest.approx(net, abs=1e-9)
    assert books.paper().book.runs == 2 and books.run.run.code == "another"
    with closing(sqlite3.connect(tmp_path / "analysis.db")) as db:
        assert db.execute("SELECT end_reason FROM runs ORDER BY began_seq").fetchall()[-2] == ("code",)
    await books.close()


async def test_a_run_that_failed_is_not_booked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    books = await Books.open(tmp_path)
    books.choose(FIRST)
    await books.read(0, 1_500)

    def catch_up(run: PairRun, seq: int, watermark_ms: int) -> list[object]:
        raise ZeroDivisionError("a variance was 0")

    monkeypatch.setattr(PairRun, "catch_up", catch_up)
    await books.read(1_500, 1_700)
    (watch,) = books.harness.monitor.watches.values()
    assert watch.problem == "ZeroDivisionError: a variance was 0" and books.results() == []
    await books.close()


async def test_without_books_nothing_is_stored(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    await harness.write(TICKS[:1_500])
    harness.read_all()
    harness.monitor.watch("sim", "YUSDT", "XUSDT", SECOND)
    assert harness.monitor.analysis.paper_results("sim", "YUSDT", "XUSDT") == []
    harness.monitor.close()
    await harness.writer.close()
