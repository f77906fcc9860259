"""Immutable records shared by several packages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.market.coverage import Gap
from engine.market.ticks import Tick

AGAIN, OTHER_ROWS = "again", "other-rows"
UNUSABLE_ROW = "the exchange's row cannot be used"  # prefix of the reason of a gap of refused rows


@dataclass(frozen=True, slots=True)
class PostKey:
    """A key of a sender's choice, and a ``digest`` of the rows that it stands for."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Valid rows of one message, to be stored. ``conn`` and ``number`` identify the batch in the acknowledgement.

    ``rejected``: index and reason of the rows that were refused; ``refused``: the reasons by symbol and id, where a row
    has them. ``posted``: the key under which the sender may send the same rows again without storing them twice.
    ``is_numbered``: False where the store gives the ids, those after the symbol's greatest.
    """

    conn: int
    number: int
    market: str
    ticks: tuple[Tick, ...]
    rejected: tuple[tuple[int, str], ...] = ()
    refused: dict[tuple[str, int], str] = field(default_factory=dict)
    posted: PostKey | None = None
    is_numbered: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of one committed batch. The counts add up to its ticks.

    ``newest``: per symbol with new ticks, the one with the greatest id and their number. ``gaps``: the number of gaps
    that its ticks opened, and of those they filled completely. ``again``: empty, or ``AGAIN`` where the batch's key was
    known, so that the counts are those of its first commit, or ``OTHER_ROWS`` where it stands for other rows: nothing
    of the batch was stored.
    """

    batch: Batch
    stored: int
    duplicates: int
    conflicts: int
    newest: tuple[tuple[Tick, int], ...] = ()
    gaps: tuple[int, int] = (0, 0)
    again: str = ""


@dataclass(frozen=True, slots=True)
class IdRange:
    """The id range of one symbol in the store. ``opened``: its first trade ever, if that was new."""

    market: str
    symbol: str
    first_id: int
    high_water: int
    opened: Tick | None = None


@dataclass(frozen=True, slots=True)
class GapUpdate:
    """The current state of one gap. ``missing``: the runs of ids still to fetch; empty when it closed. ``given_up``:
    why they are unfetchable, None while they are fetchable."""

    market: str
    symbol: str
    gap: Gap
    missing: tuple[Gap, ...]
    given_up: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event other than a tick that affects later results. ``after_seq``: it happened after this tick, before the
    next.

    Kinds: ``absent`` (the exchange has no ids first..last), ``unfetchable`` (all sources failed: reason),
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
    """The result of one transaction. ``extents``: of each symbol with a trade in its batches."""

    receipts: tuple[Receipt, ...]
    extents: tuple[IdRange, ...]
    gaps: tuple[GapUpdate, ...]
    last_seq: int


@dataclass(frozen=True, slots=True)
class Run:
    """One pair, analysed with fixed settings from one bar on. Any change of these starts another run.

    ``start_ms``: open time of the first bar considered. ``settings``: canonical JSON. ``code``: digest of the engine's
    sources. ``began_seq``: the tick after which the run started; earlier bars were history then. ``ended_seq``: None
    while it is running.
    """

    run_id: str
    market: str
    y: str
    x: str
    interval_ms: int
    settings: str
    code: str
    start_ms: int
    began_seq: int
    ended_seq: int | None = None


@dataclass(frozen=True, slots=True)
class RunEnd:
    """A run ended after the tick ``seq``, in commit order; a later fill does not undo it.

    Reasons: ``settings``, ``unwatched``, ``gap`` (a leg was silent too long), ``length``, ``history`` (earlier trades
    have arrived), ``store`` (another store), ``code``, ``failed`` (``detail`` has the error), ``break`` (the break
    alarm).
    ``after_ms``: after a break, the open time of the first bar that the next run of the pair may look at.
    """

    run_id: str
    seq: int
    reason: str
    detail: str = ""
    after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A run's decision at one bar's close, to be executed at the next bar. Key: (run_id, bar_ms, revision).

    Kinds: ``enter_long`` (buy Y, sell X), ``enter_short``, ``exit``, ``no_entry`` (|z| passed the threshold; the reason
    says why), ``withdrawn`` (a revision cancelled an earlier decision). ``quantity_y`` and ``quantity_x`` are the coins
    to trade, + to buy; an exit reverses the entry's. An unknown number is None. ``given_seq``: the tick that triggered
    it; ``late_ms``: how far the market's clock was past the bar's end then.
    """

    run_id: str
    bar_ms: int
    revision: int
    kind: str
    reason: str
    z: float | None
    spread: float | None
    beta: float | None
    alpha: float | None
    deviation: float | None
    gate_pvalue: float | None
    y_price: float
    x_price: float
    quantity_y: float
    quantity_x: float
    position: int
    given_seq: int
    late_ms: int

    def says_the_same(self, other: Decision) -> bool:
        """Whether both are the same decision for their bar, regardless of time and revision."""
        return self.content() == other.content()

    def content(self) -> tuple[Any, ...]:
        """All fields except time and revision."""
        return (
            self.run_id, self.bar_ms, self.kind, self.reason, self.z, self.spread, self.beta, self.alpha,
            self.deviation, self.gate_pvalue, self.y_price, self.x_price, self.quantity_y, self.quantity_x,
            self.position,
        )  # fmt: skip
