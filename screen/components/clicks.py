"""Clicks, as callbacks see them."""

from __future__ import annotations

from dash import ctx


def was_clicked() -> bool:
    """Whether a button was clicked: a callback is also called when its button appears on a page that was mounted, or in
    a table that was drawn."""
    return any(each["value"] for each in ctx.triggered)
