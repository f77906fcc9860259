"""Fakes of the reading side and of the trials ledger in memory: ``engine.store.interface`` needs no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from engine.market.bars import Bar
from engine.market.history import MemoryHistory
from engine.market.records import Event
from engine.market.sourced import SourcedBar
from engine.market.ticks import Tick
from engine.store.trials import LoggedTrial, Trial, TrialCount


class MemoryTickReader:
    """Implements TickReader over what ``add`` was given."""

    def __init__(self) -> None:
        self._ticks: list[tuple[int, str, Tick]] = []
        self._events: list[Event] = []
        self._lookup: dict[str, MemoryHistory] = {}

    def add(self, market: str, ticks: list[Tick], events: list[Event]) -> None:
        for tick in ticks:
            self._ticks.append((len(self._ticks) + 1, market, tick))
            self._lookup.setdefault(market, MemoryHistory()).add(len(self._ticks), tick)
        for event in events:
            placed = (event.kind, event.market, event.symbol, event.detail, len(self._ticks), len(self._events) + 1)
            self._events.append(Event(*placed))

    def add_bars(self, market: str, bars: list[SourcedBar]) -> None:
        symbol, width_ms = bars[0].symbol, bars[0].width_ms
        detail = {
            "width_ms": width_ms, "from_ms": min(bar.open_time_ms for bar in bars),
            "to_ms": max(bar.end_ms for bar in bars), "bars": len(bars),
        }  # fmt: skip
        self.add(market, [], [Event("bars", market, symbol, detail)])
        self._lookup.setdefault(market, MemoryHistory()).add_bars(len(self._events), bars)

    def close(self) -> None: ...

    def is_current(self) -> bool:
        return True

    def store_id(self) -> str:
        return "memory"

    def changed_since(self, token: Hashable) -> Hashable | None:
        now = (len(self._ticks), len(self._events))
        return None if now == token else now

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        yield

    def last_seq(self) -> int:
        return len(self._ticks)

    def deleted_seq(self) -> int:
        return 0

    def ticks_after(self, seq: int, limit: int) -> list[tuple[int, str, Tick]]:
        return self._ticks[seq : seq + limit]

    def events_after(self, event_id: int, up_to_seq: int) -> list[Event]:
        return [event for event in self._events[event_id:] if event.after_seq <= up_to_seq]

    def ticks_of_second(self, market: str, symbol: str, second_ms: int, before_seq: int) -> list[Tick]:
        found = self._lookup[market].ticks(symbol, second_ms, before_seq) if market in self._lookup else []
        return sorted(found, key=lambda tick: tick.agg_id)

    def bars(self, market: str, symbol: str, from_ms: int, to_ms: int, before_seq: int | None = None) -> list[Bar]:
        before = len(self._ticks) + 1 if before_seq is None else before_seq
        return self._lookup[market].bars(symbol, from_ms, to_ms, before) if market in self._lookup else []

    def sourced_bars(
        self, market: str, symbol: str, width_ms: int, from_ms: int, to_ms: int, up_to_event: int | None = None
    ) -> list[SourcedBar]:
        known = len(self._events) if up_to_event is None else up_to_event
        lookup = self._lookup.get(market)
        return lookup.sourced_bars(symbol, width_ms, from_ms, to_ms, known) if lookup else []


class MemoryTrials:
    """Implements TrialStore."""

    def __init__(self) -> None:
        self._logged: list[LoggedTrial] = []

    def add(self, at_ms: int, trials: Sequence[Trial]) -> list[int]:
        numbers = []
        for trial in trials:
            self._logged.append(LoggedTrial(len(self._logged) + 1, at_ms, trial))
            numbers.append(self.on_data(trial.data).total)
        return numbers

    def on_data(self, data: str) -> TrialCount:
        return _count((each.trial.settings, each.trial.tests) for each in self._logged if each.trial.data == data)

    def overlapping(self, market: str, from_ms: int, to_ms: int) -> TrialCount:
        trials = [each.trial for each in self._logged if each.trial.market == market]
        seen = [trial for trial in trials if trial.from_ms < to_ms and trial.to_ms > from_ms]
        return _count(((trial.y, trial.x, trial.settings), trial.tests) for trial in seen)

    def sharpes(self, data: str) -> list[float]:
        first: dict[str, float] = {}
        for _, _, trial in self._logged:
            if trial.data == data and trial.sharpe is not None:
                first.setdefault(trial.settings, trial.sharpe)
        return list(first.values())

    def newest(self, limit: int = 50) -> list[LoggedTrial]:
        return self._logged[::-1][:limit]


def _count(tests: Iterable[tuple[Hashable, int]]) -> TrialCount:
    by_settings: defaultdict[Hashable, list[int]] = defaultdict(list)
    for settings, number in tests:
        by_settings[settings].append(number)
    return TrialCount(sum(map(sum, by_settings.values())), sum(map(max, by_settings.values())))
