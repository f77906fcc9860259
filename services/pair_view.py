"""The current view of one pair, for screens and responses. Prices in quote currency."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.backtest.locked_position import LockedPosition
from engine.market.bars import Bar
from engine.market.records import RunEnd
from engine.pairs.calibration import Calibration
from engine.pairs.enums import Reason
from engine.pairs.evidence import PairEvidence
from engine.pairs.executable import ExecutableZ
from engine.pairs.settings import PairSettings
from engine.pairs.snapshot import Snapshot
from live.paper import Paper
from live.shown_log import LogCount
from services.parity import NOT_CHECKED, ParityState

NOTHING_LOGGED = LogCount()


@dataclass(frozen=True, slots=True)
class PairView:
    """One pair at one moment. ``bars``: complete ones in its model; None and empty where unknown."""

    market: str
    y: str
    x: str
    settings: PairSettings
    has_run: bool = False
    bars: int = 0
    latest: Snapshot | None = None
    executable: ExecutableZ | None = None  # of the latest bar: the z at which both legs could be filled
    calibration: Calibration | None = None
    forming: dict[str, Bar] = field(default_factory=dict)  # by leg, "y" and "x": the bar not complete yet
    newest: dict[str, tuple[int, int]] = field(default_factory=dict)  # by leg: newest trade's id and time, ms
    last_prices: tuple[float | None, float | None] = (None, None)
    gate_tests: int = 0
    gate_flips: int = 0
    gate_open_share: float = 0.0  # of the bars since the first test
    gate_since_ms: int | None = None  # when the gate last changed, or was first tested: the close of that bar
    problem: str = ""  # why the pair is suspended
    previous_end: RunEnd | None = None  # the end of the previous run
    gaps: int = 0  # open ones in either leg
    candles: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # by leg: stretches not made from ticks, ms
    candles_compared: tuple[int, int] = (0, 0)  # bars of which there are ticks and a candle; so many of them differ
    evidence: PairEvidence | None = None
    entries: int = 0  # of the model's bars
    refused: dict[Reason, int] = field(default_factory=dict)  # counts of bars beyond entry without an entry, by reason
    logged: LogCount = NOTHING_LOGGED  # decisions of this run
    log_kept: LogCount = NOTHING_LOGGED  # the most of the newest that are shown
    paper: Paper | None = None  # None before the first bar
    parity: ParityState = NOT_CHECKED
    locked: LockedPosition | None = None  # the position that the user holds
