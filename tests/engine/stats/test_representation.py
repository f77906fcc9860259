"""In a notebook a result is short, and help opens with what to call for which question."""

from __future__ import annotations

import re

import numpy as np
import pytest

from engine import stats

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
    "lead_lag": lambda: stats.lead_lag(np.arange(300), Y, np.arange(300), X, [-2, 0, 2]),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_shows_itself_in_five_lines_without_arrays(name: str) -> None:
    shown = repr(RESULTS[name]())
    assert shown.count("\n") < 5 and len(shown) < 400 and "array(" not in shown
    assert "residuals=<300 values>" in shown or name not in ("ols", "huber", "multiple_ols")


def test_help_opens_with_an_index_by_question_that_names_every_function() -> None:
    index = (stats.__doc__ or "").split("\n\n")[1]
    named = {word for line in index.splitlines() for word in re.findall(r"[a-z_]+", line[40:])}
    functions = {name for name in stats.__all__ if name.islower()}
    assert functions - named == {"kalman_calibrate", "kalman_filter", "trade_side_quotes"}
    assert len(index.splitlines()) <= 20
