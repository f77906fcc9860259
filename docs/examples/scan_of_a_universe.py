# ruff: noqa: T201
# %% [markdown]
# # A scan of a universe
#
# `python -m docs.examples.scan_of_a_universe [closes.csv]` in the project's folder, or cell by cell in an editor.
# The file has times in its first column and one column of closes a symbol, the most liquid first.
# Without a file, sixteen coins are simulated: all follow one factor, two pairs are cointegrated, one coin is constant
# and one was listed late.

# %%
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from engine.files.closes import read_closes
from engine.pairs import classic, interval_of, run_pair
from engine.scan import ScanSettings, correlations, scan_universe


def simulated() -> pd.DataFrame:
    """A week of five-minute closes."""
    rng = np.random.default_rng(11)
    bars = pd.date_range("2025-06-01", periods=2_016, freq="5min", tz="UTC")
    steps = rng.normal(0, 1e-3, (16, bars.size))
    logs = np.cumsum(rng.normal(0, 1e-3, bars.size) + 0.6 * steps, axis=1)
    for leg, partner in ((5, 1), (9, 3)):
        spread = np.zeros(bars.size)
        for t in range(1, bars.size):
            spread[t] = 2 ** (-1 / 12) * spread[t - 1] + 1e-3 * rng.standard_normal()
        logs[leg] = 0.8 * logs[partner] + spread
    table = pd.DataFrame(100.0 * np.exp(logs).T, index=bars, columns=[f"COIN{i:02d}" for i in range(16)])
    table["COIN14"] = 1.0
    table.loc[bars[:300], "COIN15"] = np.nan
    return table


# %%
closes = read_closes(sys.argv[1]) if len(sys.argv) > 1 else simulated()
print(
    f"{closes.shape[1]} symbols, {len(closes)} bars, from {Path(sys.argv[1]).name if len(sys.argv) > 1 else 'a seed'}"
)

# %% [markdown]
# ## Every pair, corrected for the number of tests
#
# Pairs that share a leg or a factor are not independent tests, so the stricter bound is asked for here: Benjamini and
# Yekutieli's holds under any dependence. A pair of which one leg has a stronger find is explained by it. The newest
# 30 % of the bars take no part in the selection: the hold-out's p-value is that of the same line there.

# %%
chosen = ScanSettings(holdout=0.3, control="by")
result = scan_universe(closes, chosen, progress=lambda done, total: print(f"{done} of {total}"))
print(pd.DataFrame([(each.name, each.code, each.detail) for each in result.excluded]).to_string(index=False))
shown = ["y", "x", "statistic", "q_value_by", "explained_by", "holdout_pvalue", "hedge_pvalue", "wild_pvalue"]
print(result.pairs[shown].head(8).round(4).to_string(index=False))

# %%
looked_good = int((result.pairs["pvalue"] < 0.05).sum())
found, confirmed = int(result.pairs["is_found"].sum()), int(result.pairs["is_confirmed"].sum())
print(f"of {result.tests} pairs {looked_good} have p < 5 %, {found} are found, {confirmed} are confirmed")

# %% [markdown]
# ## Correlations
#
# In the order of the clusters. High correlation is not cointegration: all of these follow one factor.

# %%
heat = correlations(closes)
print(heat.pearson.iloc[:6, :6].round(2).to_string())

# %% [markdown]
# ## The best pair, as run by the model

# %%
best = result.pairs.iloc[0]
width_ms = interval_of(closes.index)
settings = classic(interval_ms=width_ms, stale_after_ms=width_ms, half_spread_bps=1.0)
frame = run_pair(closes[best["y"]], closes[best["x"]], settings=settings)
print(frame["action"].value_counts().to_string())
