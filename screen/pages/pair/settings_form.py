"""The controls for the pair and its analysis settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from engine.errors import SettingsError
from engine.market.intervals import interval_name, parse_interval
from engine.pairs.settings import PairSettings, classic, defended
from screen.components import ids
from screen.components.fields import Choices, Field, field_row, options, read_all
from screen.components.formatting import ESTIMATOR_NAMES

WATCH_PAIR, APPLY = "Watch pair", "Apply"
PRESETS = {"classic": classic, "defended": defended}
_PRESET_WORDS = {"classic": "classic – textbook", "defended": "defended – careful"}
# In per cent of the notional; measured by `make soak`, tests/engine/pairs/test_defaults.py.
PRESET_COSTS = (
    "On 60 simulated true pairs (half-life 20 bars, spread 30 bps, 6 bps a fill, 5,500 bars) classic loses 5.9 % of the"
    " notional and none ends in profit; defended earns 4.6 % and all do."
)
INTERVALS: Choices = (
    ("1s", "1 s – bounce shows"),
    ("5s", "5 s – default"),
    ("1m", "1 m – slow pairs"),
    ("5m", "5 m – medium"),
    ("15m", "15 m – longer"),
    ("1h", "1 h – days of data"),
)

_LINE = (
    Field(ids.INTERVAL, "interval", "Bars", "Width of a bar.", INTERVALS),
    Field(
        ids.PRICES, "price", "Price", "Last prints bounce between bid and ask, which looks like mean reversion.",
        (("mid", "trade-side mid"), ("last", "last print, bounces")),
    ),
    Field(
        ids.ESTIMATOR, "estimator", "Hedge",
        "How the hedge ratio is estimated. Kalman updates with every bar; OLS and TLS roll over the β window; Huber and"
        " Theil-Sen resist outliers and stay fixed between two fits.", tuple(ESTIMATOR_NAMES.items()),
    ),
    Field(
        ids.BETA_WINDOW, "beta_window", "β window", "Bars of every estimator but Kalman; empty: 25 half-lives.",
        is_whole=True, empty="auto",
    ),
    Field(
        ids.MEMORY, "memory_half_life", "Memory", "Half-life of Kalman's memory, in bars; empty: 25 half-lives.",
        empty="auto",
    ),
)  # fmt: skip
_RULE = (
    Field(
        ids.Z_WINDOW, "z_window", "z window", "Bars of the rolling mean and deviation; empty: 10 half-lives.",
        is_whole=True, empty="auto",
    ),
    Field(ids.ENTRY, "entry_z", "Entry |z|", "Enter when |z| passes this."),
    Field(ids.EXIT, "exit_z", "Exit |z|", "Exit when z is back at this; 0: when it crosses zero."),
    Field(
        ids.STOP, "stop_z", "Stop |z|", "Exit when z goes this far out on the adverse side; empty: none.",
        empty="none",
    ),
)  # fmt: skip
_GATE = (
    Field(
        ids.GATE_ON, "gate", "Gate",
        "Whether entries wait for the Engle-Granger test. Robust: to open, a wild bootstrap has to agree, so that a"
        " variance that clusters or jumps opens it no more often than its level says.",
        (("engle-granger", "Engle-Granger"), ("robust", "robust"), ("off", "off – no test")),
    ),
    Field(
        ids.GATE_LEVEL, "gate_level", "Level",
        "The level at which the gate opens; it closes at 20 %.", (("1", "1 %"), ("5", "5 %"), ("10", "10 %")),
    ),
    Field(
        ids.TEST_WINDOW, "test_window", "Test window",
        "Bars that the gate tests; empty: 40 half-lives, at least 500.", is_whole=True, empty="auto",
    ),
)  # fmt: skip
_COSTS = (
    Field(ids.FEE, "fee_bps", "Fee, bps", "Per fill, in basis points of the traded value; a round trip has four."),
    Field(ids.NOTIONAL, "notional", "Notional Y", "Quote currency in the Y leg of a signal."),
    Field(
        ids.COST_FILTER, "cost_filter", "only entries that pay the round trip",
        "Enter only if |z| is beyond the exit plus the cost of the round trip.", is_switch=True,
    ),
)  # fmt: skip
_MORE = (
    Field(
        ids.SPACE, "space", "Space", "Log: β is a ratio of dollars. Price: of coins.",
        (("log", "log prices"), ("price", "prices")),
    ),
    Field(
        ids.CALIBRATION, "calibration_bars", "Calibration",
        "Bars before the first decision; the half-life and the filter's initial state are fitted on them once.",
        is_whole=True,
    ),
    Field(
        ids.REFIT, "refit_every", "Refit every", "Bars between two fits of Huber or Theil-Sen; empty: window / 10.",
        is_whole=True, empty="auto",
    ),
    Field(
        ids.Z_SCALE, "z_scale", "z from", "The spread's rolling deviation, or the one that Kalman expects.",
        (("rolling", "rolling deviation"), ("filter", "Kalman's own")),
    ),
    Field(ids.HEDGE_MIN, "hedge_min", "Least hedge", "Dollars of X per dollar of Y; with less no entry is given."),
    Field(
        ids.HEDGE_MAX, "hedge_max", "Largest hedge",
        "Dollars of X per dollar of Y; with more no entry. Both legs hold at most 1 + this times the notional.",
    ),
    Field(
        ids.NEGATIVE_HEDGE, "negative_hedge", "both legs may go the same way",
        "Entries with a negative hedge: both legs are bought, or both sold.", is_switch=True,
    ),
    Field(ids.MAX_Z, "max_z", "Largest |z|", "No entry beyond; empty: no limit.", empty="none"),
    Field(
        ids.MAX_HOLD, "max_hold_half_lives", "Hold at most", "In half-lives, then exit; empty: no limit.", empty="none"
    ),
    Field(
        ids.ENTRY_MODE, "entry_mode", "Enter as z",
        "Beyond: at any bar beyond the threshold. Passes: only as it goes beyond. Returns: as it comes back inside.",
        (("simple", "is beyond"), ("uptick", "passes it"), ("downtick", "returns")),
    ),
    Field(
        ids.ENTRY_AT, "entry_at", "Enter by z at",
        "Mids: at the middle of the quotes. Quotes: at those that the order takes, buying at the ask and selling at the"
        " bid, so |z| has to go further out by what that costs.",
        (("mid", "the mids"), ("quotes", "the quotes")),
    ),
    Field(ids.COOLDOWN, "cooldown_bars", "Cool-down", "Bars after an exit without an entry.", is_whole=True),
    Field(
        ids.BREAK_ALARM, "break_alarm", "Break alarm",
        "Bars between false alarms, on average. An alarm ends the run, and the next is calibrated on bars after it;"
        " empty: no alarm.", is_whole=True, empty="none",
    ),
    Field(
        ids.CENTRE_LIMIT, "centre_limit", "Off centre",
        "No entry while the spread's mean over the z window is more standard errors from zero; empty: any.",
        empty="any",
    ),
    Field(ids.GATE_EVERY, "gate_every", "Test every", "Bars between two tests of the gate.", is_whole=True),
    Field(ids.GATE_DWELL, "gate_dwell", "Dwell", "Least bars that the gate keeps its state.", is_whole=True),
    Field(
        ids.GATE_LAGS, "gate_lags", "Test lags", "How the test chooses its lags; BIC keeps its size best.",
        (("bic", "BIC"), ("aic", "AIC"), ("0", "0"), ("1", "1"), ("2", "2"), ("4", "4")),
    ),
    Field(
        ids.STALE, "stale_after_ms", "Stale after, ms", "A leg without a trade for longer blocks entries.",
        is_whole=True,
    ),
    Field(
        ids.LEAST_COVERAGE, "least_coverage", "Least coverage",
        "Share of the z window's bars, 0 to 1, in which both legs must have traded; less blocks entries.",
    ),
    Field(
        ids.HALF_SPREAD, "half_spread_bps", "Half-spread, bps",
        "Per fill; empty: measured from the trades' sides.", empty="measured",
    ),
    Field(ids.SLIPPAGE, "slippage_bps", "Slippage, bps", "Per fill, beyond the half-spread."),
)  # fmt: skip
_GROUPS = (("Line", _LINE), ("Signal", _RULE), ("Gate", _GATE), ("Costs", _COSTS))
FIELDS = (*_LINE, *_RULE, *_GATE, *_COSTS, *_MORE)
FORM = tuple(field.id for field in FIELDS)
MORE_FORM = frozenset(field.id for field in _MORE)


def pair_picker() -> html.Div:
    """Choose a market and two of its symbols, and watch them."""
    return html.Div(
        [
            dbc.Select(id=ids.MARKET, options=[], size="sm", placeholder="market"),
            html.Div(
                [
                    dbc.Select(id=ids.Y, options=[], size="sm", placeholder="Y"),
                    html.Span("~"),
                    dbc.Select(id=ids.X, options=[], size="sm", placeholder="X"),
                ],
                className="two-legs",
                title="Y is explained by X; use the more liquid one as X, and decide before testing.",
            ),
            html.Div(
                [
                    dbc.Button(WATCH_PAIR, id=ids.ADD, color="info", outline=True, size="sm"),
                    dbc.Button("Remove", id=ids.REMOVE, color="secondary", outline=True, size="sm"),
                ],
                className="buttons",
            ),
        ],
        className="picker",
    )


def settings_form(settings: PairSettings) -> html.Div:
    """The settings of the displayed pair; initially those of a new one."""
    preset = Field(
        ids.PRESET, "preset", "Preset",
        "Classic: the textbook rule. Defended: windows from the half-life, Kalman's own deviation, the robust gate,"
        " entries that pay.",
        tuple(_PRESET_WORDS.items()),
    )  # fmt: skip
    form = html.Div(
        [
            html.H2("Analysis"),
            field_row(preset),
            html.P(PRESET_COSTS, className="preset-note"),
            *(part for title, fields in _GROUPS for part in (html.H3(title), *map(field_row, fields))),
            html.Details([html.Summary("More settings"), *map(field_row, _MORE)], id=ids.MORE, className="more"),
            dbc.Button(
                APPLY,
                id=ids.APPLY,
                color="info",
                size="sm",
                className="apply",
                title="Ends this run and starts another over the same history.",
            ),
        ],
        className="settings",
    )
    form[ids.PRESET].placeholder = "choose …"
    for name, value in zip(FORM, form_values(settings), strict=True):
        form[name].value = value
    return form


def form_values(settings: PairSettings) -> list[Any]:
    """The values of the controls in FORM's order."""
    own = {"interval": interval_name(settings.interval_ms)}
    return [field.shown(own.get(field.name) or getattr(settings, field.name)) for field in FIELDS]


def interval_options(settings: PairSettings) -> list[dict[str, str]]:
    """The offered widths, and the current one if different."""
    name = interval_name(settings.interval_ms)
    is_offered = any(value == name for value, _ in INTERVALS)
    return options(INTERVALS if is_offered else (*INTERVALS, (name, name)))


def with_possible_deviation(values: Mapping[str, Any]) -> dict[str, Any]:
    """The controls, with z from the rolling deviation unless the hedge is Kalman's: only the filter has its own."""
    return {**values} if values[ids.ESTIMATOR] == "kalman" else {**values, ids.Z_SCALE: "rolling"}


def settings_from(values: Mapping[str, Any], base: PairSettings) -> PairSettings:
    """The settings from the controls; others stay as in ``base``.

    Raises SettingsError with the field, the value and the expected range.
    """
    changes = read_all(FIELDS, values)
    try:
        changes["interval_ms"] = parse_interval(changes.pop("interval"))
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return replace(base, **changes | {"gate_level": int(changes["gate_level"])})
