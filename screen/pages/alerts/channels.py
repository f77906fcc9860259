"""The channels' part of the page: those that are set up, and the form of a new one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components.fields import options
from screen.components.tables import Cell, table_of_parts
from screen.pages.alerts import ids
from services.delivery.push import SERVICES
from services.delivery.senders import KINDS
from services.delivery.service import ChannelView

FIRST = "ntfy"
_LIVE: Any = {"aria-live": "polite"}
_TITLES = {"email": "e-mail", "ntfy": "ntfy (phone, free)", "webhook": "webhook (a program of yours)"}
_HINTS = {
    "webhook": "Where it is posted, such as https://desk.example.org/alerts. Https, to a public address.",
    "email": "Up to ten receivers with commas, such as you@example.org.",
    "ntfy": "A topic of yours: subscribe to the same one in the ntfy app on the phone. Whoever knows"
    " it reads it: take a long one that nobody guesses.",
}
_SECRETS = {"webhook": "Signs each message. Empty: one is made, and shown once.", "email": "The password of the user."}
MAIL = (
    (ids.CHANNEL_HOST, "host", "Mail server", "smtp.example.org"),
    (ids.CHANNEL_PORT, "port", "Port", "465"),
    (ids.CHANNEL_USER, "user", "User", "you@example.org"),
    (ids.CHANNEL_SENDER, "sender", "Sender", "you@example.org"),
)


def hint(kind: str) -> str:
    """What an address of a kind looks like."""
    return _HINTS[kind] if kind in _HINTS else f"Such as {SERVICES[kind].example}"


def parts_of(kind: str) -> tuple[str, str, bool, bool]:
    """(what an address is, what a secret is, whether a secret and whether a mail server are left out)."""
    return hint(kind), _SECRETS.get(kind, ""), kind not in _SECRETS, kind != "email"


def channels_list(views: Sequence[ChannelView], advice: str) -> Any:
    """Where alerts can be sent, addresses masked; without any, how one is added."""
    if not views:
        return html.P(["No channel is set up. ", advice], className="alert-advice")
    rows: list[list[Cell]] = [
        [
            ("Channel", each.name, "pair"),
            ("Kind", each.kind, ""),
            ("Address", each.address.removeprefix(f"{each.kind} "), "said"),
            ("Do", html.Div([_act("Test", each), _act("Delete", each)], className="row-buttons"), "rule-acts"),
        ]
        for each in views
    ]
    return table_of_parts("Channels, addresses masked", rows, [""] * len(rows), "")


def _act(text: str, view: ChannelView) -> html.Button:
    named: Any = {"aria-label": f"{text} {view.name}"}
    return html.Button(
        text, id=ids.channel(text.lower(), view.channel_id), type="button",
        className="btn btn-outline-secondary btn-sm", **named,
    )  # fmt: skip


def channels_part() -> list[Any]:
    """The list, what came of a test, and the form."""
    undo = html.Button("Undo", id=ids.CHANNEL_UNDO, type="button", hidden=True, className="btn btn-outline-info btn-sm")
    return [
        html.Div("", id=ids.CHANNELS_SHOWN, className="rows-scroll", tabIndex=0),
        html.Div([html.Span("", id=ids.CHANNEL_SAID, role="status", **_LIVE), undo], className="alert-message"),
        html.Details([html.Summary("Add a channel"), _form()], className="channel-add"),
        *(dcc.Store(id=name) for name in (ids.CHANNEL_PRESSED, ids.CHANNELS_CHANGED, ids.CHANNEL_REMOVED)),
    ]


def _form() -> html.Div:
    kinds = dbc.Select(
        id=ids.CHANNEL_KIND, options=options(tuple((each, _TITLES.get(each, each)) for each in KINDS)), value=FIRST,
        size="sm",
    )  # fmt: skip
    address, secret, no_secret, no_mail = parts_of(FIRST)
    safety = dbc.Select(
        id=ids.CHANNEL_TLS, options=options((("tls", "TLS"), ("starttls", "STARTTLS"))), value="tls", size="sm"
    )  # fmt: skip
    return html.Div(
        [
            html.Div(
                [
                    _field("Kind", kinds),
                    _field("Name", _text(ids.CHANNEL_NAME, "my phone"), "As it stands in the editor of rules."),
                    _field("Address", _text(ids.CHANNEL_ADDRESS), address, ids.CHANNEL_HINT),
                    html.Div(
                        _field("Secret", _text(ids.CHANNEL_SECRET, "", True), secret or " ", ids.CHANNEL_SECRET_HINT),
                        id=ids.CHANNEL_SECRET_PART, hidden=no_secret,
                    ),
                ],
                className="channel-form",
            ),
            html.Div(
                [*(_field(label, _text(name, like)) for name, _, label, like in MAIL), _field("Security", safety)],
                id=ids.CHANNEL_MAIL, hidden=no_mail, className="channel-form",
            ),
            html.Div(
                [
                    dbc.Button("Add", id=ids.CHANNEL_ADD, color="info", size="sm"),
                    html.Span("", id=ids.CHANNEL_FAULT, className="message", role="alert"),
                ],
                className="alert-buttons",
            ),
        ]
    )  # fmt: skip


def _field(label: str, control: Any, said: str = "", said_id: str = "") -> html.Div:
    parts: list[Any] = [html.Label(label, htmlFor=control.id), control]
    if said:
        named: Any = {"id": said_id} if said_id else {}
        parts.append(html.Div(said, className="field-help", **named))
    return html.Div(parts)


def _text(name: str, example: str = "", is_secret: bool = False) -> dbc.Input:
    return dbc.Input(
        id=name, type="password" if is_secret else "text", size="sm", placeholder=example, value="",
        autocomplete="new-password" if is_secret else "off",
    )  # fmt: skip
