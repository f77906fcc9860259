"""Every page at four widths in both themes, on a simulated market: ``python -m tests.e2e.pictures [FOLDER]``.

The pictures go to ``docs/images``, as ``<page>-<width>-<theme>.jpg``. It takes some three minutes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from screen.page_table import PAGES
from tests.browser import launched_chromium
from tests.e2e.stack import ROOT, Stack, standing, until

WIDTHS = {390: 844, 1024: 768, 1440: 900, 2560: 1440}
THEMES = ("dark", "light")
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT"
PAIR = "pair/sim/ETHUSDT~BTCUSDT"
QUALITY = 72

_WITHOUT_FOLDER = "#data-stock-head { visibility: hidden }"  # the folder of these pictures is of no one's interest


def main(arguments: list[str] | None = None) -> None:
    """Start everything, fill the pages with results, and take the pictures."""
    given = sys.argv[1:] if arguments is None else arguments
    folder = Path(given[0]) if given else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        launched_chromium() as browser,
        standing(Path(place), SYMBOLS, hours=3) as stack,
    ):
        prepare(stack, browser)
        for theme in THEMES:
            take(stack, browser, theme, folder)


def prepare(stack: Stack, browser: Browser) -> None:
    """A scan and a backtest, so that no page is empty; over all hours, so first these are caught up with."""
    newest = "SELECT max(trade_time_ms) FROM v_ticks WHERE symbol='BNBUSDT'"
    until(lambda: stack.query(newest)[0][0] > 1_000 * (time.time() - 10), 300, "the trades of all hours")
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(stack.owner_url.replace("/#", "/scan#"))
    expect(page.locator("#scan-market")).to_have_value("sim")
    page.locator("#scan-start").click()
    expect(page.locator("#scan-pairs .ag-center-cols-container .ag-row").first).to_be_visible(timeout=120_000)
    page.goto(stack.dashboard_url + "backtest")
    for control, value in (("market", "sim"), ("y", "ETHUSDT"), ("x", "BTCUSDT"), ("span", "0"), ("interval", "5s")):
        page.locator(f"#backtest-{control}").select_option(value)
    page.locator("#backtest-start").click()
    expect(page.locator("#backtest-result .verdict strong")).to_be_visible(timeout=120_000)
    page.close()


def take(stack: Stack, browser: Browser, theme: str, folder: Path) -> None:
    """All pages in one theme."""
    context = browser.new_context(color_scheme="dark" if theme == "dark" else "light")
    page = context.new_page()
    page.goto(stack.owner_url)  # the key stays in this context
    for each in PAGES:
        path = PAIR if each.path == "/pair" else each.path[1:]
        page.goto(stack.dashboard_url + path)
        page.add_style_tag(content=_WITHOUT_FOLDER)
        if each.path == "/":
            expect(page.locator("#overview-pairs .ag-center-cols-container .ag-row").first).to_be_visible()
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            settle(page)
            name = each.path[1:] or "overview"
            page.screenshot(path=folder / f"{name}-{width}-{theme}.jpg", type="jpeg", quality=QUALITY)
    context.close()


def settle(page: Page) -> None:
    """Until two looks half a second apart are of the same height, with everything loaded."""
    page.wait_for_load_state("load")
    before = -1
    while (height := page.evaluate("document.documentElement.scrollHeight")) != before:
        before = height
        page.wait_for_timeout(700)


if __name__ == "__main__":
    main()
