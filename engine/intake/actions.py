"""Actions that the intake returns for the server to perform."""

from __future__ import annotations

from dataclasses import dataclass

from engine.market.coverage import Gap
from engine.market.records import Batch, Event


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


Action = Send | Close | Store | RecordEvent | FetchSelf
