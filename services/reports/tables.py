"""Trades, equity and decisions of a backtest as CSV and Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest import Result
from engine.backtest.layout import Row
from engine.backtest.ledger_run import held_on
from engine.pairs.enums import Action, Reason

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "parquet")
_SHOWN = (Row.CLOSE_Y, Row.CLOSE_X, Row.Z, Row.COST_Z, Row.BETA, Row.ALPHA, Row.HEDGE, Row.HALF_LIFE)


def tables_of(found: Result) -> dict[str, pd.DataFrame]:
    """``trades``: one row a trade with its attribution; ``equity``: one row a bar, with the closes and the coins held
    of both legs, which a portfolio is made of; ``decisions``: one row for each bar with a decision, entries that were
    not given included. Times in UTC, money in quote currency."""
    import pandas as pd

    inputs = found.inputs
    times = pd.DatetimeIndex(pd.to_datetime(inputs.open_times_ms, unit="ms", utc=True), name="bar_open")
    equity = pd.DataFrame({"bar_open": times, "equity": found.ledger.equity})
    equity["close_y"], equity["close_x"] = inputs.rows[Row.CLOSE_Y], inputs.rows[Row.CLOSE_X]
    equity["held_y"], equity["held_x"] = held_on(inputs, found.costs, found.account, found.venue)
    decisions = pd.DataFrame({"bar_open": times})
    decisions["action"] = [Action(code).name.lower() for code in inputs.actions.tolist()]
    decisions["reason"] = [Reason(code).name if code else "" for code in inputs.reasons.tolist()]
    for row in _SHOWN:
        decisions[row.name.lower()] = inputs.rows[row]
    is_given = np.asarray(inputs.actions) != Action.NONE
    return {"trades": found.trades, "equity": equity, "decisions": decisions[is_given].reset_index(drop=True)}


def write_tables(found: Result, folder: Path, formats: tuple[str, ...] = FORMATS) -> list[Path]:
    """Write every table in every format into ``folder``; returns the paths. Raises ValueError for another format."""
    import polars

    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise ValueError(f"format is {unknown[0]!r}; expected {' or '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, table in tables_of(found).items():
        for kind in formats:
            path = folder / f"{name}.{kind}"
            if kind == "csv":
                table.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
            else:
                polars.DataFrame({column: _plain(table[column]) for column in table}).write_parquet(path)
            paths.append(path)
    return paths


def _plain(column: pd.Series) -> object:
    """A column that polars takes without pyarrow."""
    import polars

    if str(column.dtype).startswith("datetime64"):
        whole = column.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ms]").to_numpy()
        return polars.Series(whole).dt.replace_time_zone("UTC")
    return column.to_numpy() if column.dtype.kind in "biuf" else column.astype(str).tolist()
