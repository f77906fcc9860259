"""The page's machine, tested in Node: the same scripts as the browser runs, without a browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.browser import missing

TESTS = Path(__file__).parent / "node"


def test_the_machine_in_node() -> None:
    node = shutil.which("node")
    if node is None:
        missing("Node.js")
    files = sorted(str(path) for path in TESTS.glob("*.test.js"))
    assert len(files) >= 8
    command = [str(node), "--test", "--test-concurrency=2", *files]
    run = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
