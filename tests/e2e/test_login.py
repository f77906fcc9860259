"""The dashboard behind a password, on a shared machine."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import watched_page
from tests.e2e.stack import Stack

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_password_keeps_others_out_and_lets_its_owner_in(stack: Stack, browser: Browser) -> None:
    stack.environ["PAIRBRIDGE_PASSWORD"] = PASSWORD
    stack.start_server()
    stack.start_dashboard()
    for path in ("", "_dash-layout", "_dash-dependencies", "assets/start.js", "api/signals.csv?watch=1"):
        assert status_of(stack.dashboard_url + path) == 401, path
    page, faults = watched_page(browser)
    page.goto(stack.dashboard_url)
    expect(page).to_have_url(stack.dashboard_url + "login")
    page.get_by_label("Password").fill("wrong horse")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(stack.dashboard_url)
    expect(page.locator("#bridge-banner")).to_contain_text("WAITING FOR BRIDGE", timeout=20_000)
    page.reload()
    expect(page.locator("#overview-pairs")).to_contain_text("No pair is watched yet")  # its scripts have been loaded
    page.goto(stack.dashboard_url + "logout")
    page.goto(stack.dashboard_url)
    expect(page).to_have_url(stack.dashboard_url + "login")
    assert not faults
    page.close()
    for written in stack.data.rglob("*"):
        assert not written.is_file() or PASSWORD.encode() not in written.read_bytes(), written.name


def test_a_stop_says_why_when_others_could_come_in_without_one(stack: Stack) -> None:
    stack.environ["PAIRBRIDGE_DASHBOARD_HOST"] = "0.0.0.0"
    stack.start("dashboard", "dashboard.py")
    assert stack.wait("dashboard") == 2
    assert "expected PAIRBRIDGE_PASSWORD to be set as well" in (stack.folder / "dashboard.out").read_text()
