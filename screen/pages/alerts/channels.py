"""The channels' part of the page. Pure."""

from __future__ import annotations

from typing import Any

from dash import html

from services.alert_channels import Channels


def channels_panel(channels: Channels) -> Any:
    """Where alerts can be sent, or that they cannot."""
    found = channels.channels()
    if not found:
        return html.P(["No channel is set up. ", channels.advice()], className="alert-advice")
    rows = [html.Li([html.Strong(each.name), f" {each.says}"]) for each in found]
    return [html.Ul(rows, className="alert-channels-list"), html.P(channels.advice(), className="panel-head")]
