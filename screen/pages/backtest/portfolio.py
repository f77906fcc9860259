"""Several stored backtests on one capital: the form, and what came out as panels. Pure."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from engine.backtest.luck import LEAST_FOR_LUCK
from engine.market.intervals import interval_name
from screen.components.fields import Field, error_id, field_row
from screen.components.formatting import UNKNOWN
from screen.pages.backtest import ids, labels, portfolio_figures
from screen.pages.backtest.labels import Record
from screen.pages.backtest.parts import fact, graph, panel
from services.portfolio import LEAST, MOST, PortfolioRequest

REASONS = ("pair limit", "symbol limit", "total limit")
FIELDS = (
    Field(ids.of("portfolio_capital"), "capital", "Capital, quote", "Equity before the first bar that all have"),
    Field(ids.of("portfolio_pair"), "pair_gross", "Pair, gross", "Most value of one pair's two legs together, in shares"
          " of the equity: 1 is all of it"),
    Field(ids.of("portfolio_symbol"), "symbol_net", "Symbol, net", "Most value of one symbol over all pairs, long less"
          " short, in shares of the equity"),
    Field(ids.of("portfolio_total"), "total_gross", "All, gross", "Most value of all legs together, in shares of the"
          " equity"),
)  # fmt: skip
_STEPS = (
    "Run a backtest of one pair: it appears in the list of results.",
    "Run another one of another pair, with bars of the same width and overlapping times.",
    f"Tick {LEAST} to {MOST} of them here and click Combine.",
)


def portfolio_part() -> html.Details:
    """The form without any backtest to choose from, and the place of the result."""
    usual = PortfolioRequest((0, 1))
    values = (usual.capital, usual.limits.pair_gross, usual.limits.symbol_net, usual.limits.total_gross)
    rows = []
    for field, value in zip(FIELDS, values, strict=True):
        row = field_row(field)
        row[field.id].value = f"{value:g}"
        rows.append(row)
    title = html.Legend(f"Backtests, {LEAST} to {MOST}, admitted from the lowest number on", className="panel-head")
    form = html.Div(
        [
            html.Fieldset([title, dbc.Checklist(id=ids.PORTFOLIO_PARTS, options=[], value=[])]),
            html.Div(rows, className="backtest-limits"),
            html.Div(
                [
                    dbc.Button("Combine", id=ids.COMBINE, color="info", size="sm"),
                    html.Span("Nothing runs again, and no trial is counted.", className="panel-head"),
                ],
                className="backtest-head",
            ),
        ],
        id=ids.PORTFOLIO_FORM,
        hidden=True,
    )
    none = html.Div(
        [html.P("A portfolio is made of stored backtests of several pairs."), html.Ol([html.Li(s) for s in _STEPS])],
        id=ids.PORTFOLIO_NONE,
    )
    said = html.Div("", id=ids.COMBINE_SAID, className="message", role="alert")
    head = html.Summary(html.H2("Portfolio: several backtests on one capital"))
    return html.Details(
        [head, none, form, said, html.Div("", id=ids.COMBINED)],
        id=ids.PORTFOLIO,
        className="panel backtest-group backtest-portfolio",
    )


def portfolio_panels(record: Record) -> list[Any]:
    """The whole portfolio, as ``services.portfolio_record`` makes it."""
    many = len(record["pairs"])
    return [
        _head(record),
        panel("Equity and drawdown", f"{record['quote']}; dotted: the capital at the start.",
              [graph("backtest-portfolio-equity", portfolio_figures.equity(record), 380)]),
        html.Div(
            [
                panel("Contributions", f"{record['quote']}; the pairs add up to the total",
                      [graph("backtest-portfolio-shares", portfolio_figures.contributions(record), 90 + 28 * many)]),
                _correlation(record),
            ],
            className="backtest-halves",
        ),
        panel("Positions", "Refused whole, at their fill, by the first limit that they pass. Left out: bars that"
              " another pair lacks", [html.Div(_positions(record), className="backtest-scroll")]),
        panel("Metrics", "Of the portfolio's equity; no figure is annualised under 30 days", [_metrics(record)]),
    ]  # fmt: skip


def error_ids() -> tuple[str, ...]:
    """Of the fields' errors."""
    return tuple(error_id(field.id) for field in FIELDS)


def _head(record: Record) -> html.Section:
    refused = record["refused"]
    facts = [
        fact("Net", labels.money(record["net"]), record["quote"], labels.tone(record["net"])),
        fact("Positions", f"{record['positions']:,}", "asked for", ""),
        *(fact(f"Refused: {name}", f"{refused[name]:,}", _limit(record, name), "") for name in REASONS),
    ]
    made = f"{record['made_of'][:1].upper()}{record['made_of'][1:]}; no new trial is counted."
    bars = (
        f" {record['bars']:,} bars of {interval_name(record['interval_ms'])} that all have,"
        f" {labels.moment(record['from_ms'])} to {labels.moment(record['to_ms'])} UTC."
    )
    note = " Choosing among backtests is a choice after the fact: no PSR or DSR is given."
    return html.Section(
        [html.P([html.Strong(made), bars, note], className="panel-head"), html.Div(facts, className="backtest-facts")],
        className="backtest-part",
    )


def _correlation(record: Record) -> html.Section:
    title, unit = f"Correlation of {record['clock']} profits", "hours" if record["clock"] == "hourly" else "days"
    if all(value is None for row in record["correlation"] for value in row):
        note = f"Not known: the pairs have {record['periods']:,} whole {unit} in common; it takes {LEAST_FOR_LUCK}, in"
        note += " which a pair's profit changes."
        return panel(title, "", [html.P(note, className="panel-head")])
    lead = "1: they earn together, -1: one earns what the other loses; none: a pair did not move"
    height = 120 + 34 * len(record["pairs"])
    return panel(title, lead, [graph("backtest-portfolio-map", portfolio_figures.correlation(record), height)])


def _limit(record: Record, reason: str) -> str:
    name = dict(zip(REASONS, ("pair_gross", "symbol_net", "total_gross"), strict=True))[reason]
    return f"limit {record['limits'][name]:g} x equity"


def _positions(record: Record) -> html.Table:
    names = (
        "Asked for",
        "Admitted",
        *(name.capitalize() for name in REASONS),
        "Net here",
        "Net alone",
        "Left out",
    )
    head = html.Tr([html.Th("Pair", scope="col"), *(html.Th(name, scope="col", className="num") for name in names)])
    rows = []
    for pair in record["pairs"]:
        refused = [pair["refused"][name] for name in REASONS]
        counts = [pair["positions"], pair["positions"] - sum(refused), *refused]
        rows.append(_row(portfolio_figures.name_of(pair), counts, pair["net"], pair["alone"], pair["left_out"]))
    refused = [record["refused"][name] for name in REASONS]
    counts = [record["positions"], record["positions"] - sum(refused), *refused]
    rows.append(_row("Total", counts, record["net"], sum(pair["alone"] for pair in record["pairs"]), None))
    return html.Table([html.Thead(head), html.Tbody(rows)], className="backtest-table")


def _row(name: str, counts: list[int], net: float, alone: float, left_out: int | None) -> html.Tr:
    texts = [*(f"{each:,}" for each in counts), labels.money(net), labels.money(alone)]
    texts.append("" if left_out is None else f"{left_out:,}")
    return html.Tr([html.Th(name, scope="row"), *(html.Td(text, className="num") for text in texts)])


def _metrics(record: Record) -> html.Div:
    rows = []
    for key, value in record["metrics"].items():
        name, _, unit = key.removesuffix("]").partition(" [")
        between = record["intervals"].get(key)
        note = record["reasons"].get(key, "") if between is None else labels.span(between, unit)
        shown = UNKNOWN if value is None else labels.shown(value, unit)
        cells = [html.Td(name), html.Td(shown, className="num"), html.Td(note, className="note")]
        rows.append(html.Tr(cells))
    head = html.Tr([html.Th("Figure", scope="col"), html.Th("Value", scope="col", className="num"),
                    html.Th("95 % interval, or why not known", scope="col")])  # fmt: skip
    return html.Div(html.Table([html.Thead(head), html.Tbody(rows)], className="backtest-table"))
