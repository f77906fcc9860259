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

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.backtest.account import Account
from engine.backtest.costs import Costs
from engine.backtest.inputs import Venue, prepare
from engine.backtest.layout import PARTS, ForcedExit, TradeCol
from engine.backtest.ledger_metrics import ledger_metrics
from engine.backtest.ledger_run import LedgerRun, run_on
from engine.backtest.metrics import MetricSettings, Performance
from engine.backtest.rows import Inputs
from engine.pairs.enums import Reason
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

    ``trades``: one row a trade (:func:`trades_frame`). ``equity``: at each bar's close, with the index of the bars.
    ``attribution``: one row a trade, whose columns add up to its ``net``. ``refused``: entries that the rule gave and
    the ledger did not take, by reason. ``inputs``: bars and decisions; ``ledger``: the same results in arrays.
    """

    trades: pd.DataFrame
    equity: pd.Series[float]
    attribution: pd.DataFrame
    refused: dict[str, int]
    inputs: Inputs
    costs: Costs
    account: Account
    venue: Venue
    ledger: LedgerRun
    _known: dict[MetricSettings | None, Performance] = field(default_factory=dict, repr=False)

    __repr__ = short_repr

    @property
    def metrics(self) -> dict[str, float | None]:
        """Every figure by name and unit, None where unknown; intervals and reasons: :meth:`performance`."""
        return self.performance().metrics

    def performance(self, settings: MetricSettings | None = None) -> Performance:
        """Metrics with their 95 % intervals, and why one is not known. ``settings``: the clock, and how many backtests
        were tried (for the DSR); None: :func:`engine.backtest.ledger_metrics.usual_clock`, one."""
        if settings not in self._known:
            self._known[settings] = ledger_metrics(self.inputs, self.ledger, self.account.capital, settings)
        return self._known[settings]


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
        trades=frame,
        equity=equity,
        attribution=frame[[part.name.lower() for part in PARTS]].copy(),
        refused=found.refused,
        inputs=inputs,
        costs=chosen,
        account=money,
        venue=where,
        ledger=found,
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
