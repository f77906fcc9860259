"""The tables of the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from engine.market.intervals import interval_name
from engine.store.inventory import GapCount, RowCount, StoredGap, SymbolStock
from screen.components.formatting import UNKNOWN
from screen.components.tables import Cell, moment, table, toned
from screen.pages.data import labels
from services.backups import Backup
from services.data import RowCounts, Setting, Stock
from services.feeds import FeedState, HistoryWant, ServerState


def feeds_table(server: ServerState) -> Any:
    """Every market's feed."""
    empty = "No feed yet. Open the bridge page and click Start Bridge."
    if not server.answers:
        empty = "The bridge server does not answer: what its feeds do is not known."
    rows = [_feed(feed) for feed in server.markets]
    return table("Feeds", rows, [""] * len(rows), empty)


def _feed(feed: FeedState) -> list[Cell]:
    state = html.Div([toned(feed.state, labels.feed_tone(feed.state)), html.Div(feed.cause, className="panel-head")])
    return [
        ("Market", feed.market, "pair"),
        ("State", state, "said feed"),
        ("Connections", ", ".join(feed.clients) or "none", "said"),
        ("Heard", labels.age(feed.heard_age_ms), "num"),
        ("Last trade", labels.age(feed.trade_age_ms), "num"),
        ("Exchange → stored p50 / p95", labels.latency(feed), "num"),
        ("Received", f"{feed.received:,}", "num"),
        ("Stored", f"{feed.stored:,}", "num"),
        ("Duplicates", f"{feed.duplicates:,}", "num"),
        ("Conflicts", f"{feed.conflicts:,}", "num"),
        ("Refused", f"{feed.rejected:,}", "num"),
        ("Open gaps", f"{feed.open_gaps:,}", "num"),
    ]


def findings_list(server: ServerState) -> list[Any]:
    """The diagnostics, each with its remedy."""
    found = [(feed.market, finding) for feed in server.markets for finding in feed.findings]
    if not found:
        return [html.P("No finding." if server.answers else "", className="panel-head")]
    items = [
        html.Li([html.Strong(f"{market}: {finding.what} "), finding.advice], title=finding.code)
        for market, finding in found
    ]
    return [html.Ul(items, className="data-findings")]


def history_table(server: ServerState) -> Any:
    """The bars that somebody wants, those with something missing first."""
    wants = [want for feed in server.markets for want in feed.wants]
    wants.sort(key=lambda want: want.missing == 0)
    classes = ["is-stuck" if want.problem else "" for want in wants]
    empty = "Nothing is asked for. Watched pairs and scans ask for the exchange's candles."
    return table("Wanted history", [_want(want) for want in wants], classes, empty)


def _want(want: HistoryWant) -> list[Cell]:
    missing = "asking the store" if want.missing is None else f"{want.missing:,}"
    have = 0 if want.missing is None else want.wanted - want.missing
    percent = 100.0 * have / want.wanted if want.wanted else 100.0
    name = f"{want.symbol} {interval_name(want.width_ms)}: stored share"
    label: Any = {"aria-label": name}
    bar = html.Progress(value=f"{percent:.0f}", max="100", title=f"{percent:.0f} % stored", **label)
    return [
        ("Symbol", f"{want.symbol} · {want.market}", "pair"),
        ("Bars", interval_name(want.width_ms), ""),
        ("From (UTC)", moment(want.from_ms), ""),
        ("To (UTC)", moment(want.to_ms), ""),
        ("Wanted", f"{want.wanted:,}", "num"),
        ("Missing", missing, "num"),
        ("Stored", bar, ""),
        ("Problem", want.problem or UNKNOWN, "said"),
    ]


def stock_table(stock: Stock, counts: RowCounts) -> Any:
    """Every symbol with trades."""
    lacking = [each for each in stock.gaps if each.status in ("open", "unfetchable")]
    rows = []
    for each in stock.symbols:
        gaps = [gap for gap in lacking if (gap.market, gap.symbol) == (each.market, each.symbol)]
        rows.append(_stock(each, counts.rows.get((each.market, each.symbol)), gaps))
    return table("Stored trades by symbol", rows, [""] * len(rows), "No trade is stored yet.")


def _stock(of: SymbolStock, rows: RowCount | None, gaps: Sequence[GapCount]) -> list[Cell]:
    missing = sum(gap.ids for gap in gaps)
    archived = f"{of.archived_ticks:,} in {of.archived_files:,} files" if of.archived_files else "none"
    lost = f", {of.lost_files:,} not there" if of.lost_files else ""
    return [
        ("Symbol", f"{of.symbol} · {of.market}", "pair"),
        ("From (UTC)", moment(of.first_ms), ""),
        ("To (UTC)", moment(of.end_ms), ""),
        ("Trades in ticks.db", f"{rows.hot_ticks:,}" if rows else UNKNOWN, "num"),
        ("One-second bars", f"{rows.seconds:,}" if rows else UNKNOWN, "num"),
        ("Archived trades", f"{archived}{lost}", "num"),
        ("Archive size", labels.size(of.archived_bytes), "num"),
        ("Missing trades", f"{missing:,} in {sum(gap.gaps for gap in gaps):,} gaps" if gaps else "none", "num"),
    ]


def sourced_table(stock: Stock) -> Any:
    """Bars that were not made from trades, and funding."""
    rows: list[list[Cell]] = [
        _other(f"{each.symbol} · {each.market}", f"bars of {interval_name(each.width_ms)}", each.first_ms, each.end_ms,
               each.bars)
        for each in stock.sourced
    ]  # fmt: skip
    rows += [
        _other(f"{each.symbol} · {each.market}", f"funding, {each.kind}", each.first_ms, each.last_ms, each.readings)
        for each in stock.funding
    ]
    empty = "None. The exchange's candles, imported bars and funding rates stand here."
    return table("Candles, imported bars and funding", rows, [""] * len(rows), empty)


def _other(symbol: str, what: str, first_ms: int, end_ms: int, count: int) -> list[Cell]:
    return [
        ("Symbol", symbol, "pair"),
        ("What", what, ""),
        ("From (UTC)", moment(first_ms), ""),
        ("To (UTC)", moment(end_ms), ""),
        ("Rows", f"{count:,}", "num"),
    ]


def gaps_table(gaps: Sequence[StoredGap], is_filtered: bool) -> Any:
    """The gaps of one page."""
    empty = "No gap passes this filter." if is_filtered else "No gap so far."
    return table("Gaps, the newest first", [_gap(gap) for gap in gaps], [""] * len(gaps), empty)


def _gap(gap: StoredGap) -> list[Cell]:
    state = html.Span(gap.status, title=labels.GAP_MEANINGS[gap.status])
    return [
        ("Symbol", f"{gap.symbol} · {gap.market}", "pair"),
        ("State", state, ""),
        ("Trade numbers", f"{gap.first_id} – {gap.last_id}", "num"),
        ("Trades", f"{gap.last_id - gap.first_id + 1:,}", "num"),
        ("Still missing", f"{gap.missing:,}", "num"),
        ("Opened (UTC)", moment(gap.opened_ms), ""),
        ("Closed (UTC)", moment(gap.closed_ms), ""),
        ("Reason", gap.reason or UNKNOWN, "said"),
    ]


def backups_table(made: Sequence[Backup]) -> Any:
    """The backups, the newest first."""
    rows: list[list[Cell]] = [
        [
            ("Backup", each.name, "pair"),
            ("Made (UTC)", moment(each.at_ms), ""),
            ("Size", labels.size(each.bytes), "num"),
            ("Archive", "with its files" if each.with_archive else "listed, not copied", ""),
        ]
        for each in made
    ]
    return table("Backups", rows, [""] * len(rows), "No backup in this folder yet.")


def settings_table(settings: Sequence[Setting]) -> Any:
    """The settings in force, those that were set first."""
    ordered = sorted(settings, key=lambda each: not each.is_from_environment)
    rows: list[list[Cell]] = [
        [
            ("Setting", html.Code(each.variable), "pair"),
            ("In force", each.value, ""),
            ("From", "environment" if each.is_from_environment else "default of config.py", ""),
            ("Default", each.default if each.is_from_environment else "", ""),
            ("Meaning", each.doc, "said"),
        ]
        for each in ordered
    ]
    return table("Settings in force", rows, ["is-set" if each.is_from_environment else "" for each in ordered], "")


def preview(found: Mapping[str, Any]) -> list[Any]:
    """What the files of an upload were taken for, and what is still asked."""
    questions = [html.Li([html.Strong(f"{each['of']}: "), each["text"]]) for each in found["questions"]]
    asked = [dbc.Alert([html.P("Say this first, then look again:"), html.Ul(questions)], color="warning")]
    return [*(asked if questions else []), *map(_file, found["files"])]


def _file(file: Mapping[str, Any]) -> html.Section:
    symbols = ", ".join(f"{name} ({rows:,})" for name, rows in list(file["symbols"].items())[:8])
    more = f" and {len(file['symbols']) - 8} more" if len(file["symbols"]) > 8 else ""
    facts = {
        "Taken for": file["format"], "Rows": f"{file['rows']:,}", "Symbols": f"{symbols}{more}" or UNKNOWN,
        "Bars": ", ".join(file["intervals"]), "From": file["from"], "To": file["to"],
        "Decimal": file["decimal"], "Encoding": file["encoding"],
        "Columns": ", ".join(f"{name} = {meaning or 'not used'}" for name, meaning in file["columns"].items()),
        "Refused": "; ".join(f"{count:,} rows: {reason}" for reason, count in file["refused"].items()),
    }  # fmt: skip
    known = [part for name, text in facts.items() if text for part in (html.Dt(name), html.Dd(text))]
    return html.Section([html.H3(file["name"]), html.Dl(known, className="data-facts"), *_sample(file)])


def _sample(file: Mapping[str, Any]) -> list[Any]:
    """The first rows, as they were read."""
    rows: list[list[Cell]] = [
        [(name, UNKNOWN if value is None else str(value), "") for name, value in row.items()]
        for row in file["first_rows"]
    ]
    return [table(f"First rows of {file['name']}", rows, [""] * len(rows), "")] if rows else []
