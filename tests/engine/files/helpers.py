"""What the tests of files share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.files.inspection import Told
from engine.files.upload import Upload, look_through

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = FIXTURES / "cases"
UTC = Told(zone="UTC")


def rows_of(upload: Upload, skipped: Counter[str] | None = None) -> list[list[Any]]:
    """Every row of the bridge protocol, in the order to store."""
    return [row for rows in upload.trades(Counter() if skipped is None else skipped) for row in rows]


def read(path: Path, told: Told = UTC) -> list[list[Any]]:
    """The rows of one file."""
    return rows_of(look_through([path], told))


def written(folder: Path, content: str | bytes | Iterable[str], name: str = "BTCUSDT.csv") -> Path:
    """A file with this content."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else "\n".join(content) + "\n", encoding="utf-8")
    return path
