"""Facts that several packages share. Frozen: a changed fact is a new fact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.market.coverage import Gap
from engine.market.ticks import Tick

UNUSABLE_ROW = "the exchange's row cannot be used"  # how the reason of a gap of refused rows begins


@dataclass(frozen=True, slots=True)
class Batch:
    """Good rows of one message, on their way to the store. ``conn`` and ``number`` say whom to answer.

    ``rejected``: index and reason of the rows that were refused; ``refused``: the reasons by symbol and id, of those
    that have one.
    """

    conn: int
    number: int
    market: str
    ticks: tuple[Tick, ...]
    rejected: tuple[tuple[int, str], ...] = ()
    refused: dict[tuple[str, int], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one batch, once it is committed. The counts add up to its ticks.

    ``newest``: of each symbol with new ticks the one with the greatest id, and how many there were. ``gaps``: how many
    its ticks opened, and how many they filled to the end.
    """

    batch: Batch
    stored: int
    duplicates: int
    conflicts: int
    newest: tuple[tuple[Tick, int], ...] = ()
    gaps: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class IdRange:
    """From where to where the ids of one symbol are stored. ``opened``: its first trade ever, if that was new."""

    market: str
    symbol: str
    first_id: int
    high_water: int
    opened: Tick | None = None


@dataclass(frozen=True, slots=True)
class GapUpdate:
    """One gap as it stands. ``missing``: the runs of ids that are still to be fetched; empty when it closed.
    ``given_up``: why nobody could fetch them, None while somebody may."""

    market: str
    symbol: str
    gap: Gap
    missing: tuple[Gap, ...]
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
    """Everything one transaction did. ``extents``: of each symbol that its batches had a trade of."""

    receipts: tuple[Receipt, ...]
    extents: tuple[IdRange, ...]
    gaps: tuple[GapUpdate, ...]
    last_seq: int


@dataclass(frozen=True, slots=True)
class Run:
    """One pair, analysed one way from one bar on. Any change of these begins another run.

    ``start_ms``: open time of the first bar considered. ``settings``: canonical JSON. ``code``: digest of
    the engine's sources. ``began_seq``: the tick after which the run was begun; bars before that were
    history then. ``ended_seq``: None while it goes on.
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
    """A run follows nothing after the tick ``seq``; a fact of the order of commits, which a later fill does not undo.

    Reasons: ``settings``, ``unwatched``, ``gap`` (a leg was silent too long), ``length``, ``history`` (earlier trades
    have come in), ``store`` (another store), ``code``, ``failed`` (``detail`` says how).
    """

    run_id: str
    seq: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a run said at one bar's close, to be done at the next bar. Key: (run_id, bar_ms, revision).

    Kinds: ``enter_long`` (buy Y, sell X), ``enter_short``, ``exit``, ``no_entry`` (|z| passed the threshold;
    the reason says why nothing is done), ``withdrawn`` (a revision took an earlier decision back).
    ``quantity_y`` and ``quantity_x`` are the coins to trade, + to buy; an exit trades the entry's back.
    A number that was not known is None. ``given_seq``: the tick that made it known; ``late_ms``: how far the
    market's clock was past the bar's end then.
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
        """Whether both say the same of their bar, whenever and however often it was said."""
        return self.content() == other.content()

    def content(self) -> tuple[Any, ...]:
        """All but when it was given and in which revision."""
        return (
            self.run_id, self.bar_ms, self.kind, self.reason, self.z, self.spread, self.beta, self.alpha,
            self.deviation, self.gate_pvalue, self.y_price, self.x_price, self.quantity_y, self.quantity_x,
            self.position,
        )  # fmt: skip
