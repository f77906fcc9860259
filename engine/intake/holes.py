"""Which holes are open, and who has been asked to fetch what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.market.coverage import Hole
from engine.market.records import HoleNews

ASK_AGAIN_MS = 30_000  # without progress
MAX_FETCH_IDS = 200_000  # of one hole, unless the user says otherwise


@dataclass(slots=True)
class _Open:
    news: HoleNews
    asked: int | None = None
    asked_ms: int = 0


class OpenHoles:
    """The holes of all symbols that still miss something."""

    def __init__(self, known: Iterable[HoleNews] = (), max_ids: int = MAX_FETCH_IDS) -> None:
        self._max_ids = max_ids
        self._open: dict[tuple[str, str], dict[Hole, _Open]] = {}
        for news in known:
            self._of(news)[news.hole] = _Open(news)

    def update(self, news: HoleNews, now_ms: int) -> None:
        """A commit changed this hole."""
        holes = self._of(news)
        if not news.missing:
            holes.pop(news.hole, None)
        elif news.hole in holes:
            holes[news.hole].news = news
            holes[news.hole].asked_ms = now_ms
        else:
            holes[news.hole] = _Open(news)

    def due(self, market: str, symbol: str, conn: int, now_ms: int) -> list[Hole]:
        """The runs of ids that ``conn`` should be asked for now; they count as asked."""
        runs: list[Hole] = []
        for hole in self._open.get((market, symbol), {}).values():
            if hole.news.given_up is not None or self._too_large(hole.news):
                continue
            if hole.asked != conn or now_ms - hole.asked_ms >= ASK_AGAIN_MS:
                hole.asked, hole.asked_ms = conn, now_ms
                runs += hole.news.missing
        return runs

    def too_large(self, news: HoleNews) -> str | None:
        """Why a hole will not be fetched, when it is new and misses more ids than the limit."""
        if news.given_up is None and self._too_large(news):
            return (
                f"{_count(news)} ids are more than the limit of {self._max_ids}; fill it from the exchange's dump files"
            )
        return None

    def is_filling(self, market: str, symbol: str, last: int) -> bool:
        """Whether the hole that ends at ``last`` may still be filled."""
        holes = self._open.get((market, symbol), {})
        return any(hole.last == last and kept.news.given_up is None for hole, kept in holes.items())

    def misses(self, market: str, symbol: str, agg_id: int) -> bool:
        """Whether this id is missing and somebody may still bring it."""
        news = (kept.news for kept in self._open.get((market, symbol), {}).values() if kept.news.given_up is None)
        return any(run.first <= agg_id <= run.last for each in news for run in each.missing)

    def all(self) -> list[HoleNews]:
        """Every open hole."""
        return [hole.news for holes in self._open.values() for hole in holes.values()]

    def _too_large(self, news: HoleNews) -> bool:
        return _count(news) > self._max_ids

    def _of(self, news: HoleNews) -> dict[Hole, _Open]:
        return self._open.setdefault((news.market, news.symbol), {})


def _count(news: HoleNews) -> int:
    return sum(run.last - run.first + 1 for run in news.missing)
