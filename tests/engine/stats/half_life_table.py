"""How the table of ``engine/stats/phi_quantiles.py`` was made: ``python -m tests.engine.stats.half_life_table``.

Prints the two arrays as they stand there, after about three minutes. One draw is u, a stationary AR(1) of n standard
normal shocks (a walk from 0 where phi is 1), and x, a walk of n standard normal steps. The level is u itself; the
residual is that of u on a constant and x, which is the residual of any alpha + beta x + u on x. One draw's shocks serve
every phi, so a row of the table is smooth.
"""

from __future__ import annotations

import sys

import numpy as np

from engine.stats.checks import Floats
from engine.stats.half_life import ar1_kernel
from engine.stats.jit import njit
from engine.stats.phi_quantiles import LENGTHS, NODES, QUANTILES, scale_of
from engine.stats.regression import ols_kernel, residuals_kernel

DRAWS = 100_000
SEED = 1_993


@njit
def phi_hats(n: int, phis: Floats, draws: int, seed: int) -> Floats:
    """AR(1) coefficients by least squares, (level or residual, phi, draw)."""
    np.random.seed(seed)
    out = np.empty((2, phis.size, draws))
    u = np.empty(n)
    for i in range(draws):
        shocks, x = np.random.standard_normal(n), np.cumsum(np.random.standard_normal(n))
        for j in range(phis.size):
            phi = phis[j]
            u[0] = shocks[0] / np.sqrt(1.0 - phi * phi) if phi < 1.0 else 0.0
            for t in range(1, n):
                u[t] = phi * u[t - 1] + shocks[t]
            out[0, j, i] = ar1_kernel(u)[1]
            alpha, beta = ols_kernel(u, x)
            out[1, j, i] = ar1_kernel(residuals_kernel(u, x, alpha, beta))[1]
    return out


def node_phi(node: int, n: float) -> float:
    """The phi that a node stands for at ``n`` bars."""
    return float(1.0 - ((1.0 + n) ** (node / (NODES - 1)) - 1.0) / n)


def rows(n: int, draws: int = DRAWS) -> Floats:
    """The table's rows at ``n`` bars, (level or residual, quantile, node)."""
    phis = np.array([node_phi(node, float(n)) for node in range(NODES)])
    scales = np.array([scale_of(phi, float(n)) for phi in phis])
    found = np.quantile(phi_hats(n, phis, draws, SEED + n), QUANTILES, axis=2)  # (quantile, kind, node)
    return np.swapaxes((phis - found) / scales, 0, 1)


def _source(name: str, table: Floats) -> str:
    """One array as it stands in the module, in hundredths: a line for each length and quantile."""
    blocks = []
    for of_length in table:
        lines = [f"     [{', '.join(f'{100.0 * value:.0f}' for value in of_quantile)}]," for of_quantile in of_length]
        blocks.append("    [" + "\n".join(lines).strip().removesuffix(",") + "],")
    return f"{name} = 0.01 * np.array([\n" + "\n".join(blocks) + "\n])  # fmt: skip\n"


if __name__ == "__main__":
    made = np.stack([rows(int(n)) for n in LENGTHS], axis=1)
    sys.stdout.write(_source("LEVEL", made[0]) + "\n" + _source("RESIDUAL", made[1]))
