"""What the dashboard costs a browser, in Chromium: ``python -m bench screen``.

A simulated market of two symbols at 200 trades a second. First the pages on a warm cache: when the first numbers and
the first chart are there, how much script a pair page transfers, and how long a change of the page takes. Then one pair
page in view for a minute: the main thread's processor time, which does not depend on what else the machine does, the
WebSocket, and the heap after collecting garbage.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

from bench.report import Row, row, show
from tests.browser import launched_chromium
from tests.e2e.stack import Stack, until

SYMBOLS = "BTCUSDT,ETHUSDT"
VIEWPORT: Any = {"width": 1440, "height": 900}
ROUNDS = 5
SECONDS = 60
SETTLE_S = 10.0
CATCH_UP_S = 400  # at most, for 1.4 million trades
PAIR = "pair/sim/ETHUSDT~BTCUSDT"
PAGES = (
    ("Overview", "#overview-symbols"),
    ("Scan", "#scan-start"),
    ("Signals", "#signals-rows"),
    ("Data", "#data-stock"),
)

# From the start of the navigation, by the page's own clock; the observer sees each text as it is written.
_WATCH = """() => {
  window.since = {};
  const look = () => {
    const prices = document.getElementById("live-prices");
    if (!window.since.numbers && prices && /\\d/.test(prices.textContent)) window.since.numbers = performance.now();
    if (!window.since.chart && window.pairbridgePainted) window.since.chart = performance.now();
    if (!window.since.numbers || !window.since.chart) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""

_IS_LIVE = "() => window.pairbridgePainted && Date.now() - window.pairbridgePainted.newest.y[1] < 2000"


def run() -> list[Row]:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder, launched_chromium() as browser:
        stack = Stack(Path(folder))
        try:
            _start(stack)
            lines = [*_pages(stack, browser), *_in_view(stack, browser)]
        finally:
            stack.close()
    show(lines)
    return lines


def _start(stack: Stack) -> None:
    stack.start_exchange("--catch-up-hours", "2", "--symbols", SYMBOLS, "--rate", "14.3")
    exchange = f"127.0.0.1:{stack.exchange_port}"
    stack.start_server("--feed", "simulator", "--exchange", exchange, "--symbols", SYMBOLS)
    stack.start_dashboard()
    until(lambda: stack.query("SELECT count(*) FROM v_signals", file="analysis.db")[0][0] > 20, CATCH_UP_S, "decisions")
    time.sleep(SETTLE_S)


def _pages(stack: Stack, browser: Browser) -> list[Row]:
    context = browser.new_context(viewport=VIEWPORT)
    page = context.new_page()
    page.goto(stack.owner_url)
    page.goto(stack.dashboard_url + PAIR)
    until(lambda: page.evaluate(_IS_LIVE), 120, "the simulated past to be caught up")
    numbers, charts = [], []
    page.add_init_script(f"({_WATCH})()")
    for _ in range(ROUNDS + 1):
        page.goto(stack.dashboard_url + PAIR)
        until(lambda: page.evaluate("() => window.since?.numbers && window.since?.chart"), 30, "numbers and a chart")
        found = page.evaluate("() => window.since")
        numbers.append(found["numbers"])
        charts.append(found["chart"])
    switches = [_switched(page, name, there) for _ in range(ROUNDS) for name, there in PAGES]
    script_bytes = _scripts(context, stack)
    context.close()
    return [  # the first load filled the cache
        row("pair page, warm cache: first numbers", statistics.median(numbers[1:]), "ms", bounds=_at_most(800)),
        row("pair page, warm cache: first chart", statistics.median(charts[1:]), "ms", bounds=_at_most(1_200)),
        row("scripts of a pair page, as transferred", script_bytes / 1_000, "kB", bounds=_at_most(600)),
        row("change of the page, median", statistics.median(switches), "ms", bounds=_at_most(200)),
        row("change of the page, slowest", max(switches), "ms"),
    ]


def _switched(page: Page, name: str, there: str) -> float:
    """By the navigation; until the new page's own element is drawn, by the page's clock."""
    script = """async ([name, there]) => {
      const links = [...document.querySelectorAll("nav a")];
      const begun = performance.now();
      links.find((link) => link.textContent.trim() === name).click();
      while (!document.querySelector(there)) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      return performance.now() - begun;
    }"""
    took: float = page.evaluate(script, [name, there])
    time.sleep(0.5)
    return took


def _scripts(context: BrowserContext, stack: Stack) -> int:
    """Bytes over the wire of all scripts of a pair page, with an empty cache."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    kinds: dict[str, str] = {}
    total = 0

    def finished(event: dict[str, Any]) -> None:
        nonlocal total
        total += int(event["encodedDataLength"]) * (kinds.get(event["requestId"]) == "Script")

    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.on("Network.requestWillBeSent", lambda event: kinds.update({event["requestId"]: event.get("type", "")}))
    session.on("Network.loadingFinished", finished)
    page.goto(stack.dashboard_url + PAIR)
    until(lambda: page.evaluate("() => window.pairbridgePainted !== undefined"), 30, "a chart")
    page.close()
    return total


def _in_view(stack: Stack, browser: Browser) -> list[Row]:
    page = browser.new_page(viewport=VIEWPORT)
    session = page.context.new_cdp_session(page)
    received = 0

    def got(event: dict[str, Any]) -> None:
        nonlocal received
        received += len(event["response"]["payloadData"])

    session.send("Network.enable")
    session.on("Network.webSocketFrameReceived", got)
    page.goto(stack.owner_url.replace("/#", f"/{PAIR}#"))
    until(lambda: page.evaluate("() => window.pairbridgePainted !== undefined"), 30, "a chart")
    page.wait_for_timeout(1_000 * SETTLE_S)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    heap_before, busy_before, received = _heap(session), _busy_s(session), 0
    begun_s = time.monotonic()
    page.wait_for_timeout(1_000 * SECONDS)  # lets the events of the socket be heard
    took_s, busy_s, got_bytes = time.monotonic() - begun_s, _busy_s(session) - busy_before, received
    heap = _heap(session)
    page.close()
    return [
        row("one pair in view: main thread", 100 * busy_s / took_s, "% of a core", bounds=_at_most(15)),
        row("one pair in view: WebSocket", got_bytes / took_s / 1_000, "kB/s", bounds=_at_most(15)),
        row("one pair in view: heap", heap / 1e6, "MB"),
        row("one pair in view: heap gained in a minute", (heap - heap_before) / 1e6, "MB", bounds=_at_most(1)),
    ]


def _busy_s(session: CDPSession) -> float:
    """Processor seconds of tasks on the page's main thread."""
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


def _heap(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])


def _at_most(bound: float) -> dict[str, tuple[str, float]]:
    return {"ours": ("at most", bound)}
