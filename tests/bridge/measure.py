"""Latency and CPU time of the bridge page, in a real Chromium: ``python -m tests.bridge.measure``.

Latency is from the trade at a scripted exchange to its row at a scripted server on the same machine, so
it holds both sockets and the page. ``page`` is the share of a core that the page's own thread takes (drawing),
``renderer`` that of the whole process (worker included).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, sync_playwright

from tests.bridge.conftest import write_token
from tests.bridge.peer import BRIDGE, wait_until
from tests.bridge.scripted_exchange import ScriptedExchange
from tests.bridge.scripted_server import ScriptedServer
from tests.browser import CHROMIUM_ARGS, chromium_path

RATES = (50, 200, 1_000, 2_000)
SECONDS = 10
HEAD = f"{'trades/s':>9} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'batches/s':>10} {'page':>7} {'renderer':>9}\n"


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def metric(page: CDPSession, name: str) -> float:
    """One of the page's own performance counters."""
    metrics = page.send("Performance.getMetrics")["metrics"]
    return next(float(entry["value"]) for entry in metrics if entry["name"] == name)


def renderer_seconds(browser: CDPSession) -> float:
    """CPU time of all renderer processes."""
    found: list[dict[str, Any]] = browser.send("SystemInfo.getProcessInfo")["processInfo"]
    return sum(float(process["cpuTime"]) for process in found if process["type"] == "renderer")


def measure(browser: Browser, rate: float) -> str:
    """One line of the table."""
    folder = Path(tempfile.mkdtemp()) / "bridge"
    shutil.copytree(BRIDGE, folder, ignore=shutil.ignore_patterns("token.js"))
    server, exchange = ScriptedServer(), ScriptedExchange("BTCUSDT", "ETHUSDT")
    server.start()
    exchange.start()
    write_token(folder, server)
    page = browser.new_page()
    ends = f"exchange=ws://127.0.0.1:{exchange.port}&server=ws://127.0.0.1:{server.port}/"
    page.goto(f"{(folder / 'index.html').as_uri()}?market=sim&autostart=1&{ends}")
    page.locator("#server-side[data-state=live]").wait_for()
    page.locator("#exchange-side[data-state=open]").wait_for()
    own, whole = page.context.new_cdp_session(page), browser.new_browser_cdp_session()
    own.send("Performance.enable")
    exchange.flow(rate)
    time.sleep(2)
    begin, busy, cpu = time.monotonic(), metric(own, "TaskDuration"), renderer_seconds(whole)
    time.sleep(SECONDS)
    seconds = time.monotonic() - begin
    busy, cpu = metric(own, "TaskDuration") - busy, renderer_seconds(whole) - cpu
    exchange.rest()
    wait_until(lambda: len(server.rows) == len(exchange.made), "every trade is stored")
    batches = [(at, rows) for at, rows in server.arrivals if at >= begin]
    late = [(at - exchange.made[row[0], row[1]]) * 1_000 for at, rows in batches for row in rows]
    page.close()
    exchange.close()
    server.close()
    shutil.rmtree(folder.parent)
    p50, p95, p99 = (percentile(late, share) for share in (0.5, 0.95, 0.99))
    numbers = f"{rate:>9,} {p50:>8.1f} {p95:>8.1f} {p99:>8.1f} {len(batches) / seconds:>10.0f}"
    return f"{numbers} {busy / seconds:>7.1%} {cpu / seconds:>9.1%}\n"


def main() -> None:
    """Print the table."""
    path = chromium_path()
    if path is None:
        sys.exit("Chromium was not found")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        sys.stdout.write(HEAD)
        for rate in RATES:
            sys.stdout.write(measure(browser, rate))
            sys.stdout.flush()
        browser.close()


if __name__ == "__main__":
    main()
