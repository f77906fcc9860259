from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CALLEE = "from engine.stats.jit import njit\nRATE = {rate}\n@njit\ndef callee(v):\n    return RATE * v\n"
CALLER = "from engine.stats.jit import njit\nfrom callee import callee\n@njit\ndef caller(v):\n    return callee(v)\n"
SHOW = "from caller import caller; print(caller(2.0), sum(caller.stats.cache_hits.values()))"


LATE = """from engine.stats.jit import njit
@njit
def callee(v):
    return late(v)
@njit
def late(v):
    return {rate} * v
"""


def run(folder: Path, rate: float, callee: str = CALLEE) -> str:
    (folder / "callee.py").write_text(callee.format(rate=rate))
    (folder / "caller.py").write_text(CALLER)
    # Python's own cache knows a source by its second and its size, and these are written within one.
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, env=environment, check=True)
    return done.stdout.strip()


def test_a_change_in_a_callee_reaches_the_cached_caller(tmp_path: Path) -> None:
    """Numba alone would answer 6.0 again: it looks at the caller's file only."""
    assert run(tmp_path, 3.0) == "6.0 0"
    assert run(tmp_path, 3.0) == "6.0 1"
    assert run(tmp_path, 5.0) == "10.0 0"


def test_a_change_in_what_a_callee_calls_further_down_in_its_file_reaches_the_cached_caller(tmp_path: Path) -> None:
    assert run(tmp_path, 3.0, LATE) == "6.0 0"
    assert run(tmp_path, 3.0, LATE) == "6.0 1"
    assert run(tmp_path, 5.0, LATE) == "10.0 0"


def test_a_change_in_a_record_reaches_the_kernel_that_takes_it(tmp_path: Path) -> None:
    """Two fields of one type change places."""
    kernel = "from engine.stats.jit import njit\n@njit\ndef caller(p):\n    return p.a\n"
    show = (
        "from caller import caller; import numpy as np; from pars import FIELDS; "
        "made = np.zeros(1, [(name, float) for name in FIELDS])[0]; made['a'] = 1.0; made['b'] = 2.0; "
        "print(caller(made), sum(caller.stats.cache_hits.values()))"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "PYTHONDONTWRITEBYTECODE": "1"}
    (tmp_path / "caller.py").write_text(kernel)
    for fields, hits in (("ab", 0), ("ab", 1), ("ba", 0), ("ba", 1)):
        (tmp_path / "pars.py").write_text(f"FIELDS = {fields!r}\n")
        done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, env=environment, check=True)
        assert done.stdout.strip() == f"1.0 {hits}"


def test_importing_the_room_loads_neither_statsmodels_nor_scipy_stats() -> None:
    code = "import sys, engine.stats; print(sorted({'statsmodels', 'scipy.stats', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
