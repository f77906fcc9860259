"""A stored result as panels: verdict and luck, equity, metrics, trades, what it is made of, the search. Pure."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from screen.components.addresses import pair_path
from screen.components.formatting import UNKNOWN
from screen.pages.backtest import figures, labels
from screen.pages.backtest.form import label_of
from screen.pages.backtest.labels import Luck, Record
from screen.pages.backtest.parts import fact, graph, panel
from screen.pages.backtest.tables import MOST_CELLS, cells_grid, trades_grid

_NO_INTERVAL = {"Max drawdown [%]": "at closes of bars; no interval"}
FILES = (
    ("Trades CSV", "table=trades&format=csv"), ("Trades Parquet", "table=trades&format=parquet"),
    ("Equity CSV", "table=equity&format=csv"), ("Equity Parquet", "table=equity&format=parquet"),
    ("Decisions CSV", "table=decisions&format=csv"), ("Decisions Parquet", "table=decisions&format=parquet"),
)  # fmt: skip


def empty_result(text: str) -> list[Any]:
    """Without a result: what to do first."""
    steps = ("Choose two stored symbols, or drop files of both legs.", "Keep the settings, or answer the questions.",
             "Click Run backtest: the result appears here, and stays in the list.")  # fmt: skip
    return [
        html.Section([html.H2(text), html.Ol([html.Li(step) for step in steps])], className="panel start backtest-part")
    ]


def result_panels(record: Record, number: int, is_watched: bool) -> list[Any]:
    """The whole result with this number; ``is_watched``: whether its pair has a page."""
    search = record["search"]
    return [
        _verdict(record, number, is_watched),
        html.Div([_equity(record), _attribution(record)], className="backtest-columns"),
        _trades(record, is_watched),
        _metrics(record),
        *([_heat(record, search), _walk(record, search), _cells(search)] if search else []),
        _asked(record),
    ]


def _verdict(record: Record, number: int, is_watched: bool) -> html.Section:
    said, quote = labels.verdict(record), labels.quote_of(record)
    base = f"/api/backtests/table?backtest={number}"
    files = [_download(text, f"{base}&{query}") for text, query in FILES]
    files.append(_download("Tear sheet", f"/api/backtests/tear-sheet?backtest={number}"))
    files.append(_download("Record JSON", f"/api/backtests/record?backtest={number}"))
    pair = pair_path(record["market"], record["y"], record["x"])
    opens = [dcc.Link("Open the pair's page", href=pair, className="backtest-link")] if is_watched else []
    return html.Section(
        [
            html.P([labels.subject(record), " ", *opens], className="panel-head"),
            html.Div(
                [
                    html.Strong(said.value, className=f"tone-{said.tone}"),
                    html.Span(said.note),
                ],
                className="verdict",
            ),
            html.Div([fact("Net", labels.money(record["net"]), quote, labels.tone(record["net"])), *_facts(record)],
                     className="backtest-facts"),
            html.Div([_luck(each) for each in labels.luck(record)], className="backtest-luck"),
            html.P([labels.trial_line(record), " ", labels.refused(record)], className="panel-head"),
            html.Div([html.Span("Downloads", className="panel-head"), *files], className="backtest-files"),
        ],
        className="panel backtest-part",
    )  # fmt: skip


def _facts(record: Record) -> list[Any]:
    metrics = record["metrics"]
    known = (("Return", "Return [%]"), ("Max drawdown", "Max drawdown [%]"), ("Sharpe a day", "Sharpe of a day [-]"),
             ("Win rate", "Win rate [%]"))  # fmt: skip
    found = [fact("Trades", f"{record['trades']:,}", "closed or open at the end", "")]
    for name, key in known:
        value, between = metrics.get(key), record["intervals"].get(key)
        unit = key.partition("[")[2].removesuffix("]")
        note = record["reasons"].get(key, "not known") if value is None else _NO_INTERVAL.get(key, "no interval")
        if between is not None:
            note = labels.span(between, unit)
        is_money = key == "Return [%]" and value is not None
        shown = UNKNOWN if value is None else labels.shown(value, unit)
        found.append(fact(name, shown, note, labels.tone(value) if is_money and value is not None else ""))
    return found


def _luck(each: Luck) -> html.Div:
    sign = {True: "for it", False: "against it", None: "not known"}[each.is_good]
    data: Any = {"data-tone": "" if each.is_good else "warn"}
    return html.Div(
        [
            html.Div([html.Span(each.name), html.Span(sign, className="luck-sign", **data)], className="card-title"),
            html.Div(each.value, className="card-value", **data),
            html.Div(each.note, className="card-note"),
        ],
        className="metric",
    )


def _download(text: str, href: str) -> html.A:
    return html.A(text, href=href, download="", className="btn btn-sm btn-outline-info")


def _equity(record: Record) -> html.Section:
    quote, band = labels.quote_of(record), record["curve"]["band"]
    lead = f"{quote}; dotted: the capital at the start."
    if band:
        lead += f" Grey: where {100 * band['level']:.0f} % of other orders of the same returns went."
    elif why := record["curve"].get("why_no_band"):
        lead += f" Where other orders of the same returns went is {why}."
    return panel("Equity and drawdown", lead, [graph("backtest-equity", figures.equity(record), 380)])


def _attribution(record: Record) -> html.Section:
    items = [
        html.Div([html.Dt(labels.PARTS[name][0]), html.Dd(labels.PARTS[name][1])])
        for name, value in record["attribution"].items()
        if name in labels.PARTS and abs(value) >= 0.005
    ]
    bars = graph("backtest-attribution", figures.attribution(record), figures.attribution_height(record))
    lead = f"{labels.quote_of(record)}; the parts add up to the net"
    return panel("What it is made of", lead, [bars, html.Details([html.Summary("What each part is"), html.Dl(items)])])


def _metrics(record: Record) -> html.Section:
    parts: list[Any] = []
    for title, _ in labels.GROUPS:
        rows = [
            html.Tr([html.Td(name), html.Td(value, className="num"), html.Td(note, className="note")])
            for name, value, note in labels.metric_rows(record, title)
        ]
        head = html.Tr([html.Th(title, scope="col"), html.Th("Value", scope="col", className="num"),
                        html.Th("95 % interval, or why not known", scope="col")])  # fmt: skip
        parts.append(html.Table([html.Thead(head), html.Tbody(rows)], className="backtest-table"))
    lead = f"Money in {labels.quote_of(record)}; no figure is annualised under 30 days"
    return panel("Metrics", lead, [html.Div(parts, className="backtest-tables")], "backtest-metrics")


def _trades(record: Record, is_watched: bool) -> html.Section:
    kept = len(record["trade_list"])
    lead = (
        f"All {kept:,}"
        if kept == record["trades"]
        else f"The newest {kept:,} of {record['trades']:,}; the files have all"
    )
    path = pair_path(record["market"], record["y"], record["x"]) if is_watched else ""
    opens = " A row opens the chart at the bar of its signal." if is_watched else ""
    return panel("Trades", f"{lead}. Money in {labels.quote_of(record)}.{opens}", [trades_grid(record, path)])


def _heat(record: Record, search: Record) -> html.Section:
    figure = figures.heatmap(search)
    if figure is None:
        note = "Random points have no grid: the cells are below, the best first."
        return panel("Map of the search", "", [html.P(note, className="panel-head")])
    rows = 1 if len(search["heatmap"]["names"]) == 1 else len(search["heatmap"]["values"][0])
    why = record["reasons"].get("search: map")
    trust = f". Whether either is more than luck is {why}. " if why else ": trust P. "
    lead = f"Sharpe ratio of a period ({search['clock']}). ★ the best cell, P the best neighbourhood{trust}"
    return panel("Map of the search", lead + figures.cut_at(search),
                  [graph("backtest-heat", figure, max(240, min(720, 90 + 34 * rows)))])  # fmt: skip


def _walk(record: Record, search: Record) -> html.Section:
    walk = search["walk"]
    if walk is None:
        note = "Not asked for: set training and test periods in the form, and the choice is judged on later bars."
        return panel("Walk-forward", "", [html.P(note, className="panel-head")])
    rows = [
        html.Tr(
            [
                html.Td(f"{fold + 1}", className="num"),
                html.Td(labels.changes(search["cells"][cell]["changes"]) + chosen_note(walk, fold)),
                html.Td(f"{train:+.4f}" if train is not None else UNKNOWN, className="num"),
            ]
        )
        for fold, (cell, train) in enumerate(zip(walk["chosen"], walk["train"], strict=True))
    ]
    head = html.Tr([html.Th("Fold", scope="col", className="num"), html.Th("Chosen in training", scope="col"),
                    html.Th("Sharpe in training", scope="col", className="num")])  # fmt: skip
    ratio = f"Sharpe ratio: {record['reasons'].get('search: walk: ratio', 'nothing moved')}"
    if walk["ratio"] is not None:
        ratio = f"Sharpe {walk['ratio']:+.4f} ± {walk['error']:.4f} a period"
    chosen = len(set(walk["chosen"]))
    lead = (
        f"{len(rows)} folds; net in their tests {labels.money(walk['net'])}, {ratio} ({search['clock']}). The training"
        f" parts chose {chosen} different cell{'s' if chosen > 1 else ''}."
    )
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="backtest-table")
    return panel("Walk-forward", lead, [html.Div(table, className="backtest-scroll")])


def chosen_note(walk: Record, fold: int) -> str:
    """What the choice of a training part rests on, where that is not the best ratio of a cell that traded."""
    if walk["train"][fold] is not None or "known" not in walk:
        return ""
    known = walk["known"][fold]
    if not known:
        return " (no cell traded in training: the first one)"
    return f" (it did not trade in training; {'the one' if known == 1 else f'all {known:,}'} that did lost)"


def _cells(search: Record) -> html.Section:
    count = len(search["cells"])
    more = f", the best {MOST_CELLS}" if count > MOST_CELLS else ""
    return panel("Cells", f"{count:,} cells{more}; a click on a column sorts", [cells_grid(search)])


def _asked(record: Record) -> html.Section:
    request = record["request"]
    values: dict[str, Any] = {"Best cell": labels.changes(record["settings"]), "Data": record["data"]}
    values["Code"] = record["code"]
    for part in ("settings", "costs", "account"):
        values |= {label_of(name): value for name, value in (request[part] or {}).items() if value is not None}
    items = [html.Div([html.Dt(name), html.Dd(_text(value))]) for name, value in values.items()]
    details = html.Details([html.Summary("Settings, data and code of this result"), html.Dl(items)])
    return html.Section([details], className="panel backtest-part backtest-asked")


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
