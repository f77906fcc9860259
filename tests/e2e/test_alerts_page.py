"""The page of alerts in a real Chromium, over a market of its own: these tests make rules, and alerts come."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import to_page, watched_page
from tests.e2e.stack import Stack, get_json, standing, until

pytestmark = pytest.mark.browser
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two simulated hours, caught up, then live."""
    with standing(tmp_path_factory.mktemp("alerts"), SYMBOLS, PAIRBRIDGE_ALLOWED_RECEIVERS="localhost") as stack:
        yield stack


@pytest.fixture
def page(market: Stack, browser: Browser) -> Iterator[Page]:
    opened, faults = watched_page(browser)
    opened.goto(market.owner_url.replace("/#", "/alerts#"))
    expect(opened.locator("#alerts-rules")).not_to_contain_text("Reading")
    yield opened
    opened.close()
    assert faults == []


def rules(stack: Stack) -> dict[str, dict[str, object]]:
    return {
        json.loads(text)["name"]: json.loads(text)
        for (text,) in stack.query("SELECT rule FROM alert_rules", file="analysis.db")
    }


def row(page: Page, name: str) -> Locator:
    return page.locator("#alerts-rules tbody tr", has=page.locator(".rule-name", has_text=re.compile(f"^{name}$")))


def type_in(page: Page, label: str, text: str, at: int = 0) -> None:
    field = page.locator("#alerts-editor").get_by_label(label, exact=True).nth(at)
    field.fill(text)
    field.press("Tab")


def tab_to(page: Page, selector: str) -> None:
    for _ in range(80):
        if page.evaluate("selector => document.activeElement?.matches(selector) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by Tab")


def test_an_empty_page_says_what_to_do(page: Page) -> None:
    expect(page.locator("#alerts-rules")).to_contain_text("No rule yet")
    expect(page.locator("#alerts-history")).to_contain_text("No alert yet")
    expect(page.locator("#alerts-channels")).to_contain_text("No channel is set up")
    expect(page.locator("#alerts-editor")).to_be_hidden()


def test_a_rule_is_made_from_a_template_by_keyboard_only(market: Stack, page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press("a")
    tab_to(page, "button[title^='|z| is beyond the entry that pays']")
    page.keyboard.press("Enter")
    expect(page.locator("#alerts-name")).to_be_focused()
    expect(page.locator("#alerts-sentence")).to_have_text(
        "When |z| of any watched pair is beyond the entry that pays and the gate is open"
    )
    page.keyboard.press("Control+a")
    page.keyboard.type("enter now")
    tab_to(page, "#alerts-subject")
    page.keyboard.type("pair ETH")
    tab_to(page, ".setting:has(#alerts-cap-per-day) .help-dot")
    page.keyboard.press("Enter")
    expect(page.locator("#alerts-cap-per-day-help")).to_contain_text("one digest")
    tab_to(page, "#alerts-save")
    expect(page.locator("#alerts-sentence")).to_contain_text("of ETHUSDT ~ BTCUSDT is beyond")
    page.keyboard.press("Enter")
    expect(page.locator("#alerts-message")).to_contain_text("It goes to this screen only")
    expect(row(page, "enter now")).to_contain_text("30 min between alerts · at most 10 a day")
    assert rules(market)["enter now"]["scope"] == {"kind": "pair", "market": "sim", "y": "ETHUSDT", "x": "BTCUSDT"}
    expect(page.locator("#alerts-editor")).to_be_hidden()


def test_all_errors_come_at_once(market: Stack, page: Page) -> None:
    page.get_by_role("button", name="z far out", exact=True).click()
    expect(page.locator("#alerts-name")).to_be_focused()
    type_in(page, "Name", " ")
    type_in(page, "Level", "x")
    type_in(page, "Pause", "soon")
    type_in(page, "From", "25:00")
    type_in(page, "Time zone", "Mars")
    expect(page.locator("#alerts-errors")).to_have_text("5 to change: Name, Pause, From, Time zone, the conditions.")
    expect(page.locator(".part-threshold .field-error")).to_have_text("The level is 'x'; expected a number.")
    expect(page.locator("#alerts-zone-error")).to_contain_text("Europe/Berlin")
    expect(page.locator("#alerts-zone")).to_have_attribute("aria-invalid", "true")
    page.locator("#alerts-save").click()
    expect(page.locator("#alerts-save-said")).to_contain_text("Not saved: 5 to change")
    assert "z far out" not in rules(market)
    page.locator("#alerts-cancel").click()
    expect(page.locator("#alerts-editor")).to_be_hidden()


def test_conditions_nest_in_boxes(market: Stack, page: Page) -> None:
    page.get_by_role("button", name="Empty rule", exact=True).click()
    expect(page.locator("#alerts-name")).to_be_focused()
    type_in(page, "Name", "nested")
    page.get_by_role("button", name="Add a box").first.click()
    expect(page.locator(".alert-box")).to_have_count(2)
    expect(page.locator(".alert-box .alert-box select").nth(0)).to_be_focused()
    page.locator(".alert-box .alert-box").get_by_role("button", name="Add a box").click()
    expect(page.locator(".alert-box")).to_have_count(3)
    page.locator(".alert-box .alert-box .alert-box").get_by_label("Metric", exact=True).first.select_option(
        "correlation"
    )
    expect(page.locator("#alerts-sentence")).to_contain_text("correlation over 100 bars is above 2")
    type_in(page, "Level", "0.5", at=2)
    expect(page.locator("#alerts-sentence")).to_have_text(
        "When z of any watched pair crosses 2 and (z is above 2 or the gate is open or (correlation over 100 bars is"
        " above 0.5 or the gate is open))"
    )
    page.locator("#alerts-save").click()
    expect(row(page, "nested")).to_be_visible()
    when = rules(market)["nested"]["when"]
    assert isinstance(when, dict) and when["all"][1]["any"][2]["any"][0]["metric"] == "correlation"


def test_a_budget_is_solved_and_a_preview_says_what_it_would_have_done(page: Page) -> None:
    page.get_by_role("button", name="z far out", exact=True).click()
    expect(page.locator("#alerts-name")).to_be_focused()
    page.locator("#alerts-subject").select_option("pair|sim|ETHUSDT|BTCUSDT")
    page.locator("#alerts-budget").fill("20")
    page.locator("#alerts-solve").click()
    solved = page.locator("#alerts-solved")
    kept = r"^Only .* are stored: too short to tell.* The level is left as it is: at most 20 alerts"
    expect(solved).to_have_text(re.compile(kept))
    expect(page.locator("#alerts-sentence")).to_contain_text("2.5")
    type_in(page, "Daily limit", "7")
    page.locator("#alerts-solve").click()
    expect(solved).to_contain_text("the daily limit of 7 holds")
    page.locator("#alerts-preview").click()
    expect(page.locator("#alerts-previewed")).to_contain_text("of stored bars it would have fired")
    expect(page.locator("#alerts-chart .plot-container")).to_be_visible()
    page.locator("#alerts-save").click()
    expect(row(page, "z far out")).to_contain_text("at most 7 a day")


def test_an_alert_comes_without_a_reload(market: Stack, page: Page, browser: Browser) -> None:
    price = float(get_json(f"{market.exchange_url}/fapi/v1/aggTrades?symbol=ETHUSDT&limit=1")[0]["p"])
    page.get_by_role("button", name="Price crosses", exact=True).click()
    expect(page.locator("#alerts-name")).to_be_focused()
    type_in(page, "Name", "near")
    page.locator("#alerts-subject").select_option("symbol|sim|ETHUSDT")
    page.get_by_label("Comparison", exact=True).select_option("above")  # true or not: it need not wait for a walk
    expect(page.locator("#alerts-sentence")).to_contain_text("price of ETHUSDT is above")
    type_in(page, "Level", f"{0.995 * price:.2f}")
    page.locator("#alerts-severity").select_option("critical")
    elsewhere = browser.new_page()  # open before: a page tells what comes while it is open
    elsewhere.goto(market.owner_url)
    expect(elsewhere.locator("#overview-symbols tbody tr").first).to_be_visible()
    page.locator("#alerts-save").click()
    expect(elsewhere.locator("#toasts .alert-note.is-critical").first).to_contain_text("critical: ETHUSDT: price ")
    told = page.locator("#alerts-history tbody tr", has_text="near").first
    expect(told).to_be_visible(timeout=60_000)
    expect(told).to_contain_text("critical")
    expect(told).to_contain_text("shown here only")
    expect(page.locator("#nav-alerts")).to_have_attribute("data-count", re.compile(r"\d"))
    expect(elsewhere.locator("#nav-alerts")).to_have_attribute("data-count", re.compile(r"\d"))
    elsewhere.close()
    page.locator("#alerts-filter-severity").select_option("info")
    expect(page.locator("#alerts-history")).to_contain_text("No alert passes this filter")
    page.locator("#alerts-filter-severity").select_option("any")
    row(page, "near").get_by_role("switch").click()
    expect(page.locator("#alerts-message")).to_have_text("near is off.")
    expect(row(page, "near").get_by_role("switch")).to_have_attribute("aria-checked", "false")
    for _ in range(market.query("SELECT count(*) FROM alerts WHERE acknowledged_ms=0", file="analysis.db")[0][0]):
        page.locator("#alerts-history").get_by_role("button", name=re.compile("^Acknowledge")).first.click()
        expect(page.locator("#alerts-message")).to_have_text("Acknowledged.")
    until(lambda: page.locator("#alerts-history .is-seen").count() >= 1, 30, "an acknowledged alert")
    until(lambda: not page.locator("#nav-alerts").get_attribute("data-count"), 30, "no badge")


WATCHED = """
window.heard = [];
window.Notification = class extends EventTarget {
  static get permission() { return localStorage.getItem("may-notify") ?? "default"; }
  static async requestPermission() { localStorage.setItem("may-notify", "granted"); return "granted"; }
  constructor(title, { body, tag }) { super(); window.heard.push({ title, body, tag }); }
};
window.OscillatorNode = class extends OscillatorNode {
  constructor(context, options) { super(context, options); window.heard.push(options.frequency); }
};
"""


def test_this_browser_notifies_and_sounds_where_it_is_switched_on(market: Stack, browser: Browser) -> None:
    """Chromium without a head refuses notifications, so the class is ours; what it is asked for is what counts."""
    context = browser.new_context()
    context.add_init_script(WATCHED)
    page = context.new_page()
    page.goto(market.owner_url.replace("/#", "/alerts#"))
    switches = {name: page.get_by_role("switch", name=name, exact=True) for name in ("Notification", "Sound")}
    for each in switches.values():
        expect(each).to_have_attribute("aria-checked", "false")
        each.click()
        expect(each).to_have_attribute("aria-checked", "true")
    assert page.evaluate("heard") == [660, 880], "the sound of a warning, to hear what it is like"
    page.reload()
    expect(switches["Sound"]).to_have_attribute("aria-checked", "true")
    page.locator("h1").click()  # a page that was opened anew makes sounds after a gesture only
    page.get_by_role("button", name="Price crosses", exact=True).click()
    expect(page.locator("#alerts-name")).to_be_focused()
    type_in(page, "Name", "heard")
    page.get_by_label("Comparison", exact=True).select_option("above")
    type_in(page, "Level", "0")
    page.locator("#alerts-save").click()
    expect(page.locator("#toasts .alert-note").first).to_contain_text("heard")
    until(lambda: len(page.evaluate("heard")) >= 3, 10, "notification and sound")
    heard = page.evaluate("heard")
    assert heard[:2] == [660, 880] and heard[2]["title"] == "Pairbridge: warning" and "heard" in heard[2]["body"]
    row(page, "heard").get_by_role("button", name="Delete heard").click()
    expect(row(page, "heard")).to_have_count(0)
    context.close()


def test_a_rule_is_snoozed_edited_deleted_and_taken_back(market: Stack, page: Page) -> None:
    page.get_by_role("button", name="Drawdown", exact=True).click()
    expect(page.locator("#alerts-name")).to_be_focused()
    page.locator("#alerts-save").click()
    here = row(page, "drawdown")
    here.get_by_text("Snooze", exact=True).click()
    here.get_by_role("button", name=re.compile("until I wake it")).click()
    expect(here).to_contain_text("until woken")
    here.get_by_role("button", name="Send alerts of drawdown again").click()
    expect(here).not_to_contain_text("until woken")
    here.get_by_role("button", name="Edit drawdown").click()
    expect(page.locator("#alerts-title")).to_have_text("Edit drawdown")
    type_in(page, "Level, %", "7")
    page.locator("#alerts-save").click()
    expect(here).to_contain_text("drawdown of any watched pair is above 7 %")
    page.locator("#alerts-undo").click()
    expect(here).to_contain_text("is above 5 %")
    here.get_by_role("button", name="Delete drawdown").click()
    expect(here).to_have_count(0)
    assert "drawdown" not in rules(market)
    page.locator("#alerts-undo").click()
    expect(here).to_be_visible()
    assert "drawdown" in rules(market)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers ``status``, and keeps what came."""

    status = 200
    came: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        self.came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def receiver() -> Iterator[int]:
    """The port of a receiver on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_channel_is_added_tested_deleted_and_taken_back(page: Page, receiver: int) -> None:
    said, rows = page.locator("#alerts-channel-said"), page.locator("#alerts-channels tbody tr")
    page.get_by_role("button", name="Empty rule", exact=True).click()  # a form that is open before there is a channel
    expect(page.locator("#alerts-no-channel")).to_contain_text("None is set up: it goes to this screen only")
    page.get_by_text("Add a channel", exact=True).click()
    page.get_by_label("Kind", exact=True).select_option("email")
    expect(page.get_by_label("Mail server", exact=True)).to_be_visible()
    page.get_by_label("Kind", exact=True).select_option("webhook")
    expect(page.get_by_label("Mail server", exact=True)).to_be_hidden()
    page.locator("#alerts-channel-name").fill("my desk")
    page.get_by_label("Address", exact=True).fill("http://bot.example/t0ken")
    page.locator("#alerts-channel-add").click()
    expect(page.locator("#alerts-channel-fault")).to_contain_text("Not added: ")
    expect(page.get_by_label("Address", exact=True)).to_have_value("http://bot.example/t0ken")
    page.get_by_label("Address", exact=True).fill(f"http://localhost:{receiver}/t0ken")
    page.locator("#alerts-channel-add").click()
    expect(said.locator("code")).to_have_text(re.compile("^[0-9a-f]{64}$"))
    expect(page.get_by_label("Address", exact=True)).to_have_value("")
    expect(rows).to_contain_text(["my desk"])
    expect(rows).to_contain_text(["http://localhost/••••••"])
    assert "t0ken" not in page.content()
    rows.get_by_role("button", name="Test my desk").click()
    expect(said).to_have_text("my desk: the test was taken.")
    assert [each["alert"]["kind"] for each in Receiver.came] == ["test"]
    Receiver.status = 404
    rows.get_by_role("button", name="Test my desk").click()
    expect(said.get_by_role("alert")).to_have_text("my desk: the test was not sent: answered 404.")
    type_in(page, "Name", "for my desk")
    page.locator("#alerts-channel-list").get_by_label("my desk").check()
    page.locator("#alerts-save").click()
    expect(page.locator("#alerts-message")).to_have_text("for my desk is added, and looks at every bar from now on.")
    expect(row(page, "for my desk")).to_contain_text("goes to: my desk")
    row(page, "for my desk").get_by_role("button", name="Delete for my desk").click()
    expect(row(page, "for my desk")).to_have_count(0)
    for is_final in (False, True):
        rows.get_by_role("button", name="Delete my desk").click()
        expect(page.locator("#alerts-channels")).to_contain_text("No channel is set up. Add one below")
        if not is_final:
            page.locator("#alerts-channel-undo").click()
            expect(said).to_have_text("my desk is back.")
            expect(rows).to_contain_text(["my desk"])


def test_who_may_only_look_sees_all_and_changes_nothing(market: Stack, browser: Browser) -> None:
    before = rules(market)
    page, faults = watched_page(browser)
    page.goto(market.dashboard_url + "alerts")
    expect(page.locator("#alerts-rules tbody tr").first).to_be_visible()
    page.locator("#alerts-rules").get_by_role("switch").first.click()
    expect(page.locator("#alerts-message")).to_contain_text("Not done: this window may only look")
    page.get_by_role("button", name="Worth entering", exact=True).click()
    expect(page.locator("#alerts-name")).to_be_focused()
    page.locator("#alerts-preview").click()
    expect(page.locator("#alerts-previewed")).to_contain_text("it would have fired")
    page.locator("#alerts-save").click()
    expect(page.locator("#alerts-save-said")).to_contain_text("Not saved: this window may only look")
    page.close()
    assert rules(market) == before and faults == []


CUT_OFF = """
[...document.querySelectorAll(".alert-leaf select")].filter((select) => {
  const style = getComputedStyle(select), pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return pen.measureText(select.selectedOptions[0].text).width > room;
}).map((select) => select.selectedOptions[0].text)
"""


@pytest.mark.parametrize("width", [390, 1024, 2560])
def test_nothing_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.get_by_role("button", name="Worth entering", exact=True).click()
    expect(page.locator("#alerts-name")).to_be_focused()
    page.get_by_role("button", name="Add a box").first.click()
    expect(page.locator(".alert-box")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(CUT_OFF) == []


def test_the_page_is_reached_by_the_navigation(page: Page) -> None:
    to_page(page, "Overview")
    expect(page).to_have_url(re.compile(r"/$"))
    to_page(page, "Alerts")
    expect(page.locator("#alerts-rules tbody tr").first).to_be_visible()
