"""Access rights: other users of this machine, and windows without the key."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.stack import Stack

OTHER_UID = 65_534

# What another user of this machine can try: every path of both servers, every file, the processes' own words, and the
# WebSocket with and without a guess. It prints what it could read and what it was answered.
ATTACK = """
import json, os, socket, sys, urllib.request, urllib.error, base64
bridge, dashboard, data, tree, pids = json.loads(sys.argv[1])
found = []
for port, paths in ((bridge, ["", "index.html", "token.js", "bridge.js", "health", "token", "open-bridge.html",
                              "../data/token"]),
                    (dashboard, ["", "_dash-layout", "_dash-dependencies", "assets/key.js", "open-dashboard.html",
                                 "dashboard-key", "api/signals.csv?watch=1"])):
    for path in paths:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
                found.append(answer.read().decode("utf-8", "replace"))
        except urllib.error.HTTPError as error:
            found.append(error.read().decode("utf-8", "replace"))
files = [os.path.join(data, name) for name in os.listdir(data)] + [os.path.join(tree, "bridge", "token.js")]
for pid in pids:
    files += [f"/proc/{pid}/cmdline", f"/proc/{pid}/environ", f"/proc/{pid}/maps"]
for name in files:
    try:
        found.append(open(name, "rb").read().decode("utf-8", "replace"))
    except OSError:
        pass
answers = []
for token in ("", "0" * 64):
    with socket.create_connection(("127.0.0.1", bridge), timeout=5) as wire:
        key = base64.b64encode(b"0" * 16).decode()
        wire.sendall((f"GET / HTTP/1.1\\r\\nHost: 127.0.0.1:{bridge}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade"
                      f"\\r\\nSec-WebSocket-Key: {key}\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n").encode())
        wire.recv(4096)
        for message in ({"type": "hello", "proto": 1, "token": token, "market": "sim", "client": "x", "session": "s"},
                        {"type": "ticks", "seq": 1, "rows": [["EVILUSDT", 1, "1", "1", 1790046465580, False]]}):
            text = json.dumps(message).encode()
            size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\\xfe" + len(text).to_bytes(2, "big")
            wire.sendall(b"\\x81" + size + b"\\0\\0\\0\\0" + text)
        answers.append(wire.recv(4096).decode("utf-8", "replace"))
print(json.dumps({"uid": os.getuid(), "found": found, "answers": answers}))
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("access")
    for each in (folder, *folder.parents):
        if os.getuid() == 0 and each != Path("/"):
            each.chmod(each.stat().st_mode | 0o055)
    made = Stack(folder)
    try:
        made.start_server()
        made.start_dashboard()
        yield made
    finally:
        made.close()


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root can act as another user")
def test_another_user_of_this_machine_reads_no_secret_and_sends_no_row(stack: Stack) -> None:
    stack.data.chmod(0o755)  # what keeps others out is to be the files' own modes
    pids = [child.pid for child in stack._running.values()]
    root = str(Path(__file__).parents[2])
    given = json.dumps([stack.bridge_port, stack.dashboard_port, str(stack.data), root, pids])
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    done = subprocess.run(
        [python, "-c", ATTACK, given], user=OTHER_UID, group=OTHER_UID, extra_groups=[], cwd="/", env={},
        text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["uid"] == OTHER_UID and len(said["found"]) > 10
    for name in ("token", "dashboard-key", "session-secret"):
        secret = (stack.data / name).read_text().strip()
        assert len(secret) == 64 and not any(secret in text for text in said["found"]), name
    assert all("bad-token" in answer or "malformed" in answer for answer in said["answers"])
    assert stack.query("SELECT count(*) FROM v_ticks") == [(0,)]


@pytest.mark.browser
def test_without_the_key_a_window_looks_and_changes_nothing(stack: Stack, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(stack.dashboard_url + "pair")
    note = page.locator("#view-only")
    expect(note).to_be_visible()
    expect(note).to_contain_text(str((stack.data / "open-dashboard.html").resolve()))
    page.evaluate("dash_clientside.set_props('watch-id', { data: 1 })")
    page.locator("#remove-pair").click()
    expect(page.locator("#message")).to_have_text(re.compile("No pair is chosen|this window may only look"))
    page.goto((stack.data / "open-dashboard.html").as_uri())
    expect(page).to_have_url(stack.dashboard_url)
    expect(note).to_be_hidden()
    page.reload()
    expect(note).to_be_hidden()
    assert context.cookies() == [], "nothing that other ports would receive"
    context.close()


@pytest.mark.browser
def test_the_served_bridge_page_says_which_file_brings_its_key(stack: Stack, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{stack.bridge_url}?market=sim&exchange=ws://127.0.0.1:9&rest=http://127.0.0.1:9&symbols=BTCUSDT")
    page.get_by_role("button", name="Start Bridge").click()
    expect(page.locator("#token-form")).to_be_visible()
    expect(page.locator("#token-hint")).to_contain_text(str((stack.data / "open-bridge.html").resolve()))
    page.goto((stack.data / "open-bridge.html").as_uri())
    page.wait_for_url(stack.bridge_url)
    page.get_by_role("button", name="Start Bridge").click()
    page.locator("#server-side[data-state=live]").wait_for(timeout=10_000)
    context.close()
