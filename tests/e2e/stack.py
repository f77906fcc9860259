"""The real processes together, on free ports and in a folder of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_EXPLAINING = (
    (
        "analysis.db",
        "SELECT run_id, y, x, interval_ms, start_ms, end_reason FROM runs ORDER BY began_at_ms",
    ),
    ("analysis.db", "SELECT run_id, count(*), min(bar_ms), max(bar_ms) FROM v_signals GROUP BY 1"),
    ("ticks.db", "SELECT symbol, count(*), min(trade_time_ms), max(trade_time_ms) FROM v_ticks GROUP BY 1"),
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], within_s: float, what: str) -> Any:
    """The first truthy answer of ``condition``; fails after ``within_s``."""
    limit = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < limit, f"{what}: not within {within_s} s"
        time.sleep(0.02)


def get_json(url: str) -> Any:
    """A JSON response, or None without one."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


class Stack:
    """Simulator, server and dashboard as subprocesses. ``close`` ends those that run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.bridge_port, self.dashboard_port, self.exchange_port = free_port(), free_port(), free_port()
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PAIRBRIDGE_")},
            "PAIRBRIDGE_LOG_LEVEL": os.environ.get("PAIRBRIDGE_LOG_LEVEL", "INFO"),
            "PAIRBRIDGE_DATA_DIR": str(self.data),
            "PAIRBRIDGE_BRIDGE_PORT": str(self.bridge_port),
            "PAIRBRIDGE_DASHBOARD_PORT": str(self.dashboard_port),
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def dashboard_url(self) -> str:
        return f"http://127.0.0.1:{self.dashboard_port}/"

    @property
    def owner_url(self) -> str:
        """The dashboard with the key in the fragment, as the file of the data folder opens it."""
        return f"{self.dashboard_url}#key={(self.data / 'dashboard-key').read_text().strip()}"

    @property
    def owner_pair_url(self) -> str:
        """The same, of the page of the first pair."""
        return self.owner_url.replace("/#", "/pair#")

    @property
    def bridge_url(self) -> str:
        return f"http://127.0.0.1:{self.bridge_port}/"

    @property
    def exchange_url(self) -> str:
        return f"http://127.0.0.1:{self.exchange_port}"

    def start(self, name: str, *arguments: str) -> None:
        """Run ``python arguments`` in the project's folder, its output in a file beside the data."""
        with (self.folder / f"{name}.out").open("ab") as output:
            command = [sys.executable, *arguments]
            self._running[name] = subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=output, stderr=output)

    def start_exchange(self, *arguments: str) -> None:
        self.start("exchange", "-m", "simulator", "--port", str(self.exchange_port), *arguments)
        until(lambda: get_json(f"{self.exchange_url}/fapi/v1/time"), 20, "the exchange")

    def start_server(self, *arguments: str) -> None:
        self.start("server", "server.py", *arguments)
        until(self.health, 20, "the bridge server")

    def start_dashboard(self) -> None:
        self.start("dashboard", "dashboard.py")
        until(lambda: self._answers(self.dashboard_url), 40, "the dashboard")

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal one process and wait for its end; returns its exit code."""
        child = self._running.pop(name)
        child.send_signal(how)
        return child.wait(15)

    def wait(self, name: str) -> int:
        """Wait for a process that ends by itself; returns its exit code."""
        return self._running.pop(name).wait(30)

    def close(self) -> None:
        for name in reversed(list(self._running)):
            child = self._running.pop(name)
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def findings(self) -> list[tuple[str, str]]:
        """What explains a failure: the output of each process, the server's state, and what is stored."""
        found = [(path.name, path.read_text()[-3_000:]) for path in sorted(self.folder.glob("*.out"))]
        for file, text in _EXPLAINING:
            try:
                found.append((text, "\n".join(map(str, self.query(text, file=file)))))
            except sqlite3.Error as error:
                found.append((text, str(error)))
        return [*found, ("health", json.dumps(self.health())[:2_000])]

    def health(self) -> Any:
        return get_json(f"{self.bridge_url}health")

    def fault(self, kind: str, **parameters: Any) -> Any:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return get_json(f"{self.exchange_url}/sim/fault?kind={kind}&{query}")

    def ledger(self, symbol: str) -> Any:
        return get_json(f"{self.exchange_url}/sim/ledger?symbol={symbol}")

    def traded(self, symbol: str, first: int) -> list[tuple[Any, ...]]:
        """Every trade of the exchange from ``first`` on, over its REST interface, in its own decimals."""
        found: list[tuple[Any, ...]] = []
        while True:
            url = f"{self.exchange_url}/fapi/v1/aggTrades?symbol={symbol}&fromId={first}&limit=1000"
            page = get_json(url)
            found += [(t["a"], float(t["p"]), float(t["q"]), t["T"], int(t["m"])) for t in page]
            if len(page) < 1000:
                return found
            first = page[-1]["a"] + 1

    def stored(self, symbol: str) -> list[tuple[Any, ...]]:
        return self.query(
            "SELECT agg_id, price, quantity, trade_time_ms, buyer_is_maker FROM v_ticks WHERE symbol=? ORDER BY agg_id",
            symbol,
        )

    def query(self, text: str, *values: Any, file: str = "ticks.db") -> list[tuple[Any, ...]]:
        """Rows of one of the two files; empty while there is none."""
        path = self.data / file
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            return db.execute(text, values).fetchall()

    def page_copy(self) -> Path:
        """The bridge page as a user has it on disk: with the token that the server left beside it."""
        copy = self.folder / "bridge"
        if not copy.exists():
            shutil.copytree(ROOT / "bridge", copy)
        else:
            shutil.copy(ROOT / "bridge" / "token.js", copy)
        assert re.search(rf"\[{self.bridge_port}\]", (copy / "token.js").read_text())
        return copy

    @staticmethod
    def _answers(url: str) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False


@contextmanager
def standing(folder: Path, symbols: str, hours: int = 2, **environ: str) -> Iterator[Stack]:
    """Simulated hours, caught up with at least twenty decisions, then live."""
    stack = Stack(folder)
    stack.environ |= environ
    try:
        stack.start_exchange("--catch-up-hours", str(hours), "--symbols", symbols)
        stack.start_dashboard()
        exchange = f"127.0.0.1:{stack.exchange_port}"
        stack.start_server("--feed", "simulator", "--exchange", exchange, "--symbols", symbols)
        until(lambda: len(decisions(stack)) >= 20, 90, "twenty decisions")
        yield stack
    finally:
        stack.close()


def decisions(stack: Stack) -> list[tuple[Any, ...]]:
    """All that are stored."""
    return stack.query("SELECT * FROM v_signals", file="analysis.db")
