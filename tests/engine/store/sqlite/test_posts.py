"""Batches with a key: stored once however often they come, before and after a crash, with the same answer."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.intake.metrics import IntakeMetrics
from engine.intake.row_reader import RowReader
from engine.market.records import AGAIN, OTHER_ROWS, Batch, Receipt
from engine.store.interface import Now
from engine.store.sqlite import posts
from engine.store.sqlite.writer import SqliteTickWriter

T0 = 1_790_000_000_000
FAILS = "CREATE TEMP TRIGGER t BEFORE INSERT ON posts BEGIN SELECT RAISE(ABORT, 'no'); END"


def sent(key: str, rows: list[object], market: str = "file-own") -> Batch:
    return RowReader(IntakeMetrics()).batch(1, 1, market, "test", rows, key)


def row(symbol: str, number: int, price: str = "1.5", agg_id: int | None = None) -> list[object]:
    return [symbol, agg_id, price, "2", T0 + number, None]


async def commit(writer: SqliteTickWriter, *batches: Batch, at_ms: int = T0) -> Sequence[Receipt]:
    return (await writer.commit(batches, [], Now(at_ms, 0))).receipts


def counts(receipt: Receipt) -> tuple[int, int, int, str]:
    return receipt.stored, receipt.duplicates, receipt.conflicts, receipt.again


def ids(folder: Path, symbol: str) -> list[int]:
    with closing(sqlite3.connect(folder / "ticks.db")) as db:
        return [each for (each,) in db.execute("SELECT agg_id FROM v_ticks WHERE symbol=? ORDER BY agg_id", (symbol,))]


async def test_the_same_rows_under_one_key_are_stored_once(tmp_path: Path) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    batch = sent("a", [row("A", 1), row("B", 1), row("A", 2), row("A", 3, "0")])
    (first,) = await commit(writer, batch)
    assert counts(first) == (3, 0, 0, "") and [place for place, _ in first.batch.rejected] == [3]
    (again,) = await commit(writer, replace(batch, conn=7, number=9))
    assert counts(again) == (3, 0, 0, AGAIN) and again.batch.rejected == first.batch.rejected
    assert (again.batch.conn, again.batch.number) == (7, 9)
    (other,) = await commit(writer, sent("a", [row("A", 9)]))
    assert counts(other) == (0, 0, 0, OTHER_ROWS)
    await writer.close()
    assert ids(tmp_path, "A") == [0, 1] and ids(tmp_path, "B") == [0]


async def test_two_of_one_key_in_one_commit_and_rows_after_them(tmp_path: Path) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    found = await commit(
        writer, sent("a", [row("A", 1)]), sent("a", [row("A", 1)]), sent("b", [row("A", 1)]), sent("", [row("C", 1)])
    )
    assert [counts(each) for each in found] == [(1, 0, 0, ""), (1, 0, 0, AGAIN), (1, 0, 0, ""), (0, 0, 0, "")]
    assert "aggregate id is None" in found[3].batch.rejected[0][1]  # without a key a repeat would be stored twice
    assert writer.open_gaps() == []
    await writer.close()
    assert ids(tmp_path, "A") == [0, 1]


async def test_an_exchange_numbers_its_own_trades(tmp_path: Path) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    (refused,) = await commit(writer, sent("a", [row("A", 1)], "usdm"))
    assert refused.stored == 0 and "aggregate id is None" in refused.batch.rejected[0][1]
    (given,) = await commit(writer, sent("b", [row("A", 1, agg_id=70), row("A", 2, agg_id=71)], "usdm"))
    assert given.stored == 2
    await writer.close()
    assert ids(tmp_path, "A") == [70, 71]


async def test_a_key_is_kept_for_a_week(tmp_path: Path) -> None:
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    await commit(writer, sent("a", [row("A", 1)]))
    (within,) = await commit(writer, sent("a", [row("A", 1)]), at_ms=T0 + posts.KEPT_MS)
    await commit(writer, sent("b", [row("A", 2)]), at_ms=T0 + posts.KEPT_MS + 1)
    (later,) = await commit(writer, sent("a", [row("A", 3)]), at_ms=T0 + posts.KEPT_MS + 1)
    assert (within.again, later.again, later.stored) == (AGAIN, "", 1)
    await writer.close()


@pytest.mark.parametrize("seed", range(4))
async def test_a_sender_that_repeats_what_failed_stores_each_row_once(tmp_path: Path, seed: int) -> None:
    """Commits that fail before or after they are written, by a coin, until each batch was answered."""
    rng = random.Random(seed)
    writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
    batches = [sent(f"k{n}", [row("A", 10 * n + each) for each in range(rng.randint(1, 5))]) for n in range(30)]
    for batch in batches:
        while True:
            fate = rng.random()
            if fate < 0.3:
                await writer._db.run(lambda db: db.execute(FAILS))
                with pytest.raises(StoreError):
                    await commit(writer, batch, sent(f"new {rng.random()}", [row("Z", 1)]))
                await writer._db.run(lambda db: db.execute("DROP TRIGGER t"))
                continue
            await commit(writer, batch)
            if fate < 0.6:  # the answer was lost with the server
                await writer.close()
                writer = await SqliteTickWriter.open(tmp_path / "ticks.db")
                continue
            break
    await writer.close()
    assert ids(tmp_path, "A") == list(range(sum(len(batch.ticks) for batch in batches)))
    assert writer.open_gaps() == []
