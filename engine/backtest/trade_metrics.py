"""What the trades of a backtest were like: wins, losses, expectancy, costs by kind, holds, excursions.

Columns of ``trades``, one row a trade, money in quote currency, costs as signed parts of ``net`` (negative: paid), as
in the attribution:

    entry, exit                                 bars of the fills; or entry_time, exit_time: the opens of those bars
    value                                       gross value of both legs at the entry
    gross, net                                  at reference prices; after all costs
    fees, half_spread, slippage, funding        optional: parts of net - gross
    mae, mfe                                    optional: worst (<= 0) and best (>= 0) open result
    half_life_bars                              optional: of the spread at the entry
    traded                                      optional: value of all fills; else twice ``value`` (once if open)
    is_open                                     optional: marked at the last bar, not closed

Open trades count in sums of money and in the exposure, and in no average.

Sources: Wilson 1927 (the interval of a share).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from engine.backtest.block_bootstrap import DRAWS, SEED, draw_places, percentile_interval, usual_block
from engine.backtest.sharpe import NORMAL_95, student_95
from engine.stats.checks import Bools, Floats, Ints, as_series, same_length
from engine.stats.jit import njit

if TYPE_CHECKING:
    import pandas as pd

    TradesLike: TypeAlias = Mapping[str, Any] | pd.DataFrame

NEEDED = ("entry", "exit", "value", "gross", "net")
OPTIONAL = ("fees", "half_spread", "slippage", "funding", "mae", "mfe", "half_life_bars", "traded")
COSTS = {"fees": "Fees", "half_spread": "Half-spread", "slippage": "Slippage", "funding": "Funding paid"}
MINIMUM_TRADES = 10  # for an interval
FEW_TRADES = f"under {MINIMUM_TRADES} closed trades"


@dataclass(slots=True)
class Findings:
    """Metrics as they are found: ``values`` by name and unit (None: unknown), ``intervals`` and ``reasons`` by the same
    name, a reason for each value or interval that is not known."""

    values: dict[str, float | None] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: float | None, reason: str = "") -> None:
        """Record a value; NaN is None, with ``reason``."""
        known = None if value is None or math.isnan(value) else float(value)
        self.values[name] = known
        if known is None:
            self.reasons[name] = reason

    def bound(self, name: str, interval: tuple[float, float], reason: str = "") -> None:
        """Record an interval; where an end is NaN, the reason instead."""
        if math.isnan(interval[0]) or math.isnan(interval[1]):
            self.reasons.setdefault(name, reason)
        else:
            self.intervals[name] = interval


class Trades:
    """The columns of trades, checked; each has one value a trade."""

    def __init__(self, given: TradesLike, open_ms: Ints) -> None:
        """``open_ms``: of the bars, UTC. Raises ValueError for a missing column, lengths that differ, a time that is no
        bar's, and an exit before its entry."""
        if "entry" not in given and "entry_time" in given and "exit_time" in given:
            places = {name: _places_of(given[f"{name}_time"], open_ms, f"{name}_time") for name in ("entry", "exit")}
            given = {name: given[name] for name in map(str, given)} | places
        missing = [name for name in NEEDED if name not in given]
        if missing:
            raise ValueError(f"trades have the columns {list(given)}; expected {missing[0]} among them")
        names = [name for name in (*NEEDED, *OPTIONAL) if name in given]
        self.columns = {
            name: as_series(given[name], name, minimum=0, nan=name not in NEEDED, is_squared=False) for name in names
        }
        entry, leave = self.columns["entry"], self.columns["exit"]
        for name, values in self.columns.items():
            same_length(entry, values, "entry", name)
        self.is_open: Bools = np.zeros(entry.size, dtype=np.bool_)
        if "is_open" in given:
            self.is_open = np.asarray(given["is_open"], dtype=np.bool_)
            same_length(entry, self.is_open, "entry", "is_open")
        if (leave < entry).any():
            at = int(np.argmax(leave < entry))
            raise ValueError(f"exit[{at}] is bar {leave[at]:g}, entry bar {entry[at]:g}; expected no exit before it")

    def closed(self, name: str) -> Floats:
        """A column of the closed trades."""
        return self.columns[name][~self.is_open]

    def traded(self) -> float:
        """Value of all fills, quote currency."""
        if "traded" in self.columns:
            return float(self.columns["traded"].sum())
        return float(self.columns["value"].sum() + self.closed("value").sum())

    def exposed_bars(self, bars: int) -> int:
        """Bars at whose close a position was held, counted once."""
        change = np.zeros(bars + 1)
        ends = np.where(self.is_open, bars, self.columns["exit"]).astype(np.int64)
        np.add.at(change, np.clip(self.columns["entry"].astype(np.int64), 0, bars), 1.0)
        np.add.at(change, np.clip(ends, 0, bars), -1.0)
        return int((np.cumsum(change[:bars]) > 0.0).sum())


def _places_of(times: Any, open_ms: Ints, name: str) -> Ints:
    """The bars that open at ``times``: ms UTC, or times of pandas."""
    values = np.asarray(times)
    if values.dtype.kind not in "iu":
        import pandas as pd

        values = pd.DatetimeIndex(times).as_unit("ms").asi8
    places = np.minimum(np.searchsorted(open_ms, values), open_ms.size - 1)
    if (open_ms[places] != values).any():
        at = int(np.argmax(open_ms[places] != values))
        raise ValueError(f"{name}[{at}] is {values[at]} ms; expected the open of a bar")
    return places


def add_money(found: Findings, trades: Trades, capital: float) -> None:
    """PnL gross, costs by kind, net. Costs that are paid are positive."""
    gross, net = float(trades.columns["gross"].sum()), float(trades.columns["net"].sum())
    found.add("PnL gross [quote]", gross)
    for column, name in COSTS.items():
        if column in trades.columns:
            found.add(f"{name} [quote]", 0.0 - float(trades.columns[column].sum()))
    found.add("Costs [quote]", gross - net)
    found.add("PnL net [quote]", net)
    found.add("PnL net [% of capital]", 100.0 * net / capital)


def add_results(found: Findings, trades: Trades, draws: int = DRAWS, seed: int = SEED) -> None:
    """Wins, losses, profit factor, expectancy of the closed trades, with intervals from 10 trades on."""
    net, value = trades.closed("net"), trades.closed("value")
    wins, losses = net[net > 0.0], net[net < 0.0]
    none = "no closed trade"
    found.add("Trades [#]", float(net.size))
    found.add("Open trades [#]", float(trades.is_open.sum()))
    found.add("Win rate [%]", 100.0 * wins.size / net.size if net.size else None, none)
    found.add("Average win [quote]", float(wins.mean()) if wins.size else None, "no winning trade")
    found.add("Average loss [quote]", float(losses.mean()) if losses.size else None, "no losing trade")
    factor, expectancy, bps = sequence_figures(net, value, np.arange(net.size))
    found.add("Profit factor [-]", factor, "no losing trade" if net.size else none)
    found.add("Expectancy [quote a trade]", expectancy, none)
    found.add("Expectancy [bps of value]", bps, none)
    if net.size < MINIMUM_TRADES:
        return
    low, high = wilson(wins.size, net.size)
    found.bound("Win rate [%]", (100.0 * low, 100.0 * high))
    block = usual_block(net.size)
    drawn = drawn_figures(net, value, draws, block, np.uint64(seed))
    names = ("Profit factor [-]", "Expectancy [quote a trade]", "Expectancy [bps of value]")
    for column, name in enumerate(names):
        if found.values[name] is not None:
            found.bound(name, percentile_interval(drawn[:, column], 0.95, net.size, block))
    for name, each in (("Average win [quote]", wins), ("Average loss [quote]", losses)):
        found.bound(name, mean_interval(each), FEW_TRADES)


def add_holds(found: Findings, trades: Trades, interval_ms: int, bars: int) -> None:
    """Holds in bars, seconds and half-lives; exposure; excursions in bps of the value at the entry."""
    hold, none = trades.closed("exit") - trades.closed("entry"), "no closed trade"
    mean = float(hold.mean()) if hold.size else None
    found.add("Exposure [% of bars]", 100.0 * trades.exposed_bars(bars) / bars)
    found.add("Hold, mean [bars]", mean, none)
    found.add("Hold, mean [s]", None if mean is None else mean * interval_ms / 1_000.0, none)
    found.add("Hold, longest [bars]", float(hold.max()) if hold.size else None, none)
    if hold.size >= MINIMUM_TRADES:
        found.bound("Hold, mean [bars]", mean_interval(hold))
    unknown = "no column half_life_bars"
    if "half_life_bars" in trades.columns:
        half_life = trades.closed("half_life_bars")
        known = np.isfinite(half_life) & (half_life > 0.0)
        lives = float((hold[known] / half_life[known]).mean()) if known.any() else None
        found.add("Hold, mean [half-lives]", lives, "no closed trade with a half-life")
    else:
        found.add("Hold, mean [half-lives]", None, unknown)
    for column, pick in (("mae", np.nanmin), ("mfe", np.nanmax)):
        if column not in trades.columns:
            continue
        bps = 1e4 * trades.closed(column) / trades.closed("value")
        is_known = bool((~np.isnan(bps)).any())
        found.add(f"{column.upper()}, mean [bps of value]", float(np.nanmean(bps)) if is_known else None, none)
        found.add(f"{column.upper()}, extreme [bps of value]", float(pick(bps)) if is_known else None, none)


@njit
def sequence_figures(net: Floats, value: Floats, places: Ints) -> tuple[float, float, float]:
    """``(profit factor, mean net, net in bps of the value)`` of the trades at ``places``; NaN where there is none."""
    won = lost = total = held = 0.0
    for i in places:
        won += max(net[i], 0.0)
        lost -= min(net[i], 0.0)
        total += net[i]
        held += value[i]
    factor = won / lost if lost > 0.0 else np.nan
    mean = total / places.size if places.size > 0 else np.nan
    return factor, mean, 1e4 * total / held if held > 0.0 else np.nan


@njit
def drawn_figures(net: Floats, value: Floats, draws: int, mean_block: float, seed: np.uint64) -> Floats:
    """``sequence_figures`` of resampled sequences of trades, shape (draws, 3)."""
    out, places = np.empty((draws, 3)), np.empty(net.size, dtype=np.int64)
    for number in range(draws):
        draw_places(places, net.size, mean_block, seed, number)
        out[number, 0], out[number, 1], out[number, 2] = sequence_figures(net, value, places)
    return out


def wilson(hits: int, count: int, quantile: float = NORMAL_95) -> tuple[float, float]:
    """Wilson's interval of a share: it stays inside 0..1, and does not shrink to nothing at 0 hits.

    >>> low, high = wilson(5, 10)
    >>> round(low, 4), round(high, 4)
    (0.2366, 0.7634)
    """
    share, weight = hits / count, quantile * quantile / count
    middle = (share + weight / 2.0) / (1.0 + weight)
    half = quantile / (1.0 + weight) * math.sqrt(share * (1.0 - share) / count + weight / (4.0 * count))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def mean_interval(values: Floats) -> tuple[float, float]:
    """Mean -+ Student's quantile of its standard error; NaN twice for under 10 values."""
    if values.size < MINIMUM_TRADES:
        return math.nan, math.nan
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(values.size)
    half = student_95(values.size - 1) * error
    return mean - half, mean + half
