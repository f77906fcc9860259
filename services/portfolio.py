"""Stored backtests of several pairs on one capital: read, put on the bars that all have, admitted by limits.

No strategy runs and no trial is counted: prices, coins held and profits are those that the backtests stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from engine.backtest import (
    MetricSettings,
    PairPath,
    Performance,
    Portfolio,
    PortfolioLimits,
    combine,
    performance,
)
from engine.backtest.clock import DAY_MS
from engine.backtest.ledger_metrics import DAILY_FROM_DAYS
from engine.errors import SettingsError
from engine.market.intervals import interval_name
from engine.market.similar import quote_of
from engine.stats.checks import Floats, Ints, positive
from engine.stats.representation import short_repr
from engine.store.backtests import BacktestStore
from services.backtest_files import FOLDER, MOST_KEPT
from services.export import NothingToExport
from services.jobs import Json

LEAST, MOST = 2, 10  # backtests
NEEDED = ("close_y", "close_x", "held_y", "held_x")  # of the table ``equity``, since there are portfolios
_NO_TRADES: dict[str, list[float]] = {name: [] for name in ("entry", "exit", "value", "gross", "net")}


@dataclass(frozen=True, slots=True)
class PortfolioRequest:
    """Numbers of stored backtests, in the order in which their positions are admitted in one bar; ``capital`` in quote
    currency."""

    backtests: tuple[int, ...]
    capital: float = 100_000.0
    limits: PortfolioLimits = field(default_factory=PortfolioLimits)

    @classmethod
    def of(
        cls, backtests: tuple[int, ...], capital: float, pair_gross: float, symbol_net: float, total_gross: float
    ) -> PortfolioRequest:
        """With the limits of ``PortfolioLimits``. Raises SettingsError for one that is not above 0 too."""
        try:
            limits = PortfolioLimits(pair_gross, symbol_net, total_gross)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        return cls(backtests, capital, limits)

    def __post_init__(self) -> None:
        """Raises SettingsError for numbers that are too few, too many or there twice, and a capital of 0 or less."""
        if not LEAST <= len(self.backtests) <= MOST:
            raise SettingsError(f"backtests are {len(self.backtests)}; expected {LEAST} to {MOST} of the list")
        for number in self.backtests:
            if self.backtests.count(number) > 1:
                raise SettingsError(f"backtest {number} is there twice; expected each once")
        try:
            positive(self.capital, "capital")
        except ValueError as error:
            raise SettingsError(str(error)) from None


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A stored backtest and its table ``equity``: opens in ms UTC, and the columns by name."""

    number: int
    record: Json
    times_ms: Ints
    columns: dict[str, Floats]

    __repr__ = short_repr

    @property
    def name(self) -> str:
        """Both symbols."""
        return f"{self.record['y']} ~ {self.record['x']}"


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """``paths`` on the bars ``times_ms`` that all ``parts`` have, what the engine made of them, and the figures of its
    equity on ``clock``; those of trades and luck are not in ``figures``."""

    request: PortfolioRequest
    parts: tuple[Stored, ...]
    times_ms: Ints
    paths: tuple[PairPath, ...]
    found: Portfolio
    figures: Performance
    clock: str

    __repr__ = short_repr


class PortfolioService:
    """Portfolios of the stored backtests of one data folder. Any thread may call; nothing is stored."""

    def __init__(self, store: BacktestStore, data_dir: Path) -> None:
        self._store = store
        self._folder = data_dir / FOLDER

    def combine(self, request: PortfolioRequest) -> Combined:
        """Put the backtests on one capital; takes time, as it reads tables. Raises NothingToExport for a backtest or
        table that is not there, and SettingsError for backtests that do not go together."""
        parts = tuple(self._read(number) for number in request.backtests)
        check_together(parts)
        times = common_times(parts)
        paths = tuple(path_on(part, times) for part in parts)
        width = int(parts[0].record["interval_ms"])
        clock = "daily" if times[-1] + width - times[0] >= DAILY_FROM_DAYS * DAY_MS else "hourly"
        try:
            found = combine(
                paths, times, capital=request.capital, interval_ms=width, limits=request.limits, clock=clock
            )
        except ValueError as error:
            raise SettingsError(str(error)) from None
        figures = performance(
            times, found.equity, _NO_TRADES, capital=request.capital, interval_ms=width, settings=MetricSettings(clock)
        )
        return Combined(request, parts, times, paths, found, figures, clock)

    def _read(self, number: int) -> Stored:
        import polars

        record = self._store.result(number)
        if record is None:
            raise NothingToExport(f"no backtest with number {number} is stored; expected one of the list")
        path = self._folder / str(record.get("tables", "")) / "equity.parquet"
        if not record.get("tables") or not path.exists():
            raise NothingToExport(
                f"the tables of backtest {number} are not kept any more; expected one of the newest {MOST_KEPT}:"
                " run it again"
            )
        table = polars.read_parquet(path)
        missing = [name for name in NEEDED if name not in table.columns]
        if missing:
            raise SettingsError(
                f"backtest {number} was stored without {', '.join(missing)}, by an earlier version; expected prices and"
                " coins held: run it again"
            )
        times = table["bar_open"].dt.epoch("ms").to_numpy()
        columns = {name: table[name].to_numpy().astype(np.float64) for name in ("equity", *NEEDED)}
        return Stored(number, record, times.astype(np.int64), columns)


def check_together(parts: Sequence[Stored]) -> None:
    """Raises SettingsError for bars of several widths, several quote currencies, and a pair that is there twice."""
    for one, other in combinations(parts, 2):
        legs = [(part.record["market"], frozenset((part.record["y"], part.record["x"]))) for part in (one, other)]
        if legs[0] == legs[1]:
            raise SettingsError(
                f"backtests {one.number} and {other.number} are both of {one.name} on {one.record['market']}; expected"
                " each pair once"
            )
    _check_one("bars of", "one width", {part.number: interval_name(part.record["interval_ms"]) for part in parts})
    _check_one("money in", "one quote currency", {part.number: quote_of(part.record["y"]) for part in parts})


def common_times(parts: Sequence[Stored]) -> Ints:
    """Opens of the bars that all have, ms UTC. Raises SettingsError for fewer than two."""
    times = parts[0].times_ms
    for part in parts[1:]:
        times = np.intersect1d(times, part.times_ms, assume_unique=True)
    if times.size < 2:
        spans = "; ".join(
            f"{part.number} has {_moment(part.times_ms[0])} to {_moment(part.times_ms[-1])}" for part in parts
        )
        count = "no bar" if times.size == 0 else "one bar"
        raise SettingsError(f"the backtests have {count} in common ({spans}, UTC); expected two or more")
    return times


def path_on(part: Stored, times_ms: Ints) -> PairPath:
    """The backtest's path on bars that it has. The profit of bars between two of them counts in the later one, so that
    the profits add up to the change of its equity; what it earned before the first is left out."""
    places = np.searchsorted(part.times_ms, times_ms)
    levels = np.concatenate(([float(part.record["request"]["account"]["capital"])], part.columns["equity"]))
    pnl = np.diff(levels[np.concatenate(([places[0]], places + 1))])
    price_y, price_x, held_y, held_x = (part.columns[name][places] for name in NEEDED)
    market = part.record["market"]
    return PairPath(f"{part.record['y']} ({market})", f"{part.record['x']} ({market})", price_y, price_x, held_y,
                    held_x, pnl)  # fmt: skip


def _check_one(what: str, expected: str, values: dict[int, str]) -> None:
    if len(set(values.values())) > 1:
        said = ", ".join(f"{value} ({number})" for number, value in values.items())
        raise SettingsError(f"the backtests have {what} {said}; expected {expected}")


def _moment(time_ms: int) -> str:
    return str(np.datetime64(int(time_ms), "ms").astype("datetime64[m]")).replace("T", " ")
