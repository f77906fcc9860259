"""What the tests of each room's set-up share: its compiled functions, and what a new process still has to compile."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType
from typing import Any

from tests.conftest import ROOT

_COUNT = """
import sys
from {room}.warm import warm_up
warm_up()
kernels = {{id(v): v for m in list(sys.modules.values()) if m.__name__.startswith("engine.") for v in vars(m).values()
           if hasattr(v, "py_func")}}
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels.values()), len(kernels))
"""


def kernels(room: ModuleType) -> dict[str, Any]:
    """Every compiled function of a room's modules, by name."""
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(room.__path__, f"{room.__name__}.")]
    return {name: value for module in modules for name, value in vars(module).items() if hasattr(value, "py_func")}


def unreached(room: ModuleType) -> list[str]:
    """Kernels without a signature that no other kernel calls: the code of those that are called is part of theirs."""
    inner = {name for kernel in kernels(room).values() for name in kernel.py_func.__code__.co_names}
    return [name for name, kernel in kernels(room).items() if not kernel.signatures and name not in inner]


def compiled_anew(room: ModuleType) -> tuple[int, int]:
    """(what a new process has to compile after the room's ``warm_up``, kernels it has seen)."""
    command = [sys.executable, "-c", _COUNT.format(room=room.__name__)]
    for _ in range(2):  # test processes that compile side by side may drop an entry of each other's index
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        misses, seen = map(int, done.stdout.split())
        if misses == 0:
            break
    return misses, seen
