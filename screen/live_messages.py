"""The messages for each screen, by topic: its pair's frame, the watch list, the overview, and always the banner."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Generic, TypeVar

from engine.scan.request import ScanState
from screen.components.addresses import BACKTEST, SCAN, pair_path
from screen.components.formatting import clock
from screen.pages.alerts.live import RulesNow, alert_news
from screen.pages.overview.rows import pair_row, symbol_row
from screen.pages.pair.frames import Frame, frame, watchlist_row
from screen.pages.pair.labels import loading_notes, no_pair_notes, waiting
from services.alerts import AlertService
from services.backtests import BacktestState
from services.overview import OverviewService
from services.pairs import PairService
from services.views import ViewerCursor, ViewService

TABLES_S = 0.25  # between two looks at all pairs: faster than that nobody reads a table
AROUND_S = 0.1  # between two looks at the banner, the jobs and the alerts
KEEP_BARS = 1_000  # on a screen; assets/core.js keeps as many
NO_CURSOR = ViewerCursor()
T = TypeVar("T")
JobState = Callable[[], ScanState | BacktestState]
JOB_PAGES = {"scan": SCAN, "backtest": BACKTEST}


class _Rows(Generic[T]):
    """The rows of records: of the same object the same row, so that of 190 only those that changed cost anything."""

    def __init__(self, make: Callable[[T], Frame]) -> None:
        self._make = make
        self._known: dict[int, tuple[T, Frame]] = {}  # by the record's identity, which lasts while it is kept here

    def of(self, records: Iterable[T]) -> list[Frame]:
        """In the records' order."""
        known = self._known
        self._known = now = {id(each): known.get(id(each)) or (each, self._make(each)) for each in records}
        return [row for _, row in now.values()]


class _Part:
    """A part of messages that is looked up for all screens together, at most every ``every_s``. The last change
    reaches a screen with its next message, at the latest after ``api.live.PULSE_S``."""

    def __init__(self, look: Callable[[], Frame], every_s: float) -> None:
        self._look = look
        self._every_s = every_s
        self._found: Frame = {}
        self._looked_s = -math.inf

    def now(self) -> Frame:
        """As of at most ``every_s`` ago."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= self._every_s:
            self._found, self._looked_s = self._look(), now_s
        return self._found


class LiveMessages:
    """Composes the messages for screens. Topics: ``pair``, ``watch-list``, ``overview``, ``alerts``, ``names``."""

    def __init__(
        self,
        pairs: PairService,
        views: ViewService,
        overview: OverviewService,
        bridge_url: str,
        jobs: Mapping[str, JobState] = MappingProxyType({}),
        alerts: AlertService | None = None,
    ) -> None:
        """``bridge_url``: the URL of the bridge page; ``jobs``: the states of long jobs by kind, of ``JOB_PAGES``."""
        self._pairs = pairs
        self._views = views
        self._overview = overview
        self._bridge_url = bridge_url
        self._states = jobs
        self._alerts = alerts
        self._rules_now = None if alerts is None else RulesNow(alerts)
        self._leaders, self._pair_rows = _Rows(watchlist_row), _Rows(pair_row)
        self._watch_list, self._tables = _Part(self._watched, TABLES_S), _Part(self._overviewed, TABLES_S)
        self._around: dict[str | None, _Part] = {}  # by market

    def message(self, topics: frozenset[str], follows: int | None, known: Hashable) -> tuple[Frame, Hashable]:
        """The update for a screen that shows these topics, in this state; and the new state."""
        message: Frame = {"type": "pulse"}
        market = None
        cursor = known if isinstance(known, ViewerCursor) else NO_CURSOR
        if "pair" in topics:
            message, cursor, market = self._pair(follows, cursor)
        message["clock"] = self._clock(market)
        if market not in self._around:
            self._around[market] = _Part(partial(self._of_all_pages, market), AROUND_S)
        message |= self._around[market].now()
        if "alerts" in topics and self._rules_now is not None:
            message["rules_now"] = self._rules_now.texts()
        if "watch-list" in topics:
            message |= self._watch_list.now()
        if "overview" in topics:
            message |= self._tables.now()
        if "names" in topics:
            message["names_known"] = self._names()
        return message, cursor

    def _of_all_pages(self, market: str | None) -> Frame:
        """The banner, the jobs and the news of alerts."""
        found: Frame = {"jobs": self._jobs(), "banner": dataclasses.asdict(self._views.status(market))}
        if self._alerts is not None:
            found["alerts"] = alert_news(self._alerts.board.news())
        return found

    def _watched(self) -> Frame:
        return {"leaders": self._leaders.of(self._views.watch_list())}

    def _overviewed(self) -> Frame:
        found = self._overview.overview()
        start = "" if found.symbols else self._bridge_url
        return {
            "symbols": [symbol_row(each) for each in found.symbols], "pairs": self._pair_rows.of(found.pairs),
            "start": start,
        }  # fmt: skip

    def _pair(self, follows: int | None, cursor: ViewerCursor) -> tuple[Frame, ViewerCursor, str | None]:
        """The frame of the pair, or the notes over its charts if there is none; the new state, and its market."""
        watch_id = self._pairs.first() if follows is None else follows
        found = None if watch_id is None else self._views.pair(watch_id, cursor, KEEP_BARS)
        if found is None:
            return {"type": "pulse", "notes": self._no_pair(watch_id)}, cursor, None
        market = found.view.market
        message = frame(found)
        message["waits"] = waiting(found.view, self._views.watermark_ms(market))
        return message, found.seen, market

    def _no_pair(self, watch_id: int | None) -> dict[str, str]:
        """Why the charts are empty: nothing has ever traded, or what is stored is still being read."""
        is_known = watch_id is not None or self._tables.now()["symbols"]
        return loading_notes() if is_known else no_pair_notes(self._bridge_url)

    def _jobs(self) -> dict[str, Frame]:
        """The phase of each kind of job, and what to say of its end."""
        found: dict[str, Frame] = {}
        for kind, state in self._states.items():
            job = state()
            end = f"failed: {job.problem}" if job.phase == "failed" else "finished"
            found[kind] = {"phase": job.phase, "said": f"{kind.capitalize()} {end}", "path": JOB_PAGES[kind]}
        return found

    def _clock(self, market: str | None) -> str:
        """The time of the newest trade, of one market or of all."""
        now_ms = self._views.watermark_ms(market)
        return " · ".join(filter(None, (clock(now_ms) if now_ms else "", market)))

    def _names(self) -> list[list[str]]:
        """Where one may go: what is typed, and the address."""
        pairs = [row.watch for row in self._views.watch_list()]
        return [[f"{each.y} ~ {each.x}", pair_path(each.market, each.y, each.x)] for each in pairs]
