"""User actions on the bridge page, its displayed values, and checks of their results."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.bridge.peer import wait_until
from tests.bridge.scripted_exchange import ScriptedExchange
from tests.bridge.scripted_server import ScriptedServer


def start(page: Page) -> Page:
    """Press the button and wait until both ends are connected."""
    page.get_by_role("button", name="Start Bridge", exact=True).click()
    return connected(page)


def start_with_three_trades(page: Page, server: ScriptedServer, exchange: ScriptedExchange) -> Page:
    """Start, and wait until three trades are stored and acknowledged."""
    start(page)
    exchange.trade("BTCUSDT", 3)
    wait_until(lambda: len(server.rows) == 3, "three rows")
    wait_until(lambda: count(page, "acknowledged") == 3, "the page knows")
    return page


def numbers_of_one_session(server: ScriptedServer) -> list[int]:
    """The numbers of its batches; it has sent hello twice."""
    first, second = server.said("hello")
    assert first["session"] == second["session"]
    return [batch["seq"] for batch in server.said("ticks")]


def connected(page: Page) -> Page:
    """Wait until both ends are connected."""
    page.locator("#server-side[data-state=live]").wait_for(timeout=10_000)
    page.locator("#exchange-side[data-state=open]").wait_for(timeout=10_000)
    return page


def status(page: Page, state: str, timeout_s: float = 10) -> Page:
    """Wait for a status."""
    page.locator(f"#status[data-state={state}]").wait_for(timeout=timeout_s * 1000)
    return page


def count(page: Page, name: str) -> int:
    """A number on the page."""
    return int(page.locator(f"#count-{name}").get_attribute("data-value") or "-1")


def log(page: Page) -> str:
    """The log's text."""
    return page.locator("#log").inner_text()


def all_stored(server: ScriptedServer, exchange: ScriptedExchange) -> None:
    """Wait until the server has every trade, and compare them to the last digit."""
    for symbol in exchange.trade_history:
        wait_until(lambda s=symbol: server.ids(s) == exchange.ids(s), f"every trade of {symbol} is stored")
    assert set(server.rows.values()) == {row for rows in exchange.trade_history.values() for row in rows}
    assert server.faults == []


def fill(page: Page, symbols: str, **addresses: str) -> None:
    """Type into the form of a stopped page."""
    page.locator("#market").select_option("sim")
    page.locator("#symbols").fill(symbols)
    page.locator("#addresses").evaluate("addresses => { addresses.open = true; }")
    for name, address in addresses.items():
        page.locator(f"#{name}").fill(address)
