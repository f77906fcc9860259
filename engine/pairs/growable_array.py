"""Columns that grow with every bar of a run."""

from __future__ import annotations

import itertools
import math

import numpy as np

from engine.pairs.layout import Floats

_SMALLEST, _FACTOR = 1_024, 1.5
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_numbers = itertools.count()


class GrowableArray:
    """``values``: one row a column, with spare capacity; the spare part is not written, and costs no memory.

    Growing copies the array. Hundreds of pairs that started together must not all grow in the same bar, so each table
    has its own sizes: 1,024 x 1.5^(m + phase), the phases spread evenly. They do not affect results. ``python -m bench
    pairs`` measures the longest bar, and compares it with tables that double.
    """

    __slots__ = ("_phase", "values")

    def __init__(self, rows: int) -> None:
        self._phase = (next(_numbers) * _GOLDEN) % 1.0
        self.values: Floats = np.empty((rows, self._room_for(1)))

    def hold(self, bars: int) -> None:
        """Ensure capacity for ``bars`` in total; keeps the content."""
        rows, room = self.values.shape
        if bars > room:
            fresh = np.empty((rows, self._room_for(bars)))
            fresh[:, :room] = self.values
            self.values = fresh

    def _room_for(self, bars: int) -> int:
        steps = math.ceil(math.log(max(bars / _SMALLEST, 1.0), _FACTOR) - self._phase)
        return max(bars, int(_SMALLEST * _FACTOR ** (max(steps, 0) + self._phase)) + 1)
