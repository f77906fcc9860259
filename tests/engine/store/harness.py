"""Helpers of the store's tests: ticks in one line, and an endless market."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.market.records import Batch, Commit
from engine.market.ticks import Tick
from engine.store.archive.parquet import archive_of
from engine.store.interface import Now
from engine.store.sqlite.check import check_ticks
from engine.store.sqlite.files import connect_reader
from engine.store.sqlite.tick_scan import walk

T0 = 1_790_046_465_000
NOW = Now(T0, 0)


def tick(agg_id: int, at: int = 0, symbol: str = "BTCUSDT", price: float = 100.0, quantity: float = 1.0) -> Tick:
    """``at``: milliseconds after T0."""
    return Tick(symbol, agg_id, price, quantity, T0 + at, agg_id % 2 == 0)


def batch(*ticks: Tick, market: str = "sim", number: int = 1) -> Batch:
    return Batch(0, number, market, ticks)


def counts(commit: Commit) -> list[tuple[int, int, int]]:
    return [(receipt.stored, receipt.duplicates, receipt.conflicts) for receipt in commit.receipts]


def trading(rng: random.Random, symbols: int = 2, step_ms: int = 40) -> Iterator[Tick]:
    """Contiguous ids per symbol, times that rise, prices that walk."""
    names = [f"S{n}USDT" for n in range(symbols)]
    following = dict.fromkeys(names, 1_000)
    at = 0
    while True:
        name = rng.choice(names)
        at += rng.randint(0, 2 * step_ms)
        price, quantity = round(100 + rng.gauss(0, 1), 2), round(rng.uniform(0.001, 9), 3)
        maker = rng.choice([True, False, None]) if rng.random() < 0.02 else rng.random() < 0.5
        yield Tick(name, following[name], price, quantity, T0 + at, maker)
        following[name] += 1


def query(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql, values).fetchall()


def everything(path: Path, market: str = "sim") -> dict[str, list[tuple[int, Tick]]]:
    """(seq, tick) by symbol, archived and hot."""
    symbols = query(path, "SELECT symbol FROM series WHERE market=?", market)
    return {symbol: list(stored_ticks(path, symbol, market=market)) for (symbol,) in symbols}


def stored_ticks(
    path: Path, symbol: str, first: int = 0, last: int = 2**63 - 1, *, market: str = "sim"
) -> Iterator[tuple[int, Tick]]:
    """(seq, tick) of every stored tick with these ids, archived or not, rising by id."""
    ((series_id,),) = query(path, "SELECT series_id FROM series WHERE market=? AND symbol=?", market, symbol)
    with closing(connect_reader(path)) as db:
        yield from walk(db, archive_of(path), series_id, symbol, first, last)


def assert_whole(path: Path) -> None:
    problems = check_ticks(path, lambda _: None).problems
    assert problems == [], problems[:5]
