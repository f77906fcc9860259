"""``repr`` of results for notebooks: short, numbers to six digits, arrays and frames by size only."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

LONGEST = 100  # characters of one field; with more it is shown by its kind


def short_repr(result: Any) -> str:
    """The ``__repr__`` of result classes.

    >>> from engine.stats import ols
    >>> ols([1.0, 3.0, 5.0], [0.0, 1.0, 2.0])
    Line(alpha=1, beta=2, residuals=<3 values>)
    """
    fields = [field.name for field in dataclasses.fields(result) if field.repr]
    shown = ", ".join(f"{name}={_shown(getattr(result, name))}" for name in fields)
    return f"{type(result).__name__}({shown})"


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray) or hasattr(value, "iloc"):  # an array, or a series or frame of pandas
        return f"<{' x '.join(map(str, value.shape))} values>"
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    shown = repr(value)
    if len(shown) <= LONGEST:
        return shown
    return f"<{len(value)} values>" if isinstance(value, (tuple, list)) else f"<{type(value).__name__}>"
