"""Given pandas, a function gives pandas back: what has one value a bar keeps the index of the legs.

pandas itself is imported only where a caller has brought it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from engine.stats.checks import Floats

Given = ParamSpec("Given")
Result = TypeVar("Result")


def keeps_index(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Each array of the result that has one value a bar becomes a Series with the index of the first argument that is
    one of pandas; an array that is one shorter has lost its first bar. Without pandas nothing changes.

    An array that is the whole result, or in a tuple, keeps the argument's name; a field of a dataclass has its own.
    """

    @wraps(function)
    def indexed(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        result = function(*args, **kwargs)
        source = next((each for each in _flat((*args, *kwargs.values())) if hasattr(each, "iloc")), None)
        return result if source is None else _with_index(result, source.index, getattr(source, "name", None))

    return indexed


def by_leg(values: Floats, columns: Any) -> Any:
    """``values`` with one row a leg, named by the columns where ``columns`` is a frame."""
    if not hasattr(columns, "iloc") or not hasattr(columns, "columns"):
        return values
    import pandas as pd

    shape = pd.Series if values.ndim == 1 else pd.DataFrame
    return shape(values, index=columns.columns)


def _flat(arguments: Sequence[Any]) -> list[Any]:
    """The arguments, and the columns in those that are lists of columns."""
    lists = [isinstance(one, (list, tuple)) and len(one) > 0 and hasattr(one[0], "__len__") for one in arguments]
    return [each for one, is_list in zip(arguments, lists, strict=True) for each in (one if is_list else (one,))]


def _with_index(result: Any, index: Any, name: Any) -> Any:
    if isinstance(result, np.ndarray):
        return _series(result, index, name)
    if type(result) is tuple:
        return tuple(_series(each, index, name) for each in result)
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
        return dataclasses.replace(result, **{key: _series(value, index, key) for key, value in fields.items()})
    return result


def _series(value: Any, index: Any, name: Any) -> Any:
    import pandas as pd

    lost = len(index) - len(value) if isinstance(value, np.ndarray) and value.ndim == 1 else -1
    return pd.Series(value, index=index[lost:], name=name) if lost in (0, 1) else value
