"""Layouts and watch lists under names: saved, loaded, renamed, deleted, taken back, exported and imported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import MANY_BARS, seen, watched_page
from tests.e2e.stack import Stack, get_json, standing, until

pytestmark = pytest.mark.browser
PANES = ["price-chart", "spread-chart", "z-chart", "beta-chart", "gate-chart"]
DESK = ["z-chart", "price-chart", "spread-chart", "beta-chart"]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: these tests change what is watched."""
    with standing(tmp_path_factory.mktemp("saved"), "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT") as stack:
        yield stack


@pytest.fixture
def page(market: Stack, browser: Browser) -> Iterator[Page]:
    opened, faults = watched_page(browser)
    opened.goto(market.owner_pair_url)
    seen(opened, MANY_BARS)
    yield opened
    opened.close()
    assert faults == []


def fold(page: Page, kind: str) -> Locator:
    """The opened fold of a kind."""
    found = page.locator(f"[data-saved={kind}]")
    found.locator("summary").click()
    return found


def panes(page: Page) -> list[str]:
    """The panes of the chart from top to bottom, as their legends stand."""
    script = (
        "[...document.querySelectorAll('.legend')].map((each) => [each.getBoundingClientRect().top, each.dataset.pane])"
        ".sort((a, b) => a[0] - b[0]).map(([, pane]) => pane)"
    )
    found: list[str] = page.evaluate(script)
    return found


def do(box: Locator, name: str) -> None:
    box.get_by_role("button", name=name, exact=True).click()


def said(box: Locator, text: str) -> None:
    expect(box.locator(".saved-said")).to_have_text(text)


def give(page: Page, box: Locator, content: Any, name: str = "given.json") -> None:
    """Import a file."""
    text = content if isinstance(content, str) else json.dumps(content)
    with page.expect_file_chooser() as chooser:
        do(box, "Import")
    chooser.value.set_files({"name": name, "mimeType": "application/json", "buffer": text.encode()})


def exported(page: Page, box: Locator) -> Any:
    with page.expect_download() as download:
        do(box, "Export all")
    return json.loads(download.value.path().read_text())


def arranged(page: Page, wanted: list[str]) -> None:
    until(lambda: panes(page) == wanted, 20, f"the panes {wanted}")


def make_desk(page: Page, box: Locator) -> None:
    """z on top by keys alone, no gate, no evidence."""
    box.get_by_role("button", name="z up").focus()
    for _ in range(2):
        page.keyboard.press("Enter")
    expect(box.get_by_role("button", name="z up")).to_be_focused()
    box.get_by_label("Gate", exact=True).uncheck()
    box.get_by_label("Evidence", exact=True).uncheck()
    arranged(page, DESK)
    box.get_by_label("Name").fill("desk")
    page.keyboard.press("Enter")
    said(box, "desk is saved.")


def test_panes_are_ordered_and_hidden_and_a_layout_is_kept_under_its_name(page: Page) -> None:
    box = fold(page, "layouts")
    arranged(page, PANES)
    page.locator(".legend [data-series=band]").click()
    make_desk(page, box)
    expect(page.locator(".evidence-panel")).to_be_hidden()
    assert page.evaluate("window.pairbridgeCharts.values('gate')") == []
    page.reload()
    seen(page, MANY_BARS)
    arranged(page, DESK)
    expect(page.locator(".evidence-panel")).to_be_hidden()
    expect(page.locator(".legend [data-series=band]")).to_have_attribute("aria-pressed", "false")
    box = fold(page, "layouts")
    do(box, "Show all")
    arranged(page, PANES)
    expect(page.locator(".evidence-panel")).to_be_visible()
    box.get_by_label("Saved").select_option("desk")
    do(box, "Load")
    arranged(page, DESK)
    do(box, "Undo")
    arranged(page, PANES)
    said(box, "As it was.")
    before = page.evaluate("window.pairbridgeCharts.visible()[1]")
    seen(page, "before => window.pairbridgeCharts.visible()[1] > before", before)  # a chart made anew follows, too


def test_the_last_pane_stays(page: Page) -> None:
    box = fold(page, "layouts")
    for title in ("Price", "Spread", "Hedge ratio", "Gate"):
        box.get_by_label(title, exact=True).uncheck()
    arranged(page, ["z-chart"])
    box.get_by_label("z", exact=True).click()
    expect(box.locator(".saved-said")).to_contain_text("expected at least one pane shown")
    expect(box.get_by_label("z", exact=True)).to_be_checked()
    assert panes(page) == ["z-chart"] and len(page.evaluate("window.pairbridgeCharts.values('z')")) > 300


def test_saved_layouts_are_renamed_deleted_exported_and_imported(page: Page) -> None:
    box = fold(page, "layouts")
    names = box.get_by_label("Saved").locator("option")
    make_desk(page, box)
    box.get_by_label("Name").fill("<b>night</b>")
    do(box, "Rename")
    said(box, "desk is now <b>night</b>.")
    file = exported(page, box)
    assert file["format"] == "pairbridge-layouts" and [each["name"] for each in file["saved"]] == ["<b>night</b>"]
    assert file["saved"][0]["content"]["panes"] == [*DESK, "gate-chart"]
    do(box, "Delete")
    expect(names).to_have_text(["none yet"])
    do(box, "Undo")
    expect(names).to_have_text(["choose one of 1 …", "<b>night</b>"])
    night = file["saved"][0]
    more = [night, {**night, "name": "plain", "content": {**night["content"], "hidden": []}}]
    give(page, box, {**file, "saved": more})
    said(box, "given.json: added: plain; the same already: <b>night</b>.")
    for content, error in (
        ("no json", "expected a file that Export has made."),
        ({**file, "format": "pairbridge-watch-lists"}, 'is "pairbridge-watch-lists"; expected "pairbridge-layouts".'),
        ({**file, "saved": [{"name": "a", "content": {**night["content"], "leg": 7}}]}, "leg is 7; expected one of y,"),
    ):
        give(page, box, content)
        expect(box.locator(".saved-said")).to_contain_text(error)
    expect(names).to_have_count(3)


def watched(market: Stack) -> dict[str, Any]:
    """The settings of the watched pairs by their symbols."""
    return {
        f"{each['y']}~{each['x']}": each["settings"] for each in get_json(f"{market.dashboard_url}api/pairs")["items"]
    }


def test_a_watch_list_says_what_it_changes_and_is_loaded_and_taken_back_on_a_phone(market: Stack, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    box = fold(page, "watch-lists")
    box.get_by_label("Name").fill("one")
    do(box, "Save")
    said(box, "one is saved.")
    one = exported(page, box)["saved"][0]["content"]
    assert [(each["y"], each["x"]) for each in one] == [("ETHUSDT", "BTCUSDT")] and "watch" not in one[0]
    settings = {**one[0]["settings"], "entry_z": 2.5}
    other = {"market": "sim", "y": "SOLUSDT", "x": "BNBUSDT", "settings": settings}
    file = {"format": "pairbridge-watch-lists", "version": 1, "saved": [{"name": "other", "content": [other]}]}
    give(page, box, file)
    said(box, "given.json: added: other.")
    box.get_by_label("Saved").select_option("other")
    do(box, "Load")
    said(box, "other adds SOLUSDT ~ BNBUSDT; removes ETHUSDT ~ BTCUSDT; 0 stay as they are.")
    before = watched(market)
    assert list(before) == ["ETHUSDT~BTCUSDT"]  # nothing has changed yet
    page.keyboard.press("Enter")
    said(box, "other is loaded: 1 added, 1 removed.")
    assert watched(market) == {"SOLUSDT~BNBUSDT": settings}
    expect(page.locator("#live-title")).to_have_text("SOLUSDT ~ BNBUSDT")
    do(box, "Undo")
    said(box, "The watch list is as it was: 1 added, 1 removed.")
    assert watched(market) == before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_window_that_may_only_look_says_so_and_changes_nothing(market: Stack, browser: Browser) -> None:
    page, _ = watched_page(browser)
    page.goto(market.dashboard_url)
    box = fold(page, "watch-lists")
    before = watched(market)
    pair = {"market": "sim", "y": "SOLUSDT", "x": "ETHUSDT", "settings": {}}
    file = {"format": "pairbridge-watch-lists", "version": 1, "saved": [{"name": "sol", "content": [pair]}]}
    give(page, box, file)
    box.get_by_label("Saved").select_option("sol")
    do(box, "Load")
    do(box, "Change the watch list")
    expect(box.locator(".saved-said")).to_contain_text(
        "Stopped after 0 of 2 changes, at SOLUSDT ~ ETHUSDT: this window"
    )
    assert watched(market) == before
    page.close()


def test_what_was_told_is_done_or_nothing(market: Stack, page: Page) -> None:
    box = fold(page, "watch-lists")
    pair = {"market": "sim", "y": "SOLUSDT", "x": "ETHUSDT", "settings": {}}
    file = {"format": "pairbridge-watch-lists", "version": 1, "saved": [{"name": "sol", "content": [pair]}]}
    give(page, box, file)
    box.get_by_label("Saved").select_option("sol")
    do(box, "Load")
    expect(box.locator(".saved-said")).to_contain_text("sol adds SOLUSDT ~ ETHUSDT")
    headers = "{'Content-Type': 'application/json'}"
    make = f"pair => fetch('/api/pairs', {{method: 'POST', body: JSON.stringify(pair), headers: {headers}}})"
    made = page.evaluate(f"{make}.then((answer) => answer.json())", {**pair, "x": "BNBUSDT"})["watch"]
    before = watched(market)
    do(box, "Change the watch list")
    expect(box.locator(".saved-said")).to_contain_text("the watch list has changed since")
    assert len(before) == 2 and watched(market) == before
    assert page.evaluate("watch => fetch(`/api/pairs/${watch}`, {method: 'DELETE'}).then((answer) => answer.ok)", made)
