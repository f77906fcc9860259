# ruff: noqa: T201
# %% [markdown]
# # All tests of a pair, in one table
#
# `python -m docs.examples.all_tests_of_a_pair` in the project's folder, or cell by cell in an editor.
# `python -m services.pair_report usdm ETHUSDT BTCUSDT` prints the same of bars that Pairbridge has stored.

# %%
import numpy as np
import pandas as pd

from engine.stats import test_report

rng = np.random.default_rng(12)
minutes = pd.date_range("2025-06-01", periods=600, freq="1min", tz="UTC")
btc = pd.Series(np.log(100_000.0) + np.cumsum(rng.normal(0, 3e-4, minutes.size)), minutes, name="BTC")
spread = np.zeros(minutes.size)
for t in range(1, minutes.size):
    spread[t] = 2 ** (-1 / 6) * spread[t - 1] + rng.normal(0, 2e-4)
eth = (0.9 * btc + spread - 2.5).rename("ETH")

# %% [markdown]
# ## A pair that keeps together
#
# The tests of "no relation" are counted, and their p-values adjusted for that number: to run six and keep the one that
# pleases finds a relation on one window of noise in seven. The rows below them say what those tests presume.

# %%
together = test_report(eth, btc)
print(together.to_text())

# %% [markdown]
# ## A pair whose relation moved
#
# From the 400th minute on ETH stands 2 % higher. One line over the whole window no longer fits; what a report says of
# two tests that disagree stands below its table.

# %%
moved = test_report(eth + np.where(np.arange(minutes.size) >= 400, 0.02, 0.0), btc)
print(moved.to_text())

# %% [markdown]
# ## Noise

# %%
other = pd.Series(np.cumsum(rng.normal(0, 3e-4, minutes.size)), minutes, name="OTHER")
noise = test_report(eth, other)
print(noise.summary)
print(noise.table().query("null == 'no relation'")[["test", "pvalue", "adjusted", "verdict"]].round(3).to_string())
