"""What counts as a trial beside backtests and cells: each tested pair of a scan, and each pair that someone looks at.

The best of many is good by luck, whoever chose it: a pair taken from a scan was chosen among all that were tested, and
one of a watch list among those that were watched. Backtests count them by market and time
(``TrialStore.overlapping``).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from engine.backtest import settings_fingerprint
from engine.backtest.clock import DAY_MS
from engine.errors import StoreError
from engine.pairs.settings import PairSettings
from engine.scan.request import ScanRequest
from engine.store.trials import Trial, TrialStore
from services.jobs import Json

log = logging.getLogger("pairbridge.trials")


class SeenPair(NamedTuple):
    """A pair on a screen: its run's bars from ``from_ms`` to before ``to_ms``."""

    market: str
    y: str
    x: str
    settings: PairSettings
    from_ms: int
    to_ms: int


def trial_of_scan(request: ScanRequest, result: Json) -> Trial:
    """A scan as one trial of all the pairs that it tested; ``result`` as ``services.scan_job`` gives it."""
    return Trial(
        "scan", result["data"], settings_fingerprint({"scan": request.to_json()}), result["market"], "", "",
        result["from_ms"], result["to_ms"], tests=max(result["tests"], 1),
    )  # fmt: skip


def trial_of_view(pair: SeenPair) -> Trial:
    """A look at a pair. Its data have no fingerprint, they grow: it is that of the pair's name."""
    name = {"market": pair.market, "y": pair.y, "x": pair.x}
    settings = settings_fingerprint({"settings": pair.settings.to_json()})
    return Trial(
        "view", settings_fingerprint(name), settings, pair.market, pair.y, pair.x, pair.from_ms, pair.to_ms
    )  # fmt: skip


class SeenPairs:
    """Counts the pairs on screens: each with its settings once a day, because every day has new data. Any thread may
    call; a thread of its own writes, so that no screen waits for the store."""

    def __init__(self, trials: TrialStore, now_ms: Callable[[], int]) -> None:
        """``now_ms``: the local clock."""
        self._trials = trials
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._known: set[tuple[object, ...]] = set()
        self._writer = ThreadPoolExecutor(1, "seen pairs")

    def note(self, pairs: Iterable[SeenPair]) -> None:
        """Pairs that a screen shows now."""
        for pair in pairs:
            key = (pair.market, pair.y, pair.x, pair.settings, pair.to_ms // DAY_MS)
            with self._lock:
                if key in self._known:
                    continue
                self._known.add(key)
            self._writer.submit(self._count, key, pair)

    def close(self) -> None:
        """Write what waits."""
        self._writer.shutdown()

    def _count(self, key: tuple[object, ...], pair: SeenPair) -> None:
        try:
            self._trials.add(self._now_ms(), [trial_of_view(pair)])
        except StoreError as error:
            log.error("a look at %s on %s was not counted and will be at the next: %s", pair.y, pair.x, error)
            with self._lock:
                self._known.discard(key)
