"""The pair's page under fingers, in a real Chromium: swipes of the page and of the chart, pinches, taps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import MANY_BARS, seen
from tests.e2e.stack import Stack, until
from tests.e2e.test_chart import NEWEST, in_view, still

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(trading: Stack, browser: Browser) -> Iterator[Page]:
    """A pair's page under fingers."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    opened = context.new_page()
    opened.goto(trading.owner_pair_url)
    seen(opened, MANY_BARS)
    yield opened
    context.close()


def swipe(page: Page, at: tuple[float, float], by: tuple[float, float], apart: float = 0) -> None:
    """A finger from a point; with ``apart`` two, first that far apart, and ``by[0]`` further in the end.

    Without a rest between its steps: on a slow machine it would become a long press.
    """
    session = page.context.new_cdp_session(page)
    for step in range(13):
        part = step / 12
        points = [{"x": at[0] + by[0] * part, "y": at[1] + by[1] * part, "id": 0}]
        if apart:
            half = (apart + by[0] * part) / 2
            points = [{"x": at[0] + side * half, "y": at[1], "id": finger} for finger, side in ((0, -1), (1, 1))]
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


SHAPE = """() => [...document.querySelectorAll("#chart-canvas tr")].map((row) => row.offsetHeight)"""
TOP = "document.scrollingElement.scrollTop"


def _room(page: Page) -> float:
    first, last = in_view(page)
    return last - first


def test_fingers_scroll_the_page_and_move_the_chart_and_change_neither_panes_nor_axes(phone: Page) -> None:
    page = phone
    page.locator("#chart-canvas").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#chart-canvas').scrollIntoView({ block: 'center' })")
    shape, room = page.evaluate(SHAPE), _room(page)
    box = page.locator("#chart-canvas").bounding_box()
    assert box is not None
    border = page.locator("#chart-canvas td[colspan]").nth(1).bounding_box()
    assert border is not None
    middle = box["x"] + box["width"] * 0.4
    axis = box["x"] + box["width"] - 20
    for x, y in ((middle, 500.0), (middle, border["y"]), (axis, 500.0)):
        for up in (-150.0, 150.0):  # and back
            before = page.evaluate(TOP)
            swipe(page, (x, y), (0, up))
            until(lambda: (page.evaluate(TOP) - before) * up < -50 * abs(up), 5, f"the page at {x}, {y}")  # noqa: B023
            page.wait_for_timeout(500)  # it glides on
        page.evaluate("document.querySelector('#chart-canvas').scrollIntoView({ block: 'center' })")
    assert page.evaluate(SHAPE) == shape
    assert page.locator("[data-range=now]").get_attribute("aria-pressed") == "true", "it follows as before"

    page.wait_for_timeout(800)  # the last swipe glides on
    edges, top = in_view(page), page.evaluate(TOP)
    swipe(page, (middle, 230), (120, 0))
    until(lambda: in_view(page)[1] < edges[1] - room / 10, 5, "older bars")
    assert page.evaluate(TOP) == top
    expect(page.locator("[data-range=now]")).to_have_attribute("aria-pressed", "false")
    until(lambda: still(page), 10, "the chart at rest")
    room = _room(page)
    swipe(page, (middle, 230), (120, 0), apart=60)
    until(lambda: _room(page) < room * 0.7, 5, "a narrower view")
    page.locator("[data-range=now]").tap()
    until(lambda: in_view(page)[1] >= page.evaluate(NEWEST), 5, "following now again")
    swipe(page, (middle, 230), (120, 4))
    until(lambda: in_view(page)[1] < page.evaluate(NEWEST), 5, "older bars")
    page.wait_for_timeout(600)
    for _ in range(2):
        page.touchscreen.tap(middle, 230)
        page.wait_for_timeout(60)
    until(lambda: in_view(page)[1] >= page.evaluate(NEWEST), 5, "a double tap follows again")
    assert page.evaluate(SHAPE) == shape


@pytest.mark.parametrize("width", [390, 1440])
def test_no_legend_hides_data_at_the_top_of_its_pane(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("[data-range='900000']").click()
    for pane in ("price-chart", "spread-chart", "z-chart", "beta-chart"):
        until(lambda: page.evaluate(GAP, pane) >= 6, 10, f"room under the legend of {pane}")  # noqa: B023


# Between the bottom of a legend and the highest value of its pane, px.
GAP = """id => {
  const row = document.querySelector(`.legend[data-pane=${id}]`).getBoundingClientRect();
  const top = window.pairbridgeCharts.top(id);
  return top === null ? -1 : top - row.bottom;
}"""
