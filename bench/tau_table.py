"""Simulates the table of ``engine.stats.eg_distribution``: ``python -m bench.tau_table`` prints it.

It takes two minutes on two idle cores. At each number of bars pairs of independent walks of standard normal steps are
drawn from a fixed seed, and the Engle-Granger statistic without lags is counted in bins of 0.001; small numbers of bars
get more pairs, as their far tail differs most from the asymptotic one. For each probability the quantiles at all
numbers of bars give a response surface b0 + b1/n + b2/n^2 (MacKinnon 2010), by least squares weighted with the
quantiles' own precision.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from engine.stats.checks import Floats, Ints
from engine.stats.cointegration import engle_granger_kernel
from engine.stats.eg_distribution import PROBABILITIES
from engine.stats.jit import njit
from engine.stats.unitroot import FIXED

SEED = 20_261_128
BARS = (30, 40, 50, 70, 100, 150, 200, 300, 500, 1_000, 2_000)
STEPS = 500_000_000  # drawn at each number of bars, of both legs
CHUNK_STEPS = 4_000_000
LOWEST, WIDTH, BINS = -20.0, 1e-3, 26_000


@njit
def count(legs: Floats, bins: Ints) -> None:
    """Add the statistic of each pair of ``legs``, (pairs, 2, bars), to its bin; those outside to the outermost."""
    for i in range(legs.shape[0]):
        statistic, lags, _, _ = engle_granger_kernel(legs[i, 0], legs[i, 1], FIXED, 0)
        if lags >= 0:
            bins[min(max(int((statistic - LOWEST) / WIDTH), 0), bins.size - 1)] += 1


def counts(bars: int, steps: int = STEPS) -> Ints:
    """How many statistics fell into each bin, of ``steps`` / (2 ``bars``) pairs."""
    pairs = max(CHUNK_STEPS // (2 * bars), 1)

    def chunk(number: int) -> Ints:
        rng = np.random.default_rng([SEED, bars, number])
        bins = np.zeros(BINS, dtype=np.int64)
        count(np.cumsum(rng.standard_normal((pairs, 2, bars)), axis=2), bins)
        return bins

    with ThreadPoolExecutor(2) as pool:
        return np.sum(list(pool.map(chunk, range(max(steps // (2 * bars * pairs), 1)))), axis=0)


def quantiles(bins: Ints) -> tuple[Floats, Floats]:
    """The quantiles of PROBABILITIES, linear inside a bin, and their standard errors."""
    share = np.concatenate([[0.0], np.cumsum(bins) / bins.sum()])
    edges = LOWEST + WIDTH * np.arange(BINS + 1)
    at = np.interp(PROBABILITIES, share, edges)
    error = np.sqrt(PROBABILITIES * (1.0 - PROBABILITIES) / bins.sum())
    above, below = (np.interp(PROBABILITIES + side * error, share, edges) for side in (1.0, -1.0))
    return at, np.maximum((above - below) / 2.0, WIDTH / 10.0)


def surfaces() -> Floats:
    """(PROBABILITIES, 3): b0, b1, b2 of each quantile."""
    found = [quantiles(counts(bars)) for bars in BARS]
    values, errors = (np.array([each[part] for each in found]) for part in (0, 1))
    powers = np.array([[1.0, 1.0 / bars, 1.0 / bars**2] for bars in BARS])
    return np.array([
        np.linalg.lstsq(powers / errors[:, i, None], values[:, i] / errors[:, i], rcond=None)[0]
        for i in range(PROBABILITIES.size)
    ])  # fmt: skip


if __name__ == "__main__":
    for row in surfaces():
        sys.stdout.write("    [" + ", ".join(f"{value:.4f}" for value in row) + "],\n")
