"""From a trade to the painted chart, in Chromium: ``python -m bench latency``.

The simulated exchange trades 200 times a second over two symbols, then 2,000 times over twenty with four pair pages in
view; the bridge page forwards, the dashboard paints. Every trade of the leg whose candles a page draws counts: its
latency ends with the frame after the first picture that includes it, by its id, by which that is painted; a trade that
is never painted is infinitely late. (Prices in words, those of the other leg among them, are written every 100 ms.)
Trade times and the browser's clock are of one machine. The exchange itself sends a trade 4 to 160 ms after its time, as
Binance does; the last rows exclude this delay by measuring from the send time.
"""

from __future__ import annotations

import bisect
import json
import math
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, expect
from websockets.sync.client import connect

from bench.report import Row, row, show
from tests.browser import CHROMIUM_ARGS, chromium_path, launched_chromium
from tests.e2e.stack import Stack, until

SETTLE_S = 8.0
PAINTED_S = 2.0  # after the last trade: what is not painted by then is lost
LEAST_PAINTED = 0.99  # of the trades of each page's pair
BOUND_MS = 250.0

Painted = tuple[dict[str, tuple[int, int]], float]  # by leg the newest trade's id and time; when it was painted, ms


class Sent(NamedTuple):
    """A trade as the exchange sent it; times in ms."""

    symbol: str
    agg_id: int
    trade_ms: int
    sent_ms: int


# The chart sets the property when it has drawn; what it drew is painted before the next animation frame.
_RECORD = """() => {
  window.painted = [];
  let newest = window.pairbridgePainted;
  Object.defineProperty(window, "pairbridgePainted", {
    get: () => newest,
    set: (value) => {
      newest = value;
      requestAnimationFrame(() => window.painted.push([value.newest, Date.now()]));
    },
  });
}"""


class Load(NamedTuple):
    """``rate``: of the simulator; ``least``: trades a second that have to be stored; ``bounds`` from sent to painted,
    in ms, by quantile."""

    what: str
    symbols: tuple[str, ...]
    rate: float
    pairs: tuple[tuple[str, str], ...]
    seconds: int
    least: int
    bounds: dict[str, float]


TWO = Load("2 symbols, 200/s", ("BTCUSDT", "ETHUSDT"), 14.3, (("ETHUSDT", "BTCUSDT"),), 60, 150, {"p95": 60.0})
MANY = tuple(f"S{number:02d}USDT" for number in range(18))
TWENTY = Load(
    "20 symbols, 2,000/s, 4 pairs in view", ("BTCUSDT", "ETHUSDT", *MANY), 40.0,
    (("ETHUSDT", "BTCUSDT"), ("S00USDT", "S01USDT"), ("S02USDT", "S03USDT"), ("S04USDT", "S05USDT")), 120, 1_500,
    {"p50": 50.0, "p95": 100.0, "p99": 200.0},
)  # fmt: skip


def run() -> list[Row]:
    """Measure both loads and print the table."""
    lines: list[Row] = []
    for load in (TWO, TWENTY):
        with tempfile.TemporaryDirectory() as folder, launched_chromium() as browser:
            stack = Stack(Path(folder))
            try:
                seen, sent, stored = _measure(stack, browser, load)
            finally:
                stack.close()
        found = _rows(load, seen, sent, stored)
        show(found, heading=not lines)
        lines += found
    return lines


def _rows(load: Load, seen: list[list[Painted]], sent: list[Sent], stored: int) -> list[Row]:
    from_trade: list[float] = []
    from_sent: list[float] = []
    shares: list[float] = []
    for (symbol, _), frames in zip(load.pairs, seen, strict=True):
        painted = list(_painted(frames, symbol, sent))
        from_trade += [at_ms - trade.trade_ms for trade, at_ms in painted]
        from_sent += [at_ms - trade.sent_ms for trade, at_ms in painted]
        shares.append(sum(math.isfinite(at_ms) for _, at_ms in painted) / len(painted))
    fewest = min(map(len, seen)) / load.seconds
    limit = {"p95": BOUND_MS} if load is TWO else {}
    return [
        row(f"{load.what}: trades sent", len(sent) / load.seconds, "1/s"),
        row(f"{load.what}: of them stored", stored / load.seconds, "1/s", bounds={"ours": ("at least", load.least)}),
        row(
            f"{load.what}: painted, page with fewest",
            min(shares),
            "share",
            bounds={"ours": ("at least", LEAST_PAINTED)},
        ),
        row(f"{load.what}: frames of the page with fewest", fewest, "1/s"),
        *_quantiles(f"{load.what}: trade time to painted", sorted(from_trade), limit),
        *_quantiles(f"{load.what}: sent by the exchange to painted", sorted(from_sent), load.bounds),
    ]


def _measure(stack: Stack, browser: Browser, load: Load) -> tuple[list[list[Painted]], list[Sent], int]:
    """The frames of each page, the trades, and how many of these are in the store."""
    names = ",".join(load.symbols)
    stack.start_exchange("--symbols", names, "--rate", str(load.rate))
    stack.start_server()
    stack.start_dashboard()
    with _bridge(stack, names):
        screens = [_pair_page(stack, browser, pair) for pair in load.pairs]
        time.sleep(SETTLE_S)
        for screen in screens:
            screen.evaluate(_RECORD)
        sent = _listen(stack, load)
        time.sleep(PAINTED_S)
    frames = [screen.evaluate("() => window.painted") for screen in screens]
    times = [trade.trade_ms for trade in sent]
    between = "SELECT count(*) FROM v_ticks WHERE trade_time_ms BETWEEN ? AND ?"
    ((stored,),) = stack.query(between, min(times), max(times))
    return frames, sent, int(stored)


def _pair_page(stack: Stack, browser: Browser, pair: tuple[str, str]) -> Page:
    """The page of a pair in a window of its own, which is watched first where it is not yet."""
    screen = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    screen.goto(stack.owner_url.replace("/#", "/pair#"))
    if pair != ("ETHUSDT", "BTCUSDT"):  # watched from the start
        for control, symbol in zip(("y", "x"), pair, strict=True):
            screen.locator(f"#pick-{control}").select_option(symbol)
        screen.locator("#add-pair").click()
        expect(screen).to_have_url(re.compile("~".join(pair)))
    until(lambda: screen.evaluate("() => window.pairbridgePainted !== undefined"), 60, "the first painted frame")
    return screen


@contextmanager
def _bridge(stack: Stack, symbols: str) -> Iterator[None]:
    """The bridge page in a browser of its own, to which nothing is attached: what drives the others is told of every
    message of a page, which costs a fifth of a core at 2,000 trades a second."""
    query = {"market": "sim", "exchange": stack.exchange_url.replace("http", "ws"), "rest": stack.exchange_url}
    query |= {"server": stack.bridge_url.replace("http", "ws"), "symbols": symbols, "autostart": "1"}
    address = f"{(stack.page_copy() / 'index.html').as_uri()}?{urlencode(query)}"
    profile = f"--user-data-dir={stack.folder / 'bridge-profile'}"
    command = [str(chromium_path()), "--headless=new", *CHROMIUM_ARGS, profile, address]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: (stack.health() or {}).get("state") == "LIVE", 40, "the bridge")
        yield
    finally:
        process.terminate()
        process.wait(20)


def _listen(stack: Stack, load: Load) -> list[Sent]:
    """Every trade during the measurement, from a separate stream."""
    streams = "/".join(f"{symbol.lower()}@aggTrade" for symbol in load.symbols)
    found: list[Sent] = []
    with connect(f"{stack.exchange_url.replace('http', 'ws')}/market/stream?streams={streams}") as socket:
        end = time.monotonic() + load.seconds
        while time.monotonic() < end:
            data: dict[str, Any] = json.loads(socket.recv())["data"]
            found.append(Sent(data["s"], data["a"], data["T"], data["E"]))
    return found


def _painted(frames: list[Painted], symbol: str, sent: list[Sent]) -> Iterator[tuple[Sent, float]]:
    """Each trade of the leg Y, and when the first frame that includes it was painted: never is infinite."""
    newest = [by_leg["y"][0] for by_leg, _ in frames]
    for trade in sent:
        if trade.symbol == symbol:
            place = bisect.bisect_left(newest, trade.agg_id)
            yield trade, frames[place][1] if place < len(frames) else math.inf


def _quantiles(what: str, values: list[float], bounds: dict[str, float]) -> list[Row]:
    lines = []
    for name, share in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99)):
        limits = {"ours": ("at most", bounds[name])} if name in bounds else {}
        lines.append(row(f"{what}, {name}", values[int(share * (len(values) - 1))], "ms", bounds=limits))
    return lines
