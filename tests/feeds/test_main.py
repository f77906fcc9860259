"""``python -m feeds FILE`` beside a running server."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.conftest import ServerHarness, until
from tests.e2e.stack import free_port

ROOT = Path(__file__).parents[2]
DUMP = ROOT / "tests/fixtures/BTCUSDT-aggTrades-2026-11-01.csv"


def start(data: Path, port: int, *arguments: str) -> subprocess.Popen[str]:
    environ = os.environ | {"PAIRBRIDGE_DATA_DIR": str(data), "PAIRBRIDGE_BRIDGE_PORT": str(port)}
    return subprocess.Popen(
        [sys.executable, "-m", "feeds", *arguments], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True
    )  # fmt: skip


async def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    await until(lambda: process.poll() is not None, 30, "the command's end")
    return process.returncode, process.communicate()[1]


async def test_a_dump_comes_into_the_store_of_the_running_server(harness: ServerHarness) -> None:
    code, said = await finished(start(harness.config.data_dir, harness.server.port, str(DUMP), "--market", "usdm"))
    assert code == 0
    assert "into market usdm: 3 stored, 0 known already, 0 conflicts, 1 refused" in said
    with closing(sqlite3.connect(harness.ticks_db)) as db:
        assert db.execute("SELECT count(*) FROM v_ticks WHERE market = 'usdm'").fetchone() == (3,)
        assert db.execute("SELECT count(*) FROM events WHERE kind = 'bridge'").fetchone() == (0,), "no sign of life"
    assert harness.server.health()["markets"]["usdm"]["state"] == "WAITING FOR BRIDGE"


async def test_without_a_server_or_a_file_it_says_so(tmp_path: Path) -> None:
    port = free_port()
    code, said = await finished(start(tmp_path, port, str(DUMP)))
    assert (code, said.startswith(f"pairbridge: no bridge server answers on port {port}; start it")) == (2, True)
    code, said = await finished(start(tmp_path, port, "nothing.csv"))
    assert (code, "there is no file 'nothing.csv'" in said) == (2, True)


async def test_a_file_that_is_no_recording_is_refused_in_one_line(harness: ServerHarness, tmp_path: Path) -> None:
    path = tmp_path / "noise.zip"
    path.write_bytes(b"\x00\xff" * 500)
    code, said = await finished(start(harness.config.data_dir, harness.server.port, str(path)))
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith(f"pairbridge: {path} is damaged, or is no .zip file")


async def test_with_another_data_folder_it_says_which_is_meant(harness: ServerHarness, tmp_path: Path) -> None:
    code, said = await finished(start(tmp_path / "other", harness.server.port, str(DUMP)))
    assert (code, "has no token; set PAIRBRIDGE_DATA_DIR to the running server's" in said) == (2, True)
