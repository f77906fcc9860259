"""The metrics that alert rules compare: one entry each, a function of a pair's stored bars.

A column is a function of the bars alone, so a live bar, a replay and a preview over history give the same numbers.
NaN where a value is not known. A new metric is one entry in ``METRICS``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine.alerts.window_metrics import change_of, correlation_of, half_life_at, spike_of
from engine.backtest.account import Account
from engine.backtest.layout import TradeCol
from engine.backtest.paper import PaperLedger
from engine.pairs.enums import LegFlag, Reason
from engine.pairs.layout import In, Out
from engine.pairs.leg import Col
from engine.pairs.run import PairRun
from engine.stats.checks import Floats


@dataclass(slots=True)
class PairBars:
    """The bars of one run as metrics read them. ``inputs``: the newest values of what is not a function of bars.
    ``bridge``: 1 connected, 0 disconnected at this moment; None: what the bars say of their own time."""

    run: PairRun
    inputs: dict[str, float] = field(default_factory=dict)
    bridge: float | None = None
    _ledger: PaperLedger | None = None
    _revisions: int = -1

    @property
    def size(self) -> int:
        """How many bars there are."""
        return self.run.model.size

    def out(self, row: Out, start: int, stop: int) -> Floats:
        """One output of the model."""
        return self.run.model.column(row, start)[: stop - start]

    def leg(self, side: str, row: Col, start: int, stop: int) -> Floats:
        """One column of a leg, from place ``start`` of the model on."""
        leg = self.run.legs[0 if side == "y" else 1]
        begin = (self.run.model.first_slot or 0) - leg.first_slot
        return leg.column(row, begin + start)[: stop - start]

    def inputs_of(self, side: str, row: In, start: int, stop: int) -> Floats:
        """One input row of a leg."""
        return self.run.model.inputs(row, start, stop)[0 if side == "y" else 1]

    @property
    def ledger(self) -> PaperLedger:
        """The paper position of the run up to its last bar, funding left out: its rates are not part of the bars."""
        if self._ledger is None or self._revisions != self.run.revisions:
            self._ledger, self._revisions = PaperLedger(self.run.settings), self.run.revisions
        self._ledger.follow(self.run.model, self.run.legs)
        return self._ledger


Column = Callable[[PairBars, int, int, str, int], Floats]  # (bars, start, stop, leg, window) -> stop - start values


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry. ``of``: a ``pair``, one ``leg`` (so a symbol has it too), or ``any``. ``window``: its length in bars
    where a condition gives none; 0: it has no window."""

    title: str
    unit: str
    of: str
    column: Column
    window: int = 0
    least_window: int = 2
    doc: str = ""


def _model(row: Out) -> Column:
    return lambda bars, start, stop, _leg, _window: bars.out(row, start, stop).copy()


def _z_in_costs(bars: PairBars, start: int, stop: int, _leg: str, _window: int) -> Floats:
    cost = bars.out(Out.COST_Z, start, stop)
    return bars.out(Out.Z, start, stop) / np.where(cost > 0.0, cost, math.nan)


def _beyond_entry(bars: PairBars, start: int, stop: int, _leg: str, _window: int) -> Floats:
    """|z| less the larger of the entry level and the z that a round trip costs beyond the exit."""
    settings, cost = bars.run.settings, bars.out(Out.COST_Z, start, stop)
    pays: Floats = np.maximum(settings.entry_z, settings.exit_z + cost)  # NaN where the cost is not known
    return np.abs(bars.out(Out.Z, start, stop)) - pays


def _drift(bars: PairBars, start: int, stop: int, _leg: str, window: int) -> Floats:
    begin = max(start - window, 0)
    return change_of(bars.out(Out.BETA, begin, stop), start - begin, window)


def _broken(bars: PairBars, start: int, stop: int, _leg: str, _window: int) -> Floats:
    """The alarm is raised in the run's last bar; the run ends with it."""
    is_broken = np.zeros(stop - start)
    if bars.run.model.is_broken and stop == bars.size and stop > start:
        is_broken[-1] = 1.0
    is_broken[bars.out(Out.OBJECTION, start, stop) == Reason.BREAK] = 1.0
    return is_broken


def _correlation(bars: PairBars, start: int, stop: int, _leg: str, window: int) -> Floats:
    begin = max(start - window, 0)
    y, x = (bars.inputs_of(side, In.LOG_MID, begin, stop) for side in "yx")
    return correlation_of(np.ascontiguousarray(y), np.ascontiguousarray(x), start - begin, window)


def _half_life(bars: PairBars, start: int, stop: int, _leg: str, window: int) -> Floats:
    begin = max(start - window + 1, 0)
    y, x = (bars.inputs_of(side, bars.run.model.price_row, begin, stop) for side in "yx")
    return half_life_at(np.ascontiguousarray(y), np.ascontiguousarray(x), start - begin, window)


def _price(bars: PairBars, start: int, stop: int, leg: str, _window: int) -> Floats:
    return bars.inputs_of(leg, In.LAST, start, stop).copy()


def _change(bars: PairBars, start: int, stop: int, leg: str, window: int) -> Floats:
    begin = max(start - window, 0)
    return change_of(bars.inputs_of(leg, In.LAST, begin, stop), start - begin, window)


def _quote_volume(bars: PairBars, start: int, stop: int, leg: str, _window: int) -> Floats:
    coins = bars.leg(leg, Col.VOLUME, start, stop)
    return np.where(coins > 0.0, coins * bars.inputs_of(leg, In.LAST, start, stop), 0.0)


def _spike(bars: PairBars, start: int, stop: int, leg: str, window: int) -> Floats:
    begin = max(start - window, 0)
    return spike_of(_quote_volume(bars, begin, stop, leg, 0), start - begin, window)


def _staleness(bars: PairBars, start: int, stop: int, leg: str, _window: int) -> Floats:
    return bars.inputs_of(leg, In.AGE, start, stop) / 1_000.0


def _bridge(bars: PairBars, start: int, stop: int, _leg: str, _window: int) -> Floats:
    if bars.bridge is not None:
        return np.full(stop - start, bars.bridge)
    y, x = bars.run.model.inputs(In.FLAGS, start, stop)
    is_down = ((y.astype(np.int64) | x.astype(np.int64)) & LegFlag.BRIDGE_DOWN) != 0
    return np.where(is_down, 0.0, 1.0)


def _open_pnl(bars: PairBars, start: int, stop: int, _leg: str, _window: int) -> Floats:
    ledger, capital = bars.ledger, Account().capital
    exits, net = ledger.trades[:, TradeCol.EXIT], ledger.trades[:, TradeCol.NET]
    realised = np.concatenate([[0.0], np.cumsum(net)])[np.searchsorted(exits, np.arange(start, stop), "right")]
    open_net = ledger.equity[start:stop] - capital - realised
    return np.where(np.abs(open_net) < 1e-9 * capital, 0.0, open_net)  # rounding of a flat book


def _drawdown(bars: PairBars, start: int, stop: int, _leg: str, _window: int) -> Floats:
    equity = bars.ledger.equity[:stop]
    if start == stop:
        return np.empty(0)
    peak = np.maximum.accumulate(np.concatenate([[max(Account().capital, equity[: start + 1].max())], equity[start:]]))
    return 100.0 * (1.0 - equity[start:] / peak[1:])


def _parity(bars: PairBars, start: int, stop: int, _leg: str, _window: int) -> Floats:
    return np.full(stop - start, bars.inputs.get("parity", math.nan))


METRICS: dict[str, Metric] = {
    "z": Metric("z", "", "pair", _model(Out.Z), doc="the spread's distance from its mean, in deviations"),
    "z_costs": Metric("z in costs", "round trips", "pair", _z_in_costs, doc="z over the z that a round trip costs"),
    "beyond_entry": Metric(
        "|z| beyond the entry that pays",
        "",
        "pair",
        _beyond_entry,
        doc="less the entry level, or the least |z| that pays if that is more; above 0: worth entering",
    ),
    "spread": Metric("spread", "", "pair", _model(Out.SPREAD), doc="Y less the line of the previous bar"),
    "beta": Metric("beta", "", "pair", _model(Out.BETA), doc="the hedge ratio in use"),
    "beta_drift": Metric("change of beta", "%", "pair", _drift, 100, 1, "of the hedge ratio, over the window"),
    "gate": Metric("gate", "", "pair", _model(Out.GATE), doc="1 open, 0 closed"),
    "break_alarm": Metric("break alarm", "", "pair", _broken, doc="1 in the bar in which it is raised, 0 else"),
    "coverage": Metric("coverage", "", "pair", _model(Out.COVERAGE), doc="share of bars in which both legs traded"),
    "correlation": Metric("correlation", "", "pair", _correlation, 100, 5, "Pearson's, of log changes of the mids"),
    "half_life": Metric("half-life", "bars", "pair", _half_life, 500, 50, "of the residual of one line; inf: none"),
    "open_pnl": Metric("open PnL", "", "pair", _open_pnl, doc="of the paper position, in quote currency, unfunded"),
    "drawdown": Metric("drawdown", "%", "pair", _drawdown, doc="of the paper equity from its peak in this run"),
    "parity": Metric("parity", "", "pair", _parity, doc="1 if the last check found no difference, 0 if it found one"),
    "price": Metric("price", "", "leg", _price, doc="the last price, in quote currency"),
    "change": Metric("change", "%", "leg", _change, 60, 1, "of the price, over the window"),
    "volume": Metric("volume", "", "leg", _quote_volume, doc="of the bar, in quote currency"),
    "spike": Metric("volume spike", "", "leg", _spike, 20, 5, "volume over the median of the window before"),
    "staleness": Metric("staleness", "s", "leg", _staleness, doc="since the leg's last trade, at the bar's end"),
    "bridge": Metric("bridge", "", "any", _bridge, doc="1 connected, 0 disconnected"),
}
INPUTS = ("parity",)  # not functions of bars: they come from outside, and are stored as they come
