"""Backtests and searches that were stopped before their result was stored: what was asked, and how far they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from engine.errors import PairbridgeError
from live.code_version import BACKTESTING, code_version
from services.backtest_request import BacktestRequest
from services.search_units import cells_of, unit_path, units_of

_NOTE = "search.json"


class SearchMissing(PairbridgeError):
    """No unfinished backtest has this name."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """``done`` of ``total`` cells are kept in ``folder``, whose name is ``name``. ``begun_ms``: when it was asked for
    last. ``is_current``: the code is still the one that measured them; if not, a start begins anew."""

    name: str
    folder: Path
    request: BacktestRequest
    begun_ms: int
    done: int
    total: int
    is_current: bool


def note_search(folder: Path, request: BacktestRequest, code: str, now_ms: int) -> None:
    """Write down what the cells of a folder are for, before the first of them."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{_NOTE}.part"
    part.write_text(json.dumps({"request": request.to_json(), "code": code, "begun_ms": now_ms}), encoding="utf-8")
    part.replace(folder / _NOTE)


def unfinished(data_dir: Path) -> list[Unfinished]:
    """All of a data folder, the newest first."""
    found = [_read(path.parent) for path in (data_dir.resolve() / "searches").glob(f"*/{_NOTE}")]
    return sorted(found, key=lambda each: (-each.begun_ms, each.name))


def _read(folder: Path) -> Unfinished:
    note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    request = BacktestRequest.from_json(note["request"])
    cells = cells_of(request)
    sizes = [len(unit.numbers) for number, unit in enumerate(units_of(cells)) if unit_path(folder, number).exists()]
    is_current = note["code"] == code_version(BACKTESTING)
    return Unfinished(folder.name, folder, request, note["begun_ms"], sum(sizes), len(cells), is_current)
