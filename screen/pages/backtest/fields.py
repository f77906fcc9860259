"""The fields of the form, grouped as questions. Those of the pair's own form keep its labels and help."""

from __future__ import annotations

from dataclasses import replace

from screen.components.fields import Choices, Field
from screen.pages.backtest import ids
from screen.pages.pair.settings_fields import FIELDS as PAIR_FIELDS

_OF_PAIR = {field.name: field for field in PAIR_FIELDS}
_LABELS = {
    "beta_window": "β window, bars", "memory_half_life": "Memory, bars", "z_window": "z window, bars",
    "entry_z": "Entry |z|, sd", "exit_z": "Exit |z|, sd", "stop_z": "Stop |z|, sd", "max_z": "Largest |z|, sd",
    "test_window": "Test window, bars", "calibration_bars": "Calibration, bars", "refit_every": "Refit every, bars",
    "hedge_min": "Least hedge, $/$", "hedge_max": "Largest hedge, $/$", "max_hold_half_lives": "Hold, half-lives",
    "cooldown_bars": "Cool-down, bars", "break_alarm": "Break alarm, bars", "centre_limit": "Off centre, se",
    "gate_every": "Test every, bars", "gate_dwell": "Dwell, bars", "least_coverage": "Coverage, 0-1",
    "notional": "Y leg, quote", "stale_after_ms": "Stale after, ms", "gate": "Gate", "gate_level": "Level",
}  # fmt: skip


def _pair(*names: str) -> tuple[Field, ...]:
    """Fields of the pair's own form, with ids of this page and units in their labels."""
    return tuple(
        replace(_OF_PAIR[name], id=ids.of(name), label=_LABELS.get(name, _OF_PAIR[name].label)) for name in names
    )


def _number(name: str, label: str, explanation: str, empty: str = "", is_whole: bool = False) -> Field:
    return Field(ids.of(name), name, label, explanation, empty=empty, is_whole=is_whole)


def _choice(name: str, label: str, explanation: str, choices: Choices) -> Field:
    return Field(ids.of(name), name, label, explanation, choices)


def _switch(name: str, label: str, explanation: str) -> Field:
    return Field(ids.of(name), name, label, explanation, is_switch=True)


WIDTH = _pair("interval")
SIGNAL = _pair("estimator", "beta_window", "memory_half_life", "z_window", "entry_z", "exit_z", "stop_z", "entry_mode",
               "gate", "gate_level", "test_window")  # fmt: skip
MORE_SIGNAL = _pair(
    "price", "space", "calibration_bars", "refit_every", "z_scale", "hedge_min", "hedge_max", "negative_hedge",
    "entry_at", "max_z", "max_hold_half_lives", "cooldown_bars", "break_alarm", "centre_limit", "gate_every",
    "gate_dwell", "gate_lags", "stale_after_ms", "least_coverage",
)  # fmt: skip
COSTS = (
    _choice("tier", "Orders", "Taker: crosses the spread. Maker: pays the maker fee at the mid; whether a resting order"
            " is reached at all is not modelled.", (("taker", "taker"), ("maker", "maker"))),
    _number("fee_bps", "Taker fee, bps", "Per fill, in basis points of the traded value; a round trip has four fills."),
    _number("maker_fee_bps", "Maker fee, bps", "Per fill, where orders rest in the book."),
    _number("half_spread_bps", "Half-spread, bps", "Per fill, where a bar has no quotes; empty: every bar that fills"
            " has to have quotes.", empty="measured only"),
    _switch("use_quotes", "measured half-spreads where known", "Off: the half-spread above on every bar."),
    _number("slippage_bps", "Slippage, bps", "Per fill, beyond the half-spread."),
    _number("impact_bps", "Impact, bps", "Of a fill as large as its bar's volume; grows with the square root of its"
            " share of it. 0: none."),
    *_pair("cost_filter"),
)  # fmt: skip
VENUE = (
    _number("delay_bars", "Delay, bars", "Orders are this late beyond the next bar.", is_whole=True),
    _switch(
        "funding",
        "pay the stored funding rates",
        "Of both legs of futures: the settled rates in the store, or in the files.",
    ),
    _number("y_tick", "Y tick, quote", "Prices of Y are rounded to it; 0: not at all."),
    _number("y_lot", "Y lot, coins", "Orders of Y are rounded to it; 0: not at all."),
    _number("y_min_notional", "Y least, quote", "Smaller orders of Y are not sent; 0: any."),
    _number("x_tick", "X tick, quote", "Prices of X are rounded to it; 0: not at all."),
    _number("x_lot", "X lot, coins", "Orders of X are rounded to it; 0: not at all."),
    _number("x_min_notional", "X least, quote", "Smaller orders of X are not sent; 0: any."),
)
MONEY = (
    _number("capital", "Capital, quote", "Equity at the first bar, in quote currency."),
    _choice("sizing", "Size by", "Of the Y leg: a fixed amount, a share of equity, or Kelly's share by what"
            " closed trades earned.",
            (("notional", "fixed amount"), ("equity", "share of equity"), ("kelly", "Kelly"))),
    *_pair("notional"),
    _number("share", "Share, 0-1", "Of the equity in the Y leg, where sized by equity."),
    _choice("neutral", "Neutral in", "How large the X leg is: by the hedge ratio, as many dollars as Y, or as much"
            " volatility.", (("beta", "hedge ratio"), ("dollar", "dollars"), ("volatility", "volatility"))),
    _number("leverage", "Leverage, times", "Largest gross exposure of both legs, in times the equity."),
    _number("stop_loss", "Loss stop, 0-1", "Share of a trade's gross entry value whose loss closes it, costs included;"
            " empty: none.", empty="none"),
)  # fmt: skip
MORE_MONEY = (
    _number("kelly_fraction", "Kelly fraction", "Of the full Kelly size; half is usual."),
    _number("kelly_cap", "Kelly cap, times", "Gross exposure at most so many times the equity."),
    _number("kelly_trades", "Kelly after, trades", "Closed trades before Kelly sizes; the fixed amount until then.",
            is_whole=True),
    _number("maintenance", "Maintenance, 0-1", "Share of the gross exposure below which equity is liquidated."),
    _number("volatility_bars", "Volatility, bars", "Half-life of the deviations, where neutral in volatility.",
            is_whole=True),
    _number("rehedge", "Re-hedge, aversion", "Risk aversion: X is traded back to the hedge once the variance saved is"
            " worth the fill; empty: never.", empty="never"),
    _number("rehedge_bars", "Re-hedge over, bars", "The horizon of that variance.", is_whole=True),
)  # fmt: skip
SEARCH = (
    _number("count", "Points", "Of a random search: so many quasi-random points between the ends of the axes.",
            is_whole=True),
    _number("seed", "Seed", "The same seed gives the same points.", is_whole=True),
    _number("train", "Train, hours/days", "Walk-forward: the best cell is chosen on so many whole hours, by the clock"
            " in UTC (whole days from 60 days of bars on) …; empty: no walk-forward.", empty="none", is_whole=True),
    _number("test", "Test, hours/days", "… and, one left out, judged on the next so many, which had no part in the"
            " choice.", empty="none",
            is_whole=True),
    _switch("anchored", "every training part begins at the first bar", "Off: a window of fixed length rolls on."),
)  # fmt: skip
LUCK = (
    _choice("twins", "Compare with", "Surrogate pairs made of the same moves in another order, which have no relation:"
            " how many of them the same rule would have done better on.",
            (("0", "no twins"), ("50", "50 twins"), ("200", "200 twins"))),
)  # fmt: skip
# Question, its name in ids, the fields that are always shown, and those behind "More"
GROUPS = (
    ("When does it trade?", "signal", SIGNAL, MORE_SIGNAL),
    ("What does a fill cost?", "costs", COSTS, VENUE),
    ("How much money?", "money", MONEY, MORE_MONEY),
)
ALL = (*WIDTH, *SIGNAL, *MORE_SIGNAL, *COSTS, *VENUE, *MONEY, *MORE_MONEY, *SEARCH, *LUCK)
FORM = tuple(field.id for field in ALL)
BY_NAME = {field.name: field for field in ALL}
NO_AXIS = "none"
AXIS_CHOICES: Choices = (
    (NO_AXIS, "– none –"),
    *((f.name, f.label) for f in (*SIGNAL, *MORE_SIGNAL) if not f.is_switch),
)
KINDS: Choices = (("one", "one backtest"), ("grid", "every combination"), ("random", "random points"))

SAID = tuple(replace(field, label=field.label.split(",")[0]) for field in ALL)  # labels in sentences: no units
