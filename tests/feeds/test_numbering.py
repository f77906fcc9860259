"""Files without ids that come into a market which has trades of their symbols: appended, known, or refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.files.upload import look_through
from feeds.replay import Brought, bring
from tests.conftest import ServerHarness

T = 1_767_225_600_000
MARKET = "file-mine"


def write(folder: Path, numbers: range, name: str = "ticks.csv", shift: int = 0) -> Path:
    """Trade ``n`` is at ``n`` x 100 ms; ``shift`` changes its price."""
    rows = [f"{T + n * 100},{symbol},{100 + n + shift},1" for n in numbers for symbol in ("BTCUSDT", "ETHUSDT")]
    path = folder / name
    path.write_text("\n".join(["timestamp,symbol,price,size", *rows]))
    return path


async def brought(harness: ServerHarness, path: Path) -> Brought:
    return await bring(look_through([path]), MARKET, harness.url, harness.token, data_dir=harness.config.data_dir)


def stored(harness: ServerHarness) -> list[tuple[int, float]]:
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        query = "SELECT agg_id, price FROM v_ticks WHERE symbol='BTCUSDT' ORDER BY agg_id"
        return db.execute(query).fetchall()


async def test_later_files_are_appended_and_the_same_are_known(harness: ServerHarness, tmp_path: Path) -> None:
    first, second = write(tmp_path, range(25), "a.csv"), write(tmp_path, range(25, 47), "b.csv")
    for path, counts in ((first, (50, 0)), (second, (44, 0)), (first, (0, 50)), (second, (0, 44))):
        done = await brought(harness, path)
        assert (done.tally.stored, done.tally.duplicates, done.tally.conflicts) == (*counts, 0)
    assert stored(harness) == [(n, 100.0 + n) for n in range(47)], "b begins in the second in which a ends"


@pytest.mark.parametrize(
    ("numbers", "new"), [(range(10, 60), 40), (range(5, 33), 0), (range(40), 0), (range(17, 41), 2), (range(39, 40), 0)]
)
async def test_a_recording_that_has_grown_adds_what_is_new(
    harness: ServerHarness, tmp_path: Path, numbers: range, new: int
) -> None:
    await brought(harness, write(tmp_path, range(40)))
    done = await brought(harness, write(tmp_path, numbers))
    assert (done.tally.stored, done.tally.conflicts) == (new, 0)
    assert stored(harness) == [(n, 100.0 + n) for n in range(max(40, numbers.stop))]


@pytest.mark.parametrize(
    ("numbers", "shift"),
    [(range(10, 60), 1), (range(0, 40, 2), 0), (range(-30, 10), 0), (range(35, 60), 1), (range(-30, -10), 0)],
)
async def test_what_lies_among_stored_trades_is_refused(
    harness: ServerHarness, tmp_path: Path, numbers: range, shift: int
) -> None:
    await brought(harness, write(tmp_path, range(40)))
    with pytest.raises(ValueError, match=r"market 'file-mine' has trades of .*; expected the same trades again, only"):
        await brought(harness, write(tmp_path, numbers, shift=shift))
    assert stored(harness) == [(n, 100.0 + n) for n in range(40)], "nothing of it is stored"


async def test_other_symbols_join_with_numbers_of_their_own(harness: ServerHarness, tmp_path: Path) -> None:
    await brought(harness, write(tmp_path, range(5)))
    path = tmp_path / "SOLUSDT.csv"
    path.write_text(f"timestamp,price,size\n{T},7,1\n")
    assert (await brought(harness, path)).tally.stored == 1
