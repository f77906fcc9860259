"""PSR, track record, E[max], DSR against the papers' own figures; bands by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from engine.backtest.luck import (
    deflated_sharpe,
    equity_band,
    expected_max_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from engine.backtest.overfitting import cscv
from engine.backtest.sharpe import sharpe_columns, sharpe_ratio

MONTH = math.sqrt(12.0)
PAPER = {"deviation": math.sqrt(0.5 / 250.0), "skew": -3.0, "kurtosis": 10.0}  # of the DSR's example
PAPER_RATIO = 2.5 / math.sqrt(250.0)


@pytest.mark.parametrize(
    ("ratio", "skew", "kurtosis", "error", "years", "years_half"),
    [(0.7079, -0.2250, 2.9570, 0.1028, 0.7152, 1.0804), (0.8183, -1.4455, 7.0497, 0.1550, 1.1593, 1.6695)],
)
def test_the_table_of_max_psr_and_max_sharpe_portfolios(
    ratio: float, skew: float, kurtosis: float, error: float, years: float, years_half: float
) -> None:
    """Bailey and Lopez de Prado 2012, the table of both portfolios: 134 months; errors and track records in years."""
    shape = {"skew": skew, "kurtosis": kurtosis}
    score = norm.ppf(probabilistic_sharpe(ratio, 134, benchmark=ratio - 0.1, **shape))
    assert 0.1 / score == pytest.approx(error, abs=5e-5)
    assert minimum_track_record(ratio, **shape) / 12 == pytest.approx(years, abs=5e-4)
    assert minimum_track_record(ratio, benchmark=0.5 / MONTH, **shape) / 12 == pytest.approx(years_half, abs=5e-4)


def test_track_records_printed_in_the_paper() -> None:
    """59.895 months (appendix A.3); 2.73, 2.83 and 3.24 years of days, weeks, months for a 2 above a 1 (section 5)."""
    found = minimum_track_record(2 / MONTH, benchmark=1 / MONTH, skew=-0.72, kurtosis=5.78)
    assert found == pytest.approx(59.895, abs=5e-4)
    for periods, years in ((252, 2.73), (52, 2.83), (12, 3.24)):
        root = math.sqrt(periods)
        assert minimum_track_record(2 / root, benchmark=1 / root) / periods == pytest.approx(years, abs=6e-3)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
def test_at_the_minimum_track_record_the_psr_is_its_level(level: float) -> None:
    shape = {"benchmark": 0.05, "skew": -0.6, "kurtosis": 7.2}
    returns = minimum_track_record(0.18, level=level, **shape)
    assert probabilistic_sharpe(0.18, returns, **shape) == pytest.approx(level, abs=1e-12)


def test_no_length_proves_what_is_not_there() -> None:
    assert minimum_track_record(0.1, benchmark=0.1) == math.inf == minimum_track_record(-0.1)
    assert probabilistic_sharpe(0.0, 50) == 0.5


def test_the_example_of_the_deflated_ratio() -> None:
    """Bailey and Lopez de Prado 2014: 2.5 a year over 1,250 days, skew -3, kurtosis 10, variance of the trials 1/2 a
    year: .9004 after 100 trials, .9505 after 46, and .95 after 88 with normal returns."""
    assert deflated_sharpe(PAPER_RATIO, 1250, 100, **PAPER) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(PAPER_RATIO, 1250, 46, **PAPER) == pytest.approx(0.9505, abs=5e-5)
    normal = deflated_sharpe(PAPER_RATIO, 1250, 88, deviation=PAPER["deviation"])
    assert normal == pytest.approx(0.95, abs=1e-3)
    assert expected_max_sharpe(100, PAPER["deviation"]) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(("trials", "annual"), [(10, 5.6), (100, 9.0), (1000, 11.5)])
def test_the_best_of_skill_less_trials_over_30_days(trials: int, annual: float) -> None:
    assert expected_max_sharpe(trials, math.sqrt(365 / 29)) == pytest.approx(annual, abs=0.06)


@pytest.mark.parametrize(("trials", "off"), [(2, 0.09), (5, 0.05), (20, 0.021), (1000, 0.01)])
def test_the_expected_maximum_against_the_exact_integral(trials: int, off: float) -> None:
    exact, _ = quad(lambda x: x * trials * norm.cdf(x) ** (trials - 1) * norm.pdf(x), -12, 12)
    assert expected_max_sharpe(trials, 1.0) == pytest.approx(exact, rel=off)


def test_one_trial_deflates_nothing_and_more_deflate_more() -> None:
    psr = probabilistic_sharpe(0.12, 500, skew=-0.3, kurtosis=5.0)
    assert deflated_sharpe(0.12, 500, 1, skew=-0.3, kurtosis=5.0) == psr
    found = [deflated_sharpe(0.12, 500, trials) for trials in (1, 1.2, 2, 10, 10_000)]
    assert found == sorted(found, reverse=True) and expected_max_sharpe(1.01, 1.0) == 0.0


def test_the_best_of_100_noise_cells_is_not_significant_and_pbo_is_a_half() -> None:
    """DSR < .95 in >= 93 % of 100 seeds, mean PBO .5 +- .1. Undeflated, the same best cells are "significant"."""
    deflated, naive, overfit = [], [], []
    for seed in range(100):
        cells = np.random.default_rng(seed).normal(0.0, 0.01, (240, 100))
        ratios = sharpe_columns(cells)
        best = sharpe_ratio(cells[:, int(np.argmax(ratios))])
        shape = {"skew": best.skew, "kurtosis": best.kurtosis}
        naive.append(probabilistic_sharpe(best.ratio, best.returns, **shape))
        deflated.append(deflated_sharpe(best.ratio, best.returns, 100, deviation=float(ratios.std(ddof=1)), **shape))
        overfit.append(cscv(cells, 10).pbo)
    assert np.mean(np.array(deflated) < 0.95) >= 0.93
    assert np.mean(np.array(naive) > 0.95) >= 0.93
    assert abs(np.mean(overfit) - 0.5) <= 0.1


def test_the_band_covers_the_true_growth() -> None:
    """At its end a 95 % band covers the equity of the true mean growth; 60 returns, 400 samples."""
    rng, hits = np.random.default_rng(5), []
    for seed in range(400):
        logs = rng.normal(1e-3, 0.01, 60)
        band = equity_band(np.expm1(logs), 1_000.0, draws=300, seed=seed)
        hits.append(band.low[-1] <= 1_000.0 * math.exp(0.06) <= band.high[-1])
    assert 0.91 <= np.mean(hits) <= 0.97


def test_a_band_is_made_of_orders_of_the_returns() -> None:
    band = equity_band([0.1] * 5, 100.0)
    for path in (band.low, band.middle, band.high):
        assert path == pytest.approx(100.0 * 1.1 ** np.arange(1, 6))
    first, again = (equity_band([0.1, -0.1, 0.05, 0.0], 100.0, seed=3) for _ in range(2))
    assert np.array_equal(first.low, again.low) and (first.low <= first.middle).all()
    assert not np.array_equal(first.low, equity_band([0.1, -0.1, 0.05, 0.0], 100.0, seed=4).low)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kurtosis is 0\.0 with a skew of 0\.0; expected at least skew\^2 \+ 1"):
        probabilistic_sharpe(0.1, 50, kurtosis=0.0)  # excess kurtosis
    with pytest.raises(ValueError, match=r"trials is 0\.5; expected at least 1"):
        expected_max_sharpe(0.5, 1.0)
    with pytest.raises(ValueError, match=r"level is 1\.0; expected above 0\.5 and below 1"):
        minimum_track_record(0.1, level=1.0)
    with pytest.raises(ValueError, match="returns is 1; expected at least 2"):
        probabilistic_sharpe(0.1, 1)
    with pytest.raises(ValueError, match=r"returns\[1\] is -1\.0; expected returns above -1"):
        equity_band([0.1, -1.0], 1.0)
    with pytest.raises(ValueError, match="expected at most 20,000,000 in all"):
        equity_band(np.zeros(30_000), 1.0)
