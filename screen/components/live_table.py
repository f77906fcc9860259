"""Tables of many rows that a script fills: ``assets/live_table.js`` keeps only the rows in view in the document. Pure.

For pages that load no grid: a grid's scripts are 600 kB compressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import html

from screen.components.markup import Markup, markup


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """One column: the field of its rows, its head, its width in pixels (0: what is left), whether it has numbers, and
    what it says."""

    field: str
    head: str
    width: int = 0
    is_number: bool = False
    explanation: str = ""


def live_table(element_id: str, caption: str, columns: Sequence[LiveColumn], empty: str, height: int) -> Markup:
    """The table without rows in a box that scrolls, ``height`` pixels high; ``empty`` is said while there are none."""
    named: Any = {"aria-label": caption, "data-empty": ""}
    said: Any = {"data-said": empty}
    box = html.Div(
        [
            html.Table(
                [
                    html.Caption(caption),
                    html.Colgroup([html.Col(style=_wide(column)) for column in columns]),
                    html.Thead(html.Tr([_head(column) for column in columns])),
                    html.Tbody(),
                ],
                style={"minWidth": _rem(sum(column.width or 90 for column in columns))},
            ),
            html.P("Loading …", className="rows-empty", **said),
        ],
        id=element_id, className="live-table", tabIndex="0", role="region", style={"height": _rem(height)}, **named,
    )  # fmt: skip
    return markup(box)


def _rem(pixels: int) -> str:
    """Pixels of plain type, so that a table grows with the type."""
    return f"{pixels / 16:g}rem"


def _wide(column: LiveColumn) -> dict[str, str]:
    return {"width": _rem(column.width)} if column.width else {}


def _head(column: LiveColumn) -> html.Th:
    field: Any = {"data-field": column.field}
    kind = "num" if column.is_number else ""
    button = html.Button(column.head, type="button", title=column.explanation or None)
    return html.Th(button, scope="col", className=kind, **field)
