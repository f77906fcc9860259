"""A stored range through the socket again: the same rows each time, at the asked speed, stopped and by steps."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Config
from engine.errors import SettingsError
from feeds.pace import SPEEDS, Pace
from feeds.replay import ReplayFeed
from feeds.stored import StoredFeed
from serving.bridge_server import BridgeServer
from tests.conftest import ServerHarness, until

T0 = 1_767_225_600_000
SYMBOLS = ("BTCUSDT", "ETHUSDT")
EVER = (0, 2**50)


def written(path: Path, seconds: int = 40) -> Path:
    """Trades of two symbols, several in most seconds, with ids that rise."""
    random.seed(7)
    rows = []
    for symbol in SYMBOLS:
        time_ms = T0
        for number in range(seconds * 5):
            time_ms += random.choice((0, 20, 90, 400))
            price, quantity = 100 + random.random() * 1e-3, random.random() * 1e-6
            rows.append(f"{time_ms},{symbol},{price:.9f},{quantity:.12f},{1_000 + number},{random.random() < 0.5}")
    path.write_text("\n".join(["timestamp,symbol,price,size,agg_trade_id,is_buyer_maker", *rows]))
    return path


def stored(data_dir: Path, market: str) -> list[tuple[Any, ...]]:
    query = (
        "SELECT symbol, agg_id, price, quantity, trade_time_ms, buyer_is_maker FROM v_ticks WHERE market=?"
        " ORDER BY symbol, agg_id"
    )
    with closing(sqlite3.connect(data_dir / "ticks.db")) as db:
        return db.execute(query, (market,)).fetchall()


@pytest.fixture
async def source(harness: ServerHarness, tmp_path: Path) -> Path:
    """A data folder with the market ``sim``; its server runs."""
    await ReplayFeed(written(tmp_path / "ticks.csv"), "sim").run(harness.url, harness.token)
    return harness.config.data_dir


async def test_two_replays_store_the_same_as_was_stored_first(
    harness: ServerHarness, source: Path, tmp_path: Path, bridge_dir: Path
) -> None:
    first = stored(source, "sim")
    assert len(first) == 400
    found = []
    for number, speed in enumerate((100.0, 50.0)):
        config = Config(data_dir=tmp_path / f"again-{number}", bridge_port=0)
        async with await BridgeServer.open(config, bridge_dir, routes={}) as server:
            url, token = f"ws://127.0.0.1:{server.port}/", (config.data_dir / "token").read_text().strip()
            assert await StoredFeed(source, "sim", (), EVER, speed).run(url, token) == 400
        found.append(stored(config.data_dir, "replay-sim"))
    assert found == [first, first]


async def test_into_the_same_server_once_more_is_all_known(harness: ServerHarness, source: Path) -> None:
    for _ in range(2):
        await StoredFeed(source, "sim", ("BTCUSDT",), EVER, 100.0).run(harness.url, harness.token)
    traffic = harness.server.intake.metrics.markets["replay-sim"]
    assert (traffic.stored, traffic.duplicates, traffic.conflicts) == (200, 200, 0)
    assert stored(source, "replay-sim") == [row for row in stored(source, "sim") if row[0] == "BTCUSDT"]


async def test_stopped_nothing_is_sent_and_a_step_is_one_second(harness: ServerHarness, source: Path) -> None:
    feed = StoredFeed(source, "sim", (), EVER, 1.0, is_stopped=True)
    run = asyncio.create_task(feed.run(harness.url, harness.token))
    times = sorted(row[4] for row in stored(source, "sim"))
    sent = 0
    for second in sorted({time_ms // 1_000 for time_ms in times})[:3]:
        await until(lambda: feed.next_ms == times[sent], what="the next trade")  # noqa: B023
        assert len(stored(source, "replay-sim")) == sent and feed.command("step") == "stopped, 1 x"
        sent = sum(time_ms < (second + 1) * 1_000 for time_ms in times)
        await until(lambda: len(stored(source, "replay-sim")) >= sent, what="that second")  # noqa: B023
    assert feed.command("hurry") == "'hurry' is no command; expected stop, go, faster, slower or step"
    for _ in range(10):
        said = feed.command("faster")
    assert said == "stopped, 100 x" and feed.command("go") == "running, 100 x"
    assert await run == 400


async def test_what_is_not_stored_is_named(harness: ServerHarness, source: Path) -> None:
    for symbols, span, said in (
        (("XYZUSDT",), EVER, "no trades of XYZUSDT; expected one of: BTCUSDT, ETHUSDT"),
        ((), (0, T0 - 1), "has no trade in this range"),
    ):
        with pytest.raises(SettingsError, match=said):
            await StoredFeed(source, "sim", symbols, span, 1.0).run(harness.url, harness.token)
    with pytest.raises(ValueError, match="the speed is 3; expected one of 1, 2, 5"):
        StoredFeed(source, "sim", (), EVER, 3.0)


@given(st.lists(st.tuples(st.sampled_from(["stop", "go", "faster", "slower", "step", "wait"]), st.floats(0, 9))))
def test_the_place_never_goes_back_and_moves_by_the_speed(moves: list[tuple[str, float]]) -> None:
    now_s, pace = 0.0, Pace(T0, 1.0, 0.0)
    place = pace.reached_ms(now_s)
    for move, took_s in moves:
        speed, was_stopped = pace.speed, pace.is_stopped
        now_s += took_s
        reached = pace.reached_ms(now_s)
        assert reached == pytest.approx(place if was_stopped else place + took_s * 1_000 * speed, abs=1)
        next_ms = int(reached) + 1_500
        if move in ("stop", "go"):
            getattr(pace, move)(now_s)
        elif move == "step":
            pace.step(next_ms, now_s)
            assert pace.is_stopped and pace.wait_s(next_ms, now_s) == 0.0
            assert pace.wait_s(next_ms - next_ms % 1_000 + 1_000, now_s) is None
        elif move != "wait":
            pace.change(1 if move == "faster" else -1, now_s)
        assert pace.reached_ms(now_s) >= reached - 1e-6 and pace.speed in SPEEDS
        place = pace.reached_ms(now_s)
