"""The banner is correct: in time when the bridge is lost, and silent while a hidden tab listens to a quiet market."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.devtools import Chromium, Tab
from tests.browser import CHROMIUM_ARGS, chromium_path, missing
from tests.e2e.fault_schedule import bridge_address
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.browser
QUIET_S = (25, pytest.param(90, marks=pytest.mark.soak))
TIMERS_SLOW_AT_ONCE = "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1"
CONTROL_MS = 50
WATCH_BANNER = """{
  const box = document.getElementById("bridge-banner");
  globalThis.said = [[Date.now() / 1000, box.textContent]];
  new MutationObserver(() => said.push([Date.now() / 1000, box.textContent]))
    .observe(box, { childList: true, subtree: true, characterData: true });
  0
}"""


@dataclass
class Harness:
    """The bridge page in a hidden tab, the dashboard in front of it, and how long each loss took to show and to go."""

    stack: Stack
    bridge: Tab
    screen: Tab
    shown_s: dict[str, float] = field(default_factory=dict)
    gone_s: dict[str, float] = field(default_factory=dict)

    def said(self) -> list[tuple[float, str]]:
        """(seconds since 1970, text) of every banner text."""
        return [(at, text) for at, text in self.screen.evaluate("said")]

    def lost(self, what: str, lose: Callable[[], object]) -> None:
        """Lose the bridge and wait for the banner; the time counts from before the loss, however long that takes."""
        now = time.time()
        lose()
        self.shown_s[what] = self._when(lambda text: text.startswith("BRIDGE DISCONNECTED"), what, now)

    def back(self, what: str) -> None:
        """From now on it is back."""
        self.gone_s[what] = self._when(lambda text: text.startswith(("LIVE", "MARKET QUIET")), what, time.time())

    def _when(self, holds: Any, what: str, now: float) -> float:
        """Seconds from ``now`` until the banner says it."""
        found = until(lambda: next((at for at, text in self.said() if at >= now and holds(text)), None), 8, what)
        return float(found) - now


@pytest.fixture
def harness(stack: Stack, tmp_path: Path) -> Iterator[Harness]:
    path = chromium_path()
    if path is None:
        missing("Chromium")
    stack.start_exchange("--symbols", "BTCUSDT,ETHUSDT")
    stack.start_server()
    stack.start_dashboard()
    with Chromium(path, tmp_path / "profile", [*CHROMIUM_ARGS, TIMERS_SLOW_AT_ONCE]) as browser:
        bridge = browser.tab(bridge_address(stack))
        until(lambda: bridge.status() == "live", 20, "the page to be live")
        screen = browser.tab(stack.dashboard_url)
        until(lambda: bridge.evaluate("document.visibilityState") == "hidden", 10, "the bridge's tab to be hidden")
        banner = "document.getElementById('bridge-banner')?.textContent ?? ''"
        until(lambda: screen.evaluate(banner).startswith("LIVE"), 20, "the banner to say LIVE")
        screen.evaluate(WATCH_BANNER)
        yield Harness(stack, bridge, screen)


@pytest.mark.parametrize("quiet_s", QUIET_S)
def test_a_hidden_tab_in_a_quiet_market_raises_no_alarm_and_every_loss_does_in_time(
    harness: Harness, quiet_s: int
) -> None:
    harness.bridge.evaluate(f"globalThis.turns = 0; setInterval(() => turns++, {CONTROL_MS}); 0")
    harness.stack.fault("halt")
    began = time.monotonic()
    until(lambda: time.monotonic() - began >= quiet_s, quiet_s + 5, "the quiet time")
    assert harness.bridge.evaluate("document.visibilityState") == "hidden"
    turns = harness.bridge.evaluate("turns")
    assert turns <= quiet_s + 2, f"the control timer ran {turns} times: nothing slows this tab down"
    states = {text.partition("·")[0] for _, text in harness.said()}
    assert all(text.startswith(("LIVE", "MARKET QUIET")) for _, text in harness.said()), states
    assert harness.said()[-1][1].startswith("MARKET QUIET")

    for turn in ("first kill", "second kill"):
        harness.lost(turn, lambda: harness.stack.stop("server", signal.SIGKILL))
        harness.stack.start_server()
        harness.back(turn)
    harness.lost("freeze", harness.bridge.freeze)
    harness.bridge.thaw()
    harness.back("freeze")
    harness.lost("tab closed", harness.bridge.close)
    print(f"control timer: {turns} turns in {quiet_s} s; shown {harness.shown_s}, gone {harness.gone_s}")  # noqa: T201
    assert all(2.0 <= seconds <= 3.0 for seconds in harness.shown_s.values()), harness.shown_s
    assert all(seconds <= 2.0 for seconds in harness.gone_s.values()), harness.gone_s
