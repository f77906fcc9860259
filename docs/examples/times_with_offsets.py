# ruff: noqa: T201
# %% [markdown]
# # A CSV of local times that crosses a change of clocks
#
# `python -m docs.examples.times_with_offsets [closes.csv]` in the project's folder, or cell by cell in an editor.
# In the night of 26 October 2025 the clocks of Berlin show 02:00 to 02:59 twice, first at +02:00, then at +01:00. A
# file with such times has two offsets in one column, and `pandas.read_csv` leaves the column as text: `diff()` of the
# index and all that follows end in a TypeError.

# %%
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from engine.pairs import interval_of, run_pair, utc_index


def exported() -> Path:
    """Closes of twelve hours, as an exchange's export in local time has them."""
    rng = np.random.default_rng(7)
    minutes = pd.date_range("2025-10-25 18:00", periods=720, freq="1min", tz="UTC")
    x = np.log(100_000.0) + np.cumsum(rng.normal(0, 3e-4, minutes.size))
    spread = np.zeros(minutes.size)
    for t in range(1, minutes.size):
        spread[t] = 2 ** (-1 / 6) * spread[t - 1] + rng.normal(0, 8e-4)
    local = [time.isoformat() for time in minutes.tz_convert("Europe/Berlin")]
    path = Path(tempfile.mkdtemp()) / "closes.csv"
    pd.DataFrame({"ETH": np.exp(0.9 * x + spread - 2.5), "BTC": np.exp(x)}, local).to_csv(path, index_label="time")
    return path


# %%
path = Path(sys.argv[1]) if len(sys.argv) > 1 else exported()
closes = pd.read_csv(path, index_col=0, parse_dates=True)
print(f"read_csv made {type(closes.index).__name__} of {closes.index.dtype}: {closes.index[0]} to {closes.index[-1]}")

# %% [markdown]
# `utc_index` reads each time by its own offset. A time that names none is taken as UTC; what is no time is named.

# %%
closes.index = utc_index(closes.index)
print(f"{closes.index[0]} to {closes.index[-1]}, one bar in {interval_of(closes.index) // 1_000} s")

# %% [markdown]
# ## Replay
#
# Without settings the bars are as wide as the index has them. `run_pair` would also have read the text as it was.

# %%
frame = run_pair(closes["ETH"], closes["BTC"])
print(frame["action"].value_counts().to_string())
print(frame.loc[frame["action"] != "none", ["z", "beta", "action", "reason"]].tail(4).round(2).to_string())
