"""A simulated exchange on loopback with the interface of Binance USD-M, for the demo, tests and benchmarks.

It trades a synthetic market with known parameters, or replays recorded files, and injects faults on demand::

    async with SimulatedExchange(ExchangeSettings(seed=7)) as exchange:
        ...  # connect to exchange.ws_url + "/market/stream?streams=btcusdt@aggTrade"
        exchange.faults.drop("BTCUSDT", 41)
        exchange.trades("BTCUSDT")  # what a store should hold, to the last digit

From the command line: ``python -m simulator --help``.
"""

from simulator.exchange import SimulatedExchange
from simulator.settings import DEFAULT_COINS, Coin, ExchangeSettings, coins_named
from simulator.trade_history import Trade

__all__ = ["SimulatedExchange", "ExchangeSettings", "Coin", "DEFAULT_COINS", "coins_named", "Trade"]
