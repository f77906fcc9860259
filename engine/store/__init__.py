"""The stores: what may be asked (``interface``), the backends, and ``open_backend``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.store.interface import Backend


def open_backend(folder: Path) -> Backend:
    """The backend that keeps its data in this folder; nothing is opened or made yet."""
    from engine.store.sqlite.backend import SqliteBackend  # loaded only by whoever opens one

    return SqliteBackend(folder)
