from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

_CODE = """
import gc
from hosting.interpreter import tune
looked = gc.get_stats()[0]["collections"]
tune()
begun = gc.get_stats()[0]["collections"]
kept = [[number] for number in range(5_000)]
print(begun - looked, gc.get_stats()[0]["collections"] - begun, gc.get_freeze_count() > 1_000)
cycles = [[] for _ in range(20_000)]
for each in cycles:
    each.append(each)
found = gc.get_stats()[0]["collections"] - begun
print(found > 0)
"""


def test_what_lives_on_is_left_alone_and_cycles_are_still_found() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0", "True", "True"]
