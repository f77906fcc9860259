from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

_CODE = """
import gc, sys
from runtime.interpreter_settings import apply_interpreter_settings
def searches(): return sum(each["collections"] for each in gc.get_stats())
def found(): return sum(each["collected"] for each in gc.get_stats())
turn_s = sys.getswitchinterval()
apply_interpreter_settings()
print(gc.get_freeze_count() > 1_000, sys.getswitchinterval() < turn_s)
before = searches()
kept = [[number] for number in range(5_000)]
print(searches() - before)
before = found()
for _ in range(20_000):
    cycle = []
    cycle.append(cycle)
print(found() - before >= 10_000)
"""


def test_fewer_searches_that_still_find_cycles_and_shorter_turns() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "0", "True"]


_ARRAYS = """
import resource, sys
from pathlib import Path
import numpy as np
from runtime.interpreter_settings import map_large_arrays
def resident(): return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
if sys.argv[1] == "mapped": map_large_arrays()
before = resident()
del (larger := [np.ones(1_000_000)])[:]
written, pins = [], []
for _ in range(50):
    written.append(np.ones(60_000))
    pins.append(bytes(2_000))  # the room before it cannot be given back
del written
reserved = [np.zeros(60_000) for _ in range(50)]
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator is meant")
def test_the_spare_room_of_arrays_costs_no_memory() -> None:
    def taken(how: str) -> int:
        run = [sys.executable, "-c", _ARRAYS, how]
        return int(subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    assert taken("as it is") > 20e6 and taken("mapped") < 4e6  # of 24 MB
