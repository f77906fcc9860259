"""Access control: requests of other sites, names and ports to the bridge server and the dashboard. Real Chromium.

Every context makes every attempt of ``attack.js``. The last tests make the same attempts from where they are
allowed, so that the others do not pass because an attempt is no good.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from screen.components import ids
from tests.bridge.devtools import Chromium
from tests.browser import CHROMIUM_ARGS, chromium_path, missing
from tests.e2e.counted_dashboard import LET_IN
from tests.e2e.hostile import ELSEWHERE, Rebound, Site, attack_page, throwaway_certificate
from tests.e2e.stack import ROOT, Stack, get_json, until

pytestmark = pytest.mark.browser
DELEGATED = "local-network-access; local-network; loopback-network"


@dataclass(frozen=True)
class Harness:
    """What is attacked, the sites around it, and the browser."""

    stack: Stack
    browser: Chromium
    pages: dict[str, str]  # by context
    targets: dict[str, str]
    quiet: list[str]  # what the dashboard's guard had let in before the first attack

    def opened(self, name: str, url: str) -> dict[str, Any]:
        """What the attack of one context has got."""
        tab = self.browser.tab(url)
        found = until(lambda: tab.evaluate(f"globalThis.results?.[{name!r}]"), 20, f"the end of the attack: {name}")
        tab.close()
        assert "fault" not in found, found
        return dict(found)

    def let_in(self) -> list[str]:
        """Every request that the dashboard's guard has let in since it is up."""
        lines = (self.stack.folder / "dashboard.out").read_text().splitlines()
        return [line.removeprefix(LET_IN) for line in lines if line.startswith(LET_IN)]

    def rows(self) -> int:
        """In the store, from any sender."""
        return int(self.stack.query("SELECT count(*) FROM v_ticks")[0][0])

    def watched(self) -> list[tuple[Any, ...]]:
        """The pairs on the dashboard's list."""
        return self.stack.query("SELECT market, y, x FROM watch ORDER BY watch_id", file="analysis.db")


def order_to_watch(stack: Stack) -> str:
    """The request by which the dashboard's own page would watch another pair; with a = in its first string."""
    rules = get_json(f"{stack.dashboard_url}_dash-dependencies")
    rule = next(rule for rule in rules if any(given["id"] == ids.ADD for given in rule["inputs"]))
    names = rule["output"].strip(".").split("...")
    chosen = {ids.MARKET: "sim", ids.Y: "EVIL", ids.X: "TWIN", ids.ADD: 1}
    order = {
        "why": "=",
        "output": rule["output"],
        "outputs": [dict(zip(("id", "property"), name.rsplit(".", 1), strict=True)) for name in names],
        "inputs": [given | {"value": chosen.get(given["id"])} for given in rule["inputs"]],
        "state": [given | {"value": chosen.get(given["id"])} for given in rule["state"]],
        "changedPropIds": [f"{ids.ADD}.n_clicks"],
    }
    return json.dumps(order)


def targets_of(stack: Stack, witness: Site) -> dict[str, str]:
    """What ``attack.js`` wants to know."""
    return {
        "bridge": f"127.0.0.1:{stack.bridge_port}",
        "dashboard": f"127.0.0.1:{stack.dashboard_port}",
        "witness": f"http://127.0.0.1:{witness.port}/",
        "tokenFile": (ROOT / "bridge" / "token.js").as_uri(),
        "order": order_to_watch(stack),
    }


def rebound_pages(ends: ExitStack, stack: Stack, targets: dict[str, str]) -> dict[str, str]:
    """One page for each of our ports, of a name that becomes ours; a browser keeps connections by name."""
    pages = {}
    for of, port in (("bridge", stack.bridge_port), ("dashboard", stack.dashboard_port)):
        host = f"rebound-{of}.example"
        own = {"bridge": f"{host}:{stack.bridge_port}", "dashboard": f"{host}:{stack.dashboard_port}"}
        ends.enter_context(Rebound(port, f"rebound {of}", targets | own))
        pages[f"rebound {of}"] = f"http://{host}:{port}/attack?"
    return pages


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    path = chromium_path()
    if path is None:
        missing("Chromium")
    if shutil.which("openssl") is None:
        missing("openssl")
    folder = tmp_path_factory.mktemp("hostile")
    with ExitStack() as ends:
        stack = Stack(folder)
        ends.callback(stack.close)
        stack.start_server()
        stack.start("dashboard", "-m", "tests.e2e.counted_dashboard")
        until(lambda: get_json(f"{stack.dashboard_url}_dash-dependencies"), 40, "the dashboard")
        targets = targets_of(stack, ends.enter_context(Site({})))
        http, intranet, other = (ends.enter_context(Site(targets)) for _ in range(3))
        https = ends.enter_context(Site(targets, throwaway_certificate(folder)))
        arguments = [
            *CHROMIUM_ARGS,
            f"--host-resolver-rules=MAP rebound-*.example {ELSEWHERE}, MAP *.example 127.0.0.1",
            "--ignore-certificate-errors",
            "--ip-address-space-overrides="
            f"127.0.0.1:{http.port}=public,127.0.0.1:{https.port}=public,127.0.0.1:{intranet.port}=local",
        ]
        browser = ends.enter_context(Chromium(path, folder / "profile", arguments))
        bank, local = f"https://bank.example:{https.port}", f"http://localhost:{other.port}"
        browser.grant(bank, "localNetworkAccess", "localNetwork", "loopbackNetwork")
        pages = {
            "public http": f"http://news.example:{http.port}/attack?",
            "public https without permission": f"https://shop.example:{https.port}/attack?",
            "public https with permission": f"{bank}/attack?",
            "intranet": f"http://wiki.example:{intranet.port}/attack?",
            "other localhost port": f"{local}/attack?",
            "sandbox without permission": f"{bank}/nest?kind=sandbox",
            "sandbox with permission": f"{bank}/nest?{urlencode({'kind': 'sandbox', 'allow': DELEGATED})}",
            "sandbox of a local page": f"{local}/nest?kind=sandbox",
            "data frame": f"{local}/nest?kind=data",
            "blob frame": f"{local}/nest?kind=blob",
        }
        harness = Harness(stack, browser, pages | rebound_pages(ends, stack, targets), targets, [])
        harness.quiet.extend(harness.let_in())
        yield harness


# Chromium itself keeps the first two from this computer; against the others there are only our own locks.
BY_THE_BROWSER = ("public http", "public https without permission")
BY_US = (
    "public https with permission",
    "intranet",
    "other localhost port",
    "sandbox without permission",
    "sandbox with permission",
    "sandbox of a local page",
    "data frame",
    "blob frame",
    "rebound bridge",
    "rebound dashboard",
)


@pytest.mark.parametrize("name", BY_THE_BROWSER + BY_US)
def test_no_other_context_reads_a_byte_or_changes_a_thing(harness: Harness, name: str) -> None:
    watched = harness.watched()
    found = harness.opened(name, f"{harness.pages[name]}&{urlencode({'name': name})}")
    assert found["read"] == []
    assert found["reached"] or name not in BY_US, "the attack did not get as far as our locks"
    assert (harness.let_in(), harness.rows(), harness.watched()) == (harness.quiet, 0, watched)
    assert harness.stack.health()["markets"] == {}, "a row came as far as the counters"


def test_the_same_order_from_the_dashboards_own_page_is_carried_out(harness: Harness) -> None:
    assert harness.let_in() == harness.quiet, "something late of the attacks before"
    tab = harness.browser.tab(harness.stack.owner_url)
    until(lambda: tab.evaluate(f"document.getElementById('{ids.BANNER}') !== null"), 20, "the dashboard's page")
    options = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": harness.targets["order"]}
    post = f"fetch('/_dash-update-component', {json.dumps(options)}).then((answer) => answer.status)"
    assert tab.evaluate(post) == 200
    assert ("sim", "EVIL", "TWIN") in harness.watched()
    assert "POST /_dash-update-component" in harness.let_in()
    tab.close()


def test_another_local_html_file_reads_the_token_as_the_documents_say(harness: Harness, tmp_path: Path) -> None:
    page = tmp_path / "evil.html"
    page.write_text(attack_page("file", harness.targets), encoding="utf-8")
    found = harness.opened("file", page.as_uri())
    socket = f"ws://{harness.targets['bridge']}/: "
    assert [line for line in found["read"] if not line.startswith(socket)] == [
        f"script {harness.targets['tokenFile']}: loaded"
    ]
    assert any('"welcome"' in line for line in found["read"]), found
    until(lambda: harness.rows() == 2, 5, "its rows in the store")
    assert (
        "Programs and local HTML files of the same user can read the token" in (ROOT / "docs/operations.md").read_text()
    )
