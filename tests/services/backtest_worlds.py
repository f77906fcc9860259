"""A pair of minutes as files, legs and requests of a backtest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from engine.backtest import Account, Costs, WalkPlan
from engine.pairs import PairSettings
from engine.store import open_backend
from engine.store.trials import TrialStore
from services.backtest_data import Legs, legs_of_files
from services.backtest_job import Place
from services.backtest_request import BacktestRequest, FileSource, Search
from tests.engine.backtest.configurations import MINUTE_MS, pair

NAMES = ("ETHUSDT", "BTCUSDT")
SETTINGS = PairSettings(
    interval_ms=MINUTE_MS, calibration_bars=60, z_window=20, memory_half_life=200.0, gate="off", entry_z=1.2,
    exit_z=0.2, stale_after_ms=MINUTE_MS, half_spread_bps=0.5,
)  # fmt: skip
SEARCH = Search(
    {"entry_z": (1.0, 1.25, 1.5, 1.75), "exit_z": (0.0, 0.2, 0.4), "z_window": (20, 30)}, walk=WalkPlan(12, 6)
)


def write_files(folder: Path, bars: int = 2_400, seed: int = 1) -> list[Path]:
    """Klines of both legs as CSV."""
    paths = []
    for name, leg in zip(NAMES, pair(seed, bars), strict=True):
        table = pd.DataFrame({"open": leg["open"], "close": leg["close"]}).round(4)
        table["high"], table["low"], table["volume"] = table.max(axis=1), table.min(axis=1), leg["volume"].round(3)
        table.insert(0, "timestamp", leg.index.strftime("%Y-%m-%dT%H:%M:%SZ"))
        paths.append(folder / f"{name}_1m.csv")
        table[["timestamp", "open", "high", "low", "close", "volume"]].to_csv(paths[-1], index=False)
    return paths


def request_of(paths: list[Path], search: Search | None = None, twins: int = 0) -> BacktestRequest:
    source = FileSource(tuple(map(str, paths)), *NAMES)
    return BacktestRequest(source, SETTINGS, Costs(2.0, 0.5), Account(1e5), search=search, twins=twins)


def legs_of(paths: list[Path]) -> Legs:
    return legs_of_files(FileSource(tuple(map(str, paths)), *NAMES))


def place_in(folder: Path) -> Place:
    """A data folder with an empty ledger of trials."""
    backend = open_backend(folder)
    backend.analysis().close()
    return Place(folder, backend.trials(), lambda: 1_790_046_000_000)


def trials_in(folder: Path) -> TrialStore:
    return open_backend(folder).trials()
