"""Facts that several rooms share. Frozen: a changed fact is a new fact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.market.coverage import Hole
from engine.market.ticks import Tick


@dataclass(frozen=True, slots=True)
class Batch:
    """Good rows of one message, on their way to the store. ``conn`` and ``number`` say whom to answer."""

    conn: int
    number: int
    market: str
    ticks: tuple[Tick, ...]
    rejected: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one batch, once it is committed. The counts add up to its ticks."""

    batch: Batch
    stored: int
    duplicates: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class HoleNews:
    """One hole as it stands. ``missing``: the runs of ids that are still to be fetched; empty when it closed.
    ``given_up``: why nobody could fetch them, None while somebody may."""

    market: str
    symbol: str
    hole: Hole
    missing: tuple[Hole, ...]
    given_up: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What is not a tick but changes what follows. ``after_seq``: it happened after this tick, before the next.

    Kinds: ``absent`` (the exchange has no ids first..last), ``unfetchable`` (nobody could fetch them: reason),
    ``bridge`` (state up or down).
    """

    kind: str
    market: str
    symbol: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    after_seq: int = 0
    event_id: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything one transaction did."""

    receipts: tuple[Receipt, ...]
    holes: tuple[HoleNews, ...]
    last_seq: int
