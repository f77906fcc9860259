"""Ticks packed by SQLite and read by the column are those that SQLite gives row by row, to the bit."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.market.ticks import MAX_TIME_MS, MIN_TIME_MS
from engine.store.sqlite.files import prepare
from engine.store.sqlite.packed_rows import unpacked
from engine.store.sqlite.page_process import packed
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.tick_pages import read_page

MAX_ID = 2**53
WHOLE_FLOATS = (1.0, 3.0, 85_000.0, 2.0**40)  # a REAL column holds them as integers
ODD_FLOATS = (0.1, 1e-12, 123_456.789012, 5e-324, 1.7976931348623157e308, 999_999_999_999.0, 1 / 3)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "ticks.db"
    prepare(path, TICKS)
    with closing(sqlite3.connect(path.resolve().as_uri(), uri=True, isolation_level=None)) as db:
        db.execute("INSERT INTO series (series_id, market, symbol, first_id, high_water) VALUES (1, 'sim', 'A', 0, 0)")
        yield db


def store(db: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    """(id, price, quantity, time, maker, future)"""
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO ticks (series_id, agg_id, price, quantity, trade_time_ms, buyer_is_maker, future)"
        " VALUES (1,?,?,?,?,?,?)",
        rows,
    )
    db.execute("COMMIT")


def both(db: sqlite3.Connection, first_id: int, last_id: int) -> tuple[list[bytes], list[bytes]]:
    """The bytes of each column, packed and row by row."""
    image, files = packed(db, 1, first_id, last_id)
    page = read_page(db, 1, first_id, last_id, -1)
    assert files == page.files
    ours = unpacked(image)
    assert [column.dtype for column in ours] == [np.int64, np.float64, np.float64, np.int64, np.int8]
    return [column.tobytes() for column in ours], [column.tobytes() for column in page.columns]


@pytest.mark.parametrize("count", [0, 1, 300, 20_000])
def test_every_value_is_the_stored_one(db: sqlite3.Connection, count: int) -> None:
    """A page of the image holds some three hundred rows, so these are no page, one, two, and more than sixty."""
    rng = random.Random(count)
    ids = sorted(rng.sample(range(5_000_000, 5_030_000), count))
    floats = (*WHOLE_FLOATS, *ODD_FLOATS)
    rows = [
        (
            agg_id, rng.choice(floats), rng.choice([rng.random(), *floats]), rng.randrange(MIN_TIME_MS, MAX_TIME_MS),
            rng.choice([0, 1, None]), int(rng.random() < 0.01),
        )
        for agg_id in ids
    ]  # fmt: skip
    store(db, rows)
    ours, theirs = both(db, 5_000_000, 5_029_999)
    assert ours == theirs
    assert len(ours[0]) == 8 * sum(not row[-1] for row in rows)


def test_the_least_and_the_greatest_values(db: sqlite3.Connection) -> None:
    ends = [(0, MIN_TIME_MS), (1, MAX_TIME_MS), (MAX_ID - 1, MIN_TIME_MS), (MAX_ID, MAX_TIME_MS)]
    store(db, [(agg_id, 5e-324, 1.7976931348623157e308, time_ms, None, 0) for agg_id, time_ms in ends])
    for first_id in (0, MAX_ID - 1):
        ours, theirs = both(db, first_id, first_id + 1)
        assert ours == theirs and len(ours[0]) == 16


def test_only_the_asked_ids_and_nothing_of_the_page_before(db: sqlite3.Connection) -> None:
    store(db, [(agg_id, 2.5, 1.0, MIN_TIME_MS + agg_id, 1, 0) for agg_id in range(5_000)])
    for first_id, last_id in ((0, 4_999), (4_000, 4_009), (10, 9), (4_990, 6_000)):
        ours, theirs = both(db, first_id, last_id)
        assert ours == theirs
        assert np.frombuffer(ours[0], dtype=np.int64).tolist() == list(range(first_id, min(last_id + 1, 5_000)))


def test_records_of_another_form_are_an_error(db: sqlite3.Connection) -> None:
    store(db, [(agg_id, 2.5, 1.5, MIN_TIME_MS, 0, 0) for agg_id in range(3)])
    image, _ = packed(db, 1, 0, 2)
    with closing(sqlite3.connect(":memory:")) as other:
        other.deserialize(image)
        other.execute("UPDATE page SET price=2 WHERE rowid=(SELECT max(rowid) FROM page)")
        other.commit()
        changed = other.serialize()
    assert len(unpacked(image)[0]) == 3
    with pytest.raises(sqlite3.DatabaseError, match="expected records of two integers and two reals"):
        unpacked(changed)


def test_a_failed_page_leaves_the_connection_usable(db: sqlite3.Connection) -> None:
    store(db, [(1, 2.5, 1.5, MIN_TIME_MS, 0, 0)])
    with closing(sqlite3.connect(":memory:", uri=True, isolation_level=None)) as other:
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError, match="no such table: ticks"):
                packed(other, 1, 0, 1)
            assert not other.in_transaction
    assert unpacked(packed(db, 1, 0, 1)[0])[0].tolist() == [1]
