"""The code version: a digest of the sources that a decision depends on."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

DECIDING = ("market", "stats", "pairs")
BACKTESTING = (*DECIDING, "backtest")


@cache
def code_version(packages: tuple[str, ...] = DECIDING) -> str:
    """Changes with any line of these sources; a run of another version is never continued."""
    engine = Path(__file__).parent.parent / "engine"
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((engine / package).glob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
