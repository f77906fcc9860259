from __future__ import annotations

import subprocess
import sys

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
