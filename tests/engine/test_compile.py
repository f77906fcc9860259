"""Everything is compiled at set-up: nothing at the first bar, and nothing at the first click."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import engine.backtest
import engine.pairs
import engine.scan
import engine.stats
from engine.compile import compile_alerts, compile_backtest, compile_luck, compile_pairs, compile_scan, compile_stats
from engine.stats.windows import window_push
from tests.conftest import ROOT

_COUNT = """
import sys
from engine.compile import {function}
{function}()
kernels = {{id(v): v for m in list(sys.modules.values()) if m.__name__.startswith("engine.") for v in vars(m).values()
           if hasattr(v, "py_func")}}
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels.values()), len(kernels))
"""


def kernels(package: ModuleType) -> dict[str, Any]:
    """Every compiled function of a package's modules, by name."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
    modules = [importlib.import_module(name) for name in names]
    return {name: value for module in modules for name, value in vars(module).items() if hasattr(value, "py_func")}


def unreached(package: ModuleType) -> list[str]:
    """Kernels without a signature that no other kernel calls: the code of those that are called is part of theirs."""
    found = kernels(package)
    inner = {name for kernel in found.values() for name in kernel.py_func.__code__.co_names}
    return [name for name, kernel in found.items() if not kernel.signatures and name not in inner]


def compiled_anew(function: str) -> tuple[int, int]:
    """(what a new process has to compile in one function of ``engine.compile``, kernels it has seen)."""
    command = [sys.executable, "-c", _COUNT.format(function=function)]
    for _ in range(2):  # test processes that compile side by side may drop an entry of each other's index
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        misses, seen = map(int, done.stdout.split())
        if misses == 0:
            break
    return misses, seen


def test_every_kernel_that_others_may_call_is_reached() -> None:
    """The rest is called by those only: its code is part of theirs."""
    compile_stats()
    assert unreached(engine.stats) == []
    assert compile_pairs() == 402
    assert unreached(engine.pairs) == []
    assert compile_scan() == 3
    assert compile_backtest() == 400 and compile_luck() == 2
    assert compile_luck() == 2 and compile_alerts() > 0
    assert unreached(engine.backtest) == []


@pytest.mark.parametrize(
    ("function", "at_least"),
    [("compile_pairs", 40), ("compile_backtest", 50), ("compile_scan", 10), ("compile_luck", 12)],
)
def test_a_later_process_compiles_nothing(function: str, at_least: int) -> None:
    getattr(engine.compile, function)()
    misses, seen = compiled_anew(function)
    assert misses == 0 and seen > at_least


def test_a_later_process_compiles_no_statistic() -> None:
    compile_stats()
    misses, seen = compiled_anew("compile_stats")
    assert misses == 0 and seen >= len(kernels(engine.stats)) > 40


def test_a_kernel_is_compiled_once_whatever_array_a_user_brings() -> None:
    compile_stats()
    values = np.arange(60.0) ** 1.5
    before = len(window_push.signatures)  # type: ignore[attr-defined]
    frozen = values.copy()
    frozen.flags.writeable = False
    for series in (values, frozen, values[::2], values.astype("f4"), list(values)):
        engine.stats.zscore(series, 5)
    assert len(window_push.signatures) == before  # type: ignore[attr-defined]
