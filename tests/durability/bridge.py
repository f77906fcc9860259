"""A real server process, and a bridge that records every acknowledged row."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conftest import ROOT
from tests.engine.store.harness import T0, assert_whole, everything

IN_FLIGHT = 32
SYMBOLS = [f"S{number}USDT" for number in range(8)]


class ServerProcess:
    """``python server.py`` in a copy of the tree (it leaves its token beside the page), on a port of its own."""

    def __init__(self, folder: Path, data_dir: Path | None = None, code: str = "", **settings: str) -> None:
        """``code`` is run instead of ``server.py``; it may change something before it calls ``server.main([])``."""
        self.tree = folder / "tree"
        self.data_dir = data_dir or folder / "data"
        self._command = [sys.executable, *(["-c", code] if code else ["server.py"])]
        self._environ = {key: value for key, value in os.environ.items() if not key.startswith("PAIRBRIDGE_")}
        self._environ |= {
            "PAIRBRIDGE_LOG_LEVEL": os.environ.get("PAIRBRIDGE_LOG_LEVEL", "INFO"),
            "PAIRBRIDGE_DATA_DIR": str(self.data_dir),
            "PAIRBRIDGE_BRIDGE_PORT": "0",
            **settings,
        }
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        ignored = shutil.ignore_patterns("*.nbi", "*.nbc", "token.js")
        for name in ("engine", "feeds", "runtime", "serving", "bridge"):
            shutil.copytree(ROOT / name, self.tree / name, ignore=ignored)
        for name in ("server.py", "config.py"):
            shutil.copy(ROOT / name, self.tree / name)

    @property
    def ticks_db(self) -> Path:
        return self.data_dir / "ticks.db"

    @property
    def token(self) -> str:
        return (self.data_dir / "token").read_text().strip()

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def usage(self) -> psutil.Process:
        """What it takes of the machine."""
        return psutil.Process(self.process.pid)

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def start(self) -> None:
        """Return when it listens."""
        self._process = subprocess.Popen(
            self._command, cwd=self.tree, env=self._environ, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("Bridge server"), f"the server did not start: {line!r}"
        self.url = line.split()[-1].replace("http:", "ws:")

    def run_to_the_end(self, within_s: float) -> tuple[int, str]:
        """Start it where it must fail: its exit code and output."""
        found = subprocess.run(
            self._command,
            cwd=self.tree,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        return found.returncode, found.stdout + found.stderr

    async def health(self) -> dict[str, Any]:
        """What ``GET /health`` answers."""
        async with httpx.AsyncClient(trust_env=False) as client:
            found: dict[str, Any] = (await client.get(self.url.replace("ws:", "http:") + "health", timeout=10)).json()
            return found

    def kill(self) -> None:
        """Kill it without handlers, as by a power cut. No effect if it has ended."""
        if self._process is not None:
            self.process.kill()
            self.process.communicate()

    def terminate(self) -> int:
        """Ask it to stop; returns its exit code."""
        self.process.terminate()
        self.process.communicate(timeout=20)
        return self.process.returncode


class Bridge:
    """Offers rows at a steady rate, keeps what is not acknowledged, and sends it again after each reconnect.

    ``waits_s``: from the moment a batch was due, not from when there was room to send it, to its acknowledgement.
    """

    def __init__(
        self, rows_per_second: float, batch: int = 500, symbols: list[str] | None = None, begin_ms: int = T0
    ) -> None:
        """``begin_ms``: the trade time of the first row; the others follow at the rate."""
        self.rows_per_second = rows_per_second
        self._batch = batch
        self._begin_ms = begin_ms
        self._symbols = symbols or SYMBOLS
        self._next_row = len(self._symbols)
        self._number = 0
        self._turn = asyncio.Event()
        self.unacked: dict[int, list[list[Any]]] = {}
        self.acknowledged: dict[str, set[int]] = {symbol: set() for symbol in self._symbols}
        self.acks = 0
        self.waits_s: list[float] = []
        self._due_s: dict[int, float] = {}

    @property
    def rows_acknowledged(self) -> int:
        return self.acks * self._batch

    async def run(self, url: str, token: str, rows: float = float("inf")) -> None:
        """Wait until this many more rows are acknowledged, or the connection is lost."""
        with contextlib.suppress(ConnectionClosed, OSError):
            async with connect(url, compression=None, max_size=None, ping_interval=None) as socket:
                hello = {"type": "hello", "proto": 1, "token": token, "market": "sim", "client": "test", "session": "k"}
                await socket.send(msgspec.json.encode(hello).decode())
                assert msgspec.json.decode(await socket.recv())["type"] == "welcome"
                tasks = {asyncio.create_task(self._read(socket)), asyncio.create_task(self._send(socket, rows))}
                try:
                    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    done.pop().result()
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, socket: ClientConnection, rows: float) -> None:
        batches = rows / self._batch
        for number in list(self.unacked):
            await self._send_batch(socket, number)
        due_s = time.monotonic()
        while batches > 0 or self.unacked:
            if batches > 0 and len(self.unacked) < IN_FLIGHT and time.monotonic() >= due_s:
                self._number += 1
                self.unacked[self._number] = self._rows()
                self._due_s[self._number] = due_s
                await self._send_batch(socket, self._number)
                due_s += self._batch / self.rows_per_second
                batches -= 1
                continue
            self._turn.clear()
            wait_s = max(due_s - time.monotonic(), 0) if batches > 0 and len(self.unacked) < IN_FLIGHT else 1.0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):  # Python 3.11's wait_for may swallow a cancellation
                    await self._turn.wait()

    async def _send_batch(self, socket: ClientConnection, number: int) -> None:
        await socket.send(msgspec.json.encode({"type": "ticks", "seq": number, "rows": self.unacked[number]}).decode())

    def _rows(self) -> list[list[Any]]:
        first, self._next_row = self._next_row, self._next_row + self._batch
        symbols, many, begin_ms = self._symbols, len(self._symbols), self._begin_ms
        per_ms = self.rows_per_second / 1_000
        return [
            [symbols[n % many], n // many, f"{100 + n % 97 / 100:.2f}", "1.25", begin_ms + int(n / per_ms), n % 3 == 0]
            for n in range(first, first + self._batch)
        ]

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            message = msgspec.json.decode(text)
            if message["type"] != "ack":
                continue
            rows = self.unacked.pop(message["seq"])
            assert message["stored"] + message["duplicates"] == len(rows), message
            for symbol, agg_id, *_ in rows:
                self.acknowledged[symbol].add(agg_id)
            self.acks += 1
            self.waits_s.append(time.monotonic() - self._due_s.pop(message["seq"]))
            self._turn.set()


def assert_nothing_lost(ticks_db: Path, bridge: Bridge) -> None:
    """The file is intact, and contains every acknowledged row once."""
    assert list(ticks_db.parent.glob("*damaged*")) == []
    assert_whole(ticks_db)
    stored = everything(ticks_db)
    for symbol, acknowledged in bridge.acknowledged.items():
        ids = [each.agg_id for _, each in stored[symbol]]
        assert len(ids) == len(set(ids)), "a row is stored once"
        assert acknowledged <= set(ids), f"{len(acknowledged - set(ids))} acknowledged rows of {symbol} are lost"
    assert sum(map(len, bridge.acknowledged.values())) == bridge.rows_acknowledged
