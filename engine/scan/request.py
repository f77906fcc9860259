"""A scan's request and its progress."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

from engine.errors import SettingsError
from engine.market.intervals import MAX_WIDTH_MS, SECOND_MS, bar_open, candle_width, interval_name
from engine.scan.settings import LEAST_BARS, ScanSettings

MOST_BARS = 20_000  # of a symbol
MOST_SYMBOLS = 500  # that are fetched for one scan
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """A market, the width of its bars, and how far back they go (less where the store begins later), in ms.

    ``symbols``: so many symbols, those that traded most in the last 24 hours against ``quote``, are scanned, and what
    the store lacks of their bars is fetched as the exchange's candles first; 0: what is stored is scanned.
    """

    market: str
    interval_ms: int
    span_ms: int
    settings: ScanSettings = field(default_factory=ScanSettings)
    symbols: int = 0
    quote: str = "USDT"

    def __post_init__(self) -> None:
        """Raises SettingsError with the field, the value and the expected range."""
        if not (SECOND_MS <= self.interval_ms <= MAX_WIDTH_MS and self.interval_ms % SECOND_MS == 0):
            raise SettingsError(f"interval_ms is {self.interval_ms}; expected whole seconds up to a day")
        bars = self.span_ms // self.interval_ms
        if not LEAST_BARS <= bars <= MOST_BARS:
            raise SettingsError(
                f"span_ms is {self.span_ms / HOUR_MS:g} hours, {bars:,} bars of {interval_name(self.interval_ms)};"
                f" expected {LEAST_BARS} to {MOST_BARS:,} bars"
            )

        if self.symbols not in (0, *range(2, MOST_SYMBOLS + 1)):
            raise SettingsError(f"symbols is {self.symbols}; expected 0, or 2 to {MOST_SYMBOLS}")
        if self.symbols and candle_width(self.interval_ms) is None:
            width = interval_name(self.interval_ms)
            raise SettingsError(f"interval is {width}; expected whole minutes, of which the exchange has candles")
        if not (self.quote.isascii() and self.quote.isalnum() and self.quote.isupper() and len(self.quote) <= 12):
            raise SettingsError(f"quote is {self.quote!r}; expected a currency such as 'USDT'")

    @property
    def candle_ms(self) -> int:
        """The width that is fetched: the longest candle of the exchange that divides the bars'."""
        return candle_width(self.interval_ms) or self.interval_ms

    def fetched_span(self, now_ms: int) -> tuple[int, int]:
        """From when to when bars are fetched at a time: up to the last one that is complete by then."""
        until_ms = bar_open(now_ms, self.interval_ms)
        return until_ms - bar_open(self.span_ms, self.interval_ms), until_ms

    def to_json(self) -> str:
        """The canonical text."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ScanRequest:
        """Parses the output of ``to_json``. Raises SettingsError for anything else."""
        try:
            values = json.loads(text)
            return cls(**values | {"settings": ScanSettings(**values["settings"])})
        except (TypeError, ValueError, KeyError) as error:
            raise SettingsError(f"a scan's request is {text[:80]!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class ScanState:
    """The state of the scan. ``phase``: idle, running, done, cancelled or failed.

    While it runs, ``stage`` is the current step, with ``done`` of ``total`` complete; ``scan_id`` is the newest stored
    result, ``problem`` why it failed.
    """

    phase: str = "idle"
    stage: str = ""
    done: int = 0
    total: int = 0
    scan_id: int | None = None
    problem: str = ""
