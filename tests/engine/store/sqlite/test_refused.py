"""A gap of unusable rows has its reason from the commit that opened it."""

from __future__ import annotations

from pathlib import Path

from engine.market.records import Batch
from engine.store.sqlite.writer import SqliteTickWriter
from tests.engine.store.harness import NOW, query, tick

WHY = "quantity is '0'; expected more than 0"


async def test_the_first_import_says_why_and_leaves_open_what_may_still_come(tmp_path: Path) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    rows = tuple(tick(at, 1_000 * at) for at in (1, 3, 4, 9))
    refused = {("BTCUSDT", 2): WHY, ("BTCUSDT", 6): WHY}
    commit = await writer.commit([Batch(0, 0, "sim", rows, ((1, WHY), (5, WHY)), refused)], [], NOW)
    told = {news.gap: news.given_up for news in commit.gaps}
    assert told == {(2, 2): f"the exchange's row cannot be used: {WHY}", (5, 8): None}
    await writer.close()
    found = query(tmp_path / "ticks.db", "SELECT first_id, last_id, status FROM holes ORDER BY first_id")
    assert found == [(2, 2, "unfetchable"), (5, 8, "open")]
    again = await SqliteTickWriter.open(tmp_path / "ticks.db")
    assert [news.given_up for news in again.open_gaps()] == [f"the exchange's row cannot be used: {WHY}", None]
    await again.close()
