"""Everything of a scan is compiled at set-up, nothing at the first click."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine.scan.warm import warm_up

MISSES = """
import sys
from engine.scan.warm import warm_up
warm_up()
kernels = {id(v): v for m in list(sys.modules.values()) if m.__name__.startswith("engine.") for v in vars(m).values()
           if hasattr(v, "py_func")}
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels.values()), len(kernels))
"""


def test_after_warming_up_a_new_process_compiles_nothing() -> None:
    assert warm_up() == 3
    root = Path(__file__).parents[3]
    for _ in range(2):  # test processes that compile side by side may drop an entry of each other's index
        done = subprocess.run([sys.executable, "-c", MISSES], capture_output=True, text=True, cwd=root, check=True)
        misses, seen = map(int, done.stdout.split())
        if misses == 0:
            break
    assert misses == 0 and seen > 10
