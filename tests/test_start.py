"""Imports of the dashboard's process at start: heavy libraries load only when needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("statsmodels", "scipy.stats", "pandas", "polars", "apprise")

START = f"""
import sys
from pathlib import Path
from config import Config
from dashboard import create_app, new_pair_settings
from functools import partial
from engine.store.sqlite.analysis import SqliteAnalysis
from engine.store.sqlite.reader import SqliteTickReader
from live.heartbeat import Heartbeat
from live.monitor import Monitor
folder = Path(sys.argv[1])
config = Config(data_dir=folder)
analysis = SqliteAnalysis(folder / "analysis.db")
monitor = Monitor(partial(SqliteTickReader, folder / "ticks.db"), analysis, ("Y", "X", new_pair_settings(config)))
create_app(monitor, Heartbeat("http://127.0.0.1:9/health", 2_500), config, 8050)
monitor.step()
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""


def loaded(code: str, *arguments: str) -> list[str]:
    """The heavy modules that a new process has loaded after running ``code``."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def test_the_dashboard_starts_without_the_heavy_libraries(tmp_path: Path) -> None:
    assert loaded(START, str(tmp_path)) == []


@pytest.mark.parametrize("program", ["server.py", "dashboard.py"])
def test_a_data_folder_that_cannot_be_made_is_one_sentence_and_exit_2(tmp_path: Path, program: str) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "data"
    environ = os.environ | {"PAIRBRIDGE_DATA_DIR": str(folder), "PAIRBRIDGE_BRIDGE_PORT": "0"}
    ended = subprocess.run([sys.executable, program], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert ended.returncode == 2
    (line,) = (ended.stdout + ended.stderr).splitlines()
    assert f"{folder} cannot be used: Not a directory; set PAIRBRIDGE_DATA_DIR to another folder" in line


def test_the_server_starts_without_numbers_at_all() -> None:
    code = f"import sys, server; print(*[n for n in {(*HEAVY, 'numpy', 'numba', 'dash')!r} if n in sys.modules])"
    assert loaded(code) == []


def test_the_test_sees_what_is_loaded() -> None:
    assert loaded(f"import sys, pandas; print(*[n for n in {HEAVY!r} if n in sys.modules])") == ["pandas"]
