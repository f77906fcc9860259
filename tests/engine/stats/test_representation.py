"""In a notebook a result is short, help opens with what to call for which question, and the examples in it hold."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from engine import backtest, pairs, scan, stats

RNG = np.random.default_rng(0)
X = np.cumsum(RNG.standard_normal(300))
Y = X + RNG.standard_normal(300)
RESULTS = {
    "ols": lambda: stats.ols(Y, X), "huber": lambda: stats.huber(Y, X), "theil_sen": lambda: stats.theil_sen(Y, X),
    "kalman": lambda: stats.kalman(Y, X, 50.0), "multiple_ols": lambda: stats.multiple_ols(Y, [X]),
    "rolling_ols": lambda: stats.rolling_ols(Y, X, 30), "engle_granger": lambda: stats.engle_granger(Y, X),
    "engle_granger_robust": lambda: stats.engle_granger_robust(Y, X),
    "johansen": lambda: stats.johansen([Y, X]), "cusum": lambda: stats.cusum(Y - X), "adf": lambda: stats.adf(Y),
    "kpss": lambda: stats.kpss(Y), "half_life": lambda: stats.half_life(Y), "hurst": lambda: stats.hurst(Y),
    "ou_fit": lambda: stats.ou_fit(Y - X), "liquidity": lambda: stats.liquidity(np.exp(X / 100), np.ones(300)),
    "volume_profile": lambda: stats.volume_profile(np.exp(X / 100), np.ones(300)),
    "hedge_interval": lambda: stats.hedge_interval(Y, X), "error_correction": lambda: stats.error_correction(Y, X),
    "multiple_regression": lambda: stats.multiple_regression(Y, [X]),
    "granger_causality": lambda: stats.granger_causality(np.diff(Y), np.diff(X)),
    "lead_lag": lambda: stats.lead_lag(np.arange(300), Y, np.arange(300), X, [-2, 0, 2]),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_shows_itself_in_five_lines_without_arrays(name: str) -> None:
    shown = repr(RESULTS[name]())
    assert shown.count("\n") < 5 and len(shown) < 400 and "array(" not in shown
    assert "residuals=<300 values>" in shown or name not in ("ols", "huber", "multiple_ols")


PRICES = pd.DataFrame(
    {f"COIN{i}": np.exp(walk / 100) for i, walk in enumerate(np.cumsum(RNG.standard_normal((12, 600)), axis=1))},
    pd.date_range("2025-06-01", periods=600, freq="1min", tz="UTC"),
)
OF_OTHERS = {
    "evidence_of": lambda: pairs.evidence_of(pairs.pair_model(PRICES["COIN0"], PRICES["COIN1"])),
    "scan_universe": lambda: scan.scan_universe(PRICES, threads=1), "correlations": lambda: scan.correlations(PRICES),
    "mark": lambda: backtest.mark(np.exp(Y), np.exp(X), X, Y), "test_report": lambda: stats.test_report(Y, X),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_OTHERS)
def test_so_does_one_of_the_other_packages(name: str) -> None:
    shown = repr(OF_OTHERS[name]())
    assert shown.count("\n") < 5 and len(shown) < 500 and "array(" not in shown


def modules(package: ModuleType) -> list[ModuleType]:
    names = [each.name for each in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
    return [package, *(importlib.import_module(name) for name in names)]


@pytest.mark.parametrize("module", modules(stats), ids=lambda module: module.__name__)
def test_the_examples_in_docstrings_hold(module: ModuleType) -> None:
    """Functions are looked at as they were before they were wrapped."""
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    own = [each for each in vars(module).values() if getattr(each, "__module__", None) == module.__name__]
    for each in (module, *own):
        for test in finder.find(inspect.unwrap(each), getattr(each, "__name__", module.__name__), globs=vars(module)):
            runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_help_opens_with_an_index_by_question_that_names_every_function() -> None:
    index = (stats.__doc__ or "").split("\n\n")[1]
    named = {word for line in index.splitlines() for word in re.findall(r"[a-z_]+", line[40:])}
    functions = {name for name in stats.__all__ if name.islower()}
    assert functions - named == {"kalman_calibrate", "kalman_filter", "trade_side_quotes"}
    assert len(index.splitlines()) <= 20
