"""The pure half of the screen's script, in Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.browser import missing


def test_the_core_in_node() -> None:
    node = shutil.which("node")
    if node is None:
        missing("Node.js")
    ran = subprocess.run([node, "--test", str(Path(__file__).parent / "core.test.js")], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
