"""A watched pair: its run, its log, and its latest evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.market.records import Run, RunEnd
from engine.pairs.enums import Action, Reason
from engine.pairs.evidence import PairEvidence, evidence_of
from engine.pairs.layout import Out
from engine.pairs.run import PairRun
from engine.pairs.settings import PairSettings
from engine.store.interface import Watched
from live.shown_log import ShownLog


@dataclass(frozen=True, slots=True)
class WatchSummary:
    """A run's evidence, and the results of the bars with |z| beyond entry.

    ``entries``: the number with an entry; ``refused``: the numbers without one, by reason. ``compared``: as in Leg, of
    both legs together.
    """

    evidence: PairEvidence
    entries: int
    refused: dict[Reason, int]
    compared: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Watch:
    """One watched pair, its run, and the displayed part of its log."""

    entry: Watched
    settings: PairSettings
    run: Run | None = None
    log: ShownLog = field(default_factory=ShownLog)
    previous: RunEnd | None = None  # the end of the previous run
    problem: str = ""  # why it is suspended: its settings are unreadable, or its computation failed
    _summary: WatchSummary | None = None
    _summary_at: tuple[str, int, int] = ("", 0, 0)  # run, revisions, bars

    def summary(self, run: PairRun) -> WatchSummary | None:
        """The evidence of its run, None before its first bar. Cached for each state of the run: screens request it 20
        times a second, and it takes milliseconds."""
        if not run.model.size:
            return None
        state = (run.run.run_id, run.revisions, run.model.size)
        if self._summary is None or state != self._summary_at:
            self._summary, self._summary_at = _summary_of(run), state
        return self._summary


def _summary_of(run: PairRun) -> WatchSummary:
    action = run.model.column(Out.ACTION)
    entries = int(np.count_nonzero((action == Action.ENTER_LONG) | (action == Action.ENTER_SHORT)))
    codes, counts = np.unique(run.model.column(Out.REASON)[action == Action.NO_ENTRY], return_counts=True)
    refused = {Reason(int(code)): int(count) for code, count in zip(codes, counts, strict=True)}
    bars, differing = (sum(counts) for counts in zip(*(leg.compared() for leg in run.legs), strict=True))
    return WatchSummary(evidence_of(run.model), entries, refused, (bars, differing))
