# ruff: noqa: T201
# %% [markdown]
# # A pair, from a CSV of closes
#
# `python -m docs.examples.pair_from_csv [closes.csv]` in the project's folder, or cell by cell in an editor.
# The file has times in its first column (UTC, or with an offset each), then the closes of Y and of X; a missing close
# is left empty.
# Without a file, a day of minutes is simulated: Y follows X, and what lies between them comes back in some 20 minutes.

# %%
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from engine.backtest import Costs, mark
from engine.files.closes import read_closes
from engine.pairs import classic, evidence_of, frame_of, interval_of, pair_model


def simulated() -> Path:
    """Data like an exchange's CSV: some minutes are missing."""
    rng = np.random.default_rng(7)
    minutes = pd.date_range("2025-06-01", periods=2_880, freq="1min", tz="UTC")
    x = np.log(100_000.0) + np.cumsum(rng.normal(0, 3e-4, minutes.size))
    spread = np.zeros(minutes.size)
    for t in range(1, minutes.size):
        spread[t] = 2 ** (-1 / 20) * spread[t - 1] + rng.normal(0, 6e-4)
    closes = pd.DataFrame({"ETHUSDT": np.exp(0.9 * x + spread - 2.5), "BTCUSDT": np.exp(x)}, index=minutes)
    closes.loc[minutes[2_000:2_005], "BTCUSDT"] = np.nan
    path = Path(tempfile.mkdtemp()) / "closes.csv"
    closes.to_csv(path, index_label="open_time")
    return path


# %%
path = Path(sys.argv[1]) if len(sys.argv) > 1 else simulated()
closes = read_closes(path)  # times with any offsets, in UTC
y, x = closes.columns[:2]  # X is the more liquid leg, decided before any test
closes.describe().loc[["count", "min", "max"]]

# %% [markdown]
# ## The same model that runs live
#
# A CSV of closes has no quotes, so costs must be set: here one basis point of half-spread.

# %%
width_ms = interval_of(closes.index)
settings = classic(interval_ms=width_ms, stale_after_ms=width_ms, half_spread_bps=1.0, fee_bps=2.0)
model = pair_model(closes[y], closes[x], settings=settings)
frame = frame_of(model)
print(frame.loc[frame["action"] != "none", ["z", "beta", "gate_pvalue", "action", "reason"]].tail(8).to_string())

# %% [markdown]
# Every bar with |z| beyond the threshold has the reason for no entry.

# %%
print(frame.loc[frame["action"] == "no_entry", "reason"].value_counts().to_string())

# %% [markdown]
# ## Reliability of the numbers

# %%
found = evidence_of(model)
if found.half_life is not None and found.test is not None:
    print(f"half-life: {found.half_life}; one pair of noise in twenty shows under {found.half_life.null_5:.0f}")
    print(f"power of the test over {found.test_bars} bars: {found.test.power:.0%}; 80 % takes {found.test.bars_needed}")
print(f"gate open {found.open_share:.0%} of the time over {found.tests} tests, {found.flips} flips")
if found.health is not None:
    print(f"the filter remembers {found.health.ratio:.0f} half-lives: {found.health.light}")

# %% [markdown]
# ## Profit of the two legs
#
# Quantities are held from the entry, fills are on the next bar, all costs are deducted. One pair over two days gives no
# Sharpe ratio: nothing is annualised.

# %%
costs = Costs(fee_bps=settings.fee_bps, half_spread_bps=1.0)
still = frame["y_filled"] | frame["x_filled"]
ledger = mark(frame["y"], frame["x"], frame["quantity_y"], frame["quantity_x"], costs, is_filled_bar=still)
trades = int((frame["action"] == "exit").sum())
print(f"{trades} round trips: {ledger.pnl.sum():+.2f} after {ledger.cost.sum():.2f} of costs, in quote currency")
