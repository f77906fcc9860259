"""What there is to say about one pair now, for screens and answers. Prices in quote currency."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.market.bars import Bar
from engine.market.records import RunEnd
from engine.pairs.calibration import Calibration
from engine.pairs.enums import Reason
from engine.pairs.evidence import PairEvidence
from engine.pairs.model import Snapshot
from engine.pairs.settings import PairSettings
from live.shown_log import LogCount

NOTHING_LOGGED = LogCount()


@dataclass(frozen=True, slots=True)
class PairView:
    """One pair at one moment. ``bars``: complete ones in its model; None and empty where nothing is known yet."""

    market: str
    y: str
    x: str
    settings: PairSettings
    has_run: bool = False
    bars: int = 0
    latest: Snapshot | None = None
    calibration: Calibration | None = None
    forming: dict[str, Bar] = field(default_factory=dict)  # by leg, "y" and "x": the bar not complete yet
    last_prices: tuple[float | None, float | None] = (None, None)
    gate_tests: int = 0
    gate_flips: int = 0
    gate_open_share: float = 0.0  # of the bars since the first test
    problem: str = ""  # why the pair is set aside
    previous_end: RunEnd | None = None  # how the run before this one ended
    gaps: int = 0  # open ones in either leg
    candles: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # by leg: stretches not made from ticks, ms
    candles_compared: tuple[int, int] = (0, 0)  # bars of which there are ticks and a candle; so many of them differ
    evidence: PairEvidence | None = None
    entries: int = 0  # of the bars that the model holds
    refused: dict[Reason, int] = field(default_factory=dict)  # bars whose |z| passed entry and nothing was done: why
    logged: LogCount = NOTHING_LOGGED  # decisions of this run
    log_kept: LogCount = NOTHING_LOGGED  # of them, so many of the newest are shown at most
