"""Everything of the path is compiled at set-up, nothing at the first bar."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import engine.pairs
from engine.pairs.warm import warm_up

MISSES = """
import sys
from engine.pairs.warm import warm_up
warm_up()
kernels = {id(v): v for m in list(sys.modules.values()) if m.__name__.startswith("engine.") for v in vars(m).values()
           if hasattr(v, "py_func")}
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels.values()), len(kernels))
"""


def kernels() -> dict[str, Any]:
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(engine.pairs.__path__, "engine.pairs.")]
    return {name: value for module in modules for name, value in vars(module).items() if hasattr(value, "py_func")}


def test_warming_up_reaches_every_kernel_that_others_may_call() -> None:
    assert warm_up() == 402
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
    assert misses == 0 and seen > 40
