"""A Firefox driven over WebDriver BiDi, without a driver program."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from tests.bridge.devtools import BridgeReadings
from tests.bridge.peer import wait_until


def firefox_path() -> str | None:
    """The system's Firefox."""
    return next((path for name in ("firefox-esr", "firefox") if (path := shutil.which(name))), None)


class Firefox:
    """``with Firefox(path, folder) as browser:`` one process group with its own profile."""

    def __init__(self, path: str, profile: Path) -> None:
        profile.mkdir()
        command = [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
        self._process = subprocess.Popen(
            [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._address_file = profile / "WebDriverBiDiServer.json"
        self._numbers = itertools.count(1)
        self._socket: ClientConnection

    def __enter__(self) -> Self:
        wait_until(self._address_file.exists, "Firefox listens", 60)
        found = wait_until(self._address, "Firefox has said where", 10)
        self._connecting = connect(f"ws://{found['ws_host']}:{found['ws_port']}/session", max_size=None)
        self._socket = self._connecting.__enter__()
        self.call("session.new", capabilities={})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, trace)
        self.send_signal(signal.SIGTERM)
        self._process.wait(20)

    def tab(self, url: str) -> FirefoxTab:
        """A new tab in front of the others."""
        context = self.call("browsingContext.create", type="tab")["context"]
        self.call("browsingContext.navigate", context=context, url=url, wait="complete")
        return FirefoxTab(self, context)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its answer."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(30))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return dict(answer["result"])

    def send_signal(self, how: signal.Signals) -> None:
        """To Firefox and all the processes that it has started."""
        os.killpg(self._process.pid, how)

    def _address(self) -> Any:
        try:
            return json.loads(self._address_file.read_text())
        except ValueError:  # half written
            return None


class FirefoxTab(BridgeReadings):
    """One page."""

    def __init__(self, browser: Firefox, context: str) -> None:
        self._browser = browser
        self._context = context

    def evaluate(self, expression: str) -> Any:
        """The text or number that an expression inside the page has."""
        target = {"context": self._context}
        answer = self._browser.call("script.evaluate", expression=expression, target=target, awaitPromise=False)
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    def freeze(self) -> None:
        """Stop the whole browser, as a computer does that sleeps; Firefox has no command for one tab."""
        self._browser.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it."""
        self._browser.send_signal(signal.SIGCONT)

    def reload(self) -> None:
        """As with the reload key."""
        self._browser.call("browsingContext.reload", context=self._context, wait="none")
