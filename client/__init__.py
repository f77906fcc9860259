"""A client of Pairbridge's API, for notebooks and programs; lists come as pandas frames::

    from client import Pairbridge

    with Pairbridge(token="pb_...") as bridge:
        bridge.start_ingestion(["BTCUSDT", "ETHUSDT"])
        bars = bridge.ohlc("BTCUSDT", "1m")
        bridge.add_alert_rule("zscore", symbol1="ETHUSDT", symbol2="BTCUSDT", threshold=2.5, severity="warning")

``AsyncPairbridge`` has the same methods, to be awaited. Errors of the API are ``ApiProblem``.
"""

from client.calls import ApiProblem, NoTrade
from client.clients import AsyncPairbridge, Pairbridge

__all__ = ["ApiProblem", "AsyncPairbridge", "NoTrade", "Pairbridge"]
