"""A portfolio as plain JSON values, for the page and the API. None: unknown."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from engine.backtest.portfolio import ADMITTED, VERDICTS
from engine.market.similar import quote_of
from services.backtest_record import equity_points, plain
from services.jobs import Json
from services.portfolio import Combined

_OF_EQUITY = (
    "Capital", "Equity", "Return [", "Return,", "Span", "Max drawdown", "Longest time", "Worst day", "Returns",
    "Sharpe", "Sortino", "Calmar",
)  # fmt: skip


def portfolio_record(made: Combined) -> Json:
    """Everything of it; ``refused`` counts positions by the limit that they would have passed. The nets of ``pairs``
    add up to ``net``."""
    found, figures = made.found, made.figures
    metrics = {name: value for name, value in figures.metrics.items() if name.startswith(_OF_EQUITY)}
    width = int(made.parts[0].record["interval_ms"])
    return {
        "made_of": made_of(made.request.backtests),
        "trials": 0,
        "quote": quote_of(made.parts[0].record["y"]),
        "interval_ms": width,
        "from_ms": int(made.times_ms[0]),
        "to_ms": int(made.times_ms[-1]) + width,
        "bars": int(made.times_ms.size),
        "capital": made.request.capital,
        "limits": asdict(made.request.limits),
        "clock": made.clock,
        "net": float(found.equity[-1]) - made.request.capital,
        "pairs": [_pair(made, place) for place in range(len(made.parts))],
        "refused": {name: int((found.positions[:, 3] == code).sum()) for code, name in _reasons()},
        "positions": len(found.positions),
        "correlation": plain(found.correlation),
        "periods": found.periods,
        "metrics": plain(metrics),
        "intervals": plain({name: value for name, value in figures.intervals.items() if name in metrics}),
        "reasons": {name: value for name, value in figures.reasons.items() if name in metrics},
        "curve": equity_points(made.times_ms + width, found.equity, made.request.capital),
    }


def made_of(numbers: tuple[int, ...]) -> str:
    """What it was made of, in words.

    >>> made_of((3, 5, 7))
    'made of backtests 3, 5 and 7'
    """
    return f"made of backtests {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _reasons() -> list[tuple[int, str]]:
    return [(code, name) for code, name in enumerate(VERDICTS) if code != ADMITTED]


def _pair(made: Combined, place: int) -> Json:
    """``net``: what counts in the portfolio; ``alone``: of all its positions on the same bars; ``left_out``: bars of
    its own that another one lacks."""
    part = made.parts[place]
    mine = made.found.positions[made.found.positions[:, 0] == place]
    return {
        "backtest_id": str(part.number),
        "market": part.record["market"],
        "y": part.record["y"],
        "x": part.record["x"],
        "net": float(made.found.pnl[:, place].sum()),
        "alone": float(np.asarray(made.paths[place].pnl).sum()),
        "positions": len(mine),
        "refused": {name: int((mine[:, 3] == code).sum()) for code, name in _reasons()},
        "left_out": int(part.times_ms.size - made.times_ms.size),
    }
