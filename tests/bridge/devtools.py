"""A Chromium left alone, driven over its DevTools protocol.

Playwright tells every page that it is visible and in focus; a hidden tab can only be had without it.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from tests.bridge.peer import wait_until


class Chromium:
    """``with Chromium(path, folder, arguments) as browser:`` one process with a profile of its own."""

    def __init__(self, path: str, profile: Path, arguments: list[str]) -> None:
        command = [path, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            [*command, *arguments, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._port_file = profile / "DevToolsActivePort"
        self._numbers = itertools.count(1)
        self._socket: ClientConnection

    def __enter__(self) -> Self:
        lines = wait_until(self._address, "Chromium listens")
        self._connecting = connect(f"ws://127.0.0.1:{lines[0]}{lines[1]}", max_size=None)
        self._socket = self._connecting.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, trace)
        self._process.terminate()
        self._process.wait(10)

    def tab(self, url: str) -> Tab:
        """A new tab in front of the others."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.call("Target.activateTarget", targetId=target)
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.navigate", session, url=url)  # answered when the page is there: before, no script can run in it
        return Tab(self, session, target)

    def grant(self, origin: str, *permissions: str) -> None:
        """Grant a site permissions without a prompt."""
        self.call("Browser.grantPermissions", origin=origin, permissions=list(permissions))

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command and its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=20))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _address(self) -> list[str]:
        lines = self._port_file.read_text().split() if self._port_file.exists() else []
        return lines if len(lines) == 2 else []


class BridgeReadings:
    """The content of the bridge page, in any browser."""

    def evaluate(self, expression: str) -> Any:
        """The value of an expression inside the page."""
        raise NotImplementedError

    def status(self) -> str:
        """The bridge page's status."""
        return str(self.evaluate("document.getElementById('status')?.dataset.state ?? ''"))

    def count(self, name: str) -> int:
        """One of the bridge page's numbers; -1 while there is no such page."""
        return int(self.evaluate(f"Number(document.getElementById('count-{name}')?.dataset.value ?? -1)"))


class Tab(BridgeReadings):
    """One page."""

    def __init__(self, browser: Chromium, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target

    def evaluate(self, expression: str) -> Any:
        """The value of an expression inside the page."""
        options = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        result = self._browser.call("Runtime.evaluate", self._session, **options)
        return result["result"].get("value")

    def freeze(self) -> None:
        """Stop the page and its worker, as a browser does with a tab that sleeps."""
        self.set_lifecycle("frozen")

    def thaw(self) -> None:
        """Resume it."""
        self.set_lifecycle("active")

    def close(self) -> None:
        """As with the tab's own cross."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def reload(self) -> None:
        """As with the reload key."""
        self._browser.call("Page.reload", self._session)

    def set_lifecycle(self, state: str) -> None:
        """``frozen`` or ``active``."""
        self._browser.call("Page.setWebLifecycleState", self._session, state=state)
