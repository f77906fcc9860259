"""Ingest and storage of the bridge server, over its real socket: ``python -m bench store``.

The server is a separate process, on a file in a temporary folder (set ``TMPDIR`` to choose the disk); the bridge is
this process. Latencies are measured from the time a batch was due, so a server that falls behind shows high latencies.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from itertools import islice
from pathlib import Path

import polars
from websockets.asyncio.client import connect

from bench.report import Row, row, show
from engine.store.sqlite.files import connect_reader, prepare
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.writer import SqliteTickWriter
from tests.conftest import until
from tests.durability.bridge import Bridge, ServerProcess
from tests.engine.store.harness import T0, query

MB = 1_000_000
SECONDS = 60
DAY_MS = 86_400_000
FASTER_THAN_POSSIBLE = 400_000.0  # rows per second: the server sets the ingest rate
BATCH = 500
SYMBOLS = [f"S{n}USDT" for n in range(8)]
ROUNDS, ROUND_ROWS = 5, 300_000
ARCHIVED = 1_000_000
OLD = "SELECT EXISTS (SELECT 1 FROM ticks WHERE series_id <= 8)"

# The server with sweeps every two seconds instead of every ten minutes, and the time that each commit took.
_KEEPING_HOUSE = """
import json, sys, time, server
from engine.store.sqlite import maintenance
from engine.store.sqlite import writer
maintenance.SWEEP_EVERY_S = 2.0
commit, took = writer.SqliteTickWriter.commit, []
async def timed(self, *arguments):
    begun = time.monotonic()
    done = await commit(self, *arguments)
    took.append((begun, time.monotonic() - begun))
    return done
writer.SqliteTickWriter.commit = timed
server.main([])
with open("commits.json", "w") as file:
    json.dump(took, file)
"""


def run() -> list[Row]:
    """Measure everything and print the table."""
    lines: list[Row] = []
    for part in (_steady, _burst, _beside_raw_sqlite, _long_reader, _retention):
        found = asyncio.run(part())
        show(found, heading=not lines)
        lines += found
    return lines


@asynccontextmanager
async def serving(code: str = "") -> AsyncIterator[ServerProcess]:
    """A bridge server as a process, with a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), code=code)
        server.start()
        try:
            yield server
        finally:
            server.kill()


async def _steady() -> list[Row]:
    """20,000 rows a second for a minute."""
    async with serving() as server:
        bridge = Bridge(20_000)
        begun_s, cpu_s = time.monotonic(), _cpu_s(server)
        life = bridge.run(server.url, server.token, 20_000 * SECONDS)
        peak = await _watched(lambda: server.usage.memory_info().rss, life)
        took_s = time.monotonic() - begun_s
        cores = (_cpu_s(server) - cpu_s) / took_s
        what = f"20,000 rows/s for {SECONDS} s:"
        return [
            row(f"{what} rows lost", _lost(server, bridge), "rows", bounds={"ours": ("at most", 0)}),
            row(f"{what} ack p50", 1_000 * _quantile(bridge.waits_s, 0.5), "ms"),
            row(f"{what} ack p99", 1_000 * _quantile(bridge.waits_s, 0.99), "ms", bounds={"ours": ("at most", 250)}),
            row(f"{what} processor", cores, "cores", bounds={"ours": ("at most", 0.5)}),
            row(f"{what} memory", peak / MB, "MB", bounds={"ours": ("at most", 150)}),
        ]


async def _burst() -> list[Row]:
    """50,000 rows a second for ten seconds."""
    async with serving() as server:
        bridge = Bridge(50_000)
        begun_s = time.monotonic()
        await bridge.run(server.url, server.token, 500_000)
        took_s = time.monotonic() - begun_s
        what = "50,000 rows/s for 10 s:"
        return [
            row(f"{what} rows lost", _lost(server, bridge), "rows", bounds={"ours": ("at most", 0)}),
            row(f"{what} stored after", took_s, "s"),
            row(f"{what} ack p99", 1_000 * _quantile(bridge.waits_s, 0.99), "ms"),
        ]


async def _beside_raw_sqlite() -> list[Row]:
    """Maximum speed, alternating with ``executemany`` into the same table in transactions of one batch.

    Both get prepared input: rows for the one, bridge messages for the other.
    """
    ours, theirs = [], []
    lost = 0
    messages = [_message(number) for number in range(ROUND_ROWS // BATCH)]
    for _ in range(ROUNDS):
        async with serving() as server:
            begun_s = time.perf_counter()
            await _offer(server, messages)
            ours.append(ROUND_ROWS / (time.perf_counter() - begun_s))
            lost += ROUND_ROWS - query(server.data_dir / "ticks.db", "SELECT count(*) FROM v_ticks")[0][0]
        theirs.append(_raw(BATCH))
    return [
        row(
            "durable ingest through the socket", statistics.median(ours), "rows/s", peer="sqlite3.executemany",
            theirs=statistics.median(theirs),
            ratio=statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True)),
            bounds={"ratio": ("at least", 0.5)},
        ),
        row("durable ingest: rows lost", lost, "rows", bounds={"ours": ("at most", 0)}),
    ]  # fmt: skip


def _message(number: int) -> str:
    rows = [
        [SYMBOLS[n % len(SYMBOLS)], n // len(SYMBOLS), f"{100 + n % 97 / 100:.2f}", "1.25", T0 + n // 50, n % 3 == 0]
        for n in range(number * BATCH, (number + 1) * BATCH)
    ]
    return json.dumps({"type": "ticks", "seq": number, "rows": rows})


async def _offer(server: ServerProcess, messages: list[str]) -> None:
    """Keep the maximum number of batches in flight, until the last is acknowledged."""
    async with connect(server.url, compression=None, ping_interval=None) as socket:
        hello = {"type": "hello", "proto": 1, "token": server.token, "market": "sim", "client": "bench", "session": "b"}
        await socket.send(json.dumps(hello))
        in_flight = json.loads(await socket.recv())["limits"]["in_flight"]
        waiting = iter(messages)
        for message in islice(waiting, in_flight):
            await socket.send(message)
        for _ in messages:
            await socket.recv()
            for message in islice(waiting, 1):
                await socket.send(message)


def _raw(batch: int) -> float:
    """Rows a second of plain SQLite: our schema, our pragmas, no validation, no bars, no socket."""
    symbols, numbers = len(SYMBOLS), range(ROUND_ROWS)
    rows = [(n, n % symbols, n // symbols, 100 + n % 97 / 100, 1.25, T0 + n // 50, n % 3 == 0, False) for n in numbers]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ticks.db"
        prepare(path, TICKS)
        with closing(SqliteTickWriter(path, "power")._connect()) as db:
            begun_s = time.perf_counter()
            for at in range(0, ROUND_ROWS, batch):
                db.execute("BEGIN IMMEDIATE")
                db.executemany("INSERT INTO ticks VALUES (?,?,?,?,?,?,?,?)", rows[at : at + batch])
                db.execute("COMMIT")
            return ROUND_ROWS / (time.perf_counter() - begun_s)


async def _long_reader() -> list[Row]:
    """The log of the file while another program holds a read transaction for a minute."""
    async with serving() as server:
        bridge = Bridge(5_000, batch=50)
        life = asyncio.create_task(bridge.run(server.url, server.token, 5_000 * (SECONDS + 5)))
        await asyncio.sleep(1)
        with closing(connect_reader(server.ticks_db)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM ticks").fetchone()
            log = server.ticks_db.with_name("ticks.db-wal")
            largest = await _watched(lambda: log.stat().st_size, asyncio.sleep(SECONDS))
            reader.execute("COMMIT")
        await life
        after = log.stat().st_size
        what = f"5,000 rows/s beside a reader of {SECONDS} s:"
        return [
            row(f"{what} log", largest / (1 << 20), "MiB", bounds={"ours": ("at most", 256)}),
            row(f"{what} log after it", after / (1 << 20), "MiB"),
            row(f"{what} ack p99", 1_000 * _quantile(bridge.waits_s, 0.99), "ms"),
            row(f"{what} rows lost", _lost(server, bridge), "rows", bounds={"ours": ("at most", 0)}),
        ]


async def _retention() -> list[Row]:
    """A million ticks are archived while 5,000 a second arrive."""
    async with serving(_KEEPING_HOUSE) as server:
        old = Bridge(FASTER_THAN_POSSIBLE)
        await old.run(server.url, server.token, ARCHIVED)
        live = Bridge(5_000, batch=50, symbols=["LIVEUSDT"], begin_ms=T0 + 2 * DAY_MS)
        begun_s = time.monotonic()
        life = asyncio.create_task(live.run(server.url, server.token))
        await until(lambda: not query(server.ticks_db, OLD)[0][0], within_s=600, what="the archiving")
        ended_s = time.monotonic()
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        assert server.terminate() == 0
        commits = json.loads((server.tree / "commits.json").read_text())
        took_s = [took for at, took in commits if begun_s <= at <= ended_s]
        missing = ARCHIVED - _archived(server.data_dir)
        what = "1 M ticks archived beside 5,000 rows/s:"
        return [
            row(f"{what} commit p99", 1_000 * _quantile(took_s, 0.99), "ms", bounds={"ours": ("at most", 50)}),
            row(f"{what} longest commit", 1_000 * max(took_s), "ms"),
            row(f"{what} missing in the archive", missing, "rows", bounds={"ours": ("at most", 0)}),
            row(f"{what} took", ended_s - begun_s, "s"),
            row(f"{what} ack p99", 1_000 * _quantile(live.waits_s, 0.99), "ms"),
        ]


def _archived(data_dir: Path) -> int:
    """Different ticks of the old symbols in the Parquet files."""
    files = polars.scan_parquet(data_dir / "archive", hive_partitioning=True)
    found = files.filter(polars.col("symbol") != "LIVEUSDT").select("symbol", "agg_id").unique().collect()
    return len(found)


async def _watched(measure: Callable[[], float], work: Awaitable[None]) -> float:
    """The largest value during the work."""
    task = asyncio.ensure_future(work)
    largest = measure()
    while not task.done():
        largest = max(largest, measure())
        await asyncio.sleep(0.1)
    await task
    return largest


def _lost(server: ServerProcess, bridge: Bridge) -> int:
    """Acknowledged rows that are not in the file."""
    lost = 0
    for symbol, ids in bridge.acknowledged.items():
        stored = {agg_id for (agg_id,) in query(server.ticks_db, "SELECT agg_id FROM v_ticks WHERE symbol=?", symbol)}
        lost += len(ids - stored)
    return lost


def _cpu_s(server: ServerProcess) -> float:
    times = server.usage.cpu_times()
    return float(times.user + times.system)


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]
