"""The tables of the page: plain HTML, so that rows are links and a narrow screen shows them as cards. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import dash_bootstrap_components as dbc
from dash import html

from engine.store.bulk import SignalFilter
from screen.components.addresses import pair_path
from screen.components.formatting import UNKNOWN, clock, utc
from screen.components.tables import Cell, moment, table, table_of_parts, toned
from screen.pages.signals import ids, labels
from services.export.request import END_MS
from services.journal import JournalCounts, JournalPage, JournalRow
from services.paper_trades import ClosedTrade, TradeJournal, TradeTotal
from services.parity import PairParity

_SIDES = {1: "long", -1: "short"}


def pair_link(market: str, y: str, x: str, close_ms: int | None = None) -> html.A:
    """A pair's name that leads to its page, and there to the bar that closed at ``close_ms``."""
    where = "its page" if close_ms is None else "this bar on its chart"
    title = f"{y} ~ {x} in market {market}: {where}"
    return html.A(f"{y} ~ {x}", href=pair_path(market, y, x, close_ms), title=title)


def journal_table(page: JournalPage, is_filtered: bool) -> Any:
    """The decisions of one page."""
    classes = ["" if row.stands else "is-superseded" for row in page.rows]
    return table("Decisions, newest bar first", [_decision(row) for row in page.rows], classes,
                 labels.empty_text(is_filtered))  # fmt: skip


def _decision(row: JournalRow) -> list[Cell]:
    kind, meaning = labels.kind_label(row.kind)
    reason, why = labels.reason_label(row.reason)
    revision = f"{row.revision}" if row.stands else f"{row.revision}, superseded"
    origin = f"given {labels.FROM_FEED}" if row.is_live else f"replayed: {labels.REPLAYED}"
    run, changed = labels.run_label(row)
    given = f"given at {clock(row.given_at_ms)}, {origin}"
    return [
        ("Bar close (UTC)", moment(row.close_ms, title=given), "when"),
        ("Pair", pair_link(row.market, row.y, row.x, row.close_ms), "pair"),
        ("Bars", row.interval, ""),
        ("Decision", html.Span(kind, title=meaning), "kind"),
        ("Reason", html.Span(reason, title=why), ""),
        ("Proof", _proof(row), "num"),
        ("Revision", html.Span(revision, title="0: as first given; late trades can revise a bar"), "num"),
        ("z", labels.number(row.z, 2, sign=True), "num"),
        ("β", labels.number(row.beta, 4), "num"),
        ("p", labels.share(row.pvalue), "num"),
        ("Y price", f"{row.y_price:.10g}", "num"),
        ("X price", f"{row.x_price:.10g}", "num"),
        ("Quantity Y", f"{row.quantity_y:+.6g}" if row.quantity_y else UNKNOWN, "num"),
        ("Quantity X", f"{row.quantity_x:+.6g}" if row.quantity_x else UNKNOWN, "num"),
        ("Run", html.Span(run, title=changed), "num"),
    ]


def _proof(row: JournalRow) -> Any:
    """A link to the decision's proof pack; what ends or takes back is not computed from its bar alone and has none."""
    if row.kind == "withdrawn" or row.reason == "RUN_END":
        return UNKNOWN
    query = urlencode({"run": row.run_id, "bar_close": utc(row.close_ms), "revision": row.revision})
    what = "The trades, bars and settings behind this decision, with a script that computes it again"
    return html.A("zip", href=f"/api/export/proof?{query}", download="", title=what)


def counts_list(counts: JournalCounts) -> list[Any]:
    """Reasons for no entry with their counts and bars."""
    most = max(counts.reasons.values(), default=1)
    rows = [
        html.Div(
            [
                html.Span(label, className="signals-why"),
                html.Span(className="signals-bar", style={"--share": f"{100 * size / most:.1f}%"}),
                html.Span(count, className="num"),
            ],
            className="signals-count", title=meaning,
        )
        for (label, meaning, count), size in zip(labels.count_items(counts), counts.reasons.values(), strict=True)
    ]  # fmt: skip
    return [html.P(labels.counts_head(counts), className="panel-head"), *rows]


def trades_table(journal: TradeJournal) -> Any:
    """The closed trades."""
    empty = "No closed trade in this range. A trade closes when both legs of its exit are filled."
    return table("Closed trades, newest first", [_trade(row) for row in journal.rows], [""] * len(journal.rows), empty)


def _decided(row: ClosedTrade) -> html.Span:
    name, why = ("replayed", labels.REPLAYED) if row.is_replayed else ("feed", labels.FROM_FEED)
    return html.Span(name, title=why)


def _trade(row: ClosedTrade) -> list[Cell]:
    reason, why = labels.reason_label(row.reason)
    return [
        ("Closed (UTC)", moment(row.closed_ms), "when"),
        ("Pair", pair_link(row.market, row.y, row.x, row.closed_ms), "pair"),
        ("Side", _SIDES[row.side], ""),
        ("Decided", _decided(row), ""),
        ("Exit", html.Span(reason, title=why), ""),
        ("Entered (UTC)", moment(row.entered_ms), ""),
        ("Y in, out", f"{row.entry_y:.8g} → {row.exit_y:.8g}", "num"),
        ("X in, out", f"{row.entry_x:.8g} → {row.exit_x:.8g}", "num"),
        (f"Gross{_in(row.unit)}", labels.money(row.gross), "num"),
        ("Fees", labels.number(row.fees, 2), "num"),
        ("Half-spreads", labels.number(row.half_spread, 2), "num"),
        ("Slippage", labels.number(row.slippage, 2), "num"),
        ("Funding", labels.money(row.funding), "num"),
        ("Net", _money(row.net), "num"),
        ("Running total", _money(row.total), "num"),
    ]


def _in(unit: str) -> str:
    return f" ({unit})" if unit else ""


def _money(value: float) -> html.Span:
    return toned(labels.money(value), labels.tone(value))


def totals_line(journal: TradeJournal) -> list[Any]:
    """The totals of all trades that pass the filter, in each quote currency."""
    parts: list[Any] = [html.Span(_total(total), className="signals-total") for total in journal.totals]
    if not parts:
        parts = ["no closed trade"]
    if sum(total.trades for total in journal.totals) > len(journal.rows):
        parts.append(html.Span(f"the newest {len(journal.rows):,} are listed"))
    return parts + [html.Span(text) for text in labels.left_out(journal)]


def _total(total: TradeTotal) -> list[Any]:
    unit = f" {total.unit}" if total.unit else " of quote currency"
    head = f"{labels.counted(total.trades, 'trade')}, {total.wins:,} won: {labels.costs(total)} = net "
    replayed = [f"; {labels.replayed(total)}"] if total.replayed else []
    return [head, _money(total.net), unit, *replayed]


def parity_table(pairs: Sequence[PairParity]) -> Any:
    """Each pair's run with the newest check and the button for another."""
    is_running = any(pair.state.phase == "running" for pair in pairs)
    rows = []
    for pair in pairs:
        item = labels.parity_item(pair)
        button = dbc.Button(
            "Check", id=ids.check(pair.watch_id), size="sm", color="info", outline=True,
            disabled=is_running or not pair.bars, title=f"Replay the run of {pair.y} ~ {pair.x} out of the store",
        )  # fmt: skip
        badge = toned(item.value, item.tone)
        said = [badge, html.Div(item.note, className="panel-head")]
        rows.append(
            [("Pair", pair_link(pair.market, pair.y, pair.x), "pair"), ("Parity", said, "said"), ("Replay", button, "")]
        )
    empty = "No pair is watched yet."
    return table_of_parts("Parity of each pair's run", rows, [""] * len(rows), empty)


def export_address(wanted: SignalFilter, form: str) -> str:
    """The address of the export that holds what the filter passes.

    >>> export_address(SignalFilter("sim", ("A", "B"), kinds=("exit",)), "csv")
    '/api/export/signals?market=sim&symbols=A%2CB&kind=exit&format=csv'
    """
    query: list[tuple[str, str]] = []
    texts: Mapping[str, str] = {
        "market": wanted.market,
        "symbols": ",".join(wanted.symbols),
        "from": str(wanted.from_ms) if wanted.from_ms else "",
        "to": str(wanted.to_ms) if wanted.to_ms < END_MS else "",
    }
    query += [(name, text) for name, text in texts.items() if text]
    query += [("kind", kind) for kind in wanted.kinds] + [("reason", reason) for reason in wanted.reasons]
    return f"/api/export/signals?{urlencode([*query, ('format', form)])}"
