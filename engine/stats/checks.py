"""Input validation: 1-D, finite float64 of a stated length, or ValueError with the value found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
ArrayLike: TypeAlias = npt.ArrayLike
SMALLEST, LARGEST = 1e-100, 1e100  # bounds of a series' largest number: outside them its square is 0 or infinite


def as_series(values: ArrayLike, name: str, *, minimum: int = 1, nan: bool = False, is_squared: bool = True) -> Floats:
    """``values`` as contiguous, writable float64; a view where it already is.

    Raises ValueError with ``name`` and the value found for anything but one dimension of real numbers, for fewer
    than ``minimum`` of them, for an infinity, for a masked value, (unless ``nan``) for a NaN, and (where it
    ``is_squared``) for numbers whose squares a double cannot hold: the largest must be 0 or 1e-100 to 1e100 in size.

    >>> as_series([1, 2], "y")
    array([1., 2.])
    >>> as_series([1.0, float("nan")], "y")
    Traceback (most recent call last):
    ValueError: y[1] is nan; expected finite numbers
    """
    array = _numbers(values, name)
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions; expected 1")
    if array.size < minimum:
        raise ValueError(f"{name} has {array.size} values; expected at least {minimum}")
    squares = float(np.vdot(array, array))  # in these bounds all checks below pass; vdot, as dot warns of overflow
    if array.size * SMALLEST**2 <= squares <= LARGEST**2:
        return array
    bad = np.isinf(array) if nan else ~np.isfinite(array)
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(f"{name}[{at}] is {array[at]}; expected finite numbers")
    if is_squared:
        _squarable(array, name)
    return array


def as_pair(y: ArrayLike, x: ArrayLike, *, minimum: int = 2, nan: bool = False) -> tuple[Floats, Floats]:
    """Both legs through :func:`as_series`; ValueError when their lengths differ, or two indexes do."""
    same_index(y, x, "y", "x")
    left = as_series(y, "y", minimum=minimum, nan=nan)
    right = as_series(x, "x", minimum=minimum, nan=nan)
    same_length(left, right, "y", "x")
    return left, right


def as_columns(columns: ArrayLike | Sequence[ArrayLike], name: str, *, minimum: int) -> Floats:
    """Columns as a (bars, legs) float64 array.

    A list or tuple is a list of columns; an array or frame of two dimensions has one column a leg.
    """
    if isinstance(columns, (list, tuple)):
        for i, given in enumerate(columns):
            same_index(columns[0], given, f"{name}[0]", f"{name}[{i}]")
        each = [as_series(column, f"{name}[{i}]") for i, column in enumerate(columns)]
        for i, column in enumerate(each):
            same_length(each[0], column, f"{name}[0]", f"{name}[{i}]")
        table = np.stack(each, axis=1) if each else np.empty((0, 0))
    else:
        table = _numbers(columns, name)
    if table.ndim != 2:
        raise ValueError(f"{name} has {table.ndim} dimensions; expected a list of columns or 2")
    if table.shape[0] < minimum:
        raise ValueError(f"{name} has {table.shape[0]} rows; expected at least {minimum}")
    if not np.isfinite(table).all():
        row, leg = (int(i) for i in np.argwhere(~np.isfinite(table))[0])
        raise ValueError(f"{name}[{row}, {leg}] is {table[row, leg]}; expected finite numbers")
    _squarable(table, name)
    return np.ascontiguousarray(table)


def as_legs(x: Any, name: str, *, minimum: int) -> Floats:
    """One leg or several as a (bars, legs) float64 array: a 1-D series, a list of them, or (bars, legs)."""
    is_list_of_legs = isinstance(x, (list, tuple)) and len(x) > 0 and np.ndim(x[0]) > 0
    return as_columns(x if is_list_of_legs or np.ndim(x) != 1 else [x], name, minimum=minimum)


def as_times(times_ms: ArrayLike, name: str) -> Ints:
    """Times in milliseconds as contiguous, non-decreasing int64; ValueError otherwise."""
    array = np.asarray(times_ms)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{name} is {array.ndim}-D {array.dtype}; expected 1-D whole milliseconds")
    array = np.ascontiguousarray(array, dtype=np.int64)
    falls = np.flatnonzero(np.diff(array) < 0)
    if falls.size:
        at = int(falls[0]) + 1
        raise ValueError(f"{name}[{at}] is {array[at]} after {array[at - 1]}; expected times that never fall")
    return array if array.flags.writeable else array.copy()


def same_length(left: npt.NDArray[Any], right: npt.NDArray[Any], left_name: str, right_name: str) -> None:
    """Raise ValueError when the two differ in length."""
    if left.shape[0] != right.shape[0]:
        raise ValueError(
            f"{left_name} has {left.shape[0]} values and {right_name} has {right.shape[0]}; expected equal lengths"
        )


def same_index(left: object, right: object, left_name: str, right_name: str) -> None:
    """Raise ValueError when both have a pandas index and the two differ: rows are never matched by position."""
    if not (hasattr(left, "iloc") and hasattr(right, "iloc")):
        return
    ours, theirs = left.index, right.index  # type: ignore[attr-defined]
    if len(ours) == len(theirs) and not ours.equals(theirs):
        at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b), 0)
        raise ValueError(
            f"{left_name} and {right_name} have different indexes, {ours[at]!r} and {theirs[at]!r} in row {at};"
            " expected the same rows: align them first"
        )


def whole(value: int, name: str, *, at_least: int, at_most: int | None = None) -> int:
    """``value`` as an int inside its bounds; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} is {value!r}; expected a whole number")
    if value < at_least or (at_most is not None and value > at_most):
        upto = "" if at_most is None else f" and at most {at_most}"
        raise ValueError(f"{name} is {value}; expected at least {at_least}{upto}")
    return int(value)


def positive(value: float, name: str, *, zero: bool = False) -> float:
    """``value`` as a finite float above zero (or at zero, with ``zero``); ValueError otherwise."""
    number = float(value)
    if not np.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ValueError(f"{name} is {value!r}; expected a finite number {'of at least' if zero else 'above'} 0")
    return number


def _numbers(values: object, name: str) -> Floats:
    if np.ma.is_masked(values):
        at = int(np.argmax(np.ma.getmaskarray(np.ma.asarray(values))))
        raise ValueError(f"{name}[{at}] is masked; expected finite numbers")
    found = np.asarray(values)
    if found.dtype.kind not in "iuf":
        raise ValueError(f"{name} holds {found.dtype}; expected real numbers")
    array = np.ascontiguousarray(found, dtype=np.float64) if found.ndim else found.astype(np.float64)
    return array if array.flags.writeable else array.copy()


def _squarable(array: Floats, name: str) -> None:
    largest = float(np.max(np.abs(array), where=~np.isnan(array), initial=0.0))
    if largest != 0.0 and not SMALLEST <= largest <= LARGEST:
        raise ValueError(f"{name} holds at most {largest:g} in size; expected 0, or {SMALLEST:g} to {LARGEST:g}")
