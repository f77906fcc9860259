"""Files into the store, beside what plain libraries take for the same file: ``python -m bench files``.

The server is a process of its own, on a file in a temporary folder (set ``TMPDIR`` to choose the disk). An import is
what ``python -m feeds FILE`` does, from the first look at the file until its last row is acknowledged, which is after
COMMIT and sync.
"""

from __future__ import annotations

import asyncio
import csv
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars

from bench.report import Row, row, show
from bench.store import serving
from engine.files.upload import look_through
from feeds.importing import Import, import_files
from runtime.interpreter_settings import apply_interpreter_settings
from tests.engine.files.test_malformed import HOSTILE
from tests.engine.store.harness import query
from tests.feeds.dumps import HEADS

TICKS = 1_000_000
ROUNDS = 3
T0 = 1_767_225_600_000
MB = 1_000_000
# The peak is that of the new process alone; ``ru_maxrss`` begins with that of whoever started it.
_LOOK = """
import re, sys, time
from pathlib import Path
from engine.files.upload import look_through
begun = time.perf_counter()
try:
    look_through([Path(sys.argv[1])])
except ValueError:
    took = time.perf_counter() - begun
    print(took, int(re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1_024)
"""
_TAKE = """
import re, sys
from collections import Counter
from pathlib import Path
from engine.files.upload import look_through
count = sum(map(len, look_through([Path(sys.argv[1])]).trades(Counter())))
print(count, int(re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1_024)
"""


def run() -> list[Row]:
    """Measure everything and print the table."""
    lines: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in (_imports, _klines, _memory, _hostile):
            found = part(Path(folder))
            show(found, heading=not lines)
            lines += found
    return lines


def _imports(folder: Path) -> list[Row]:
    """A million ticks: into our store, through polars from CSV to CSV, and from CSV into a bare table."""
    path = folder / "ticks.csv"
    write_ticks(path, TICKS)
    return _beside_peers(path, "CSV of 1 M ticks", 6, "SELECT count(*) FROM v_ticks")


def _klines(folder: Path) -> list[Row]:
    """The same for a dump of a million candles."""
    path = folder / "BTCUSDT-1m-2024.csv"
    write_klines(path, TICKS)
    return _beside_peers(path, "1 M kline rows", 3, "SELECT count(*) FROM sourced_bars")


def _beside_peers(path: Path, what: str, bound_s: float, count: str) -> list[Row]:
    apply_interpreter_settings()
    runs = [asyncio.run(_brought(path, count)) for _ in range(ROUNDS)]
    ours_s, lost = statistics.median(took_s for took_s, _ in runs), sum(TICKS - stored for _, stored in runs)
    polars_s = statistics.median(_timed(lambda: _through_polars(path, path.parent)) for _ in range(ROUNDS))
    sqlite_s = statistics.median(_timed(lambda: _into_sqlite(path, path.parent)) for _ in range(ROUNDS))
    named = f"{what} imported, durable"
    return [
        row(named, ours_s, "s", peer="sqlite3, csv, bare table", theirs=sqlite_s, ratio=ours_s / sqlite_s,
            bounds={"ours": ("at most", bound_s)}),
        row(f"{named} (beside polars)", ours_s, "s", peer="polars read, write CSV", theirs=polars_s,
            ratio=ours_s / polars_s),
        row(f"{named}: rows lost", lost, "rows", bounds={"ours": ("at most", 0)}),
        row(f"{what} looked through", _timed(lambda: look_through([path])), "s"),
    ]  # fmt: skip


async def _brought(path: Path, count: str) -> tuple[float, int]:
    async with serving() as server:
        begun_s = time.perf_counter()
        request = Import(server.url, server.token, server.data_dir, "bench")
        (outcome,) = [each async for each in import_files([path], request, lambda *_: None)]
        took_s = time.perf_counter() - begun_s
        assert not outcome.problem, outcome.problem
        return took_s, int(query(server.ticks_db, count)[0][0])


def _through_polars(path: Path, folder: Path) -> None:
    polars.read_csv(path).write_csv(folder / "again.csv")


def _into_sqlite(path: Path, folder: Path) -> None:
    """One transaction, synced; no validation, no bars, no index."""
    (folder / "bare.db").unlink(missing_ok=True)
    with sqlite3.connect(folder / "bare.db") as db, path.open() as lines:
        db.execute("PRAGMA synchronous=FULL")
        rows = csv.reader(lines)
        names = next(rows)
        db.execute(f"CREATE TABLE bare ({', '.join(f'{name} REAL' for name in names)})")
        db.executemany(f"INSERT INTO bare VALUES ({', '.join('?' * len(names))})", rows)
    db.close()


def _memory(folder: Path) -> list[Row]:
    """What a file takes while it is read, by its length and by its order."""
    small, large, reverse = folder / "a.csv", folder / "b.csv", folder / "c.csv"
    write_ticks(small, 20_000)
    write_ticks(large, TICKS)
    write_ticks(reverse, TICKS, newest_first=True)
    base, streamed, sorted_ = (_peak(_TAKE, path)[1] for path in (small, large, reverse))
    return [
        row("1 M ticks in order: memory beyond 20,000", (streamed - base) / MB, "MB", bounds={"ours": ("at most", 32)}),
        row("1 M ticks newest first: memory beyond 20,000", (sorted_ - base) / MB, "MB",
            bounds={"ours": ("at most", 150)}),
    ]  # fmt: skip


def _hostile(folder: Path) -> list[Row]:
    """The slowest and the largest of the hostile files, each in a process of its own."""
    took, peaks = {}, {}
    for name, (file_name, content, _) in HOSTILE.items():
        path = folder / file_name
        path.write_bytes(content())
        took[name], peaks[name] = _peak(_LOOK, path)
    slowest, largest = max(took, key=lambda name: took[name]), max(peaks, key=lambda name: peaks[name])
    return [
        row(f"{len(HOSTILE)} hostile files, slowest: {slowest}", took[slowest], "s", bounds={"ours": ("at most", 1)}),
        row(f"hostile files, largest: {largest}", peaks[largest] / MB, "MB", bounds={"ours": ("at most", 150)}),
    ]


def _peak(code: str, path: Path) -> tuple[float, float]:
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    first, second = done.stdout.split()
    return float(first), float(second)


def _timed(work: Callable[[], object]) -> float:
    begun_s = time.perf_counter()
    work()
    return time.perf_counter() - begun_s


def write_ticks(path: Path, count: int, newest_first: bool = False) -> None:
    """A tick CSV of two symbols."""
    numbers = range(count - 1, -1, -1) if newest_first else range(count)
    with path.open("w") as file:
        file.write("timestamp,symbol,price,size\n")
        for n in numbers:
            symbol = "BTCUSDT" if n % 2 else "ETHUSDT"
            file.write(f"{T0 + n * 20},{symbol},{85_000 + n % 997 / 100:.2f},{(n % 500 + 1) / 1_000:.3f}\n")


def write_klines(path: Path, count: int) -> None:
    """A dump of one-minute candles."""
    begin = T0 - count * 60_000
    with path.open("w") as file:
        file.write(f"{HEADS['klines']}\n")
        for n in range(count):
            price, time_ms = 85_000 + n % 997 / 100, begin + n * 60_000
            prices = f"{price:.2f},{price + 1:.2f},{price - 1:.2f},{price + 0.5:.2f}"
            file.write(f"{time_ms},{prices},{n % 500 + 1}.123,{time_ms + 59_999},12345.67,{n % 50},1.5,2.5,0\n")
