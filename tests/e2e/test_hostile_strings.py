"""Hostile texts as symbols, addresses, file names, headers, cells and values: shown as text or refused, never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import watched_page
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser

HIT = "window.__ran=1"
HOSTILE = (
    f"<script>{HIT}</script>",
    f"<img src=x onerror={HIT}>",
    f"\"><svg onload={HIT}>",
    f"'><body onload={HIT}>",
    f"javascript:{HIT}//",
    f"</title><script>{HIT}</script>",
    f"</textarea><script>{HIT}</script>",
    "<iframe srcdoc='<script>parent.__ran=1</script>'>",
    f"<a href=javascript:{HIT}>x</a>",
    f"<details open ontoggle={HIT}>",
    f"[x](javascript:{HIT})",
    f"![x](x\" onerror=\"{HIT})",
    f"{{{{constructor.constructor('{HIT}')()}}}}",
    f"${{{HIT}}}",
    f"`+{HIT}+`",
    f"';{HIT};'",
    f"<math><mtext><style><img src=x onerror={HIT}>",
    f"=HYPERLINK(\"javascript:{HIT}\")",
    f"\u202e<script>{HIT}</script>\u2066",
    f"%3Cscript%3E{HIT}%3C/script%3E",
)  # fmt: skip


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server and a dashboard without trades."""
    stack = Stack(tmp_path_factory.mktemp("hostile"))
    try:
        stack.start_dashboard()
        stack.start_server()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def page(empty: Stack, browser: Browser) -> Iterator[Page]:
    """The overview; at its end nothing hostile ran, no dialog opened and no script failed."""
    opened, faults = watched_page(browser)
    dialogs: list[str] = []
    opened.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    opened.goto(empty.owner_url)
    expect(opened.locator("#overview-start")).to_be_visible()
    yield opened
    assert opened.evaluate("window.__ran") is None and dialogs == []
    opened.close()
    assert [fault for fault in faults if "status of 4" not in fault] == []


def test_there_are_twenty_and_each_would_run_or_be_marked_up() -> None:
    assert len(set(HOSTILE)) == 20 and all(HIT in text or "__ran" in text for text in HOSTILE)


def test_in_the_search_and_in_addresses(empty: Stack, page: Page) -> None:
    for text in HOSTILE:
        page.locator("#search").fill(text)
        page.locator("#search").press("Enter")
        expect(page.locator("#search-said")).not_to_have_text("")
        assert page.locator("#search-said script, #search-said img, #search-said svg").count() == 0
    base = empty.owner_url.partition("#")[0]
    for text in HOSTILE[::3]:
        for path in (f"pair/sim/{quote(text, safe='')}~BTCUSDT", quote(text, safe="")):
            page.goto(f"{base}{path}")
            page.wait_for_load_state("load")
            assert page.evaluate("window.__ran") is None


def test_in_file_names_headers_and_cells(empty: Stack, page: Page, tmp_path: Path) -> None:
    page.goto(empty.owner_url.replace("/#", "/data#"))
    for number, text in enumerate(HOSTILE):
        cell = '"' + text.replace('"', '""') + '"'
        name = "".join(char for char in text if char not in "/\0")[:80] or "x"
        path = tmp_path / f"{name}.csv"
        path.write_text(
            f"timestamp,symbol,price,size,{cell}\n1767225600000,{cell},1,1,{cell}\n1767225600001,BTCUSDT,1,1,2\n"
        )
        before = page.locator("#data-sent").inner_text()
        with page.expect_file_chooser() as chooser:
            page.locator("#data-choose").click()
        chooser.value.set_files(path)
        is_refused = refused_or_looked_at(page, before, number)
        assert page.evaluate("window.__ran") is None, text
        assert page.locator("#data-preview script, #data-preview img, #data-preview iframe").count() == 0
        assert page.locator("#data-sent *").count() == 0
        if not is_refused:
            page.locator("#data-discard").click()
            expect(page.locator("#data-discard")).to_be_disabled()


def refused_or_looked_at(page: Page, before: str, number: int) -> bool:
    """Wait for the answer: whether the name was refused, else the preview or its error is there."""
    said = page.locator("#data-preview, #data-import-said, #data-import-stage")
    sent, discard = page.locator("#data-sent"), page.locator("#data-discard")

    def is_answered() -> bool:
        looked_at = discard.is_enabled() and "".join(said.all_inner_texts()).strip() != ""
        return sent.inner_text() != before and (looked_at or sent.inner_text().startswith("Not sent: name is"))

    until(is_answered, 30, f"an answer to text {number}")
    return sent.inner_text().startswith("Not sent")


def test_in_values_of_forms_and_their_errors(empty: Stack, page: Page) -> None:
    page.goto(empty.owner_url.replace("/#", "/data#"))
    for text in HOSTILE:
        field = page.locator("#data-export-from")
        field.fill(text)
        field.press("Tab")
        expect(page.locator("#data-export-said")).not_to_have_text("")
        assert page.locator("#data-export-said *").count() == 0


def test_in_requests_the_errors_are_no_markup(empty: Stack, page: Page) -> None:
    base = empty.owner_url.partition("#")[0]
    for text in HOSTILE:
        for address in (f"api/export/ohlc?symbols={quote(text)}", f"api/pair/bars?watch={quote(text)}"):
            answer = page.request.get(f"{base}{address}")
            assert 400 <= answer.status < 500
            assert "html" not in answer.headers.get("content-type", "")
            assert answer.headers["x-content-type-options"] == "nosniff"
