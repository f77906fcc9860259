"""A search in units of a few cells, each stored when it is done: after a kill the same search continues with the rest.

The folder of a search is named by what its cells depend on: bars, code, rule, costs, axes. A unit's file appears whole
or not at all. The order of the work, or where it was interrupted, shows in no bit of the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.backtest import Cell, CellRecords, Inputs, Terms, grid_cells, measure_cells, prepare, random_cells
from engine.backtest.search_cells import shared_inputs
from services.backtest_data import Legs
from services.backtest_request import BacktestRequest, Search

CELLS_AT_ONCE = 16  # of a unit: what is lost by a kill, and how long a cancellation waits


class Unit(NamedTuple):
    """Cells of one group with shared inputs, by their numbers."""

    group: int
    numbers: tuple[int, ...]


class Work(NamedTuple):
    """What is to be done on which bars."""

    legs: Legs
    cells: list[Cell]
    terms: Terms


def cells_of(request: BacktestRequest) -> list[Cell]:
    """The cells of a request; one without a search is a search of one cell. Raises ValueError."""
    search = request.search or Search({"entry_z": (request.settings.entry_z,)})
    if search.count is None:
        return grid_cells(request.settings, search.axes)
    return random_cells(request.settings, search.axes, search.count, search.seed)


def units_of(cells: Sequence[Cell]) -> list[Unit]:
    """All units, those of one group one after another."""
    return [
        Unit(group, tuple(numbers[at : at + CELLS_AT_ONCE]))
        for group, numbers in enumerate(shared_inputs(cells))
        for at in range(0, len(numbers), CELLS_AT_ONCE)
    ]


def folder_of(parent: Path, request: BacktestRequest, data: str, code: str) -> Path:
    """Where the units of a search are kept until its result is stored."""
    plain = request.to_json() | {"source": "", "twins": 0, "data": data, "code": code}
    name = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:24]
    return parent / "searches" / name


def run_units(
    work: Work, folder: Path, note: Callable[[Unit, CellRecords], None], progress: Callable[[int, int], None]
) -> CellRecords:
    """Measure all cells, but those that an earlier start has measured.

    ``note`` gets each new unit before it is stored, so that none is stored without it; ``progress`` gets (cells done,
    cells) and stops the work by raising. Raises ValueError as ``prepare`` and ``measure_cells``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    units = units_of(work.cells)
    known = {
        number: read for number, unit in enumerate(units) if (read := _read(unit_path(folder, number))) is not None
    }
    done = sum(len(units[number].numbers) for number in known)
    progress(done, len(work.cells))
    for number, unit, found in _measured(work, [(n, unit) for n, unit in enumerate(units) if n not in known]):
        note(unit, found)
        _write(unit_path(folder, number), found)
        known[number] = found
        done += len(unit.numbers)
        progress(done, len(work.cells))
    return CellRecords.joined([known[n] for n in range(len(units))], [unit.numbers for unit in units])


def forget(folder: Path) -> None:
    """Delete the units of a search whose result is stored."""
    shutil.rmtree(folder, ignore_errors=True)


def _measured(work: Work, units: Sequence[tuple[int, Unit]]) -> Iterator[tuple[int, Unit, CellRecords]]:
    """The units one after another; the pipeline runs once for each group."""
    group, inputs = -1, None
    for number, unit in units:
        if unit.group != group or inputs is None:
            group, inputs = unit.group, _inputs(work, unit)
        yield number, unit, measure_cells(inputs, [work.cells[n].settings for n in unit.numbers], work.terms)


def _inputs(work: Work, unit: Unit) -> Inputs:
    settings = work.cells[unit.numbers[0]].settings
    return prepare(work.legs.y, work.legs.x, None, settings, work.terms.costs, work.terms.venue)


def unit_path(folder: Path, number: int) -> Path:
    """The file of a unit."""
    return folder / f"unit-{number:05d}.npz"


def _write(path: Path, found: CellRecords) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, **{field.name: getattr(found, field.name) for field in fields(CellRecords)})
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _read(path: Path) -> CellRecords | None:
    if not path.exists():
        return None
    with np.load(path) as table:
        return CellRecords(**{field.name: table[field.name] for field in fields(CellRecords)})


def changed(cell: Cell, base: Any) -> dict[str, Any]:
    """What a cell changes of the settings."""
    given, own = asdict(base), asdict(cell.settings)
    return {name: own[name] for name in own if own[name] != given[name]}
