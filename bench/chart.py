"""A day of seconds on the pair's chart, in Chromium: ``python -m bench chart``.

The page's own scripts, without a server: 86,400 bars are put into the pair's columns, as the answers of
``/api/pair/bars`` are, and drawn whole; then the chart is dragged by the mouse. Drawn counts from the call to the frame
after the one in which the library has drawn.
"""

from __future__ import annotations

import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route

from bench.report import Row, row, show
from tests.browser import launched_chromium

ASSETS = Path(__file__).parents[1] / "screen/assets"
SCRIPTS = ("vendor/lightweight-charts.js", "clock_times.js", "bars.js", "dom.js", "font_size.js", "core.js")
ORIGIN = "http://chart.test"  # answered from the folder of the assets
BARS = 86_400
RUNS = 7
DRAG_PX = 400

_PAGE = """<body class="page" style="--ink:#ddd;--muted:#888;--line:#333;--cyan:#2de;--violet:#a8f;--green:#3d9;
--red:#f77;--amber:#fb2;margin:0"><div id="chart-canvas" style="width:1100px;height:700px"></div>
<div id="chart-legends"></div>"""

_FILL = """(bars) => {
  let state = 7;
  const noise = () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31 - 0.5;
  const walk = (start, step) => {
    let v = start;
    return Float64Array.from({length: bars}, () => (v += step * noise()));
  };
  const columns = { y_close: walk(3000, 1), x_close: walk(60000, 9), spread: walk(0, 1e-5), mean: walk(0, 1e-6) };
  for (const side of ["y", "x"]) {
    const close = columns[side + "_close"];
    Object.assign(columns, { [side + "_open"]: close, [side + "_last"]: close, [side + "_volume"]: walk(9, 0) });
    Object.assign(columns, { [side + "_high"]: close.map((v) => v + 1), [side + "_low"]: close.map((v) => v - 1) });
  }
  for (const name of ["deviation", "beta", "beta_ols", "beta_kalman", "pvalue", "pays"]) columns[name] = walk(1, .001);
  columns.z = Float64Array.from({length: bars}, () => 6 * noise());
  Object.assign(columns, { gate: walk(1, 0), flags: walk(0, 0) });
  window.filled = columns;
}"""

_DRAWN = """async () => {
  const pair = PairbridgeCore.emptyPair();
  const charts = new PairbridgeCharts(pair);
  const last = {};
  for (const [name, values] of Object.entries(window.filled)) last[name] = [...values.slice(-1000)];
  const first = window.filled.z.length - 1000;
  last.t = Array.from({length: 1000}, (_, i) => 1790000000000 + (first + i) * 1000);
  const rule = {spread_scale: 1e4, spread_unit: " bps"};
  const frame = {watch: 1, run: "r/0", reset: true, interval_ms: 1000, first, columns: last, log: [], rule};
  PairbridgeCore.absorb(pair, frame);
  const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  charts.changed(null);
  await frames();
  await new Promise((done) => setTimeout(done, 200));
  const older = {};
  for (const [name, values] of Object.entries(window.filled)) older[name] = values.slice(0, -1000);
  const begun = performance.now();
  PairbridgeCore.absorbOlder(pair, {first: 0, count: older.z.length, columns: older, decisions: []});
  charts.showRange(Infinity);
  await frames();
  const took = performance.now() - begun;
  window.charts = charts;
  return [took, pair.bars.size, charts.seen()];
}"""

_RECORD = """() => {
  window.times = [];
  const look = (at) => { window.times.push(at); requestAnimationFrame(look) };
  requestAnimationFrame(look);
}"""


def run() -> list[Row]:
    """Measure and print the table."""
    with launched_chromium() as browser:
        runs = [drawn_and_panned(browser, BARS) for _ in range(RUNS)]
    gaps_ms = runs[-1][1]
    lines = [
        row(
            f"{BARS:,} bars drawn",
            statistics.median(drawn for drawn, _ in runs),
            "ms",
            bounds={"ours": ("at most", 150)},
        ),
        row("... panned", 1_000 / statistics.mean(gaps_ms), "frames/s", bounds={"ours": ("at least", 30)}),
        row("... its slowest frame in 20", sorted(gaps_ms)[int(0.95 * len(gaps_ms))], "ms"),
    ]
    show(lines)
    return lines


def drawn_and_panned(browser: Browser, bars: int) -> tuple[float, list[float]]:
    """The time until the bars are drawn, and those between the frames of a drag, ms."""
    page = _opened(browser.new_page(viewport={"width": 1440, "height": 900}), bars)
    took_ms, size, seen = page.evaluate(_DRAWN)
    if (size, seen) != (bars, [0, bars - 1]):
        raise RuntimeError(f"{size} bars with {seen} in view; expected all {bars}")
    gaps_ms = _panned(page)
    page.close()
    return took_ms, gaps_ms


def _opened(page: Page, bars: int) -> Page:
    page.route(f"{ORIGIN}/**", _answer)  # an address, since the worker of the forming candle is loaded by its own
    page.goto(f"{ORIGIN}/")
    for name in (*SCRIPTS, *sorted(path.name for path in ASSETS.glob("draw*.js"))):
        page.add_script_tag(url=f"{ORIGIN}/{name}")
    page.evaluate(_FILL, bars)
    return page


def _answer(route: Route) -> None:
    name = route.request.url.removeprefix(f"{ORIGIN}/")
    if name:
        route.fulfill(path=ASSETS / name, content_type="text/javascript")
    else:
        route.fulfill(body=_PAGE, content_type="text/html")


def _panned(page: Page) -> list[float]:
    """Times between frames, ms, while the mouse drags the chart to and fro."""
    page.mouse.move(300, 200)
    page.mouse.down()
    page.evaluate(_RECORD)
    before: Any = page.evaluate("charts.window()")
    for step in range(60):
        page.mouse.move(300 + DRAG_PX * (step % 20) / 20, 200)
    after: Any = page.evaluate("charts.window()")
    page.mouse.up()
    if before == after:
        raise RuntimeError(f"the view stayed at {before}; expected the drag to move it")
    times: list[float] = page.evaluate("window.times")
    return [later - sooner for sooner, later in pairwise(times)]


if __name__ == "__main__":
    run()
