"""Everything of a scan is compiled at set-up, nothing at the first click."""

from __future__ import annotations

import engine.scan
from engine.scan.warm import warm_up
from tests.engine.warming import compiled_anew


def test_after_warming_up_a_new_process_compiles_nothing() -> None:
    assert warm_up() == 3
    misses, seen = compiled_anew(engine.scan)
    assert misses == 0 and seen > 10
