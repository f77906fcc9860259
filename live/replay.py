"""Replays a run: every tick and event that the store has of its market, in commit order, through the live pipeline."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.market.records import Decision, Event, Run, RunEnd
from engine.pairs.pipeline import Pipeline
from engine.pairs.run import PairRun
from engine.store.interface import TickReader
from live.history import TickHistory

REPORT_EVERY = 20_000  # ticks


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What the replay of a run gave: its decisions as given, and the run, or how it ended."""

    run: PairRun | None
    given: list[Decision]
    end: RunEnd | None = None


def replay(
    reader: TickReader, run: Run, seq: int, event_id: int, progress: Callable[[int], None] = lambda _: None
) -> Replayed:
    """The run after the tick ``seq`` and the event ``event_id``, from the first tick of the store on, archived ones
    included. The bars are made from ticks, and nothing is taken from runs or checkpoints.

    ``progress`` gets the newest tick replayed, every ``REPORT_EVERY`` ticks; what it raises ends the replay. Raises
    StoreError.
    """
    player = _Player(reader, run, event_id, seq)
    for at, market, tick in reader.all_ticks_after(0, seq):
        if at % REPORT_EVERY == 0:
            progress(at)
        player.pass_to(at)
        if market == run.market:
            player.given += player.pipeline.feed(at, tick)
    player.pass_to(seq + 1)
    followed = player.pipeline.runs.get(run.run_id)
    ends = {end.run_id: end for end in player.pipeline.take_ended()}
    return Replayed(followed, player.given, ends.get(run.run_id))


class _Player:
    """The pipeline of one market, with what lies between two ticks."""

    def __init__(self, reader: TickReader, run: Run, event_id: int, seq: int) -> None:
        self.pipeline = Pipeline(TickHistory(reader, run.market))
        self.given: list[Decision] = []
        self._run = run
        self._has_begun = False
        self._events: deque[Event] = deque(
            event for event in reader.events_after(0, seq) if event.market == run.market and event.event_id <= event_id
        )

    def pass_to(self, seq: int) -> None:
        """All that happened before the tick ``seq``. The run began after the events of its place."""
        if not self._has_begun and self._run.began_seq < seq:
            self._note_before(self._run.began_seq + 1)
            self._has_begun = True
            self.given += self.pipeline.begin(self._run, self._run.began_seq)
        self._note_before(seq)

    def _note_before(self, seq: int) -> None:
        while self._events and self._events[0].after_seq < seq:
            self.given += self.pipeline.note(self._events.popleft())
