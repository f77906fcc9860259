"""What can be saved under names (layouts, watch lists): the place that ``assets/saved_box.js`` fills. Pure."""

from __future__ import annotations

from typing import Any

from dash import html

from screen.components.markup import Markup, markup


def saved_box(kind: str, title: str, meaning: str) -> Markup:
    """A fold with the saved ones of a ``kind`` that ``assets/saved_core.js`` knows; ``meaning`` explains the fold."""
    named: Any = {"data-saved": kind}
    fold = html.Details(
        [html.Summary(title, title=meaning), html.Div(className="saved-body")], className="saved", **named
    )
    return markup(fold)


def watch_lists() -> Markup:
    """The fold of the watch lists, for every page that shows what is watched."""
    return saved_box("watch-lists", "Watch lists", "Sets of watched pairs under names, kept in this browser.")
