"""Resident memory of the two processes: ``python -m bench memory``.

After their start, with an empty store; and while they process two simulated hours, with one screen open.
MB are 10^6 bytes, as the system counts them: pages shared with other processes are counted in full.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import psutil
from websockets.sync.client import connect
from websockets.typing import Origin

from bench.report import Row, row, show
from tests.e2e.stack import Stack, until

DASHBOARD_MB, SERVER_MB = 260.0, 60.0
SYMBOLS = "BTCUSDT,ETHUSDT"


def run() -> list[Row]:
    """Start both, measure, feed them, measure again."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            lines = _measure(stack)
        finally:
            stack.close()
    show(lines)
    return lines


def _measure(stack: Stack) -> list[Row]:
    stack.start_server()
    stack.start_dashboard()
    lines = _rows("after start", bounded=True)
    stack.start_exchange("--catch-up-hours", "2", "--symbols", SYMBOLS)
    stack.stop("server")
    exchange = f"127.0.0.1:{stack.exchange_port}"
    stack.start_server("--feed", "simulator", "--exchange", exchange, "--symbols", SYMBOLS)
    decisions = "SELECT count(*) FROM decisions"
    until(lambda: (stack.query(decisions, file="analysis.db") or [(0,)])[0][0] >= 20, 60, "twenty decisions")
    address, origin = stack.dashboard_url.replace("http", "ws") + "api/live", stack.dashboard_url.rstrip("/")
    with connect(address, origin=Origin(origin)) as screen:
        screen.send(json.dumps({"topics": ["pair", "watch-list"]}))
        until(lambda: "ev-power" in json.loads(screen.recv()).get("text", {}), 20, "a frame with its evidence")
        lines += _rows("with two hours of a pair, one screen", bounded=False)
    return lines


def _rows(when: str, bounded: bool) -> list[Row]:
    """One line per process. The dashboard grows with its watched pairs, so that line has a bound too."""
    found = {}
    for child in psutil.Process(os.getpid()).children():
        name = next((part for part in child.cmdline() if part in ("server.py", "dashboard.py")), None)
        if name is not None:
            found[name] = child.memory_info().rss / 1e6
    limits = {"server.py": SERVER_MB if bounded else None, "dashboard.py": DASHBOARD_MB}
    return [
        row(f"{name}, {when}", found[name], "MB", bounds={} if limit is None else {"ours": ("at most", limit)})
        for name, limit in limits.items()
    ]
