"""Other backtesters, in an environment of their own with the versions of requirements-peers.txt, made once."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".venv-peers"
WANTED = ROOT / "requirements-peers.txt"


class PeerRun(NamedTuple):
    """One peer's measurement; ``cold_s`` with its compilation. ``trades``: round trips of all cells."""

    cold_s: float
    warm_s: float
    peak_mib: float
    trades: int


def measured(which: str, arrays: dict[str, Any]) -> PeerRun | str:
    """Run one peer on these arrays (see ``peer_runs``); a sentence if it cannot be had here."""
    python = FOLDER / "bin" / "python"
    problem = _made(python)
    if problem:
        return problem
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.npz"
        np.savez(path, **arrays)
        ran = subprocess.run(
            [str(python), str(Path(__file__).with_name("peer_runs.py")), which, str(path)],
            capture_output=True, text=True, check=False, timeout=1_800,
        )  # fmt: skip
    if ran.returncode:
        return f"{which} failed: {ran.stderr.strip().splitlines()[-1][:120]}"
    return PeerRun(**json.loads(ran.stdout.splitlines()[-1]))


def _made(python: Path) -> str:
    """Make the environment; returns why there is none, empty if there is."""
    stamp = FOLDER / "installed.txt"
    if stamp.exists() and stamp.read_text() == WANTED.read_text():
        return ""
    for command in (
        [sys.executable, "-m", "venv", str(FOLDER)],
        [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(WANTED)],
    ):
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            return f"the peers could not be installed: {(ran.stderr.strip().splitlines() or ['?'])[-1][:120]}"
    stamp.write_text(WANTED.read_text())
    return ""
