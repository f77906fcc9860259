"""Replays a run: every tick and event that the store has of its market, in commit order, through the live pipeline."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
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
    player = Replay(reader, run, seq, event_id)
    given = [decision for moment in player.moments(progress) for decision in moment]
    ends = {end.run_id: end for end in player.pipeline.take_ended()}
    return Replayed(player.followed, given, ends.get(run.run_id))


class Replay:
    """The pipeline of a run's market, up to the moment that ``moments`` has reached."""

    def __init__(self, reader: TickReader, run: Run, seq: int, event_id: int, end: RunEnd | None = None) -> None:
        """Up to the tick ``seq`` and the event ``event_id``. ``end``: how the run was ended; where the pipeline does
        not end it by itself, it is ended there."""
        self.pipeline = Pipeline(TickHistory(reader, run.market))
        self._reader = reader
        self._run = run
        self._seq = seq
        self._end = end
        self._has_begun = False
        self._events: deque[Event] = deque(
            event for event in reader.events_after(0, seq) if event.market == run.market and event.event_id <= event_id
        )

    @property
    def followed(self) -> PairRun | None:
        """The run at this moment; None before its start and after its end."""
        return self.pipeline.runs.get(self._run.run_id)

    def moments(self, progress: Callable[[int], None] = lambda _: None) -> Iterator[list[Decision]]:
        """The decisions as they are given, those of one tick or event at a time; between two of them the pipeline is as
        it was then. See ``replay``."""
        for at, market, tick in self._reader.all_ticks_after(0, self._seq):
            if at % REPORT_EVERY == 0:
                progress(at)
            yield from self._pass_to(at)
            if market == self._run.market:
                yield from _if_any(self.pipeline.feed(at, tick))
        yield from self._pass_to(self._seq + 1)

    def _pass_to(self, seq: int) -> Iterator[list[Decision]]:
        """All that happened before the tick ``seq``. The run began after the events of its place."""
        if not self._has_begun and self._run.began_seq < seq:
            yield from self._note_before(self._run.began_seq + 1)
            self._has_begun = True
            yield from _if_any(self.pipeline.begin(self._run, self._run.began_seq))
        end = self._end
        if end is not None and end.seq < seq:
            yield from self._note_before(end.seq + 1)
            if self.followed is not None:
                self.pipeline.end(end.run_id, end.seq, end.reason, end.detail, end.after_ms)
            self._end = None
        yield from self._note_before(seq)

    def _note_before(self, seq: int) -> Iterator[list[Decision]]:
        while self._events and self._events[0].after_seq < seq:
            yield from _if_any(self.pipeline.note(self._events.popleft()))


def _if_any(given: list[Decision]) -> Iterator[list[Decision]]:
    if given:
        yield given
