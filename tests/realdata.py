"""The location of recordings outside the project; tests skip with a reason where they are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "shared" / "data"


def recording(name: str) -> Path:
    """The path of one recording; skips the test where it is missing."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not on this machine")
    return path
