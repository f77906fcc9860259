"""A backtest of two legs: the live pipeline's decisions through the ledger.

>>> import numpy as np
>>> from engine.pairs import classic
>>> rng = np.random.default_rng(1)
>>> x = np.cumsum(rng.normal(0, 3e-4, 3_000)) + 11.0
>>> spread = np.zeros(3_000)
>>> for t in range(1, 3_000):
...     spread[t] = 0.9 * spread[t - 1] + rng.normal(0, 2e-3)
>>> chosen = classic(interval_ms=60_000, stale_after_ms=60_000, gate="off")
>>> found = run(np.exp(0.8 * x + spread), np.exp(x), np.arange(3_000) * 60_000, chosen, Costs(5.0, 1.0))
>>> bool(abs(found.attribution.sum(axis=1) - found.trades["net"]).max() < 1e-9)
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.backtest.account import NEUTRALS, SIZINGS, Account
from engine.backtest.costs import Costs
from engine.backtest.inputs import Venue, prepare
from engine.backtest.layout import PARTS, ForcedExit, LedgerPar, Record, Refusal, TradeCol, new_states, par_record
from engine.backtest.ledger import run_ledger
from engine.backtest.rows import Inputs
from engine.backtest.totals import totals_of
from engine.pairs.enums import Action, Reason
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats, Ints
from engine.stats.representation import short_repr

if TYPE_CHECKING:
    import pandas as pd

    from engine.pairs.bar_grid import LegLike, TimesLike

_REASONS = {float(each): each.name for each in (*Reason, *ForcedExit)}
_PLACES = (TradeCol.ENTRY_SIGNAL, TradeCol.ENTRY, TradeCol.EXIT_SIGNAL, TradeCol.EXIT)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a backtest found, money in quote currency.

    ``metrics``: numbers, the unit in each key. ``trades``: one row a trade (:func:`trades_frame`). ``equity``: at each
    bar's close, with the index of the bars. ``attribution``: one row a trade, whose columns add up to its ``net``.
    ``refused``: entries that the rule gave and the ledger did not take, by reason. ``inputs``: bars and decisions.
    """

    metrics: dict[str, float]
    trades: pd.DataFrame
    equity: pd.Series[float]
    attribution: pd.DataFrame
    refused: dict[str, int]
    inputs: Inputs
    costs: Costs
    account: Account
    venue: Venue

    __repr__ = short_repr


def run(
    y: LegLike,
    x: LegLike,
    times_ms: TimesLike = None,
    settings: PairSettings | None = None,
    costs: Costs | None = None,
    account: Account | None = None,
    venue: Venue | None = None,
) -> Result:
    """Backtest a pair: decisions of the live pipeline, filled on the next bar in which both legs trade.

    ``y`` and ``x`` as :func:`engine.pairs.pair_model` takes them; a leg's frame may also have ``open``, which fills use
    instead of the close, and ``fill_bid`` and ``fill_ask``: the first quotes of the bar, which fills then use instead.
    ``costs`` None: those of ``settings``, which also the cost filter counts; if given, the filter counts these.

    Equity keeps the index of ``y`` if that is one of pandas (values where bars are missing are left out); otherwise its
    index is the bars' open in UTC. Raises ValueError for what ``pair_model`` refuses, and where a bar that fills has no
    half-spread or, with ``impact_bps``, no volume.
    """
    chosen = costs or Costs.of(settings or PairSettings())
    where, money = venue or Venue(), account or Account()
    inputs = prepare(y, x, times_ms, settings, chosen, where)
    found = run_on(inputs, chosen, money, where)
    equity = _equity_series(y, inputs, found.equity, money.capital)
    frame = trades_frame(found.trades, inputs.open_times_ms, inputs.settings.interval_ms)
    return Result(
        metrics=totals_of(found.trades, found.equity, money.capital, found.refused),
        trades=frame,
        equity=equity,
        attribution=frame[[part.name.lower() for part in PARTS]].copy(),
        refused=found.refused,
        inputs=inputs,
        costs=chosen,
        account=money,
        venue=where,
    )


@dataclass(frozen=True, slots=True, eq=False)
class LedgerRun:
    """A ledger's arrays: ``trades`` rows of ``TradeCol``, ``equity`` one value a bar, ``state`` after the last bar."""

    trades: Floats
    equity: Floats
    state: Record
    refused: dict[str, int]

    __repr__ = short_repr


def run_on(inputs: Inputs, costs: Costs, account: Account, venue: Venue) -> LedgerRun:
    """The decisions of ``inputs`` through a new ledger, in arrays. Raises ValueError as :func:`run` does."""
    par = ledger_par(inputs.settings, costs, account, venue)
    state = new_states(par)
    is_entry = (inputs.actions == Action.ENTER_LONG) | (inputs.actions == Action.ENTER_SHORT)
    trades = np.full((int(is_entry.sum()) + 2, len(TradeCol)), math.nan)
    equity = np.empty(inputs.bars)
    count = run_ledger(
        par_record(par), state, inputs.rows, inputs.actions, inputs.reasons, venue.delay_bars, trades, equity
    )
    found = trades[:count]
    _check_costs(found, inputs.open_times_ms)
    refused = {each.name.lower(): int(state[each.name.lower()][0]) for each in Refusal}
    return LedgerRun(found, equity, state, refused)


def ledger_par(settings: PairSettings, costs: Costs, account: Account, venue: Venue) -> LedgerPar:
    """The ledger's parameters."""
    tracks = account.neutral == "volatility" or account.rehedge is not None
    return LedgerPar(
        fee=costs.charged_fee,
        slippage=costs.slippage_bps * 1e-4,
        impact=costs.impact_bps * 1e-4,
        tick_y=venue.y.tick,
        tick_x=venue.x.tick,
        lot_y=venue.y.lot,
        lot_x=venue.x.lot,
        least_y=venue.y.min_notional,
        least_x=venue.x.min_notional,
        sizing=SIZINGS.index(account.sizing),
        neutral=NEUTRALS.index(account.neutral),
        notional=float(settings.notional),
        share=account.share,
        kelly_fraction=account.kelly_fraction,
        kelly_cap=account.kelly_cap,
        kelly_trades=float(account.kelly_trades),
        capital=account.capital,
        leverage=account.leverage,
        maintenance=account.maintenance,
        stop_loss=math.inf if account.stop_loss is None else account.stop_loss,
        rehedge=account.rehedge or 0.0,
        rehedge_bars=float(account.rehedge_bars),
        volatility_kept=0.5 ** (1.0 / account.volatility_bars) if tracks else 0.0,
        is_price_space=settings.space == "price",
    )


def trades_frame(trades: Floats, open_times_ms: Ints, interval_ms: int) -> pd.DataFrame:
    """Trades by name: the columns of ``layout.TradeCol``, with ``side`` as ``long`` or ``short`` (the spread),
    ``reason`` by name, and the places as opening times of their bars in UTC (NaT: not yet), and ``hold_bars``,
    ``hold_seconds``, ``is_open`` (marked at the last bar)."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for col in TradeCol:
        values = trades[:, col]
        if col in _PLACES:
            known = ~np.isnan(values)
            times = np.full(values.size, np.datetime64("NaT", "ms"))
            times[known] = open_times_ms[values[known].astype(np.int64)].astype("datetime64[ms]")
            columns[f"{col.name.lower()}_time"] = pd.DatetimeIndex(times, tz="UTC")
        else:
            columns[col.name.lower()] = values
    columns["side"] = np.where(trades[:, TradeCol.SIDE] > 0.0, "long", "short")
    columns["reason"] = [_REASONS[code] for code in trades[:, TradeCol.REASON].tolist()]
    held = trades[:, TradeCol.EXIT] - trades[:, TradeCol.ENTRY]
    columns["hold_bars"], columns["hold_seconds"] = held.astype(np.int64), held * interval_ms / 1_000.0
    columns["is_open"] = trades[:, TradeCol.REASON] == ForcedExit.OPEN
    return pd.DataFrame(columns)


def _check_costs(trades: Floats, open_times_ms: Ints) -> None:
    for col, what in (
        (TradeCol.HALF_SPREAD, "half-spread: expected quotes in it, or Costs with half_spread_bps"),
        (TradeCol.SLIPPAGE, "volume: expected a column volume, or Costs without impact_bps"),
    ):
        unknown = np.isnan(trades[:, col])
        if unknown.any():
            at = int(trades[int(unknown.argmax()), TradeCol.ENTRY])
            raise ValueError(f"a fill of the trade entered in the bar at {open_times_ms[at]} ms has no {what}")


def _equity_series(y: Any, inputs: Inputs, equity: Floats, capital: float) -> pd.Series[float]:
    import pandas as pd

    grid = inputs.grid
    if not hasattr(y, "iloc") or grid is None:
        times = inputs.open_times_ms.astype("datetime64[ms]")
        index = pd.DatetimeIndex(times, name="bar_open").tz_localize("UTC")
        return pd.Series(equity, index=index, name="equity")
    places = grid.places[0] - grid.begin
    values = np.where(places >= 0, equity[np.maximum(places, 0)], capital)
    return pd.Series(values, index=y.index, name="equity")
