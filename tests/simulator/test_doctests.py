"""Every example in the simulator's docstrings runs."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import simulator

MODULES = sorted(path.stem for path in Path(simulator.__file__).parent.glob("*.py") if not path.stem.startswith("__"))
WITH_EXAMPLES = {"settings", "trade_history"}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"simulator.{name}"))
    assert result.failed == 0
    assert (result.attempted > 0) == (name in WITH_EXAMPLES)
