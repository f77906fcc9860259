"""Accessibility by axe-core: every page, in both themes, on four widths, without a serious or critical finding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from screen.page_table import PAGES
from tests.browser import axe_source
from tests.e2e.conftest import MANY_BARS, seen
from tests.e2e.stack import Stack

pytestmark = pytest.mark.browser
WIDTHS = (390, 1024, 1440, 2560)
READY = {
    "/": "#overview-symbols tbody tr",
    "/pair": "#evidence .ev-line",
    "/scan": "#scan-start",
    "/backtest": "#backtest-start",
    "/signals": ".rows-table td.when",
    "/alerts": "#alerts-rules .rows-empty, #alerts-rules .rows-table",
    "/data": "#data-settings .rows-table",
    "/glossary": ".glossary .term",
}


@pytest.fixture(params=["dark", "light"])
def themed(trading: Stack, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(color_scheme=request.param)
    page = context.new_page()
    page.goto(trading.owner_url)
    yield page
    context.close()


def findings(page: Page) -> list[str]:
    """Rule, and the elements that break it, of the serious and critical findings."""
    page.evaluate(axe_source())
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert len(found["passes"]) > 15, "axe has looked at a page"
    return [
        f"{rule['impact']} {rule['id']}: {node['html'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
        if rule["impact"] in ("serious", "critical")
    ]


def lasting_findings(page: Page) -> list[str]:
    """A grid that is drawn anew after a change of width has rows without cells for a moment: what stays counts."""
    found = findings(page)
    for _ in range(20):
        if not found:
            return []
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found = findings(page)
    return found


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_a_page_has_no_serious_finding(trading: Stack, themed: Page, path: str) -> None:
    themed.goto(trading.dashboard_url + path[1:])
    expect(themed.locator(READY[path]).first).to_be_visible()
    if path == "/pair":
        seen(themed, MANY_BARS)
    text: dict[int, float] = {}
    for width in WIDTHS:
        themed.set_viewport_size({"width": width, "height": 900})
        text[width] = themed.evaluate("parseFloat(getComputedStyle(document.querySelector('#page')).fontSize)")
        assert lasting_findings(themed) == []
        overflow = themed.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{path} scrolls sideways at {width}"
    assert text == {390: 13, 1024: 13, 1440: 13, 2560: pytest.approx(15.4, abs=0.1)}


def test_the_help_has_no_serious_finding(themed: Page) -> None:
    themed.get_by_role("button", name="Help", exact=True).click()
    expect(themed.get_by_role("dialog")).to_be_visible()
    assert findings(themed) == []


@pytest.mark.parametrize("path", ["", "pair"])
def test_the_folds_of_what_is_saved_have_no_serious_finding(trading: Stack, themed: Page, path: str) -> None:
    themed.goto(trading.dashboard_url + path)
    expect(themed.locator(".saved summary").first).to_be_visible()
    for fold in themed.locator(".saved summary").all():
        fold.click()
    expect(themed.get_by_role("button", name="Export all").first).to_be_visible()
    assert lasting_findings(themed) == []


def test_axe_finds_what_is_wrong(themed: Page) -> None:
    expect(themed.locator("#page")).to_be_visible()
    themed.evaluate("document.querySelector('#page').insertAdjacentHTML('beforeend', '<img src=\"data:,\">')")
    assert [line.split(":")[0] for line in findings(themed)] == ["critical image-alt"]
