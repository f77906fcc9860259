"""The dashboard as a process: how it starts, and how it ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from engine.store.lock import held
from engine.store.sqlite.writer import SqliteTickWriter
from tests.conftest import ROOT

ENDS_WITHIN_S = 10.0


def environ(data_dir: Path, **settings: str) -> dict[str, str]:
    ports = {"PAIRBRIDGE_DASHBOARD_PORT": "0", "PAIRBRIDGE_BRIDGE_PORT": "0", "PAIRBRIDGE_OPEN_BROWSER": "0"}
    return {**os.environ, **ports, "PAIRBRIDGE_DATA_DIR": str(data_dir), **settings}


def run(name: str, data_dir: Path) -> tuple[int, str]:
    """Exit code and output of a process that must exit."""
    found = subprocess.run([sys.executable, name], cwd=ROOT, env=environ(data_dir), text=True, capture_output=True,
                           timeout=30, check=False)  # fmt: skip
    return found.returncode, found.stderr


async def made(path: Path) -> None:
    await (await SqliteTickWriter.open(path)).close()


@contextmanager
def dashboard(data_dir: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A dashboard on a free port, and its address."""
    command = [sys.executable, "dashboard.py"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environ(data_dir, **settings), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and output."""
    _, said = process.communicate(timeout=ENDS_WITHIN_S)
    return process.returncode, said


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_0_when_asked_to(tmp_path: Path, name: signal.Signals) -> None:
    with dashboard(tmp_path / "data") as (process, _):
        process.send_signal(name)
        assert ended(process) == (0, "")


def test_a_page_opened_first_has_its_styles_and_scripts(tmp_path: Path) -> None:
    with dashboard(tmp_path / "data") as (_, url):
        for path in ("signals", "data", "pair/sim/ETHUSDT~BTCUSDT"):
            page = httpx.get(f"{url}{path}", trust_env=False).text
            assert [name for name in ("theme.css", "rows.css", "data_upload.js") if f"/assets/{name}" not in page] == []


def test_a_data_folder_that_went_away_ends_it_with_2_and_a_sentence(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with dashboard(data) as (process, _):
        shutil.rmtree(data)
        code, said = ended(process)
    assert code == 2 and said.strip().endswith(f"{data} was deleted or renamed while the dashboard ran")
    assert "Traceback" not in said


def test_a_store_of_a_newer_version_is_refused_as_the_server_does(tmp_path: Path) -> None:
    data = tmp_path / "data"
    asyncio.run(made(data / "ticks.db"))
    with closing(sqlite3.connect(data / "ticks.db")) as db:
        db.execute("PRAGMA user_version=99")
    environ = os.environ | {
        "PAIRBRIDGE_DATA_DIR": str(data),
        "PAIRBRIDGE_DASHBOARD_PORT": "0",
        "PAIRBRIDGE_BRIDGE_PORT": "0",
    }
    said = {}
    for name in ("server.py", "dashboard.py"):
        found = subprocess.run(
            [sys.executable, name], cwd=ROOT, env=environ, text=True, capture_output=True, timeout=30, check=False
        )  # fmt: skip
        assert found.returncode == 2
        said[name] = found.stderr.strip().splitlines()[-1]
    assert said["server.py"] == said["dashboard.py"] and "schema version 99" in said["server.py"]


@pytest.mark.skipif(sys.platform != "linux", reason="the second lock, which has no file, exists on Linux only")
def test_a_deleted_lock_file_does_not_let_a_second_one_in(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with held(data, "server"):
        (data / "server.lock").unlink()
        code, words = run("server.py", data)
    assert code == 2 and f"already uses {data}" in words


def test_a_frozen_client_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """A screen that never reads, an unread response, and half a request."""
    with dashboard(tmp_path / "data") as (process, url):
        port = int(url.rstrip("/").rpartition(":")[2])
        upgrade = (
            f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: MDAwMDAwMDAwMDAwMDAwMA==\r\n\r\n"
        )
        whole = f"GET /_dash-dependencies HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        held = []
        for text in (upgrade, whole, whole[:20]):
            wire = socket.create_connection(("127.0.0.1", port))
            wire.sendall(text.encode())
            held.append(wire)
        assert held[0].recv(12) == b"HTTP/1.1 101"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=3) == 0
        for wire in held:
            wire.close()
