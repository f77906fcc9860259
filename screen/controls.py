"""The controls: which pair, and how it is analysed; and the settings they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from engine.errors import SettingsError
from engine.market.intervals import interval_name, parse_interval
from engine.pairs.settings import PairSettings, classic, defended
from screen import ids

PRESETS = {"classic": classic, "defended": defended}
_INTERVALS = (
    ("1s", "1 s – high frequency, bounce matters"),
    ("5s", "5 s – default"),
    ("1m", "1 m – recommended for slow pairs"),
    ("5m", "5 m – medium"),
    ("15m", "15 m – longer"),
    ("1h", "1 h – days of data"),
)
# Controls whose value is a settings field as it stands: component id, field, label, help, least, step.
_NUMBERS = (
    (ids.Z_WINDOW, "z_window", "z window", "Bars of the rolling mean and deviation; empty: 10 half-lives.", 5, 1),
    (ids.ENTRY, "entry_z", "Entry |z|", "Enter when |z| passes this.", 0.1, 0.1),
    (ids.EXIT, "exit_z", "Exit |z|", "Leave when z is back to this; 0: when it crosses zero.", 0, 0.1),
    (ids.STOP, "stop_z", "Stop |z|", "Leave when z goes this far out on the adverse side; empty: none.", 0.2, 0.1),
    (ids.BETA_WINDOW, "beta_window", "OLS window", "Bars of the rolling OLS; empty: 25 half-lives.", 20, 1),
    (ids.MEMORY, "memory_half_life", "Memory", "Half-life of the filter's memory, bars; empty: 25 half-lives.", 1, 1),
    (ids.TEST_WINDOW, "test_window", "Test window", "Bars the gate tests; empty: 40 half-lives, at least 500.", 50, 1),
    (ids.FEE, "fee_bps", "Fee, bps", "Per fill; a round trip has four.", 0, 0.1),
    (ids.NOTIONAL, "notional", "Notional Y", "Quote currency in the Y leg of a signal.", 1, 1),
)  # fmt: skip
FORM = (
    ids.INTERVAL, ids.PRICES, ids.ESTIMATOR, ids.GATE_LEVEL, ids.COST_FILTER, *(number[0] for number in _NUMBERS),
)  # fmt: skip


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
                title="Y is explained by X; take the more liquid one as X, and decide before you look.",
            ),
            html.Div(
                [
                    dbc.Button("Watch pair", id=ids.ADD, color="info", outline=True, size="sm"),
                    dbc.Button("Remove", id=ids.REMOVE, color="secondary", outline=True, size="sm"),
                ],
                className="buttons",
            ),
        ],
        className="picker",
    )


def settings_form(settings: PairSettings) -> html.Div:
    """How the pair on the screen is analysed; at first what a new one starts with."""
    form = html.Div(
        [
            html.H2("Analysis"),
            _row(
                "Preset",
                "Classic: the textbook rule. Defended: windows from the half-life, entries that pay.",
                dbc.Select(
                    id=ids.PRESET,
                    size="sm",
                    placeholder="choose …",
                    options=[{"label": name, "value": name} for name in PRESETS],
                ),
            ),
            _row(
                "Bars",
                "Width of a bar.",
                dbc.Select(id=ids.INTERVAL, size="sm", options=[{"label": t, "value": v} for v, t in _INTERVALS]),
            ),
            _row(
                "Price",
                "Last prints bounce between bid and ask, which looks like mean reversion.",
                dbc.Select(
                    id=ids.PRICES,
                    size="sm",
                    options=[
                        {"label": "trade-side mid", "value": "mid"},
                        {"label": "last print (bounces)", "value": "last"},
                    ],
                ),
            ),
            _row(
                "Hedge",
                "How the hedge ratio is estimated.",
                dbc.Select(
                    id=ids.ESTIMATOR,
                    size="sm",
                    options=[{"label": "Kalman filter", "value": "kalman"}, {"label": "rolling OLS", "value": "ols"}],
                ),
            ),
            *(_row(label, text, _number(of, field, least, step)) for of, field, label, text, least, step in _NUMBERS),
            _row(
                "Gate",
                "Level of the Engle-Granger test that opens the gate.",
                dbc.Select(
                    id=ids.GATE_LEVEL,
                    size="sm",
                    options=[
                        {"label": "1 %", "value": "1"},
                        {"label": "5 %", "value": "5"},
                        {"label": "10 %", "value": "10"},
                        {"label": "off", "value": "off"},
                    ],
                ),
            ),
            dbc.Switch(id=ids.COST_FILTER, label="only entries that pay the round trip", value=False),
            dbc.Button(
                "Apply",
                id=ids.APPLY,
                color="info",
                size="sm",
                className="apply",
                title="Ends this run and begins another over the same history.",
            ),
        ],
        className="settings",
    )  # fmt: skip
    for name, value in zip(FORM, form_values(settings), strict=True):
        form[name].value = value
    return form


def form_values(settings: PairSettings) -> list[Any]:
    """The values of the controls in FORM's order."""
    gate = "off" if settings.gate == "off" else str(settings.gate_level)
    chosen = [interval_name(settings.interval_ms), settings.price, settings.estimator, gate, settings.cost_filter]
    return chosen + [getattr(settings, field) for _, field, *_ in _NUMBERS]


def interval_options(settings: PairSettings) -> list[dict[str, str]]:
    """The offered widths, and the one in use if it is another."""
    name = interval_name(settings.interval_ms)
    options = [{"label": text, "value": value} for value, text in _INTERVALS]
    return options if any(option["value"] == name for option in options) else [*options, {"label": name, "value": name}]


def settings_from(values: Mapping[str, Any], base: PairSettings) -> PairSettings:
    """The settings that the controls stand for; what they do not show stays as in ``base``.

    Raises SettingsError naming the control's field, the value and what was expected.
    """
    changes: dict[str, Any] = {field: values[of] for of, field, *_ in _NUMBERS}
    for field in ("entry_z", "exit_z", "fee_bps", "notional"):
        if changes[field] is None:
            raise SettingsError(f"{field} is empty; expected a number")
    for field in ("z_window", "beta_window", "test_window"):
        changes[field] = None if changes[field] is None else int(changes[field])
    try:
        changes["interval_ms"] = parse_interval(values[ids.INTERVAL])
    except ValueError as error:
        raise SettingsError(str(error)) from None
    gate = values[ids.GATE_LEVEL]
    changes |= {"gate": "off"} if gate == "off" else {"gate": "engle-granger", "gate_level": int(gate)}
    changes |= {
        "price": values[ids.PRICES],
        "estimator": values[ids.ESTIMATOR],
        "cost_filter": bool(values[ids.COST_FILTER]),
    }
    if changes["estimator"] == "ols":
        changes["z_scale"] = "rolling"
    return replace(base, **changes)


def _number(of: str, field: str, least: float, step: float) -> dbc.Input:
    empty = {
        "stop_z": "none",
        "z_window": "auto",
        "beta_window": "auto",
        "memory_half_life": "auto",
        "test_window": "auto",
    }
    return dbc.Input(
        id=of, type="number", min=least, step=step, size="sm", debounce=True, placeholder=empty.get(field, "")
    )  # fmt: skip


def _row(label: str, explanation: str, control: Any) -> html.Div:
    return html.Div([dbc.Label(label, html_for=control.id, size="sm"), control], className="row-2", title=explanation)
