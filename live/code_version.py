"""The code version: a digest of the sources that a decision depends on."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_PACKAGES = ("market", "stats", "pairs")


@cache
def code_version() -> str:
    """Changes with any line of these sources; a run of another version is never continued."""
    engine = Path(__file__).parent.parent / "engine"
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((engine / package).glob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
