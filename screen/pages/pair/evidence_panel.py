"""The evidence panel's components: groups of figures, and the reasons for no entry."""

from __future__ import annotations

from typing import Any

from dash import html

from screen.components import ids
from screen.components.formatting import UNKNOWN
from screen.components.markup import Markup, markup
from screen.components.traps import TRAPS
from screen.pages.pair.evidence_table import GROUPS, Group, Line
from screen.pages.pair.money_line import as_of
from screen.pages.pair.reason_labels import REASONS, element

_NO_PAIR = "no pair is followed yet"
_FOCUSABLE: Any = {"tabIndex": 0}  # assets/hints.js explains the focused element


def evidence_panel() -> Markup:
    """The whole panel, without numbers; ``assets/pair.js`` fills them in."""
    panel = html.Section(
        [
            html.Div(
                [
                    html.H2("Evidence"),
                    html.Span("", id=ids.live("evidence-head"), className="panel-head"),
                    as_of(),
                    html.Span(
                        [
                            "how reliable the figures above are; ",
                            html.Span("point at a line or click it", className="for-mouse"),
                            html.Span("tap a line", className="for-touch"),
                            " for its meaning",
                        ],
                        className="hint",
                    ),
                ],
                className="panel-top",
            ),
            html.Div([*(_group(group) for group in GROUPS), _why()], className="evidence"),
        ],
        className="panel evidence-panel",
        id=ids.EVIDENCE,
    )
    return markup(panel)


def _group(group: Group) -> html.Div:
    return html.Div(
        [html.H3(group.title, title=group.explanation), *(part for line in group.lines for part in _parts(line))],
        className="ev-group",
    )


def _parts(line: Line) -> list[html.Div]:
    """A line, and the rows under it; those without a text are hidden."""
    rows = [
        html.Div(
            [html.Span(label, className="why-code"), html.Span("", id=ids.live(name), className="why-count")],
            className="why-line",
            title=line.explanation,
        )
        for name, label in line.rows.items()
    ]
    return [_line(line), *rows]


def _line(line: Line) -> html.Div:
    return html.Div(
        [
            html.Span(line.label, className="ev-label"),
            html.Span(UNKNOWN, id=ids.live(line.name), className="ev-value"),
            html.Span(_NO_PAIR, id=ids.live(f"{line.name}-note"), className="ev-note"),
        ],
        className="ev-line",
        title=line.explanation,
        **_FOCUSABLE,
        **_term(line.name),
    )


def _term(key: str) -> Any:
    """Leads from the explanation to the term's trap (assets/hints.js)."""
    return {"data-term": key} if key in TRAPS else {}


def _why() -> html.Div:
    rows = [
        html.Div(
            [
                html.Span(reason.name.lower().replace("_", " "), className="why-code"),
                html.Span("", id=ids.live(element(reason)), className="why-count"),
            ],
            className="why-line",
            title=f"{words[:1].upper()}{words[1:]}. In the log: {reason.name}.",
            **_FOCUSABLE,
            **_term(reason.name),
        )
        for reason, words in REASONS.items()
    ]  # fmt: skip
    title = "Bars of this run with |z| beyond the entry, and why there was no entry."
    passed = [
        html.Span("Beyond entry", className="ev-label"),
        html.Span(UNKNOWN, id=ids.live("passed"), className="ev-value"),
        html.Span(_NO_PAIR, id=ids.live("passed-note"), className="ev-note"),
    ]
    return html.Div(
        [html.H3("Why no entry", title=title), html.Div(passed, className="ev-line", title=title), *rows],
        className="ev-group",
    )
