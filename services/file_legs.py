"""Trades and funding rates in files as what a backtest takes: bars as the live path builds them, and settled rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.files.columns import TICKS
from engine.files.upload import Upload
from engine.market.bars import SecondFold
from engine.market.funding import read_funding
from engine.market.intervals import SECOND_MS, bar_open
from engine.market.ticks import read_row, read_rows
from engine.pairs.leg import Col, Leg

if TYPE_CHECKING:
    import pandas as pd

    Rates = tuple[pd.Series[float], pd.Series[float]]

MOST_TRADES = 10_000_000  # of the files of one backtest: all are held, in a few GB
COLUMNS = {"close": Col.CLOSE, "mid": Col.MID, "half_spread": Col.HALF_SPREAD, "open": Col.OPEN, "volume": Col.VOLUME}


def traded_symbols(upload: Upload) -> set[str]:
    """The symbols of which there are trades."""
    return {symbol for each in upload.files if each.kind == TICKS for symbol in each.symbols}


def frames_of_trades(upload: Upload, names: Sequence[str], width_ms: int) -> dict[str, pd.DataFrame]:
    """Whole bars of these symbols, by symbol, from the first trade of any to the newest of any. Raises ValueError for
    more than ten million trades, and rows that cannot be used."""
    total = sum(each.rows for each in upload.files if each.kind == TICKS)
    if total > MOST_TRADES:
        raise ValueError(f"files have {total:,} trades; expected at most {MOST_TRADES:,}, or trades that were stored")
    seconds, newest_ms = _seconds(upload, names)
    from_ms = bar_open(min(min(of) for of in seconds.values()), width_ms)
    to_ms = bar_open(newest_ms, width_ms)
    found = {}
    for name, of in seconds.items():
        leg = Leg(width_ms, from_ms // width_ms)
        leg.close([of[second].bar() for second in sorted(of) if second < to_ms], to_ms, lambda *_: False)
        found[name] = frame_of(leg)
        if found[name].empty:
            raise ValueError(f"files have no trade of {name} in a whole bar of {width_ms} ms")
    return found


def frame_of(leg: Leg) -> pd.DataFrame:
    """The traded bars of a leg, by their open."""
    import pandas as pd

    columns = {name: leg.column(col, 0)[: leg.size] for name, col in COLUMNS.items()}
    times = leg.width_ms * (leg.first_slot + np.arange(leg.size))
    index = pd.DatetimeIndex(pd.to_datetime(times, unit="ms", utc=True), name="bar_open")
    frame = pd.DataFrame(columns, index=index)[~np.isnan(columns["close"])]
    return frame.assign(mid=frame["mid"].fillna(frame["close"]))


def rates_of(upload: Upload, names: Sequence[str], is_asked: bool) -> Rates | None:
    """The settled rates of both legs; None where files have none and none are asked for. Raises ValueError where only
    one leg has any, since then the other would be held for nothing."""
    given: dict[str, dict[int, float]] = {name: {} for name in names}
    for some in upload.funding():
        for row in some:
            each = read_funding(row)
            if each.symbol in given and each.rate is not None:
                given[each.symbol][bar_open(each.time_ms, SECOND_MS)] = each.rate
    lacking = [name for name in names if not given[name]]
    if len(lacking) == len(names) and not is_asked:
        return None
    if lacking:
        raise ValueError(
            f"files have no settled funding of {' and '.join(lacking)}; expected a file of fundingRate of each leg, or"
            " of none and no funding"
        )
    y, x = (_series(given[name]) for name in names)
    return y, x


def _seconds(upload: Upload, names: Sequence[str]) -> tuple[dict[str, dict[int, SecondFold]], int]:
    """By symbol and second, and the time of the newest trade."""
    seconds: dict[str, dict[int, SecondFold]] = {name: {} for name in names}
    newest_ms = 0
    for rows in upload.trades(Counter()):
        for tick in read_rows(rows) or [read_row(row) for row in rows]:
            of = seconds.get(tick.symbol)
            if of is not None:
                second = bar_open(tick.trade_time_ms, SECOND_MS)
                of.setdefault(second, SecondFold(second)).add(tick)
                newest_ms = max(newest_ms, tick.trade_time_ms)
    return seconds, newest_ms


def _series(rates: dict[int, float]) -> pd.Series[float]:
    import pandas as pd

    times = sorted(rates)
    return pd.Series([rates[at] for at in times], index=pd.to_datetime(times, unit="ms", utc=True), dtype=np.float64)
