# ruff: noqa: T201
# %% [markdown]
# # A backtest of a pair
#
# `python -m docs.examples.backtest_of_a_pair` in the project's folder, or cell by cell in an editor.
# Ten days of minutes are simulated: what lies between the legs has a half-life of 20 minutes and a deviation of 40 bps.

# %%
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.backtest import Account, Costs, cost_wall, prepare, run, sweep
from engine.pairs import classic

rng = np.random.default_rng(7)
minutes = pd.date_range("2025-06-01", periods=14_400, freq="1min", tz="UTC")
x = np.log(100_000.0) + np.cumsum(rng.normal(0, 3e-4, minutes.size))
spread, phi = np.zeros(minutes.size), 2 ** (-1 / 20)
for t in range(1, minutes.size):
    spread[t] = phi * spread[t - 1] + rng.normal(0, 4e-3 * np.sqrt(1 - phi**2))
eth = pd.Series(np.exp(0.9 * x + spread - 2.5), index=minutes)
btc = pd.Series(np.exp(x), index=minutes)

# %% [markdown]
# ## One backtest
#
# Decisions are those of the live pipeline. A signal fills on the next bar, and every fill pays its fee and half-spread;
# the cost filter counts the same costs.

# %%
settings = classic(interval_ms=60_000, stale_after_ms=60_000, z_window=200, gate="off")
costs, account = Costs(fee_bps=5.0, half_spread_bps=1.0), Account(capital=20_000.0)
found = run(eth, btc, settings=settings, costs=costs, account=account)
print(pd.Series(found.metrics).round(2).to_string())

# %% [markdown]
# Each trade is the sum of its parts. *Convergence* is what a backtest on the spread would call its profit; the drifts
# are what of it was no money.

# %%
print(found.attribution.sum().round(2).to_string())
print(found.trades[["side", "entry_time", "exit_time", "reason", "net"]].tail(3).to_string())

# %% [markdown]
# ## What the pair has to move before it pays

# %%
wall = cost_wall(found.inputs.models[-1])
print(f"a round trip costs {wall.round_trip_bps:.0f} bps, {wall.round_trip_z:.2f} deviations of the spread now")
print(f"an entry pays from |z| = {wall.break_even_z:.2f} on, and earns most at {wall.optimal_z:.2f}")
print(
    f"{wall.trades_per_day:.0f} trades a day expected, {wall.net_bps_per_day:.0f} bps net"
    f" ({wall.net_bps_per_day_low:.0f} to {wall.net_bps_per_day_high:.0f})"
)

# %% [markdown]
# ## Many rules on the same bars
#
# The best of 25 is a choice, not a forecast: it was picked on the bars that it is shown on.

# %%
inputs = prepare(eth, btc, settings=settings, costs=costs)
grid = [(entry, leave) for entry in (1.0, 1.5, 2.0, 2.5, 3.0) for leave in (0.0, 0.2, 0.4, 0.6, 0.8)]
cells = [replace(settings, entry_z=entry, exit_z=leave) for entry, leave in grid]
table = sweep(inputs, cells, costs, account).frame()
table.index = pd.MultiIndex.from_tuples(grid, names=["entry", "exit"])
print(table["net"].unstack().round(0).to_string())
