"""Paper positions: the backtest of a run's bars, followed bar by bar, whatever arrives late or restarts."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from engine.backtest import Account, Costs, Venue, inputs_of, run_on
from engine.backtest.inputs import put_funding, settle_half_spreads
from engine.backtest.layout import Row, TradeCol
from engine.backtest.paper import NO_RATES, PaperLedger
from engine.backtest.rows import put_leg_fills
from engine.errors import StoreError
from engine.market.funding import Funding
from engine.market.history import MemoryHistory
from engine.market.ticks import Tick
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats
from engine.store.sqlite.bar_reader import SqliteBarReader
from live.paper import PaperBooks
from live.settled_rates import FUNDING_EVERY_S, NO_FUNDING
from services.views import ViewerCursor
from tests.engine.pairs.markets import SETTINGS, T0, Trouble, deliver, make_ticks, run_of
from tests.live.test_monitor import Harness

OPEN = replace(SETTINGS, gate="off", fee_bps=1.0)
FAST = replace(OPEN, half_spread_bps=0.3)


def backtest(run: PairRun, venue: Venue | None = None) -> tuple[Floats, Floats]:
    """Trades and equity of the run's bars as a backtest makes them, all at once; an open trade at the end left out."""
    inputs = inputs_of([run.model], run.settings)
    put_funding(inputs, venue or Venue())
    put_leg_fills(inputs.rows, run.legs)
    for row in (Row.HALF_Y, Row.HALF_X):
        settle_half_spreads(inputs.rows[row], Costs.of(run.settings))
    found = run_on(inputs, Costs.of(run.settings), Account(), venue or Venue())
    closed = found.trades[: int(found.state["trades"][0])]
    return closed, found.equity


def fed(pipeline: Pipeline, history: MemoryHistory, ticks: list[Tick], seq: int) -> int:
    for seq, tick in enumerate(ticks, seq + 1):  # noqa: B020 - counts on
        history.add(seq, tick)
        pipeline.feed(seq, tick)
    return seq


@pytest.mark.parametrize("settings", [OPEN, FAST, replace(FAST, space="price", price="last")])
def test_followed_through_late_ticks_and_gaps_it_is_the_backtest_of_the_same_bars(settings: PairSettings) -> None:
    rng, arrived = random.Random(5), deliver(make_ticks(1, 400), Trouble(late_ms=12_000))
    history, run, books, at = MemoryHistory(), run_of(settings), PaperBooks(), 0
    pipeline = Pipeline(history)
    pipeline.begin(run, 0)
    revisions = 0
    while at < len(arrived):
        size = rng.choice([1, 7, 90])
        fed(pipeline, history, arrived[at : at + size], at)
        at += size
        followed = pipeline.runs[run.run_id]
        found = books.paper(1, followed)
        revisions = max(revisions, followed.revisions)
        if found is not None and rng.random() < 0.2:
            trades, equity = backtest(followed)
            np.testing.assert_array_equal(books.ledger(1, followed)[0].trades, trades)
            np.testing.assert_array_equal(books.ledger(1, followed)[0].equity, equity)
            assert (found.position.trades, found.position.equity) == (len(trades), equity[-1])
    assert revisions > 0 and len(trades) >= 5


def test_money_adds_up_open_and_closed() -> None:
    history, run, books = MemoryHistory(), run_of(FAST), PaperBooks()
    pipeline = Pipeline(history)
    pipeline.begin(run, 0)
    held = 0
    for seq, tick in enumerate(make_ticks(3, 300), 1):
        fed(pipeline, history, [tick], seq - 1)
        model = pipeline.runs[run.run_id].model
        paper = books.paper(1, pipeline.runs[run.run_id])
        if paper is None:
            continue
        found = paper.position
        assert found.equity == pytest.approx(Account().capital + found.realised + found.open_net, abs=1e-9)
        assert (found.side != 0) is (found.coins_y != 0.0) is not bool(np.isnan(found.entry_y))
        if found.side:
            held += 1
            y, x = model.prices(model.size - 1)
            gross = found.coins_y * (y - found.entry_y) + found.coins_x * (x - found.entry_x)
            assert found.open_net < gross
    assert held > 100 and found.trades >= 5 and found.fees > 0.0 and found.half_spread > 0.0


def test_orders_wait_for_bars_whose_costs_are_known() -> None:
    history, run = MemoryHistory(), run_of(OPEN)
    pipeline = Pipeline(history)
    ticks = [replace_side(tick, None if tick.trade_time_ms < T0 + 200_000 else tick) for tick in make_ticks(1, 400)]
    seq = fed(pipeline, history, ticks, 0)
    pipeline.begin(run, seq)
    followed = pipeline.runs[run.run_id]
    ledger = PaperLedger(OPEN)
    ledger.follow(followed.model, followed.legs)
    first = (T0 + 200_000) // OPEN.interval_ms - (followed.model.first_slot or 0)
    assert any(
        decision.kind.startswith("enter") for decision in followed.current.values() if decision.bar_ms < T0 + 150_000
    )
    assert len(ledger.trades) >= 3
    assert not np.isnan(ledger.trades[:, TradeCol.NET]).any()
    assert ledger.trades[:, TradeCol.ENTRY].min() >= first


def replace_side(tick: Tick, known: Tick | None) -> Tick:
    """The tick, with an unknown taker side if ``known`` is None."""
    return tick if known else tick._replace(buyer_is_maker=None)


class Readings:
    """A reader of funding that can fail."""

    def __init__(self) -> None:
        self.rates: dict[str, list[tuple[int, float]]] = {}
        self.is_down = False

    def funding(self, market: str, symbol: str, kind: str, from_ms: int, to_ms: int) -> list[Funding]:
        assert (market, kind) == ("sim", "settled")
        if self.is_down:
            raise StoreError("the file is locked")
        return [Funding(symbol, kind, at, rate) for at, rate in self.rates.get(symbol, []) if from_ms <= at < to_ms]

    def close(self) -> None:
        pass


def test_funding_that_comes_later_is_charged_where_it_was_due(monkeypatch: pytest.MonkeyPatch) -> None:
    history, run, readings, now = MemoryHistory(), run_of(FAST), Readings(), [1_000.0]
    monkeypatch.setattr("live.settled_rates.time.monotonic", lambda: now[0])
    pipeline = Pipeline(history)
    seq = fed(pipeline, history, make_ticks(3, 300), 0)
    pipeline.begin(run, seq)
    followed = pipeline.runs[run.run_id]
    books = PaperBooks(lambda: readings)  # type: ignore[arg-type, return-value]
    assert books.paper(1, followed).position.funding == 0.0  # type: ignore[union-attr]
    times = [T0 + 100_000, T0 + 150_000, T0 + 200_000, T0 + 250_000]
    readings.rates = {"YUSDT": [(at, 1e-3) for at in times], "XUSDT": [(at, -2e-3) for at in times]}
    assert books.paper(1, followed).position.funding == 0.0  # type: ignore[union-attr]
    now[0] += FUNDING_EVERY_S
    found = books.paper(1, followed)
    assert found is not None and found.position.funding != 0.0
    rates = {leg: (np.array(times), np.full(4, rate)) for leg, rate in (("funding_y", 1e-3), ("funding_x", -2e-3))}
    trades, equity = backtest(followed, Venue(**rates))
    np.testing.assert_array_equal(books.ledger(1, followed)[0].trades, trades)
    assert found.position.equity == equity[-1]
    readings.is_down = True
    now[0] += FUNDING_EVERY_S
    assert books.paper(1, followed) == found


async def test_a_restart_gives_the_same_position_from_the_store_alone(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    ticks = make_ticks(2)
    for part in (ticks[:1_000], ticks[1_000:]):
        await harness.write(part)
        harness.read_all()
    (watch_id,) = harness.monitor.watches
    before = harness.views.pair(watch_id, ViewerCursor(), 100)
    harness.monitor.close()
    harness.monitor = harness.fresh()
    harness.monitor.step()
    after = harness.views.pair(watch_id, ViewerCursor(), 100)
    assert before is not None and after is not None and before.view.paper is not None
    assert before.view.paper.position.trades >= 2
    assert repr(before.view.paper) == repr(after.view.paper)
    harness.monitor.close()
    await harness.writer.close()


async def test_trades_over_history_are_counted_apart(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    ticks = make_ticks(2)
    await harness.write(ticks[:1_800])
    harness.read_all()
    harness.monitor.watch("sim", "YUSDT", "XUSDT", FAST)  # other settings: a new run, with what came before as history
    await harness.write(ticks[1_800:])
    harness.read_all()
    (watch,) = harness.monitor.watches.values()
    run, books = harness.monitor.followed(watch), PaperBooks(partial(SqliteBarReader, tmp_path / "ticks.db"))
    assert run is not None and watch.run is not None
    paper = books.paper(1, run)
    assert paper is not None
    entries = books.ledger(1, run)[0].entries()
    given = [run.current[run.model.open_time_ms(place)].given_seq for place in entries]
    assert 0 < paper.from_history == sum(seq <= watch.run.began_seq for seq in given) < len(given)
    assert books.ledger(1, run)[1][0][0].size == 0
    books.keep(set())
    assert books._books == {}
    harness.monitor.close()
    await harness.writer.close()


def test_without_rates_there_is_no_funding() -> None:
    assert NO_FUNDING == (NO_RATES, NO_RATES)
    assert PaperLedger(FAST).position().funding == 0.0
