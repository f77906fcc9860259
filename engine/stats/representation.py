"""``repr`` of results for notebooks: one line, numbers to six digits, arrays by size only."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


def short_repr(result: Any) -> str:
    """The ``__repr__`` of result classes.

    >>> from engine.stats import ols
    >>> ols([1.0, 3.0, 5.0], [0.0, 1.0, 2.0])
    Line(alpha=1, beta=2, residuals=<3 values>)
    """
    shown = ", ".join(f"{field.name}={_shown(getattr(result, field.name))}" for field in dataclasses.fields(result))
    return f"{type(result).__name__}({shown})"


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{' x '.join(map(str, value.shape))} values>"
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (tuple, list)) and len(value) > 8:
        return f"<{len(value)} values>"
    return repr(value)
