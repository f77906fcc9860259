"""Scans of a universe: cointegrated pairs, with false discovery control, and correlations.

>>> import numpy as np
>>> rng = np.random.default_rng(1)
>>> x, other = np.exp(0.01 * np.cumsum(rng.standard_normal((2, 600)), axis=1))
>>> y = x**0.8 * np.exp(0.01 * rng.standard_normal(600))
>>> found = scan({"X": x, "Y": y, "OTHER": other})
>>> found.loc[found["is_confirmed"], ["y", "x"]].values.tolist()
[['Y', 'X']]
"""

from engine.scan.correlation import Correlations, correlations
from engine.scan.scan import ScanCancelled, ScanResult, scan, scan_universe
from engine.scan.settings import ScanSettings
from engine.scan.universe import Excluded

__all__ = [
    "scan", "scan_universe", "ScanSettings", "ScanResult", "ScanCancelled", "Excluded",
    "correlations", "Correlations",
]  # fmt: skip
