"""The recorded minutes of five symbols, for tests marked ``realdata``."""

from __future__ import annotations

from functools import cache

import pandas as pd

from tests.realdata import recording

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT")
MINUTE_MS = 60_000


@cache
def minutes(symbol: str) -> pd.DataFrame:
    """``close`` and ``volume`` of one symbol by the minute's opening time, UTC."""
    bars = pd.read_csv(recording(f"klines/{symbol}_1m.csv"), index_col="timestamp", parse_dates=True)
    return bars[["close", "volume"]]


def closes() -> pd.DataFrame:
    """Closes of all five, one column a symbol, NaN where one has no such minute."""
    return pd.DataFrame({symbol: minutes(symbol)["close"] for symbol in SYMBOLS})


def volumes() -> pd.DataFrame:
    """Volumes likewise, in quote currency."""
    return pd.DataFrame({symbol: minutes(symbol)["volume"] * minutes(symbol)["close"] for symbol in SYMBOLS})
