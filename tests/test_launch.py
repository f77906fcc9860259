"""``make demo`` and ``make run`` as a user starts them: printed addresses, signals, no processes left at the end."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from config import Config
from launch import DEMO_SYMBOLS, SIMULATOR_PORT, answers, choose_ports
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

    def word_after(self, words: str) -> str:
        """The word that follows, on the line that has these words."""
        line = next(line for line in self.lines if words in line)
        return line.partition(words)[2].split()[0]

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
        assert not demo.said("Connect call failed"), "the feed is started when the exchange answers"
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


def test_the_demo_tells_which_exchange_the_bridge_page_may_use_too(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # its previous user has just ended
        with contextlib.suppress(OSError):  # another has it: as well
            taken.bind(("127.0.0.1", SIMULATOR_PORT))
            taken.listen()
        with launched(tmp_path, "--demo") as demo:
            until(lambda: demo.said("Ctrl-C stops everything"), 60, "the addresses")
            page = demo.word_after("Bridge page")
            query = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
            assert page.startswith(f"http://127.0.0.1:{demo.ports['bridge']}/?market=sim&exchange=ws://127.0.0.1:")
            assert query["symbols"] == DEMO_SYMBOLS
            assert query["exchange"].replace("ws", "http") == query["rest"] != f"http://127.0.0.1:{SIMULATOR_PORT}"
            assert get_json(f"{query['rest']}/fapi/v1/time")


def test_with_port_0_for_both_free_ones_are_chosen_and_told(tmp_path: Path) -> None:
    any_port = {"PAIRBRIDGE_BRIDGE_PORT": "0", "PAIRBRIDGE_DASHBOARD_PORT": "0"}
    with launched(tmp_path, **any_port) as running:
        until(lambda: running.said("Ctrl-C stops everything"), 60, "the addresses")
        assert "markets" in (get_json(f"{running.word_after('1. Bridge page')}health") or {})
        dashboard = running.word_after("2. Dashboard")
        assert answers(dashboard) and not dashboard.endswith(":0/")


def test_chosen_ports_differ_and_given_ones_stay() -> None:
    chosen = choose_ports(Config(bridge_port=0, dashboard_port=0))
    assert 0 != chosen.bridge_port != chosen.dashboard_port != 0
    assert choose_ports(Config(bridge_port=9_000, dashboard_port=0)).bridge_port == 9_000
    assert choose_ports(Config()) == Config()


def test_with_a_password_the_launcher_still_sees_the_dashboard_answer(tmp_path: Path) -> None:
    with launched(tmp_path, PAIRBRIDGE_PASSWORD="correct horse") as running:
        until(lambda: running.said("click Start Bridge"), 60, "the addresses")
    assert "correct horse" not in "".join(running.lines)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"correct horse" not in path.read_bytes(), f"the password stands in {path.name}"


def test_a_dashboards_file_that_is_none_is_set_aside_and_said_so(tmp_path: Path) -> None:
    (tmp_path / "analysis.db").write_bytes(b"8 bytes!")
    with launched(tmp_path) as running:
        until(lambda: running.said("Ctrl-C stops everything"), 60, "the addresses")
        assert running.said("has only 8 bytes; expected a database; it is kept as analysis.db.damaged-")
    (kept,) = tmp_path.glob("analysis.db.damaged-*")
    assert kept.read_bytes() == b"8 bytes!"


def test_a_part_that_cannot_start_stops_the_rest_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "ticks.db").mkdir()
    with launched(tmp_path) as running:
        assert running.process.wait(60) == 2
        until(lambda: running.said("The bridge server ended with code 2"), 5, "the reason")
        assert running.said("ticks.db")
    assert not running.children()
