"""``make demo`` and ``make run`` as a user starts them: addresses told, signals there, everything gone at the end."""

from __future__ import annotations

import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.e2e.stack import free_port, get_json, until

ROOT = Path(__file__).parent.parent


class Launched:
    """A running launcher and the lines it has printed."""

    def __init__(self, process: subprocess.Popen[str], ports: dict[str, int], data: Path) -> None:
        self.process = process
        self.ports = ports
        self.data = data
        self.lines: list[str] = []
        self._queue: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._queue.put(line)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)
        self._reader.join(20)

    def said(self, words: str) -> bool:
        while not self._queue.empty():
            self.lines.append(self._queue.get())
        return any(words in line for line in self.lines)

    def health(self) -> dict[str, object]:
        return get_json(f"http://127.0.0.1:{self.ports['bridge']}/health") or {}

    def children(self) -> list[int]:
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]


@contextmanager
def launched(folder: Path, *arguments: str, **settings: str) -> Iterator[Launched]:
    ports = {"bridge": free_port(), "dashboard": free_port()}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PAIRBRIDGE_")}
    environ |= {f"PAIRBRIDGE_{name.upper()}_PORT": str(port) for name, port in ports.items()}
    environ |= {"PAIRBRIDGE_DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"} | settings
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py"), *arguments],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    started = Launched(process, ports, folder)
    try:
        yield started
    finally:
        started.end()


def decisions(folder: Path) -> int:
    """How many decisions of any kind are stored."""
    try:
        with closing(sqlite3.connect(f"file:{folder / 'analysis.db'}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM v_signals").fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0


def test_the_demo_tells_its_addresses_and_has_signals_within_30_s(tmp_path: Path) -> None:
    began = time.monotonic()
    with launched(tmp_path, "--demo") as demo:
        until(lambda: demo.said("Ctrl-C stops everything"), 60, "the addresses")
        assert demo.said(f"Dashboard    http://127.0.0.1:{demo.ports['dashboard']}/")
        until(lambda: demo.health().get("state") == "LIVE", 30, "a live market")
        until(lambda: decisions(tmp_path) > 20, 30, "signals")
        assert time.monotonic() - began < 60, "30 s on a quiet machine; twice that where other tests run beside it"
        before = decisions(tmp_path)
        until(lambda: decisions(tmp_path) > before, 30, "signals that go on")
        assert len(demo.children()) == 3
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(20) == 0
    until(lambda: not demo.children(), 5, "no process left behind")


def test_with_a_password_the_launcher_still_sees_the_dashboard_answer(tmp_path: Path) -> None:
    with launched(tmp_path, PAIRBRIDGE_PASSWORD="correct horse") as running:
        until(lambda: running.said("click Start Bridge"), 60, "the addresses")
    assert "correct horse" not in "".join(running.lines)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"correct horse" not in path.read_bytes(), f"the password stands in {path.name}"


def test_a_part_that_cannot_start_stops_the_rest_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "ticks.db").mkdir()
    with launched(tmp_path) as running:
        assert running.process.wait(60) == 2
        until(lambda: running.said("The bridge server ended with code 2"), 5, "the reason")
        assert running.said("ticks.db")
    assert not running.children()
