"""The evidence panel and the form in a real Chromium: live, readable at both sizes, reached by the keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from screen.pages.pair.evidence_table import GROUPS
from tests.e2e.conftest import MANY_BARS, seen, watched_page
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser

# Boxes that reach beyond their parent, texts that run into each other, and a page wider than its window.
FAULTS = """() => {
  const faults = [];
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) faults.push(`the page is ${width} wide`);
  const box = (e) => e.getBoundingClientRect();
  for (const line of document.querySelectorAll(".ev-line, .metric, .row-2")) {
    if (!line.offsetParent) continue;
    const parent = box(line.parentElement);
    if (box(line).right > parent.right + 1) faults.push(`${line.textContent} leaves its column`);
    const parts = [...line.children].filter((e) => e.offsetParent && e.textContent);
    parts.forEach((a, i) => parts.slice(i + 1).forEach((b) => {
      const [p, q] = [box(a), box(b)];
      const apart = p.right <= q.left + 1 || q.right <= p.left + 1 || p.bottom <= q.top + 1 || q.bottom <= p.top + 1;
      if (!apart) faults.push(`"${a.textContent}" and "${b.textContent}" overlap`);
    }));
  }
  for (const value of document.querySelectorAll(".ev-value, .card-value"))
    if (value.scrollWidth > value.clientWidth + 1) faults.push(`${value.textContent} is cut`);
  const brush = document.createElement("canvas").getContext("2d");
  for (const select of document.querySelectorAll(".side select")) {
    if (!select.offsetParent) continue;
    const style = getComputedStyle(select);
    brush.font = style.font;
    const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    for (const option of select.options)
      if (brush.measureText(option.text).width > room) faults.push(`${select.id}: ${option.text} is cut`);
  }
  return faults;
}"""


def test_every_figure_is_known_and_says_what_it_means(page: Page) -> None:
    for line in (line for group in GROUPS for line in group.lines):
        value = page.locator(f"#live-{line.name}")
        if line.name != "ev-candles-differ":  # no candle is fetched where whole ticks are; its note says so
            expect(value).not_to_have_text("–")
        assert value.inner_text(), line.name
        assert page.locator(f"#live-{line.name}-note").inner_text(), line.name
        assert value.locator("xpath=..").get_attribute("title") == line.explanation
    head = page.locator("#live-evidence-head").inner_text()
    expect(page.locator("#live-evidence-head")).not_to_have_text(head)


def test_reasons_are_counted_like_the_log(trading: Stack, page: Page) -> None:
    query = (
        "SELECT count(*) FROM v_signals AS s WHERE kind='no_entry' AND reason='IN_POSITION' AND run_id="
        "(SELECT run_id FROM runs WHERE ended_seq IS NULL AND y='ETHUSDT') AND NOT EXISTS (SELECT 1 FROM v_signals AS t"
        " WHERE t.run_id=s.run_id AND t.bar_ms=s.bar_ms AND t.revision>s.revision)"
    )

    def counts() -> Any:
        return trading.query(query, file="analysis.db")[0][0]

    shown = page.locator("#live-why-in_position")
    until(lambda: int(shown.inner_text().replace(",", "")) == counts() > 0, 20, "the same count in the store")
    assert page.locator("#live-why-bridge_down").inner_text() == ""
    assert not page.locator("#live-why-bridge_down").is_visible()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (780, 900)])
def test_nothing_overlaps_or_is_cut(trading: Stack, browser: Browser, width: int, height: int) -> None:
    page, faults = watched_page(browser, width, height)
    page.goto(trading.owner_pair_url)
    seen(page, MANY_BARS)
    expect(page.locator("#live-ev-power")).not_to_have_text("–")
    assert page.evaluate(FAULTS) == []
    page.close()
    assert faults == []


def test_the_keyboard_reaches_every_line(page: Page) -> None:
    page.locator("#price-leg input").first.focus()
    helps = {f"live-{each.name}": each.explanation for group in GROUPS for each in group.lines}
    left = set(helps)
    for _ in range(80):
        page.keyboard.press("Tab")
        line = page.evaluate("document.activeElement.closest('.ev-line')?.querySelector('.ev-value').id")
        if line in left:
            expect(page.locator(".hint-box")).to_contain_text(helps[line])
            left.remove(line)
        if line == "live-passed":
            break
    assert left == set()
