"""Examples run, and the documents name what there is."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest

import engine.backtest
from tests.conftest import ROOT
from tests.engine.backtest.test_metrics import small

MODULES = ("drawdown", "folds", "luck", "overfitting", "sharpe", "trade_metrics", "trials", "twins")
MATHEMATICS = (ROOT / "docs/mathematics.md").read_text()


@pytest.mark.parametrize("name", MODULES)
def test_every_example_runs(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"engine.backtest.{name}"))
    assert found.attempted > 0 and found.failed == 0


def test_every_metric_is_in_the_documents() -> None:
    for name in small().metrics:
        if name.split(" [")[0] not in ("Capital", "Equity, last", "Span", "Returns", "Trades", "Open trades", "Trials"):
            words = re.split(r", | \[", name)[0]
            assert words in MATHEMATICS or words.lower() in MATHEMATICS.lower(), name


def test_every_public_name_is_in_the_index_or_a_type() -> None:
    listed = re.findall(r"\w+", engine.backtest.__doc__ or "")
    for name in engine.backtest.__all__:
        assert hasattr(engine.backtest, name)
        assert name[0].isupper() or name in listed or name in ("mark", "data_fingerprint", "settings_fingerprint"), name
