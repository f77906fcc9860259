"""The rate of trades that the overview shows."""

from __future__ import annotations

from live.heartbeat import TradeCount
from services.overview import trade_rates

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
