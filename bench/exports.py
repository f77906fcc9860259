"""Files out of a store, beside what plain libraries take for the same rows: ``python -m bench exports``.

Ten million trades of one symbol, first all in ``ticks.db``, then archived. An export counts from the request until its
file is closed, in a process of its own. Its peak of memory, with that of the processes that read for it, is compared
with that of exporting 20,000 trades. Beside it in the same run: sqlite3 reading the same rows into Python and nothing
else, and polars writing a frame of them that is in memory already.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.report import Row, row, show
from engine.store.sqlite.files import prepare
from engine.store.sqlite.retention import RetentionJob
from engine.store.sqlite.schema import TICKS as SCHEMA
from engine.store.sqlite.writer import SqliteTickWriter

TICKS = 10_000_000
SMALL = 20_000
T0 = 1_767_225_600_000
STEP_MS = 8  # a trade each: a day of 125 a second
MB = 1_000_000
ARCHIVED_MS = 3_600_000  # kept in ticks.db
_PEAK = """
def peak_of(process):
    try:
        found = re.search("VmHWM:\\s+(\\d+)", Path(f"/proc/{process}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        found = None
    return int(found[1]) * 1_024 if found else 0  # 0: it has ended
def peaks_of_readers():
    names = [name for task in Path("/proc/self/task").iterdir() for name in (task / "children").read_text().split()]
    return sum(map(peak_of, names))
"""
_EXPORT = f"""
import re, sys, time
from pathlib import Path
from engine.store import open_backend
from services.export import BarRequest, ExportService, Selection, StoredAnalysis
{_PEAK}
folder, form, to_ms, what = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
backend = open_backend(folder)
begun = time.perf_counter()
service = ExportService(backend, lambda: StoredAnalysis(backend))
selection = Selection("usdm", (), 0, to_ms)
file = service.ticks(selection, form) if what == "ticks" else service.ohlc(BarRequest(selection, 1_000), form)
size = number = readers = 0
with (folder / "out").open("wb") as out:
    for chunk in file.chunks:
        size += out.write(chunk)
        number += 1
        if number % 100 == 0:
            readers = max(readers, peaks_of_readers())
print(time.perf_counter() - begun, peak_of("self") + readers, size)
"""
_SQLITE = """
import sqlite3, sys, time
begun = time.perf_counter()
db = sqlite3.connect(f"file:{sys.argv[1]}/ticks.db?mode=ro", uri=True)
rows = db.execute(
    "SELECT agg_id, price, quantity, trade_time_ms, buyer_is_maker FROM ticks WHERE series_id=1 ORDER BY agg_id"
)
while rows.fetchmany(20_000):
    pass
print(time.perf_counter() - begun, 0, 0)
"""
_POLARS = """
import sys, time, polars
path = sys.argv[1] + "/out"
frame = polars.read_parquet(path)
begun = time.perf_counter()
frame.write_parquet(path + "2")
print(time.perf_counter() - begun, len(frame), 0)
"""


def run() -> list[Row]:
    """Measure everything and print the table."""
    lines: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "ticks.db")
        for part in (_hot(folder), _formats(folder), _archived(folder)):
            for line in part:
                show([line], heading=not lines)
                lines.append(line)
    return lines


def _hot(folder: Path) -> Iterator[Row]:
    what = "10 M ticks from ticks.db to Parquet"
    _, base, _ = _run(_EXPORT, folder, "parquet", T0 + SMALL * STEP_MS, "ticks")
    took_s, peak, size = _run(_EXPORT, folder, "parquet", 2**45, "ticks")
    sqlite_s, _, _ = _run(_SQLITE, folder)
    polars_s, rows, _ = _run(_POLARS, folder)
    yield row(what, took_s, "s", peer="sqlite3, reading alone", theirs=sqlite_s, ratio=took_s / sqlite_s,
              bounds={"ours": ("at most", 8)})  # fmt: skip
    yield row(f"{what}: rows lost", TICKS - rows, "rows", bounds={"ours": ("at most", 0)})
    yield row(f"{what} (beside polars)", took_s, "s", peer="polars, writing alone", theirs=polars_s,
              ratio=took_s / polars_s)  # fmt: skip
    yield row(f"{what}: memory beyond 20,000", (peak - base) / MB, "MB", bounds={"ours": ("at most", 64)})
    yield row(f"{what}: file", size / MB, "MB")


def _formats(folder: Path) -> Iterator[Row]:
    to_ms = T0 + 1_000_000 * STEP_MS
    for form in ("csv", "ndjson"):
        _, base, _ = _run(_EXPORT, folder, form, T0 + SMALL * STEP_MS, "ticks")
        took_s, peak, _ = _run(_EXPORT, folder, form, to_ms, "ticks")
        yield row(f"1 M ticks to {form}", took_s, "s")
        yield row(
            f"1 M ticks to {form}: memory beyond 20,000", (peak - base) / MB, "MB", bounds={"ours": ("at most", 64)}
        )
    _, base, _ = _run(_EXPORT, folder, "csv", T0 + SMALL * STEP_MS, "ohlc")
    took_s, peak, _ = _run(_EXPORT, folder, "csv", 2**45, "ohlc")
    yield row("80,000 bars of 1 s to csv", took_s, "s")
    yield row(
        "80,000 bars of 1 s to csv: memory beyond 160", (peak - base) / MB, "MB", bounds={"ours": ("at most", 64)}
    )


def _archived(folder: Path) -> Iterator[Row]:
    asyncio.run(_archive(folder / "ticks.db"))
    what = "10 M ticks, 95 % archived, to Parquet"
    _, base, _ = _run(_EXPORT, folder, "parquet", T0 + SMALL * STEP_MS, "ticks")
    took_s, peak, _ = _run(_EXPORT, folder, "parquet", 2**45, "ticks")
    polars_s, rows, _ = _run(_POLARS, folder)
    yield row(what, took_s, "s", peer="polars, writing alone", theirs=polars_s, ratio=took_s / polars_s,
              bounds={"ours": ("at most", 8)})  # fmt: skip
    yield row(f"{what}: rows lost", TICKS - rows, "rows", bounds={"ours": ("at most", 0)})
    yield row(f"{what}: memory beyond 20,000", (peak - base) / MB, "MB", bounds={"ours": ("at most", 64)})


def _run(code: str, folder: Path, *more: object) -> tuple[float, int, int]:
    arguments = [sys.executable, "-c", code, str(folder), *map(str, more)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    took_s, first, second = done.stdout.split()
    return float(took_s), int(first), int(second)


def _write(path: Path) -> None:
    """The rows that the server would have stored, written straight into its tables."""
    prepare(path, SCHEMA)
    per_second = 1_000 // STEP_MS
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("INSERT INTO markets VALUES ('usdm', ?, ?)", (T0 + TICKS * STEP_MS, T0 + TICKS * STEP_MS))
        db.execute(
            "INSERT INTO series (series_id, market, symbol, first_id, high_water) VALUES (1, 'usdm', 'BTCUSDT', 0, ?)",
            (TICKS - 1,),
        )
        db.executemany("INSERT INTO ticks VALUES (?,1,?,?,?,?,?,0)", map(_tick, range(TICKS)))
        bars = range(TICKS // per_second)
        db.executemany(
            "INSERT INTO bars VALUES (1,?,1,2,1,2,3.5,7,?,1,?,?,NULL,NULL,NULL,NULL,'quotes',?)",
            ((T0 + n * 1_000, per_second, n * per_second, (n + 1) * per_second - 1, n + 1) for n in bars),
        )
        db.execute(f"INSERT INTO meta VALUES ('last_seq', {TICKS})")
        db.execute("COMMIT")


def _tick(n: int) -> tuple[int | float, ...]:
    price = round(85_000 + (n * 7_919 % 9_973) / 100, 2)
    return n + 1, n, price, (n * 31 % 4_999 + 1) / 1_000, T0 + n * STEP_MS, n * 13 % 7 < 3


async def _archive(path: Path) -> None:
    writer = await SqliteTickWriter.open(path)
    try:
        for _ in range(2):  # the first sweep only learns what is stored
            await RetentionJob(writer, ARCHIVED_MS, slack_ms=0).sweep()
    finally:
        await writer.close()
