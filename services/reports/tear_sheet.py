"""The tear sheet: one HTML file about a backtest's record, without scripts and without network.

All numbers are those of the record (``services.backtest_record``), so they equal the JSON of the API.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from engine.market.intervals import interval_name
from services.backtest_record import twins_of
from services.jobs import Json
from services.reports.svg import Band, Line, heat_table, line_chart

MOST_ROWS = 200  # trades that are printed, the newest
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#667;--rule:#d8dce2;--gain:#127a45;--loss:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--paper:#14171b;--soft:#9aa3ad;--rule:#31373f;--gain:#3fbf7f;--loss:#f0716a}}
*{box-sizing:border-box}body{margin:0 auto;padding:16px;max-width:820px;background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,sans-serif}h1{font-size:1.35rem;margin:0}h2{font-size:1.05rem;margin:1.6em 0 .4em}
p{margin:.4em 0}.soft{color:var(--soft)}.verdict{border-left:4px solid #b7791f;padding:.3em .8em;margin:1em 0}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
td,th{padding:.2em .5em;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top}
td:first-child,th:first-child{text-align:left}.trades td,.trades th{white-space:nowrap;font-size:.8rem}
svg{width:100%;height:auto;display:block}svg text{font-size:11px;fill:var(--soft)}.grid{stroke:var(--rule)}
polyline{fill:none;stroke-width:1.6}.equity{stroke:var(--ink)}.middle{stroke:var(--soft);stroke-dasharray:4 3}
.fall{stroke:var(--loss)}.band{fill:var(--soft);fill-opacity:.18}rect.gain{fill:var(--gain)}rect.loss{fill:var(--loss)}
rect.none{fill:none;stroke:var(--rule)}.mark{fill:var(--ink)!important;font-weight:700}.up{color:var(--gain)}
.down{color:var(--loss)}@page{size:A4;margin:14mm}@media print{:root{--ink:#000;--paper:#fff;--soft:#444;--rule:#bbb}
body{padding:0;max-width:none;font-size:10pt}h2,svg{break-after:avoid;break-inside:avoid}tr{break-inside:avoid}
.wide{overflow:visible}.trades td,.trades th{font-size:7pt;padding:.1em .25em}}
"""
_TRADE = ("entry_time", "exit_time", "side", "reason", "entry_z", "exit_z", "hold_bars", "gross", "net", "mae", "mfe")


def tear_sheet(record: Json, title: str = "") -> str:
    """The page of a record."""
    name = title or f"{record['y']} on {record['x']}"
    parts = [
        f"<h1>{escape(name)}</h1>",
        f'<p class="soft">{escape(record["market"])} \u00b7 bars of {interval_name(record["interval_ms"])} \u00b7 '
        f"{_utc(record['from_ms'])} to {_utc(record['to_ms'])} UTC</p>",
        f'<div class="verdict">{"".join(f"<p>{escape(line)}</p>" for line in verdict_lines(record))}</div>',
        _curves(record["curve"]),
        _metrics(record),
        _search(record["search"]) if record["search"] else "",
        _named("Where the result came from", record["attribution"], "quote currency"),
        _trades(record["trade_list"]),
        _settings(record),
    ]
    body = "".join(parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def verdict_lines(record: Json) -> list[str]:
    """How much of it is luck, in sentences."""
    metrics, search = record["metrics"], record["search"]
    net, trades = record["net"], record["trades"]
    lines = [
        f"{trades} trades, {_money(net)} after all costs.",
        f"This is trial {record['trial']} on these data. Different ones in their time, with pairs of scans and pairs on"
        f" screens: {record['counted']:,} (the same settings again, on more bars too, are one).",
    ]
    psr, dsr = metrics.get("PSR [0..1]"), metrics.get("DSR [0..1]")
    if psr is not None and dsr is not None:
        lines.append(f"Probability that it is more than luck: {psr:.3f} alone, {dsr:.3f} as the best of these trials.")
    if twins := twins_of(record):
        lines.append(
            f"It did better than {twins['worse']:,} of {twins['count']:,} surrogate pairs without a relation:"
            f" p = {twins['p']:.3g}."
        )
    if search and search["pbo"] is not None:
        lines.append(f"Probability of backtest overfitting: {search['pbo']:.2f} (0.5: noise; of ranks, not of profit).")
    if search and search["walk"]:
        walk = search["walk"]
        ratio = f"its Sharpe ratio: {record['reasons'].get('search: walk: ratio', 'not known')}"
        if walk["ratio"] is not None:
            ratio = f"Sharpe {walk['ratio']:.3f} \u00b1 {walk['error']:.3f} a period ({search['clock']})"
        lines.append(
            f"Walk-forward: {_money(walk['net'])} over {walk['periods']} periods that had no part in the choice;"
            f" {ratio}."
        )
    return lines


def _curves(curve: Json) -> str:
    times, band = curve["time_ms"], curve["band"]
    lines, area = [Line(times, curve["equity"], "equity")], None
    if band:
        area = Band(band["time_ms"], band["low"], band["high"])
        lines.insert(0, Line(band["time_ms"], band["middle"], "middle"))
    note = f"No band of other orders: {curve.get('why_no_band') or 'not known'}."
    if band:
        note = f"Grey: {100 * band['level']:.0f} % of other orders of the same returns."
    return (
        "<h2>Equity, quote currency</h2>" + line_chart("equity", lines, area)
        + f'<p class="soft">{note}</p><h2>Fall from the peak, %</h2>'
        + line_chart("drawdown", [Line(times, curve["fall_percent"], "fall")], digits=2)
    )  # fmt: skip


def _metrics(record: Json) -> str:
    rows = []
    for name, value in record["metrics"].items():
        low_high = record["intervals"].get(name)
        interval = "" if low_high is None else f"{_number(low_high[0])} to {_number(low_high[1])}"
        if value is not None and name.endswith("ms UTC]"):
            interval = _utc(value)
        shown = _number(value) if value is not None else "\u2013"
        reason = interval or escape(record["reasons"].get(name, ""))
        rows.append(f'<tr><td>{escape(name)}</td><td>{shown}</td><td class="soft">{reason}</td></tr>')
    head = "<tr><th>metric</th><th>value</th><th>95 % interval, or why it is not known</th></tr>"
    return f'<h2>Metrics</h2><div class="wide"><table><thead>{head}</thead>{"".join(rows)}</table></div>'


def _search(search: Json) -> str:
    parts = [f"<h2>Search of {len(search['cells'])} cells</h2>"]
    heat = search["heatmap"]
    if heat and len(heat["names"]) == 2:
        marks = {tuple(heat["plateau"]): "P", tuple(heat["peak"]): "\u2605"}
        if heat["plateau"] == heat["peak"]:
            marks = {tuple(heat["peak"]): "\u2605P"}
        names, values = tuple(heat["names"]), tuple(heat["values"])
        parts.append(heat_table("Sharpe ratio of a period by cell", names, values, heat["score"], marks))
        parts.append('<p class="soft">Sharpe ratio of a period. \u2605 best cell, P best neighbourhood.</p>')
    ranked = sorted(search["cells"], key=lambda cell: -cell["score"])[:20]
    rows = [
        f"<tr><td>{escape(_changes(cell['changes']))}</td><td>{cell['score']:.4f}</td><td>{cell['trades']:.0f}</td>"
        f"<td>{_number(cell['gross'])}</td><td>{_number(cell['net'])}</td></tr>"
        for cell in ranked
    ]
    head = "<tr><th>cell</th><th>Sharpe of a period</th><th>trades</th><th>gross</th><th>net</th></tr>"
    parts.append(f'<div class="wide"><table><thead>{head}</thead>{"".join(rows)}</table></div>')
    return "".join(parts)


def _trades(trades: Sequence[Json]) -> str:
    if not trades:
        return "<h2>Trades</h2><p>None.</p>"
    shown = trades[-MOST_ROWS:]
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in _TRADE)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_cell(_moment(name, trade[name]))}</td>" for name in _TRADE) + "</tr>"
        for trade in shown
    )
    more = f" (the newest {len(shown)} of {len(trades)})" if len(shown) < len(trades) else ""
    table = f'<table class="trades"><thead><tr>{head}</tr></thead>{rows}</table>'
    return f'<h2>Trades{more}</h2><div class="wide">{table}</div>'


def _moment(name: str, value: Any) -> Any:
    """A time as a table has room for it."""
    return value[:-1].replace("T", " ") if name.endswith("_time") and value else value


def _settings(record: Json) -> str:
    request = record["request"]
    values = {"cell": _changes(record["settings"]), "data": record["data"], "code": record["code"]}
    values |= {f"refused: {name}": count for name, count in record["refused"].items() if count}
    for part in ("settings", "costs", "account"):
        values |= {f"{part}: {name}": value for name, value in (request[part] or {}).items() if value is not None}
    return _named("Settings, data, code", values, "")


def _named(title: str, values: Json, unit: str) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{_cell(value)}</td></tr>" for name, value in values.items())
    return f'<h2>{title}</h2><p class="soft">{unit}</p><div class="wide"><table>{rows}</table></div>'


def _changes(changes: Json) -> str:
    return ", ".join(f"{name} {_text(value)}" for name, value in changes.items()) or "as asked for"


def _cell(value: Any) -> str:
    return "\u2013" if value is None else escape(_text(value))


def _text(value: Any) -> str:
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    """To six digits; what only rounding left of 0 is 0.

    >>> _number(1234567.8), _number(0.012345678), _number(5.0)
    ('1,234,568', '0.0123457', '5')
    """
    if abs(value) < 1e-9:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.6g}"


def _money(value: float) -> str:
    return f"{value:+,.2f} in quote currency"


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")
