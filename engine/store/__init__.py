"""The store: its ``interface``, the backends, and ``open_backend``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.store.interface import Backend


def open_backend(folder: Path) -> Backend:
    """The backend for this data folder; opens and creates nothing yet."""
    from engine.store.sqlite.backend import SqliteBackend  # imported only on use

    return SqliteBackend(folder)
