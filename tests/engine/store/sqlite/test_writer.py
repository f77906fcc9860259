from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from engine.errors import DamagedStore, NewerSchema, StoreError
from engine.market.bars import second_bar
from engine.market.records import Event
from engine.market.ticks import Tick
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.writer import SqliteTickWriter
from tests.engine.store.harness import NOW, T0, batch, counts, tick


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    return tmp_path / "ticks.db"


async def test_counts_add_up_for_new_known_and_conflicting_rows(path: Path) -> None:
    writer = await SqliteTickWriter.open(path)
    first = await writer.commit([batch(tick(1), tick(2)), batch(tick(2), tick(3))], [], NOW)
    assert counts(first) == [(2, 0, 0), (1, 1, 0)]
    again = await writer.commit([batch(tick(3, price=101.0), tick(3), tick(1, quantity=2.0), tick(4))], [], NOW)
    assert counts(again) == [(1, 1, 2)]
    await writer.close()
    reader = SqliteTickReader(path)
    assert [(seq, each.agg_id, each.price) for seq, _, each in reader.ticks_after(0, 10)] == [
        (1, 1, 100.0), (2, 2, 100.0), (3, 3, 100.0), (4, 4, 100.0),
    ]  # fmt: skip


async def test_markets_never_meet(path: Path) -> None:
    writer = await SqliteTickWriter.open(path)
    commit = await writer.commit([batch(tick(1)), batch(tick(1, price=5.0), market="usdm")], [], NOW)
    assert counts(commit) == [(1, 0, 0), (1, 0, 0)]
    assert writer.high_water("sim") == writer.high_water("usdm") == {"BTCUSDT": 1}
    await writer.close()


async def test_a_restart_knows_ids_gaps_and_clock(path: Path) -> None:
    writer = await SqliteTickWriter.open(path)
    commit = await writer.commit([batch(tick(1), tick(5, 1_000), tick(9, 2_000), tick(6, 1_500))], [], NOW)
    assert [(news.gap, news.missing) for news in commit.gaps] == [((2, 4), ((2, 4),)), ((6, 8), ((7, 8),))]
    await writer.close()

    writer = await SqliteTickWriter.open(path)
    assert writer.high_water("sim") == {"BTCUSDT": 9}
    assert writer.watermark_ms("sim") == T0 + 2_000
    assert [(news.gap, news.missing) for news in writer.open_gaps()] == [
        ((2, 4), ((2, 4),)), ((6, 8), ((7, 8),)),
    ]  # fmt: skip
    commit = await writer.commit([batch(tick(7), tick(8), tick(9), tick(1))], [], NOW)
    assert counts(commit) == [(2, 2, 0)]
    assert [(news.gap, news.missing) for news in commit.gaps] == [((6, 8), ())]
    await writer.close()
    rows = sqlite3.connect(path).execute("SELECT first_id, last_id, status FROM holes ORDER BY 1").fetchall()
    assert rows == [(2, 4, "open"), (6, 8, "filled")]


async def test_what_the_exchange_does_not_have_and_what_nobody_can_fetch(path: Path) -> None:
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(tick(1), tick(5), tick(9))], [], NOW)
    events = [
        Event("absent", "sim", "BTCUSDT", {"first": 2, "last": 4, "reason": "the exchange has no such ids"}),
        Event("unfetchable", "sim", "BTCUSDT", {"first": 6, "last": 8, "reason": "geo-blocked"}),
    ]
    commit = await writer.commit([], events, NOW)
    assert [(news.gap, news.missing, news.given_up) for news in commit.gaps] == [
        ((2, 4), (), None), ((6, 8), ((6, 8),), "geo-blocked"),
    ]  # fmt: skip
    await writer.close()
    writer = await SqliteTickWriter.open(path)
    assert [news.given_up for news in writer.open_gaps()] == ["geo-blocked"]
    await writer.close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT status, reason FROM holes ORDER BY first_id").fetchall() == [
        ("absent", "the exchange has no such ids"), ("unfetchable", "geo-blocked"),
    ]  # fmt: skip
    assert [event.kind for event in SqliteTickReader(path).events_after(0, 10)] == ["absent", "unfetchable"]


async def test_an_unbelievable_time_is_stored_but_moves_nothing(path: Path) -> None:
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(tick(1))], [], NOW)
    await writer.commit([batch(tick(2, 301_000), tick(3, 86_400_000), tick(4, 299_000))], [], NOW)
    assert writer.watermark_ms("sim") == T0 + 299_000
    await writer.close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT agg_id, future FROM ticks ORDER BY agg_id").fetchall() == [(1, 0), (2, 1), (3, 1), (4, 0)]
    assert db.execute("SELECT count(*) FROM bars").fetchone() == (2,)


async def test_a_failed_commit_leaves_nothing_and_can_be_tried_again(path: Path) -> None:
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(tick(1))], [], NOW)
    lock = sqlite3.connect(path, isolation_level=None)
    await writer._db.execute("PRAGMA busy_timeout=1")
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="cannot be written: database is locked"):
        await writer.commit([batch(tick(2), tick(4))], [], NOW)
    lock.execute("ROLLBACK")
    lock.close()
    assert writer.high_water("sim") == {"BTCUSDT": 1}
    commit = await writer.commit([batch(tick(2), tick(4))], [], NOW)
    assert counts(commit) == [(2, 0, 0)]
    await writer.close()


def in_pieces(ticks: list[Tick], rng: random.Random) -> Iterable[list[Tick]]:
    while ticks:
        size = rng.randint(1, 40)
        yield ticks[:size]
        ticks = ticks[size:]


async def test_bars_are_those_of_the_set_whatever_the_order_and_the_restarts(path: Path) -> None:
    rng = random.Random(3)
    ticks = [
        tick(n, n * 37 + rng.randint(0, 30), symbol, round(100 + rng.gauss(0, 1), 2), round(rng.uniform(0.001, 9), 3))
        for n in range(1, 900)
        for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    expected: dict[tuple[str, int], list[Tick]] = {}
    for each in ticks:
        expected.setdefault((each.symbol, each.trade_time_ms // 1_000 * 1_000), []).append(each)
    shuffled = sorted(ticks, key=lambda each: each.agg_id + rng.choice([0, 0, 0, 60, 400]))
    writer = await SqliteTickWriter.open(path)
    for n, piece in enumerate(in_pieces(shuffled, rng)):
        await writer.commit([batch(*piece)], [], NOW)
        if n % 7 == 6:
            await writer.close()
            writer = await SqliteTickWriter.open(path)
    await writer.close()
    reader = SqliteTickReader(path)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        stored = {bar.open_time_ms: bar for bar in reader.bars("sim", symbol, 0, 2**62)}
        assert stored == {at: second_bar(at, of) for (name, at), of in expected.items() if name == symbol}


async def test_a_reader_sees_bars_as_they_were(path: Path) -> None:
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(tick(1, 0), tick(3, 1_500))], [], NOW)
    await writer.commit([batch(tick(2, 900), tick(4, 2_500))], [], NOW)
    reader = SqliteTickReader(path)
    assert [bar.trades for bar in reader.bars("sim", "BTCUSDT", T0, T0 + 9_000)] == [2, 1, 1]
    assert [bar.trades for bar in reader.bars("sim", "BTCUSDT", T0, T0 + 9_000, before_seq=3)] == [1, 1]
    await writer.close()


async def test_the_views_equal_an_independent_resample(path: Path) -> None:
    rng = random.Random(5)
    ticks = [
        tick(
            n,
            n * 1_700 + rng.randint(0, 1_600),
            "BTCUSDT",
            round(100 + rng.gauss(0, 5), 2),
            round(rng.random() + 0.1, 3),
        )
        for n in range(1, 4_000)
    ]
    writer = await SqliteTickWriter.open(path)
    await writer.commit([batch(*ticks)], [], NOW)
    await writer.close()
    db = sqlite3.connect(path)
    frame = pd.read_sql("SELECT * FROM v_ticks", db)
    assert list(frame.columns) == ["market", "symbol", "agg_id", "price", "quantity", "trade_time_ms", "buyer_is_maker"]
    indexed = frame.set_index(pd.to_datetime(frame["trade_time_ms"], unit="ms", utc=True)).sort_values("agg_id")
    for name, rule in {"1s": "1s", "5s": "5s", "1m": "1min", "5m": "5min", "15m": "15min", "1h": "1h"}.items():
        bars = pd.read_sql(
            "SELECT * FROM v_bars WHERE interval=? AND symbol='BTCUSDT' ORDER BY open_time_ms", db, params=(name,)
        )
        prices = indexed["price"].resample(rule).ohlc().dropna()
        volume = indexed["quantity"].resample(rule).sum()[prices.index]
        assert (bars[["open", "high", "low", "close"]].to_numpy() == prices.to_numpy()).all()
        assert bars["volume"].to_numpy() == pytest.approx(volume.to_numpy(), rel=1e-12)
        assert (pd.to_datetime(bars["open_time_ms"], unit="ms", utc=True).array == prices.index.array).all()


async def test_files_that_are_not_ours_are_refused_with_words(path: Path, tmp_path: Path) -> None:
    await (await SqliteTickWriter.open(path)).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(NewerSchema, match="schema version 99; this Pairbridge knows up to"):
        await SqliteTickWriter.open(path)
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"not a database at all" * 400)
    with pytest.raises(DamagedStore, match="is not a database"):
        await SqliteTickWriter.open(garbage)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE users (name)")
    with pytest.raises(StoreError, match="another program's database"):
        await SqliteTickWriter.open(other)
    with pytest.raises(StoreError, match="does not exist yet"):
        SqliteTickReader(tmp_path / "missing.db")
