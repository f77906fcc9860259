# ruff: noqa: T201
# %% [markdown]
# # What is the hedge?
#
# `python -m docs.examples.what_is_the_hedge` in the project's folder, or cell by cell in an editor.
# Dollars of X per dollar of Y, in log prices: by several estimators, with what each is worth.

# %%
import numpy as np
import pandas as pd

from engine.stats import error_correction, hedge_interval, huber, kalman, multiple_regression, ols, theil_sen, tls

rng = np.random.default_rng(5)
minutes = pd.date_range("2025-06-01", periods=2_000, freq="1min", tz="UTC")
btc = pd.Series(np.log(100_000.0) + np.cumsum(rng.normal(0, 3e-4, minutes.size)), minutes, name="BTC")
sol = pd.Series(np.log(150.0) + np.cumsum(rng.normal(0, 4e-4, minutes.size)), minutes, name="SOL")
spread = np.zeros(minutes.size)
for t in range(1, minutes.size):
    spread[t] = 2 ** (-1 / 12) * spread[t - 1] + rng.normal(0, 2e-4)
eth = (0.9 * btc + spread - 2.5).rename("ETH")

# %% [markdown]
# ## One line over the window
#
# They differ little on clean prices. Huber and Theil-Sen follow wrong prints less, TLS treats the legs alike.

# %%
wrong = eth.copy()
wrong[btc.nlargest(20).index] -= 0.02  # twenty wrong prints, all at one end
lines = {"OLS": ols, "Huber": huber, "Theil-Sen": theil_sen, "TLS": tls}
hedges = pd.DataFrame(
    {
        "clean": {name: fit(eth, btc).beta for name, fit in lines.items()},
        "wrong prints": {name: fit(wrong, btc).beta for name, fit in lines.items()},
    }
)
print(hedges.round(3).to_string())

# %% [markdown]
# ## How sure is it?
#
# The spread's own memory decides, not the number of bars: with fewer than 25 half-lives in the window no interval
# holds.

# %%
sure = hedge_interval(eth, btc)
print(f"{sure.beta:.3f}, {sure.low:.3f} to {sure.high:.3f}; the window holds {sure.half_lives:.0f} half-lives")

# %% [markdown]
# ## A hedge that moves
#
# One value a bar, each known at that bar's close. The memory is in bars; keep it at 25 half-lives of the spread or
# more.

# %%
moving = kalman(eth, btc, memory_half_life=300.0, calibration=360)
print(moving)
print(moving.beta.dropna().iloc[[0, -1]].round(3).to_string())

# %% [markdown]
# ## Several legs, and which leg closes the gap

# %%
several = multiple_regression(eth, pd.concat([btc, sol], axis=1))
print(pd.DataFrame({"beta": several.betas, "low": several.low, "high": several.high}).round(3).to_string())
closing = error_correction(eth, btc)
print(f"{closing.adjusting} closes the gap (t {closing.t_y:.1f} of ETH, {closing.t_x:.1f} of BTC)")
