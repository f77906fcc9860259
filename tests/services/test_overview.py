"""The overview: rates of trades, and what is made anew with a bar."""

from __future__ import annotations

from pathlib import Path

from live.heartbeat import TradeCount
from services.overview import trade_rates
from tests.engine.pairs.markets import make_ticks
from tests.live.test_monitor import Harness

BTC, ETH = ("m", "BTC"), ("m", "ETH")


def test_a_rate_is_by_the_longer_of_our_seconds_and_the_trades() -> None:
    live = trade_rates({BTC: TradeCount(100, 60_000)}, {BTC: TradeCount(160, 89_000)}, 30.0)
    assert live == {BTC: 2.0}
    catching_up = trade_rates({BTC: TradeCount(100, 60_000)}, {BTC: TradeCount(160_100, 80_060_000)}, 10.0)
    assert catching_up == {BTC: 2.0}


def test_a_first_trade_has_no_distance_to_the_one_before() -> None:
    assert trade_rates({BTC: TradeCount(0, 0)}, {BTC: TradeCount(15, 1_790_000_000_000)}, 30.0) == {BTC: 0.5}


def test_there_is_no_rate_over_a_restart_or_of_a_symbol_that_joined() -> None:
    now = {BTC: TradeCount(3, 90_000), ETH: TradeCount(9, 90_000)}
    assert trade_rates({BTC: TradeCount(100, 60_000)}, now, 30.0) == {}


async def test_a_pair_is_the_same_object_until_something_about_it_has_changed(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    overview, views = harness.overview, harness.views
    ticks = make_ticks(1)
    await harness.write(ticks[:400])
    harness.read_all()
    (pair,), (row,) = overview.overview().pairs, views.watch_list()
    assert overview.overview().pairs[0] is pair and views.watch_list()[0] is row
    await harness.write(ticks[400:800])
    harness.read_all()
    (later,), (later_row,) = overview.overview().pairs, views.watch_list()
    assert later.bars > pair.bars and later_row.bars > row.bars and later.latest != pair.latest
    assert overview.overview().pairs[0] is later and views.watch_list()[0] is later_row
    harness.monitor.close()
    await harness.writer.close()
