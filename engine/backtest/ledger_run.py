"""The decisions of prepared inputs through one ledger, in arrays: parameters, the run, what it refuses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.backtest.account import NEUTRALS, SIZINGS, Account
from engine.backtest.costs import Costs
from engine.backtest.inputs import Venue
from engine.backtest.layout import LedgerPar, Record, Refusal, TradeCol, new_states, par_record
from engine.backtest.ledger import run_held, run_ledger
from engine.backtest.rows import Inputs
from engine.pairs.enums import Action
from engine.pairs.settings import PairSettings
from engine.stats.checks import Floats, Ints
from engine.stats.representation import short_repr


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


def held_on(inputs: Inputs, costs: Costs, account: Account, venue: Venue) -> tuple[Floats, Floats]:
    """Coins of Y and of X held at each close by the ledger of :func:`run_on`; 0 where it is flat."""
    par = ledger_par(inputs.settings, costs, account, venue)
    held_y, held_x = np.empty(inputs.bars), np.empty(inputs.bars)
    run_held(
        par_record(par), new_states(par), inputs.rows, inputs.actions, inputs.reasons, venue.delay_bars, held_y, held_x
    )
    return held_y, held_x


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


def _check_costs(trades: Floats, open_times_ms: Ints) -> None:
    for col, what in (
        (TradeCol.HALF_SPREAD, "half-spread: expected quotes in it, or Costs with half_spread_bps"),
        (TradeCol.SLIPPAGE, "volume: expected a column volume, or Costs without impact_bps"),
    ):
        unknown = np.isnan(trades[:, col])
        if unknown.any():
            at = int(trades[int(unknown.argmax()), TradeCol.ENTRY])
            raise ValueError(f"a fill of the trade entered in the bar at {open_times_ms[at]} ms has no {what}")
