"""What is chosen once in a browser: the theme, from the first paint on, and the zone of every time on the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import MANY_BARS, seen, to_page
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser
UTC = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC")


@pytest.fixture
def light(trading: Stack, browser: Browser) -> Iterator[Page]:
    """A browser in India on a system with a light theme."""
    context = browser.new_context(color_scheme="light", timezone_id="Asia/Kolkata")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(trading.owner_pair_url)
    seen(page, MANY_BARS)
    yield page
    context.close()
    assert faults == []


def ground(page: Page) -> Any:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_theme_is_the_systems_until_one_is_chosen_and_is_kept(trading: Stack, light: Page) -> None:
    assert ground(light) == "rgb(238, 242, 246)"
    ink = "window.pairbridgeCharts.colour('ink')"
    assert light.evaluate(ink) == "#16202b"
    light.get_by_title("Light or dark theme").click()
    assert ground(light) == "rgb(9, 13, 19)"
    until(lambda: light.evaluate(ink) == "#d5dee8", 20, "the chart in the other colours")
    grid = "getComputedStyle(document.querySelector('#watch-list')).backgroundColor"
    assert light.evaluate(grid) == "rgb(15, 22, 32)"
    themes: list[str] = []
    light.expose_function("hear", lambda theme: themes.append(theme))
    # At the first element of the body the theme is set: nothing is painted in another one.
    light.add_init_script(
        "new MutationObserver((_, self) => { if (document.body) { self.disconnect();"
        " window.hear(document.documentElement.dataset.bsTheme); } })"
        ".observe(document, {childList: true, subtree: true});"
    )
    light.goto(f"{trading.dashboard_url}signals")
    until(lambda: themes, 20, "the first element")
    assert themes == ["dark"] and ground(light) == "rgb(9, 13, 19)"
    light.get_by_title("Light or dark theme").click()


def test_the_demos_steps_stay_until_they_are_dismissed_by_key(trading: Stack, light: Page) -> None:
    to_page(light, "Overview")
    steps = light.locator("#overview-tour")
    expect(steps.locator("li")).to_have_count(4)
    expect(steps).to_be_visible()
    steps.get_by_role("button", name="Dismiss").focus()
    light.keyboard.press("Enter")
    expect(steps).to_be_hidden()
    light.goto(trading.dashboard_url)
    expect(light.locator("#overview-symbols tbody tr")).to_have_count(4)
    expect(steps).to_be_hidden()


def test_times_are_in_the_chosen_zone_on_every_page_and_back_again(light: Page) -> None:
    legend = light.locator("[data-value=time]")
    expect(legend).to_have_text(UTC)
    zone = light.locator("#zone")
    expect(zone).to_have_text("UTC")
    at = light.evaluate("window.pairbridgeCharts.values('z').at(-1)[0]")
    zone.click()
    expect(zone).to_have_text("GMT+5:30")
    expect(light.locator("#live-clock")).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT\+5:30 · sim$"))
    expect(legend).to_have_text(re.compile(r"GMT\+5:30$"))
    local = light.evaluate("at => new Date(at).toLocaleString('sv')", at)
    until(lambda: legend.inner_text() >= f"{local} GMT+5:30", 20, "the legend's bar in local time")
    until(lambda: not UTC.search(light.inner_text("#page")), 20, "no time of UTC on the pair's page")
    for name in ("Signals", "Data", "Scan", "Backtest", "Overview"):
        to_page(light, name)
        expect(light.locator(".pages [aria-current=page]")).to_have_text(name)
        until(lambda: not UTC.search(light.inner_text("body")), 20, f"no time of UTC on {name}")
    to_page(light, "Signals")
    close = light.locator("td.when time").first
    both = "each => [each.innerText, new Date(each.dateTime).toLocaleString('sv')]"  # in one look: rows come meanwhile
    shown, local = close.evaluate(both)
    assert shown == local
    expect(light.locator("th.when").first).to_have_text("Bar close (GMT+5:30)")
    light.reload()
    expect(light.locator("td.when time").first).to_be_visible()
    expect(zone).to_have_text("GMT+5:30")
    zone.click()
    expect(light.locator("th.when").first).to_have_text("Bar close (UTC)")
    shown, sent = light.locator("td.when time").first.evaluate("each => [each.innerText, each.dateTime]")
    assert shown == sent[:19].replace("T", " ")
