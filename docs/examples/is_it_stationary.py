# ruff: noqa: T201
# %% [markdown]
# # Is it stationary?
#
# `python -m docs.examples.is_it_stationary` in the project's folder, or cell by cell in an editor.
# A series of its own, and the spread of two legs: they need different tests.

# %%
import numpy as np
import pandas as pd

from engine.stats import adf, engle_granger, engle_granger_robust, half_life, kpss, ols

rng = np.random.default_rng(3)
minutes = pd.date_range("2025-06-01", periods=1_000, freq="1min", tz="UTC")
funding = pd.Series(rng.normal(0, 1, minutes.size), minutes).ewm(halflife=5).mean()  # comes back by itself
btc = pd.Series(np.log(100_000.0) + np.cumsum(rng.normal(0, 3e-4, minutes.size)), minutes, name="BTC")
spread = np.zeros(minutes.size)
for t in range(1, minutes.size):
    spread[t] = 2 ** (-1 / 12) * spread[t - 1] + rng.normal(0, 2e-4)
eth = (0.9 * btc + spread - 2.5).rename("ETH")  # log prices, as everywhere in engine.stats

# %% [markdown]
# ## A series of its own
#
# ADF's null is a walk, KPSS's is a stationary series. Believe what both say; if neither rejects, the window is too
# short.

# %%
for name, series in (("funding", funding), ("BTC", btc)):
    walks, stays = adf(series), kpss(series)
    print(
        f"{name}: ADF {walks.statistic:.2f} (below {walks.critical[5]:.2f} rejects a walk), "
        f"KPSS {stays.statistic:.2f} (above {stays.critical[5]:.2f} rejects a stationary series)"
    )

# %% [markdown]
# ## The spread of two legs
#
# Its line was fitted to look stationary, so ADF's table is the wrong one: it passes 14 % of unrelated pairs at "5 %".
# Engle-Granger's accounts for the fit, and the wild bootstrap also for a variance that moves.

# %%
plain, robust = engle_granger(eth, btc), engle_granger_robust(eth, btc)
print(plain)
print(robust)

# %% [markdown]
# ## And how fast does it come back?
#
# Functions that are given pandas give pandas back: the residual has the legs' index.

# %%
residual = ols(eth, btc).residuals
back = half_life(residual, residual=True)
print(residual.tail(2))
print(f"half-life {back.bars:.0f} bars, {back.low:.0f} to {back.high:.0f}; noise shows {back.null_median:.0f}")
