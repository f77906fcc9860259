"""From a trade to the painted chart, in Chromium: ``python -m bench latency``.

The simulated exchange trades 200 times a second over two symbols, the bridge page forwards, the dashboard
paints. Every trade counts: its latency ends with the first painted frame that includes it. Trade times and
the browser's clock are of one machine. The exchange itself sends a trade 4 to 160 ms after its time, as
Binance does; the second row excludes this delay by measuring from the send time.
"""

from __future__ import annotations

import bisect
import json
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page
from websockets.sync.client import connect

from bench.report import Row, row, show
from tests.browser import launched_chromium
from tests.e2e.stack import Stack, until

SECONDS = 60
SETTLE_S = 8.0
BOUND_MS = 250.0
SYMBOLS = "BTCUSDT,ETHUSDT"

_RECORD = """() => {
  window.painted = [];
  let last = null;
  const look = () => {
    const now = window.pairbridgePainted;
    if (now && now !== last) { last = now; window.painted.push([now.at, now.painted_ms]); }
    requestAnimationFrame(look);
  };
  look();
}"""


def run() -> list[Row]:
    """Measure for a minute and print the table."""
    with tempfile.TemporaryDirectory() as folder, launched_chromium() as browser:
        stack = Stack(Path(folder))
        try:
            frames, sent = _measure(stack, browser)
        finally:
            stack.close()
    from_trade = _latencies(frames, [(trade_ms, trade_ms) for trade_ms, _ in sent])
    from_sent = _latencies(frames, sent)
    lines = [
        row("trades measured", len(from_trade), "trades", bounds={"ours": ("at least", SECONDS * 150)}),
        row("painted frames a second", len(frames) / SECONDS, "1/s"),
        *_quantiles("trade time to painted chart", from_trade, {"p95": BOUND_MS}),
        *_quantiles("sent by the exchange to painted chart", from_sent, {}),
    ]
    show(lines)
    return lines


def _measure(stack: Stack, browser: Browser) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """(newest trade time, time painted) of each frame, and (trade time, time sent) of each trade, in ms."""
    stack.start_exchange("--symbols", SYMBOLS, "--rate", "14.3")
    stack.start_server()
    stack.start_dashboard()
    bridge, screen = browser.new_page(), browser.new_page(viewport={"width": 1440, "height": 900})
    _start_bridge(stack, bridge)
    screen.goto(f"{stack.dashboard_url}pair")
    until(lambda: screen.evaluate("() => window.pairbridgePainted !== undefined"), 60, "the first painted frame")
    time.sleep(SETTLE_S)
    screen.evaluate(_RECORD)
    sent = _listen(stack)
    frames: list[tuple[float, float]] = screen.evaluate("() => window.painted")
    return frames, sent


def _start_bridge(stack: Stack, page: Page) -> None:
    query = {"market": "sim", "exchange": stack.exchange_url.replace("http", "ws"), "rest": stack.exchange_url}
    query |= {"server": stack.bridge_url.replace("http", "ws"), "symbols": SYMBOLS, "autostart": "1"}
    page.goto(f"{(stack.page_copy() / 'index.html').as_uri()}?{urlencode(query)}")
    until(lambda: (stack.health() or {}).get("state") == "LIVE", 20, "the bridge")


def _listen(stack: Stack) -> list[tuple[float, float]]:
    """(T, E) of every trade during the measurement, from a separate stream."""
    streams = "/".join(f"{symbol.lower()}@aggTrade" for symbol in SYMBOLS.split(","))
    found: list[tuple[float, float]] = []
    with connect(f"{stack.exchange_url.replace('http', 'ws')}/market/stream?streams={streams}") as socket:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            frame: dict[str, Any] = json.loads(socket.recv())
            found.append((frame["data"]["T"], frame["data"]["E"]))
    return found


def _latencies(frames: list[tuple[float, float]], trades: list[tuple[float, float]]) -> list[float]:
    """For each (trade time, start): from the start to the first painted frame that includes the trade, ms."""
    newest = [at for at, _ in frames]
    found = []
    for trade_ms, start_ms in trades:
        place = bisect.bisect_left(newest, trade_ms)
        if place < len(frames):
            found.append(frames[place][1] - start_ms)
    return sorted(found)


def _quantiles(what: str, values: list[float], bounds: dict[str, float]) -> list[Row]:
    lines = []
    for name, share in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99)):
        limits = {"ours": ("at most", bounds[name])} if name in bounds else {}
        lines.append(row(f"{what}, {name}", values[int(share * (len(values) - 1))], "ms", bounds=limits))
    return lines
