"""The cells of a search: a grid of settings, or quasi-random points between bounds.

A quasi-random search of n cells covers each axis with n values where a grid of the same size has its n-th root of them.

Sources: Bergstra and Bengio 2012 (random search); Kronecker sequences on powers of the generalised golden ratio.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from engine.backtest.block_bootstrap import SEED, stream_of
from engine.backtest.sweep import THRESHOLDS
from engine.errors import SettingsError
from engine.pairs.settings import PairSettings
from engine.stats.checks import whole
from engine.stats.random import mixed

MOST_CELLS = 10_000
Axes = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination: the place of its value on each axis (of a random search: empty), and the settings."""

    place: tuple[int, ...]
    settings: PairSettings


def grid_cells(base: PairSettings, axes: Axes) -> list[Cell]:
    """Every combination of the axes' values on top of ``base``, the last axis fastest. Combinations that contradict
    themselves, such as an exit above the entry, are left out.

    Raises ValueError for no such axis or value, more than 10,000 combinations, and if none is possible.

    >>> [cell.settings.entry_z for cell in grid_cells(PairSettings(), {"entry_z": [1.0, 2.0], "exit_z": [0.5, 1.5]})]
    [1.0, 2.0, 2.0]
    """
    _check(axes)
    count = int(np.prod([len(values) for values in axes.values()]))
    if count > MOST_CELLS:
        raise ValueError(f"axes have {count:,} combinations; expected at most {MOST_CELLS:,}")
    places = itertools.product(*(range(len(values)) for values in axes.values()))
    return _possible(
        base, [(at, {name: values[i] for i, (name, values) in zip(at, axes.items(), strict=True)}) for at in places]
    )


def random_cells(base: PairSettings, axes: Axes, count: int, seed: int = SEED) -> list[Cell]:
    """``count`` quasi-random points: of an axis of two numbers any between them (whole where the setting is), else one
    of its values. Points that contradict themselves are left out. Raises ValueError as :func:`grid_cells`."""
    _check(axes)
    number = whole(count, "count", at_least=1, at_most=MOST_CELLS)
    kinds = {field.name: str(field.type) for field in fields(PairSettings)}
    root = _golden(len(axes))
    points = []
    for n in range(number):
        values = {}
        for axis, (name, given) in enumerate(axes.items()):
            start = int(mixed(np.uint64(stream_of(np.uint64(seed), axis)))) / 2.0**64
            share = (start + (n + 1) * root ** -(axis + 1)) % 1.0
            values[name] = _between(given, share, is_whole=kinds[name].startswith("int"))
        points.append(((), values))
    return _possible(base, points)


def shared_inputs(cells: Sequence[Cell]) -> list[list[int]]:
    """The cells that differ in thresholds only, so that one run of the pipeline serves them: their numbers, by group in
    the order of the first of each."""
    groups: dict[PairSettings, list[int]] = {}
    plain = {name: getattr(PairSettings(), name) for name in THRESHOLDS}
    for number, cell in enumerate(cells):
        groups.setdefault(replace(cell.settings, **plain), []).append(number)
    return list(groups.values())


def _between(values: Sequence[Any], share: float, is_whole: bool) -> Any:
    is_range = len(values) == 2 and all(
        isinstance(each, (int, float)) and not isinstance(each, bool) for each in values
    )
    if not is_range:
        return values[int(share * len(values))]
    low, high = values
    return int(low + share * (high - low + 1)) if is_whole else low + share * (high - low)


def _golden(axes: int) -> float:
    """The root above 1 of g^(axes + 1) = g + 1."""
    root = 1.5
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (axes + 1))
    return root


def _check(axes: Axes) -> None:
    known = {field.name for field in fields(PairSettings)} - {"interval_ms"}
    for name, values in axes.items():
        if name not in known:
            raise ValueError(f"axis {name!r} is no setting; expected one of {', '.join(sorted(known))}")
        if not len(values) or len(set(values)) < len(values):
            raise ValueError(f"axis {name} has the values {list(values)[:8]}; expected at least one, each once")
    if not axes:
        raise ValueError("there are no axes; expected at least one setting to vary")


def _possible(base: PairSettings, points: Sequence[tuple[tuple[int, ...], dict[str, Any]]]) -> list[Cell]:
    cells, problem = [], ""
    for place, values in points:
        try:
            cells.append(Cell(place, replace(base, **values)))
        except SettingsError as error:
            problem = str(error)
    if not cells:
        raise ValueError(f"no combination is possible: {problem}")
    return cells
