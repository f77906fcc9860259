"""The job that has an exchange's candles fetched and stored, as a function of its own process."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import RowRefused, SettingsError
from engine.market.intervals import CANDLE_WIDTHS_MS, interval_name
from engine.market.ticks import MAX_TIME_MS, MIN_TIME_MS, read_symbol
from services.jobs import IsCancelled, JobFailed, Json, Report
from services.universe_fetch import BarFetch, have_fetched

MOST_SYMBOLS = 50
MOST_BARS = 500_000  # of all symbols together


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Candles of ``interval_ms`` that open in ``[from_ms, to_ms)``, both multiples of it."""

    market: str
    symbols: tuple[str, ...]
    interval_ms: int
    from_ms: int
    to_ms: int

    def __post_init__(self) -> None:
        """Raises SettingsError naming the field, the value and what was expected."""
        if not 1 <= len(self.symbols) <= MOST_SYMBOLS:
            raise SettingsError(f"found {len(self.symbols)} symbols; expected 1 to {MOST_SYMBOLS}")
        try:
            for symbol in self.symbols:
                read_symbol(symbol)
        except RowRefused as error:
            raise SettingsError(str(error)) from None
        if self.interval_ms not in CANDLE_WIDTHS_MS:
            names = ", ".join(map(interval_name, CANDLE_WIDTHS_MS))
            raise SettingsError(f"interval is {self.interval_ms} ms; expected a candle of the exchange: {names}")
        if not MIN_TIME_MS <= self.from_ms < self.to_ms <= MAX_TIME_MS:
            raise SettingsError(f"the range is {self.from_ms} to {self.to_ms} ms; expected an end after its start")
        if self.from_ms % self.interval_ms or self.to_ms % self.interval_ms:
            raise SettingsError(f"the range is {self.from_ms} to {self.to_ms} ms; expected multiples of the interval")
        bars = len(self.symbols) * (self.to_ms - self.from_ms) // self.interval_ms
        if bars > MOST_BARS:
            raise SettingsError(f"the range has {bars:,} bars; expected at most {MOST_BARS:,}")


def fetch_history(request: Json, report: Report, is_cancelled: IsCancelled) -> Json:
    """The job function: the fields of a HistoryRequest as ``history``, ``bridge_url`` and ``bridge_token``."""
    asked = HistoryRequest(**request["history"] | {"symbols": tuple(request["history"]["symbols"])})
    if request["bridge_token"] is None:
        raise JobFailed("the bridge server was never started, and candles come through it; start it first")
    talk = BarFetch(asked.symbols, asked.interval_ms, (asked.from_ms, asked.to_ms), is_urgent=False)
    server = request["bridge_url"], request["bridge_token"]
    found = have_fetched(talk, asked.market, server, report, is_cancelled)
    return {"symbols": list(found.symbols), "problems": found.problems}
