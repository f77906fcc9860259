"""A full or failing disk: acknowledgements stop, the reason is shown, and everything resumes afterwards."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from config import Config
from engine.errors import StoreError
from engine.store.sqlite.files import prepare, wal_of
from engine.store.sqlite.reader import SqliteTickReader
from engine.store.sqlite.retention import RetentionJob
from engine.store.sqlite.schema import TICKS
from engine.store.sqlite.writer import SqliteTickWriter
from serving.bridge_server import BridgeServer
from tests.conftest import until
from tests.durability.bridge import IN_FLIGHT, Bridge, ServerProcess, assert_nothing_lost
from tests.durability.vfs import SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE, watched
from tests.engine.store.harness import NOW, assert_whole, batch, everything, query, trading

# The server without the right of root to write everything (Linux: CAP_DAC_OVERRIDE leaves the bounding set).
AS_OTHERS = """
import ctypes, os, sys
os.geteuid() or ctypes.CDLL(None).prctl(24, 1)
os.execv(sys.executable, [sys.executable, "server.py"])
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = sys.platform == "linux" and os.geteuid() == 0
    if not mounted or subprocess.call(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)]):
        pytest.skip("a small disk cannot be mounted here; the test with a layer under SQLite goes on without one")
    yield folder
    subprocess.check_call(["umount", "--lazy", str(folder)])


async def state_is(server: ServerProcess, state: str) -> None:
    for _ in range(500):
        found = await server.health()
        if found["state"] == state:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"the state is {found['state']}, expected {state}")


def ballast(folder: Path, left_bytes: int) -> Path:
    """Fill the disk but for ``left_bytes``."""
    disk = os.statvfs(folder)
    file = folder / "ballast"
    file.write_bytes(bytes(disk.f_bavail * disk.f_frsize - left_bytes))
    return file


async def test_a_full_disk_stops_acknowledgements_and_resumes_by_itself(tmp_path: Path, small_disk: Path) -> None:
    server = ServerProcess(tmp_path, small_disk)
    server.start()
    try:
        bridge = Bridge(rows_per_second=20_000)
        life = asyncio.create_task(bridge.run(server.url, server.token))
        await until(lambda: bridge.acks >= 10)
        filling = ballast(small_disk, left_bytes=1 << 20)
        acks, last_s = 0, 0.0
        while (await server.health())["state"] != "DISK FULL":
            if bridge.acks > acks:
                acks, last_s = bridge.acks, time.monotonic()
            assert time.monotonic() - last_s < 2.0, "the banner comes within 2 s of the last acknowledgement"
        found = await server.health()
        assert "the disk is full" in found["cause"] and "Free some disk space" in found["advice"]
        acks = bridge.acks
        reader = SqliteTickReader(server.ticks_db)
        assert reader.last_seq() > 0, "reads go on"
        reader.close()
        filling.unlink()
        freed_s = time.monotonic()
        await until(lambda: bridge.acks > acks, within_s=5.0, what="the next acknowledgement")
        assert time.monotonic() - freed_s < 5.0
        await state_is(server, "LIVE")
    finally:
        server.kill()
    await life
    assert_nothing_lost(server.ticks_db, bridge)


async def test_a_disk_that_says_full_stops_acknowledgements_and_resumes_by_itself(
    tmp_path: Path, bridge_dir: Path
) -> None:
    """The same without a small disk: the layer under SQLite says that there is no space."""
    with watched(tmp_path) as disk:
        server = await BridgeServer.open(Config(data_dir=tmp_path / "data", bridge_port=0), bridge_dir)
        async with server:
            bridge = Bridge(rows_per_second=5_000)
            token = (tmp_path / "data" / "token").read_text().strip()
            life = asyncio.create_task(bridge.run(f"ws://127.0.0.1:{server.port}/", token))
            await until(lambda: bridge.acks >= 10)
            refused: list[str] = []

            def full(kind: str, path: str) -> int:
                refused.append(path)
                return SQLITE_FULL if kind == "write" else 0

            disk.fault = full
            await until(lambda: server.health()["state"] == "DISK FULL", within_s=2.0)
            reader = SqliteTickReader(tmp_path / "data" / "ticks.db")
            assert reader.last_seq() > 0, "reads go on"
            reader.close()
            await until(lambda: len(bridge.unacked) == IN_FLIGHT)
            acks, tries = bridge.acks, len(refused)
            await until(lambda: len(refused) >= tries + 3, what="three more tries")
            assert bridge.acks == acks, "nothing is acknowledged while nothing is stored"
            disk.fault = lambda kind, path: 0
            await until(lambda: bridge.acks > acks, within_s=5.0, what="the next acknowledgement")
            await until(lambda: server.health()["state"] == "LIVE")
        await life
    assert_nothing_lost(tmp_path / "data" / "ticks.db", bridge)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_fails_when_an_acknowledged_row_stays_and_the_next_try_succeeds(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    path = tmp_path / "data" / "ticks.db"
    source = trading(rng, symbols=3, step_ms=3_000)
    acknowledged: set[tuple[str, int]] = set()
    failures = set()
    with watched(tmp_path) as disk:
        writer = await SqliteTickWriter.start(path)
        job = RetentionJob(writer, retention_ms=300_000, slack_ms=0)
        for round_number in range(60):
            ticks = list(islice(source, rng.randint(1, 60)))
            failing = rng.choice([SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, 0])
            countdown = [rng.randint(0, 12)]
            disk.fault = lambda kind, _, code=failing, left=countdown: fail(kind, code, left)  # type: ignore[misc]
            for work in (writer.commit([batch(*ticks)], [], NOW), writer.checkpoint(), job.sweep()):
                try:
                    await work
                except StoreError as error:
                    failures.add(str(error).partition("ticks.db ")[2])
            disk.fault = lambda kind, path: 0
            commit = await writer.commit([batch(*ticks)], [], NOW)
            assert sum(receipt.stored + receipt.duplicates for receipt in commit.receipts) == len(ticks)
            acknowledged |= {(each.symbol, each.agg_id) for each in ticks}
            if round_number % 20 == 19:
                await writer.close()
                writer = await SqliteTickWriter.start(path)
                job = RetentionJob(writer, retention_ms=300_000, slack_ms=0)
        await job.sweep()
        await writer.close()
    assert any("the disk is full" in text for text in failures) and any("disk I/O error" in text for text in failures)
    assert writer.note is None, "no failure of the disk is taken for damage"
    assert_whole(path)
    found = {(symbol, each.agg_id) for symbol, ticks in everything(path).items() for _, each in ticks}
    assert found == acknowledged


def fail(kind: str, code: int, left: list[int]) -> int:
    """Fail from some call on, until the disk works again."""
    if (kind == "sync") != (code == SQLITE_IOERR_FSYNC):
        return 0
    left[0] -= 1
    return code if left[0] < 0 else 0


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_cannot_be_written_ends_the_server_with_one_sentence(tmp_path: Path, what: str) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    if what == "file":
        prepare(data_dir / "ticks.db", TICKS)
        (data_dir / "ticks.db").chmod(0o444)
    else:
        data_dir.chmod(0o555)
    begun_s = time.monotonic()
    code, said = ServerProcess(tmp_path, code=AS_OTHERS).run_to_the_end(within_s=20)
    took_s = time.monotonic() - begun_s
    data_dir.chmod(0o755)
    assert code == 2, said
    assert len(said.splitlines()) == 1 and said.startswith("pairbridge: ") and str(data_dir) in said, said
    assert took_s < 3.0


async def test_a_folder_that_is_deleted_while_the_server_runs_ends_it_with_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    try:
        bridge = Bridge(rows_per_second=5_000)
        life = asyncio.create_task(bridge.run(server.url, server.token))
        await until(lambda: bridge.acks >= 3)
        capfd.readouterr()
        shutil.rmtree(server.data_dir)
        await until(lambda: server.process.poll() is not None, 5.0, "the server's end")
        await life
        assert server.process.returncode == 2
        *told, last = capfd.readouterr().err.splitlines()
        assert last.startswith(f"pairbridge: {server.data_dir} was deleted or renamed while the server ran; start")
        assert not any("Traceback" in line for line in told), told
        assert not server.data_dir.exists(), "and it is not made anew without the lock that was in it"
    finally:
        server.kill()


@pytest.mark.parametrize("truncated", [False, True])
async def test_a_damaged_file_is_set_aside_and_rows_come_in_again_within_5_s(tmp_path: Path, truncated: bool) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    await Bridge(50_000).run(server.url, server.token, rows=50_000)
    server.kill()  # its log stays, with what was acknowledged
    with server.ticks_db.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if truncated:
            file.truncate(size // 2)
        else:
            file.seek(size // 2)
            file.write(random.Random(1).randbytes(8_192))
    wal_of(server.ticks_db).unlink()  # it would make the file whole again
    begun_s = time.monotonic()
    server.start()
    try:
        bridge = Bridge(20_000)
        await bridge.run(server.url, server.token, rows=1_000)
        assert time.monotonic() - begun_s < 5.0
        note = (await server.health())["store_note"]
        kept = re.search(r"is kept as (ticks\.db\.damaged-\S+Z)", note)
        assert kept and (server.data_dir / kept[1]).stat().st_size > 0, note
    finally:
        server.kill()
    assert query(server.ticks_db, "SELECT count(*) FROM ticks") == [(1_000,)]
