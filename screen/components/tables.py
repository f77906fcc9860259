"""Tables in plain HTML: rows hold links and buttons; a narrow screen shows them as cards (assets/rows.css). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from screen.components.formatting import UNKNOWN, clock, utc
from screen.components.markup import markup

Cell = tuple[str, Any, str]  # the column's label, content, class


def table(caption: str, rows: Sequence[Sequence[Cell]], classes: Sequence[str], empty: str) -> Any:
    """A table with a caption for screen readers; ``classes`` of its rows. Without rows the text that says why. It is
    one component, so no callback can read or write its cells."""
    made = table_of_parts(caption, rows, classes, empty)
    return markup(made) if rows else made


def table_of_parts(caption: str, rows: Sequence[Sequence[Cell]], classes: Sequence[str], empty: str) -> Any:
    """As ``table``, with a component for each cell: for those with controls that a callback reads."""
    if not rows:
        return html.P(empty, className="rows-empty")
    head = html.Tr([html.Th(label, scope="col", className=name) for label, _, name in rows[0]])
    body = [
        html.Tr([html.Td(content, className=name, **_labelled(label)) for label, content, name in row], className=kind)
        for row, kind in zip(rows, classes, strict=True)
    ]
    return html.Table([html.Caption(caption), html.Thead(head), html.Tbody(body)], className="rows-table")


def moment(time_ms: int | None, **more: Any) -> Any:
    """A time in a column whose label ends in (UTC); ``assets/clock_zone.js`` brings both to the chosen zone."""
    if time_ms is None:
        return UNKNOWN
    return html.Time(clock(time_ms).removesuffix(" UTC"), dateTime=utc(time_ms), **more)


def _labelled(label: str) -> dict[str, Any]:
    """The label of a cell where the table is drawn as cards."""
    return {"data-label": label}


def toned(text: str, tone: str) -> html.Span:
    """A figure in the colour of its tone."""
    data: Any = {"data-tone": tone}
    return html.Span(text, className="money-value", **data)
