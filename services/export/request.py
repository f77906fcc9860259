"""What to export: typed requests, read from text, and the names of the files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.errors import PairbridgeError, SettingsError
from engine.files.writers import check_format
from engine.market.intervals import MAX_WIDTH_MS, SECOND_MS, parse_interval
from engine.market.ticks import MAX_TIME_MS, MIN_TIME_MS, read_symbol
from engine.store.bulk import SignalFilter

END_MS = MAX_TIME_MS  # no stored time is later

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = re.compile(r"[0-9]{1,16}", re.ASCII).fullmatch
_NAMED = 3  # symbols that a file's name lists


class NothingToExport(PairbridgeError):
    """The request is valid, and nothing that is stored matches it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a market: those of ``symbols`` (empty: all) with times in ``[from_ms, to_ms)``, in UTC."""

    market: str
    symbols: tuple[str, ...] = ()
    from_ms: int = 0
    to_ms: int = END_MS

    def __post_init__(self) -> None:
        """Raises SettingsError for an empty range."""
        if self.from_ms >= self.to_ms:
            raise SettingsError(
                f"the range is {iso(self.from_ms)} to {iso(self.to_ms)}; expected an end after its start"
            )


@dataclass(frozen=True, slots=True)
class BarRequest:
    """Bars of ``width_ms``. ``details``: also quote volume, trades, bought volume and source, which no import reads."""

    selection: Selection
    width_ms: int
    details: bool = False

    def __post_init__(self) -> None:
        """Raises SettingsError for a width that is no whole number of seconds up to a day."""
        if not SECOND_MS <= self.width_ms <= MAX_WIDTH_MS or self.width_ms % SECOND_MS:
            raise SettingsError(f"interval is {self.width_ms} ms; expected whole seconds from 1s to 1d")

    @classmethod
    def of(cls, selection: Selection, interval: str, details: bool = False) -> BarRequest:
        """The request with its width in text. Raises SettingsError."""
        try:
            return cls(selection, parse_interval(interval), details)
        except ValueError as error:
            raise SettingsError(str(error)) from None


@dataclass(frozen=True, slots=True)
class PairRequest:
    """The analysis of the watched pair ``y`` on ``x``, its bars that open in ``[from_ms, to_ms)``."""

    market: str
    y: str
    x: str
    from_ms: int = 0
    to_ms: int = END_MS


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file being made; each of its ``chunks`` holds at most a few megabytes. Close it in the end."""

    name: str
    media_type: str
    chunks: Iterator[bytes]

    def close(self) -> None:
        """Stop early, and release what the export holds."""
        self.chunks.close()  # type: ignore[attr-defined]  # a generator, or wraps one


def read_selection(market: str, symbols: Sequence[str], from_: str, to: str) -> Selection:
    """A selection from text. ``from_`` and ``to``: UTC ISO 8601, a date, milliseconds since 1970, or empty.

    Raises SettingsError, and RowRefused for what can be no symbol.
    """
    names = tuple(dict.fromkeys(read_symbol(name.strip().upper()) for name in symbols if name.strip()))
    return Selection(market.strip(), names, read_when(from_, "from", 0), read_when(to, "to", END_MS))


def signals_of(selection: Selection, trades_only: bool) -> SignalFilter:
    """The decisions of a selection; with ``trades_only`` without the bars that gave no entry."""
    return SignalFilter(selection.market, selection.symbols, selection.from_ms, selection.to_ms, trades_only)


def read_when(text: str, name: str, otherwise: int) -> int:
    """A time in ms since 1970; ``otherwise`` for empty text. Text without a zone is UTC. Raises SettingsError.

    >>> read_when("2026-01-01", "from", 0), read_when("2026-01-01T01:00:00+01:00", "from", 0)
    (1767225600000, 1767225600000)
    """
    plain = text.strip()
    if not plain:
        return otherwise
    try:
        if _WHOLE(plain):
            found = int(plain)
        else:
            given = datetime.fromisoformat(plain.replace(" ", "+") if "T" in plain else plain)
            found = ((given if given.tzinfo else given.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        found = -1
    if not MIN_TIME_MS <= found <= MAX_TIME_MS:
        raise SettingsError(
            f"{name} is {text[:40]!r}; expected UTC such as 2026-01-31 or 2026-01-31T23:59:59Z, or milliseconds since"
            " 1970, from 2009 to 2100"
        )
    return found


def read_legs(symbols: Sequence[str]) -> tuple[str, str]:
    """The two legs of a pair, Y first. Raises SettingsError."""
    names = [read_symbol(name.strip().upper()) for name in symbols if name.strip()]
    if len(names) != 2 or names[0] == names[1]:
        raise SettingsError(f"symbols are {', '.join(names) or 'none'}; expected the two legs of a pair, Y first")
    return names[0], names[1]


def iso(time_ms: int) -> str:
    """A time in messages; the ends of an open range are named."""
    if time_ms <= 0 or time_ms >= END_MS:
        return "the beginning" if time_ms <= 0 else "the end"
    text = (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def file_name(kind: str, parts: Sequence[str], span_ms: tuple[int, int] | None, form: str) -> str:
    """What a file holds, in characters that every file system takes. ``span_ms``: of its rows.

    >>> file_name("ohlc", ["usdm", "BTCUSDT", "1h"], (1767225600000, 1767312000000), "csv")
    'ohlc_usdm_BTCUSDT_1h_2026-01-01_2026-01-02.csv'
    """
    times = [] if span_ms is None else [_stamp(each) for each in span_ms]
    return "_".join([kind, *(part for part in parts if part), *times]) + f".{check_format(form)}"


def symbols_part(symbols: Sequence[str]) -> str:
    """Symbols in a file's name: all of a few, else their number."""
    return "-".join(symbols) if len(symbols) <= _NAMED else f"{len(symbols)}-symbols"


def _stamp(time_ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.strftime("%Y-%m-%d" if time_ms % 86_400_000 == 0 else "%Y-%m-%dT%H%M%SZ")
