"""Random markets and settings from a seed: every option of rule, costs, account and venue comes up."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from engine.backtest import Account, Costs, Instrument, Venue
from engine.pairs import PairSettings
from tests.engine.stats.worlds import ar1, walk

MINUTE_MS = 60_000
START_MS = 1_790_046_000_000


class Configuration(NamedTuple):
    y: pd.DataFrame
    x: pd.DataFrame
    settings: PairSettings
    costs: Costs
    account: Account
    venue: Venue


def pair(seed: int, bars: int = 500, sd: float = 2e-3, half_life: float = 6.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reverting pair with opens, volumes and, in some bars, no trade."""
    rng = np.random.default_rng(seed)
    logs_x = 11.0 + 8e-4 * walk(rng, bars)
    logs_y = 0.9 * logs_x + ar1(rng, bars, half_life, sd) - 2.0
    index = pd.to_datetime(START_MS + MINUTE_MS * np.arange(bars), unit="ms", utc=True)
    legs = []
    for logs in (logs_y, logs_x):
        close = np.exp(logs)
        opened = np.exp(np.roll(logs, 1) + rng.normal(0.0, 1e-4, bars))
        opened[0] = close[0]
        volume = rng.uniform(5.0, 500.0, bars)
        volume[rng.random(bars) < 0.08] = 0.0
        legs.append(pd.DataFrame({"close": close, "open": opened, "volume": volume}, index=index))
    return legs[0], legs[1]


def configuration(seed: int, bars: int = 500) -> Configuration:
    """One of endlessly many."""
    rng = np.random.default_rng([seed, 7])
    y, x = pair(seed, bars)

    def maybe(value: Any, share: float = 0.4) -> Any:
        return value if rng.random() < share else None

    def one_of(*names: Any) -> Any:
        return names[int(rng.integers(len(names)))]

    if rng.random() < 0.5:
        for leg in (y, x):
            half = rng.uniform(1e-5, 4e-4, bars)
            half[rng.random(bars) < 0.3] = np.nan  # no quotes in this bar
            leg["fill_bid"], leg["fill_ask"] = leg["open"] * (1 - half), leg["open"] * (1 + half)
    if rng.random() < 0.5:
        y["half_spread"] = rng.uniform(1e-5, 3e-4, bars)
    if rng.random() < 0.3:
        y, x = y.drop(columns="open"), x.drop(columns="open")
    entry = float(rng.uniform(0.8, 2.2))
    settings = PairSettings(
        interval_ms=MINUTE_MS, calibration_bars=60, z_window=20, beta_window=40, memory_half_life=200.0, gate="off",
        estimator=one_of("kalman", "ols", "tls"), space=one_of("log", "price"), entry_z=entry,
        exit_z=one_of(0.0, 0.3, 0.6), stop_z=maybe(entry + 0.8), max_z=maybe(entry + 1.2),
        max_hold_half_lives=maybe(2.0), cooldown_bars=one_of(0, 3), entry_mode=one_of("simple", "uptick", "downtick"),
        entry_at=one_of("mid", "mid", "quotes"),
        cost_filter=bool(rng.random() < 0.3), stale_after_ms=MINUTE_MS, notional=one_of(1_000.0, 10_000.0),
        break_alarm=maybe(100, 0.3), centre_limit=maybe(2.58), hedge_min=0.0, hedge_max=20.0,
        least_coverage=0.3,
    )  # fmt: skip
    costs = Costs(
        fee_bps=one_of(0.0, 2.0, 5.0), half_spread_bps=one_of(0.0, 1.0), slippage_bps=one_of(0.0, 0.7),
        impact_bps=one_of(0.0, 3.0), tier=one_of("taker", "taker", "maker"), use_quotes=bool(rng.random() < 0.8),
    )  # fmt: skip
    account = Account(
        capital=one_of(3_000.0, 20_000.0), sizing=one_of("notional", "equity", "kelly"),
        neutral=one_of("beta", "dollar", "volatility"), share=one_of(0.5, 90.0), kelly_cap=one_of(2.0, 90.0),
        kelly_trades=4, leverage=one_of(1.5, 10.0, 200.0), maintenance=0.004,
        stop_loss=maybe(0.002), volatility_bars=30, rehedge=maybe(2e5, 0.3),
    )  # fmt: skip
    hours = START_MS + 3_600_000 * np.arange(bars // 60 + 1)
    venue = Venue(
        y=one_of(Instrument(), Instrument(0.01, 0.001, 20.0), Instrument(0.1, 0.01, 1_010.0)),
        x=one_of(Instrument(), Instrument(0.1, 0.001, 50.0)),
        funding_y=maybe((hours, rng.normal(0, 1e-4, hours.size))),
        funding_x=maybe((hours, rng.normal(0, 1e-4, hours.size))),
        delay_bars=one_of(0, 0, 1, 3),
    )
    return Configuration(y, x, settings, costs, account, venue)
