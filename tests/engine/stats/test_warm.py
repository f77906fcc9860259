from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import engine.stats
from engine.stats.warm import warm_up
from engine.stats.windows import window_push

MISSES = """
import sys
from engine.stats.warm import warm_up
warm_up()
kernels = {id(v): v for m in list(sys.modules.values()) if m.__name__.startswith("engine.") for v in vars(m).values()
           if hasattr(v, "py_func")}
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels.values()), len(kernels))
"""


def kernels() -> dict[str, Any]:
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(engine.stats.__path__, "engine.stats.")]
    return {name: value for module in modules for name, value in vars(module).items() if hasattr(value, "py_func")}


def test_warming_up_reaches_every_kernel_that_others_may_call() -> None:
    """The rest is called by those only: its code is part of theirs."""
    warm_up()
    inner = {name for kernel in kernels().values() for name in kernel.py_func.__code__.co_names}
    assert [name for name, kernel in kernels().items() if not kernel.signatures and name not in inner] == []


def test_after_warming_up_a_new_process_compiles_nothing() -> None:
    warm_up()
    root = Path(__file__).parents[3]
    for _ in range(2):  # test processes that compile side by side may drop an entry of each other's index
        done = subprocess.run([sys.executable, "-c", MISSES], capture_output=True, text=True, cwd=root, check=True)
        misses, seen = map(int, done.stdout.split())
        if misses == 0:
            break
    assert misses == 0 and seen == len(kernels()) > 40


def test_a_kernel_is_compiled_once_whatever_array_a_user_brings() -> None:
    warm_up()
    values = np.arange(60.0) ** 1.5
    before = len(window_push.signatures)  # type: ignore[attr-defined]
    frozen = values.copy()
    frozen.flags.writeable = False
    for series in (values, frozen, values[::2], values.astype("f4"), list(values)):
        engine.stats.zscore(series, 5)
    assert len(window_push.signatures) == before  # type: ignore[attr-defined]
