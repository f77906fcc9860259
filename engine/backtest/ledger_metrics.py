"""Metrics of a ledger's run: what :func:`engine.backtest.performance` makes of its trades and equity."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from engine.backtest.clock import DAY_MS
from engine.backtest.layout import ForcedExit, Row, TradeCol
from engine.backtest.ledger_run import LedgerRun
from engine.backtest.metrics import MetricSettings, Performance, performance
from engine.backtest.rows import Inputs
from engine.stats.checks import Floats

DAILY_FROM_DAYS = 60  # shorter equity is read every hour: too few days for PSR and intervals
REFUSED = "Refused entries [#]"
_COLUMNS = (
    TradeCol.ENTRY, TradeCol.EXIT, TradeCol.VALUE, TradeCol.GROSS, TradeCol.NET, TradeCol.FEES, TradeCol.HALF_SPREAD,
    TradeCol.SLIPPAGE, TradeCol.FUNDING, TradeCol.MAE, TradeCol.MFE,
)  # fmt: skip


def ledger_metrics(
    inputs: Inputs, found: LedgerRun, capital: float, settings: MetricSettings | None = None
) -> Performance:
    """All metrics, with their intervals and reasons, and the entries that the ledger refused.

    ``settings`` None: hourly returns under 60 days, daily ones from there on.
    """
    chosen = settings or MetricSettings(clock=usual_clock(inputs))
    made = performance(
        inputs.open_times_ms,
        found.equity,
        _trade_columns(inputs, found.trades),
        capital=capital,
        interval_ms=inputs.settings.interval_ms,
        settings=chosen,
    )
    traded, days = float(found.state["turnover"][0]), made.metrics["Span [days]"] or math.nan
    exact = {"Turnover [quote]": traded, "Turnover [x capital a day]": traded / capital / days}  # with re-hedges
    return replace(made, metrics=made.metrics | exact | {REFUSED: float(sum(found.refused.values()))})


def usual_clock(inputs: Inputs) -> str:
    """``hourly`` or ``daily``, by the length of the inputs."""
    return "daily" if inputs.bars * inputs.settings.interval_ms >= DAILY_FROM_DAYS * DAY_MS else "hourly"


def _trade_columns(inputs: Inputs, trades: Floats) -> dict[str, Floats]:
    columns = {col.name.lower(): trades[:, col] for col in _COLUMNS}
    entries = columns["entry"].astype(np.int64)
    half_lives = inputs.rows[Row.HALF_LIFE, entries]
    columns["half_life_bars"] = np.where(np.isfinite(half_lives), half_lives, math.nan)  # inf: none was found
    columns["is_open"] = trades[:, TradeCol.REASON] == ForcedExit.OPEN
    return columns
