"""The search that was started last and has no result yet, on disk: it survives the process that started it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SettingsError, StoreError
from services.backtest_request import BacktestRequest

FOLDER = "searches"  # of the data folder; the finished cells are there (``services.search_units``)


@dataclass(frozen=True, slots=True)
class InterruptedSearch:
    """A search that can continue, and the local clock when it was started."""

    at_ms: int
    request: BacktestRequest


class SearchMarker:
    """Remembers one search of a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER
        self._path = self._folder / "started.json"

    def set(self, at_ms: int, request: BacktestRequest) -> None:
        """A search begins. Raises StoreError."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps({"at_ms": at_ms, "backtest": request.to_json()}), encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error}") from error

    def get(self) -> InterruptedSearch | None:
        """The search that was set last; None where it was cleared, or an earlier version wrote it."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return InterruptedSearch(int(found["at_ms"]), BacktestRequest.from_json(found["backtest"]))
        except (OSError, ValueError, KeyError, TypeError, SettingsError):
            return None

    def clear(self) -> None:
        """It has its result."""
        self._path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forget it, with all finished cells."""
        shutil.rmtree(self._folder, ignore_errors=True)
