"""Actions that the intake returns for the server to perform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.intake.history_messages import BarSpan
from engine.market.coverage import Gap
from engine.market.funding import Funding
from engine.market.records import Batch, Event
from engine.market.sourced import SourcedBar


@dataclass(frozen=True, slots=True)
class Send:
    """Send this text to a connection."""

    conn: int
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close a connection; ignore its later messages."""

    conn: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Store:
    """Commit this batch; acknowledge only afterwards."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Commit this event."""

    event: Event


@dataclass(frozen=True, slots=True)
class FetchSelf:
    """Fetch these ids without a bridge, then call ``fetched_self``. ``reason``: why no bridge could."""

    market: str
    symbol: str
    ids: Gap
    reason: str


@dataclass(frozen=True, slots=True)
class ReadSpans:
    """Look up from when to when bars of a span are stored, then tell ``spans_known``."""

    market: str
    span: BarSpan


@dataclass(frozen=True, slots=True)
class FetchBars:
    """Fetch candles without a bridge, then tell ``fetched_bars``."""

    market: str
    span: BarSpan
    urgent: bool


@dataclass(frozen=True, slots=True)
class FetchTickers:
    """Fetch every symbol's volume of a day without a bridge, then tell ``tickers_fetched``."""

    market: str


@dataclass(frozen=True, slots=True)
class StartFeed:
    """Receive these symbols without a bridge, then tell ``feed_ended``, or ``unaddable`` where the exchange does not
    have them."""

    market: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreBars:
    """Store these bars, then tell ``bars_stored``; they are every good one that there is of the span.

    ``rejected``: index and reason of the rows that were refused.
    """

    conn: int
    market: str
    span: BarSpan
    bars: Sequence[SourcedBar]
    rejected: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StoreFunding:
    """Store these readings, then tell ``funding_stored``."""

    conn: int
    market: str
    rows: tuple[Funding, ...]
    rejected: tuple[tuple[int, str], ...] = ()


Action = (
    Send | Close | Store | RecordEvent | FetchSelf | ReadSpans | FetchBars | FetchTickers | StartFeed | StoreBars
    | StoreFunding
)  # fmt: skip
