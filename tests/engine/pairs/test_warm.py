"""Everything of the path is compiled at set-up, nothing at the first bar."""

from __future__ import annotations

import engine.pairs
from engine.pairs.warm import warm_up
from tests.engine.warming import compiled_anew, unreached


def test_warming_up_reaches_every_kernel_that_others_may_call() -> None:
    assert warm_up() == 402
    assert unreached(engine.pairs) == []


def test_after_warming_up_a_new_process_compiles_nothing() -> None:
    warm_up()
    misses, seen = compiled_anew(engine.pairs)
    assert misses == 0 and seen > 40
