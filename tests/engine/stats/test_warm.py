from __future__ import annotations

import numpy as np

import engine.stats
from engine.stats.warm import warm_up
from engine.stats.windows import window_push
from tests.engine.warming import compiled_anew, kernels, unreached


def test_warming_up_reaches_every_kernel_that_others_may_call() -> None:
    """The rest is called by those only: its code is part of theirs."""
    warm_up()
    assert unreached(engine.stats) == []


def test_after_warming_up_a_new_process_compiles_nothing() -> None:
    warm_up()
    misses, seen = compiled_anew(engine.stats)
    assert misses == 0 and seen == len(kernels(engine.stats)) > 40


def test_a_kernel_is_compiled_once_whatever_array_a_user_brings() -> None:
    warm_up()
    values = np.arange(60.0) ** 1.5
    before = len(window_push.signatures)  # type: ignore[attr-defined]
    frozen = values.copy()
    frozen.flags.writeable = False
    for series in (values, frozen, values[::2], values.astype("f4"), list(values)):
        engine.stats.zscore(series, 5)
    assert len(window_push.signatures) == before  # type: ignore[attr-defined]
