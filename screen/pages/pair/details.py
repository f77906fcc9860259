"""Folds below the charts, filled when they are opened: both legs, how they move together, and every test. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components import ids
from screen.components.formatting import UNKNOWN, clock, p_digits, p_value
from services.pair_details import SPIKE, BothLegs, LegDetails
from services.pair_reports import ReportState
from services.pair_together import LAGS_MS, ROLLING, TRADES_MS, Together

_SHOWN = 60  # columns of a small chart
_LEG_LINES = (
    ("Last price", "The newest trade."),
    ("Last return", "From one bar's close to the next, in basis points."),
    ("Mean ± deviation", "Of the closes. A price that wanders has no fixed mean: compare with the spread instead."),
    ("Volatility, a year", "Of log returns, times the root of the bars in 365 days. On bars of seconds the noise of the"
     " quotes is in it too."),
    ("VWAP", "The average price, weighted by volume."),
    ("Most traded at", "The middle of the price step with the most volume, and where 70 % of the volume lies."),
    ("Volume a bar", "The median, in quote currency, and the share of bars with a trade."),
    ("Moves per million", "The median move of a bar per million of quote currency (Amihud): small is liquid."),
    ("Volume spikes", f"Bars with over {SPIKE:g} times the median volume of the 60 before, and the newest."),
)  # fmt: skip
_LIVE: Any = {"aria-live": "polite"}
_FOCUSABLE: Any = {"tabIndex": 0}  # assets/theme.css shows the title of the focused element


def details_panel() -> html.Section:
    """The folds, closed."""
    return html.Section(
        [
            _fold("Both legs", ids.LEGS_FOLD, html.Div(id=ids.LEGS)),
            _fold("How they move together", ids.TOGETHER_FOLD, html.Div(id=ids.TOGETHER)),
            _fold("Every test", ids.TESTS_FOLD, _tests()),
            dcc.Interval(id=ids.DETAILS_TICK, interval=10_000, disabled=True),
            dcc.Interval(id=ids.TESTS_TICK, interval=1_000, disabled=True),
        ],
        className="panel details",
    )


def _fold(title: str, name: str, content: Any) -> html.Details:
    return html.Details([html.Summary(title, id=name), content], className="fold")


def _tests() -> html.Div:
    return html.Div(
        [
            dbc.Button("Run every test", id=ids.TESTS_RUN, size="sm", outline=True, color="info"),
            html.Span("", id=ids.TESTS_SAID, role="status", className="panel-head", **_LIVE),
            html.Div(id=ids.TESTS),
        ]
    )


def legs_table(found: BothLegs) -> html.Div:
    """The statistics of both legs side by side, and their volume by price."""
    cells = [_leg_cells(found.y), _leg_cells(found.x)]
    rows = [
        html.Tr([html.Th(label, scope="row", title=help_, **_FOCUSABLE), *(html.Td(each[at]) for each in cells)])
        for at, (label, help_) in enumerate(_LEG_LINES)
    ]
    profiles = html.Tr(
        [html.Th("Volume by price", scope="row"), html.Td(_profile(found.y)), html.Td(_profile(found.x))]
    )
    head = html.Tr([html.Td(""), html.Th(found.y.symbol, scope="col"), html.Th(found.x.symbol, scope="col")])
    over = _over(found.bars, found.from_ms, (found.y.filled, found.x.filled))
    return html.Div([over, html.Table([html.Thead(head), html.Tbody([*rows, profiles])], className="facts")])


def together_table(both: Together) -> html.Div:
    """Correlations, and who leads."""
    known = [value for value in both.rolling if value == value]
    over = f"{min(known):+.2f} to {max(known):+.2f} over these bars" if known else "not enough bars yet"
    rows = [
        ("Correlation of returns", _signed(both.pearson), "of bars in which both traded"),
        ("… over 60 bars", _signed(known[-1] if known else math.nan), over),
        ("… without a grid", _signed(both.without_grid), _grid_note(both)),
        ("Who leads", _leader(both), _lags(both)),
        ("Granger, on bars", *_granger(both)),
        ("Hurst of the spread", _with(both.hurst.exponent, "{:.2f}"), _hurst_note(both)),
    ]
    lines = [
        html.Tr(
            [
                html.Th(label, scope="row", title=_HELP[at], **_FOCUSABLE),
                html.Td(value),
                html.Td(note, className="note"),
            ]
        )
        for at, (label, value, note) in enumerate(rows)
    ]
    step = _step(len(known))
    each = "bar" if step == 1 else f"{step} bars"
    charts = [
        *_over_time(_thinned(known), f"Pearson's over {ROLLING} bars, one column for each {each}"),
        *_over_time(both.over_time, "Hayashi-Yoshida in the last half hour, one column for each two minutes"),
    ]
    table = html.Table(html.Tbody(lines), className="facts")
    return html.Div([_over(both.bars, both.from_ms, both.filled), table, *charts])


def _over_time(values: Sequence[float], label: str) -> list[Any]:
    """A correlation as columns, without one where it is unknown; nothing without a value."""
    if all(math.isnan(value) for value in values):
        return []
    label += ", oldest first; from -1 to +1, the line is 0"
    shares = [0.0 if math.isnan(value) else (1.0 + value) / 2.0 for value in values]
    return [_columns(shares, label, "signed"), html.P(label, className="note")]


def _step(count: int) -> int:
    """Of how many values one is shown."""
    return max(1, math.ceil(count / _SHOWN))


_HELP = (
    "Pearson's, of log returns. Of prices it would be high for any two walks.",
    "The same over the last 60 bars. It falls when trades of the legs do not fall into the same bars.",
    "Hayashi-Yoshida, of the mids of the trades themselves. Bars delay each leg by a different time, and read a true"
    " 0.80 as 0.49 on bars of one second.",
    "The shift at which the correlation without a grid is greatest. It counts where it exceeds that without a shift by"
    " three deviations of what is found at shifts of 10 to 60 s, and is of use only beyond the time an order takes.",
    "Whether the past returns of one leg say something about the next of the other. On filled bars the leg that trades"
    " less seems to follow.",
    "0.5 is a walk, less comes back. It says nothing about a fitted line: judge a relation by the gate.",
)


def tests_table(state: ReportState) -> Any:
    """The newest report; empty without one."""
    if state.found is None:
        return None
    head = html.Tr(
        [html.Th(each, scope="col") for each in ("Test", "Null", "Statistic", "5 % value", "p", "Adjusted", "")]
    )
    rows = [
        html.Tr(
            [
                html.Td(row["test"]), html.Td(row["null"]),
                *(html.Td(_three(row[name])) for name in ("statistic", "critical")),
                *(html.Td("" if row[name] is None else p_digits(row[name])) for name in ("pvalue", "adjusted")),
                html.Td(row["verdict"], className="note"),
            ]
        )
        for row in state.found["rows"]
    ]  # fmt: skip
    readings = html.Ul([html.Li(each) for each in state.found["readings"]])
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="facts wide")
    return html.Div([html.P(state.found["summary"]), html.Div(table, className="scroll"), readings])


def _over(bars: int, from_ms: int, filled: tuple[int, int]) -> html.P:
    since = f"Over the newest {bars:,} bars, since {clock(from_ms)}"
    return html.P(f"{since}; without a trade {filled[0]:,} and {filled[1]:,}.", className="note")


def _leg_cells(leg: LegDetails) -> list[str]:
    spikes = f"{leg.spikes:,}, the newest {clock(leg.spike_ms)}" if leg.spikes else "none"
    return [
        _price(leg.last), _with(leg.last_return_bps, "{:+.2f} bps"), f"{_price(leg.mean)} ± {_price(leg.deviation)}",
        _with(100 * leg.volatility, "{:.1f} %"), _price(leg.vwap),
        f"{_price(leg.point_of_control)} ({_price(leg.low)} to {_price(leg.high)})",
        f"{_price(leg.quote_volume)}, {100 * leg.traded_share:.0f} % traded", _with(leg.amihud_bps, "{:.3g} bps"),
        spikes,
    ]  # fmt: skip


def _profile(leg: LegDetails) -> Any:
    if not leg.profile:
        return UNKNOWN
    most = max(leg.profile)
    ends = f"volume by price from {_price(leg.profile_low)} to {_price(leg.profile_high)}"
    return _columns([volume / most for volume in leg.profile], ends)


def _columns(shares: Sequence[float], label: str, kind: str = "") -> html.Div:
    """A small chart of columns; ``shares`` of its height."""
    name: Any = {"aria-label": label}
    bars = [html.I(style={"height": f"{100 * share:.1f}%"}) for share in shares]
    return html.Div(bars, className=f"columns {kind}".strip(), role="img", title=label, **name)


def _thinned(values: Sequence[float]) -> list[float]:
    """At most ``_SHOWN`` of them, the newest among them."""
    return list(values[::-1][:: _step(len(values))][::-1])


def _grid_note(both: Together) -> str:
    if both.problem:
        return both.problem
    return f"{both.trades[0]:,} and {both.trades[1]:,} trades of the last {TRADES_MS // 60_000} minutes"


def _leader(both: Together) -> str:
    lag = both.best_lag_ms
    if lag is None:
        return UNKNOWN
    if lag == 0:
        return "neither clearly"
    return f"{both.symbols[0 if lag > 0 else 1]} by {abs(lag):,} ms"


def _granger(both: Together) -> tuple[str, str]:
    found, (y, x) = both.granger, both.symbols
    if found is None:
        return UNKNOWN, "too few bars in which both traded"
    said = f"{y} leads {x}: {p_value(found.p_y_to_x)} · {x} leads {y}: {p_value(found.p_x_to_y)}"
    is_led = min(found.p_y_to_x, found.p_x_to_y) < 0.025
    return "yes" if is_led else "no", f"{said}; {found.lags} lags; yes: either below 2.5 %, as two are asked"


def _hurst_note(both: Together) -> str:
    found = both.hurst
    if math.isnan(found.exponent):
        return "not enough bars yet"
    is_walk = found.low <= 0.5 <= found.high
    return f"{found.low:.2f} to {found.high:.2f}; a walk {'cannot be' if is_walk else 'is'} excluded"


def _lags(both: Together) -> str:
    near = [(lag, value) for lag, value in zip(LAGS_MS, both.by_lag, strict=False) if abs(lag) <= 500]
    return " · ".join(f"{lag:+,} ms {value:+.2f}" for lag, value in near)


def _signed(value: float) -> str:
    return _with(value, "{:+.2f}")


def _with(value: float, form: str) -> str:
    return UNKNOWN if math.isnan(value) else form.format(value)


def _price(value: float) -> str:
    """Six significant digits.

    >>> _price(84015.23), _price(0.00012345678)
    ('84,015.2', '0.000123457')
    """
    if math.isnan(value):
        return UNKNOWN
    whole = len(f"{abs(value):.0f}") if abs(value) >= 1 else 0
    return f"{value:,.{max(0, 6 - whole)}f}" if whole else f"{value:.6g}"


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
