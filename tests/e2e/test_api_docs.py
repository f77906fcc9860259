"""``/docs`` in a real browser: every route is shown, a read is tried out, and the policy of contents holds."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from api.roles import LEAST
from tests.e2e.stack import Stack

pytestmark = pytest.mark.browser


def test_the_documents_show_every_route_and_try_one(trading: Stack, page: Page) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: problems.append(request.url) if "127.0.0.1" not in request.url else None)
    page.goto(f"{trading.dashboard_url}docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=30_000)
    assert page.locator(".opblock").count() == len(LEAST)
    block = page.locator("#operations-about-health_api_health_get")
    block.locator("button.opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response-col_status").nth(1)).to_contain_text("200")
    key = page.evaluate("localStorage.getItem('pairbridge.key')")
    assert len(key) == 64 and key not in page.content()
    assert [each for each in problems if not each.startswith(("data:", "blob:"))] == []
