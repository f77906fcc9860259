"""The scan's form, and the request made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from engine.errors import SettingsError
from engine.market.intervals import parse_interval
from engine.scan.request import HOUR_MS, ScanRequest
from engine.scan.settings import ScanSettings
from screen.components import ids
from screen.components.fields import Choices, Field, field_row, progress_bar, read_all, unseen_label
from screen.pages.pair.settings_fields import INTERVALS

DEFAULTS = ScanSettings(least_bars=120)
_DEFAULT_INTERVAL, _DEFAULT_HOURS = "1m", "24"
_SPANS: Choices = (
    ("1", "1 hour"), ("3", "3 hours"), ("6", "6 hours"), ("12", "12 hours"), ("24", "1 day"), ("72", "3 days"),
    ("168", "7 days"), ("336", "14 days"), ("720", "30 days"), ("2160", "90 days"),
)  # fmt: skip
_COUNTS: Choices = (
    ("0", "stored only"), ("12", "12 most liquid"), ("30", "30 most liquid"), ("60", "60 most liquid"),
    ("100", "100 most liquid"), ("200", "200 most liquid"), ("500", "500 most liquid"),
)  # fmt: skip
_FETCH_INTERVAL, _FETCH_HOURS, _FETCH_COUNT = "1h", "2160", "60"  # of a first scan

_WHAT = (
    Field(ids.SCAN_INTERVAL, "interval", "Bars", "Width of a bar.", INTERVALS),
    Field(
        ids.SCAN_SPAN, "span_ms", "History", "How far back the bars go; less if the store starts later.", _SPANS
    ),
)  # fmt: skip
_FETCH = (
    Field(
        ids.SCAN_FETCH, "symbols", "Symbols",
        "So many symbols, those that traded most in the last 24 hours: what is not stored of their bars is fetched"
        " first, as the exchange's candles, with at most 60 % of the request weight it allows. Stored only: every"
        " symbol of which there are trades or candles, and nothing is fetched.", _COUNTS,
    ),
    Field(
        ids.SCAN_QUOTE, "quote", "Quoted in",
        "Only symbols that end with this currency are fetched: volumes in different ones cannot be compared.",
        (("USDT", "USDT"), ("USDC", "USDC"), ("FDUSD", "FDUSD"), ("BTC", "BTC"), ("USD", "USD")),
    ),
)  # fmt: skip
_FILTERS = (
    Field(
        ids.SCAN_LEAST_BARS, "least_bars", "Least bars", "A symbol needs at least this many from its first price on.",
        is_whole=True,
    ),
    Field(
        ids.SCAN_MISSING, "most_filled", "Most missing",
        "Share of a symbol's bars, 0 to 1, that may be without a trade; they are carried.",
    ),
    Field(
        ids.SCAN_MOVING, "least_moving", "Least moving",
        "Share of the bars, 0 to 1, in which a symbol's price must change.",
    ),
    Field(
        ids.SCAN_VOLUME, "least_volume", "Least volume",
        "Median volume of a bar, in quote currency, below which a symbol is too thin; 0: any.",
    ),
)  # fmt: skip
TEST_FIELDS = (
    Field(
        ids.SCAN_LAGS, "lags", "Test lags", "How the test chooses its lags; BIC keeps its size best.",
        (("bic", "BIC"), ("aic", "AIC"), ("1", "1"), ("0", "0")),
    ),
    Field(
        ids.SCAN_HOLDOUT, "holdout", "Hold-out",
        "The newest share of the bars, 0 to 0.8, which the selection never sees; what is found is confirmed there, with"
        " eight lags.",
    ),
    Field(
        ids.SCAN_CONTROL, "control", "False finds by",
        "Benjamini-Hochberg bounds their share under positive dependence of the tests, Benjamini-Yekutieli always.",
        (("bh", "BH – Hochberg"), ("by", "BY – Yekutieli")),
    ),
    Field(
        ids.SCAN_LEVEL, "false_share", "At most",
        "The share of false finds, 0 to 1, among the pairs found: a find is a pair whose q is no larger, and of which"
        " neither leg has a stronger find.",
    ),
)  # fmt: skip
FIELDS = (*_WHAT, *_FETCH, *_FILTERS, *TEST_FIELDS)
FORM = tuple(field.id for field in FIELDS)


def scan_form() -> html.Aside:
    """Market, bars, filters and tests, with the buttons that start and cancel."""
    form = html.Aside(
        [
            html.H1("Universe scan", className="sheet-title"),
            html.P("Tests every pair of a market at once, corrected for the number of tests.", className="lead-in"),
            unseen_label(ids.SCAN_MARKET, "Market"),
            dbc.Select(id=ids.SCAN_MARKET, options=[], size="sm", placeholder="market"),
            *map(field_row, _WHAT),
            html.H3("Which symbols"),
            *map(field_row, _FETCH),
            html.P(
                dbc.Button(
                    "60 symbols, 90 days of 1 h",
                    id=ids.SCAN_USUAL,
                    color="secondary",
                    outline=True,
                    size="sm",
                    title="Set symbols, bars and history to what a first scan needs",
                ),
            ),
            *map(field_row, _FILTERS),
            html.H3("Test"),
            *map(field_row, TEST_FIELDS),
            html.Div(
                [
                    dbc.Button("Start scan", id=ids.SCAN_START, color="info", size="sm"),
                    dbc.Button("Cancel", id=ids.SCAN_CANCEL, color="secondary", outline=True, size="sm", disabled=True),
                ],
                className="buttons",
            ),
            progress_bar(ids.SCAN_BAR, "the scan"),
            html.Div("", id=ids.SCAN_SAID, className="message", role="alert"),
            html.Div("", id=ids.SCAN_STAGE, className="message", role="status"),
        ],
        className="side scan-form settings",
    )
    for name, value in zip(FORM, form_values(DEFAULTS), strict=True):
        form[name].value = value
    return form


def form_values(settings: ScanSettings) -> list[Any]:
    """The values of the controls in FORM's order, with the default bars and history."""
    usual = {"interval": _DEFAULT_INTERVAL, "span_ms": _DEFAULT_HOURS, "symbols": "0", "quote": "USDT"}
    return [field.shown(usual.get(field.name) or getattr(settings, field.name)) for field in FIELDS]


def first_scan() -> tuple[str, str, str]:
    """Bars, history and symbols of a first scan, as the controls show them: 90 days of hours of 60 symbols."""
    return _FETCH_INTERVAL, _FETCH_HOURS, _FETCH_COUNT


def fitting_span(interval: str | None, span: str | None) -> str | None:
    """The history nearest to ``span`` (a choice of the form) allowed for bars of this width; None for none.

    >>> fitting_span("1s", "24"), fitting_span("1m", "24"), fitting_span("1h", "24"), fitting_span("apples", "24")
    ('3', '24', '168', None)
    """
    fitting = [hours for hours, _ in _SPANS if _is_fitting(interval, hours)]
    if span is None or not fitting:
        return None
    return min(fitting, key=lambda hours: abs(int(hours) - int(span)))


def _is_fitting(interval: str | None, hours: str) -> bool:
    try:
        ScanRequest("", parse_interval(interval or ""), int(hours) * HOUR_MS)
    except (ValueError, SettingsError):
        return False
    return True


def request_from(market: str | None, values: Mapping[str, Any]) -> ScanRequest:
    """The request from the controls. Raises SettingsError with the field, the value and the expected range."""
    asked = read_all(FIELDS, values)
    span_ms = int(asked.pop("span_ms")) * HOUR_MS
    symbols, quote = int(asked.pop("symbols")), asked.pop("quote")
    try:
        interval_ms = parse_interval(asked.pop("interval"))
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if not market:
        raise SettingsError("Market is empty; expected one in which symbols have traded")
    return ScanRequest(market, interval_ms, span_ms, ScanSettings(**asked), symbols, quote)
