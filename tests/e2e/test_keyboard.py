"""The keyboard alone: skip link, help, rows of tables, pages by letters, explanations; also after clicks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import MANY_BARS, seen, watched_page
from tests.e2e.stack import Stack

pytestmark = pytest.mark.browser


@pytest.fixture
def page(trading: Stack, browser: Browser) -> Iterator[Page]:
    opened, faults = watched_page(browser)
    opened.goto(trading.owner_url)
    expect(opened.locator("#overview-symbols tbody tr")).to_have_count(4)
    expect(opened.locator("#overview-pairs .ag-center-cols-container .ag-row")).to_have_count(1)
    yield opened
    opened.close()
    assert faults == []


def here(page: Page, name: str) -> None:
    expect(page.locator(".pages [aria-current=page]")).to_have_text(name)


def test_the_first_tab_skips_to_the_page_and_focus_can_be_seen(page: Page) -> None:
    page.keyboard.press("Tab")
    skip = page.locator(".skip-link")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["x"] >= 0  # type: ignore[index]  # it is on the page
    assert skip.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#page').contains(document.activeElement)")


def test_every_page_by_its_letter_also_after_a_click_on_a_box(page: Page) -> None:
    for letter, name in (("s", "Scan"), ("b", "Backtest"), ("j", "Signals"), ("d", "Data"), ("h", "Glossary"),
                         ("p", "Pair"), ("o", "Overview"), ("p", "Pair")):  # fmt: skip
        page.keyboard.press("g")
        page.keyboard.press(letter)
        here(page, name)
    page.get_by_role("radio", name="Both").check()
    page.get_by_role("button", name="1 h", exact=True).click()
    page.keyboard.press("g")
    page.keyboard.press("o")
    here(page, "Overview")


def test_the_help_lists_the_keys_and_escape_closes_it(page: Page) -> None:
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="How to read this screen")
    expect(dialog).to_contain_text("next and previous row")
    page.keyboard.press("j")  # not meant for the page under it
    assert page.locator(".is-at").count() == 0
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_rows_of_tables_are_walked_and_enter_opens_one(page: Page) -> None:
    page.keyboard.press("j")
    expect(page.locator("#overview-pairs .is-at").first).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("#overview-symbols .is-at td").first).to_have_text("BNBUSDT")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    here(page, "Pair")
    expect(page).to_have_url(re.compile("/pair/sim/ETHUSDT~BTCUSDT$"))
    page.keyboard.press("g")
    page.keyboard.press("j")
    here(page, "Signals")
    expect(page.locator("td.when").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr.is-at")).to_have_count(1)
    link = page.locator("tr.is-at a").first
    expect(link).to_be_focused()
    page.evaluate("() => { window.isSameDocument = true; }")
    page.keyboard.press("Enter")
    here(page, "Pair")
    assert page.evaluate("() => window.isSameDocument"), "the link to a page of the screen has reloaded it"


def test_what_has_the_focus_is_explained_with_the_way_to_its_trap(page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press("p")
    seen(page, MANY_BARS)
    line = page.locator("[data-term=ev-nis]")
    line.focus()
    expect(line).to_be_focused()
    page.keyboard.press("i")
    hint = page.locator(".hint-box")
    expect(hint).to_contain_text("about 1 is right")
    page.keyboard.press("Escape")
    expect(hint).to_have_count(0)
    line.focus()
    page.keyboard.press("i")
    hint.get_by_role("link").click()
    expect(page.locator(".term.is-named")).to_contain_text("not that the pair is any good")


def test_pointing_a_click_and_tab_explain_a_line_in_one_box_inside_the_window(page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press("p")
    seen(page, MANY_BARS)
    line, hint = page.locator("[data-term=ev-nis]"), page.locator(".hint-box")
    words = line.get_attribute("title")
    line.scroll_into_view_if_needed()
    line.hover()
    expect(hint).to_have_count(1)
    expect(hint.locator("p")).to_have_text(str(words))
    expect(line).not_to_have_attribute("title", re.compile("."))  # or the browser's tooltip would say it twice
    page.mouse.move(5, 5)
    expect(hint).to_have_count(0)
    expect(line).to_have_attribute("title", str(words))
    line.click()
    page.mouse.move(5, 5)
    page.wait_for_timeout(600)
    expect(hint).to_have_count(1)
    page.keyboard.press("Escape")
    expect(hint).to_have_count(0)
    lines = page.locator(".evidence [tabindex='0']")
    for at in range(lines.count()):
        page.keyboard.press("Tab")
        if not page.evaluate("document.activeElement.matches('.evidence *')"):
            assert at > 5
            break
        expect(hint).to_have_count(1)
        if at % 2:
            page.keyboard.press("i")
        expect(hint).to_have_count(1)
        assert page.evaluate("getComputedStyle(document.activeElement, '::after').content") == "none"
        box, size = hint.bounding_box(), page.viewport_size
        assert box is not None and size is not None and box["x"] >= 0 and box["y"] >= 0
        assert box["x"] + box["width"] <= size["width"] and box["y"] + box["height"] <= size["height"]
    page.keyboard.press("Escape")


def test_a_tap_explains_what_it_touches(trading: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(f"{trading.dashboard_url}pair")
    card = page.locator(".metric").first
    expect(card).to_be_visible()
    seen(page, "document.querySelector('#live-prices').textContent !== '–'")
    card.tap()
    expect(page.locator(".hint-box")).to_contain_text("Last prints of Y and X")
    box = page.locator(".hint-box").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    context.close()
