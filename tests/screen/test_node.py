"""The pure half of the screen's scripts, in Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser import missing


@pytest.mark.parametrize("name", ["core", "bars", "clock_times", "draw_series", "draw_shapes", "pace", "saved_core"])
def test_the_pure_scripts_in_node(name: str) -> None:
    node = shutil.which("node")
    if node is None:
        missing("Node.js")
    script = str(Path(__file__).parent / f"{name}.test.js")
    ran = subprocess.run([node, "--test", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
