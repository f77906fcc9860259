"""The watched pairs: their list, settings and decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.errors import SettingsError
from engine.market.similar import nearest
from engine.market.ticks import read_symbol
from engine.pairs.settings import PairSettings
from engine.store.bulk import SignalFilter
from live.monitor import Monitor
from services.requests import Changed, not_logged


@dataclass(frozen=True, slots=True)
class Pair:
    """``y`` on ``x`` in one market, with its settings."""

    market: str
    y: str
    x: str
    settings: PairSettings


class PairService:
    """The watch list. Any thread may call."""

    def __init__(
        self, monitor: Monitor, new_pair: PairSettings, require_owner: Callable[[], None], changed: Changed = not_logged
    ) -> None:
        """``new_pair``: the settings a new pair starts with; ``require_owner`` raises NotAllowed for callers with read
        access only; ``changed`` logs a change."""
        self._changed = changed
        self._monitor = monitor
        self._require_owner = require_owner
        self.new_pair = new_pair

    def symbols(self) -> dict[str, list[str]]:
        """The symbols with trades or bars from elsewhere, by market."""
        with self._monitor.lock:
            return {market: pipe.symbols() for market, pipe in sorted(self._monitor.pipelines.items())}

    def first(self) -> int | None:
        """Watch id of the pair to show when none is chosen."""
        with self._monitor.lock:
            return next(iter(self._monitor.watches), None)

    def pair(self, watch_id: int | None) -> Pair | None:
        """A watched pair; None for a number that is not watched."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(-1 if watch_id is None else watch_id)
            return Pair(watch.entry.market, watch.entry.y, watch.entry.x, watch.settings) if watch else None

    def find(self, market: str, y: str, x: str) -> int | None:
        """Watch id of a pair; None if it is not watched."""
        with self._monitor.lock:
            for watch_id, watch in self._monitor.watches.items():
                if (watch.entry.market, watch.entry.y, watch.entry.x) == (market, y, x):
                    return watch_id
            return None

    def watched(self) -> dict[int, Pair]:
        """Every watched pair by its watch id."""
        with self._monitor.lock:
            found = {watch_id: self.pair(watch_id) for watch_id in self._monitor.watches}
        return {watch_id: pair for watch_id, pair in found.items() if pair is not None}

    def matching(self, words: list[str]) -> Pair | None:
        """The first watched pair whose symbols contain the first word in one and the others in either, Y before X."""
        with self._monitor.lock:
            watched = [self.pair(watch_id) for watch_id in self._monitor.watches]
        pairs = [each for each in watched if each and all(word in each.y or word in each.x for word in words)]
        return min(pairs, key=lambda each: (not each.y.startswith(words[0]), each.y, each.x), default=None)

    def nearest(self, symbol: str) -> str | None:
        """The known symbol whose name without its quote currency is nearest to ``symbol``'s, within two edits; None
        without."""
        return nearest(symbol, [each for names in self.symbols().values() for each in names])

    def watch(self, pair: Pair) -> int:
        """Watch a pair, or change its settings; returns its watch id.

        Raises NotAllowed, RowRefused for an invalid symbol, StoreError.
        """
        self._require_owner()
        read_symbol(pair.market.upper())  # market names use the same characters, in lower case
        y, x = read_symbol(pair.y), read_symbol(pair.x)
        before = self.pair(self.find(pair.market, y, x))
        watch_id = self._monitor.watch(pair.market, y, x, pair.settings)
        after = self.pair(watch_id)
        if after != before:
            self._changed(f"watch {pair.market}/{y}~{x}", before and asdict(before), after and asdict(after))
        return watch_id

    def watch_found(self, market: str, y: str, x: str, interval_ms: int) -> int:
        """Watch a pair on bars of this width, unless it is watched already; returns its watch id. Raises the errors of
        ``watch``."""
        with self._monitor.lock:
            known = self.find(market, y, x)
            if known is not None:
                return known
            return self.watch(Pair(market, y, x, replace(self.new_pair, interval_ms=interval_ms)))

    def unwatch(self, watch_id: int | None) -> Pair | None:
        """Stop watching a pair; returns it, so that it can be watched again. Raises NotAllowed, StoreError."""
        self._require_owner()
        pair = self.pair(watch_id)
        if pair is not None and watch_id is not None:
            self._monitor.unwatch(watch_id)
            self._changed(f"unwatch {pair.market}/{pair.y}~{pair.x}", asdict(pair), None)
        return pair

    def logged(self, watch_id: int) -> SignalFilter | None:
        """What the log of a watched pair holds: the decisions of its run, after the exit that closed the previous run's
        position. None for a number that is not watched."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            if watch is None:
                return None
            runs = watch.run.run_id if watch.run else "", watch.previous.run_id if watch.previous else ""
            entry = watch.entry
            return SignalFilter(entry.market, (entry.y, entry.x), runs=runs)


def settings_with(base: PairSettings, changes: dict[str, Any]) -> PairSettings:
    """Settings with some changed. Raises SettingsError for an unknown name or an invalid value."""
    try:
        return replace(base, **changes)
    except TypeError as error:
        raise SettingsError(f"settings are {str(changes)[:80]}: {error}") from None
