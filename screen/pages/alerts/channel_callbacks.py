"""The callbacks of the channels: list, add, test, delete and take back. Each asks the service and shows the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, html, no_update

from engine.errors import PairbridgeError
from screen.pages.alerts import ids
from screen.pages.alerts.channels import MAIL, channels_list, parts_of
from services.alerts import AlertService
from services.delivery.service import ChannelMade, ChannelService
from services.errors import problem_of

_TYPED = (ids.CHANNEL_NAME, ids.CHANNEL_ADDRESS, ids.CHANNEL_SECRET)
_SERVER = tuple(name for name, *_ in MAIL)


def register_channels(app: Dash, channels: ChannelService, alerts: AlertService) -> None:
    """Register the callbacks."""
    app.callback(Output(ids.CHANNELS_SHOWN, "children"), Input(ids.CHANNELS_CHANGED, "data"))(
        partial(_show, channels, alerts)
    )
    app.callback(
        Output(ids.CHANNEL_HINT, "children"),
        Output(ids.CHANNEL_SECRET_HINT, "children"),
        Output(ids.CHANNEL_SECRET_PART, "hidden"),
        Output(ids.CHANNEL_MAIL, "hidden"),
        Input(ids.CHANNEL_KIND, "value"),
        prevent_initial_call=True,
    )(_fit)
    app.callback(
        Output(ids.CHANNEL_FAULT, "children"),
        Output(ids.CHANNEL_SAID, "children"),
        Output(ids.CHANNELS_CHANGED, "data"),
        *(Output(name, "value") for name in _TYPED),
        Input(ids.CHANNEL_ADD, "n_clicks"),
        State(ids.CHANNEL_KIND, "value"),
        *(State(name, "value") for name in (*_TYPED, *_SERVER, ids.CHANNEL_TLS)),
        prevent_initial_call=True,
    )(partial(_add, channels))
    _register_acts(app, channels)


def _register_acts(app: Dash, channels: ChannelService) -> None:
    wire: Any = app.clientside_callback  # untyped
    wire(
        ClientsideFunction("pairbridgeAlerts", "pressed"),
        Output(ids.CHANNEL_PRESSED, "data"),
        Input(ids.channel(ALL, ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    shown = (
        Output(ids.CHANNEL_SAID, "children", allow_duplicate=True),
        Output(ids.CHANNELS_CHANGED, "data", allow_duplicate=True),
        Output(ids.CHANNEL_REMOVED, "data", allow_duplicate=True),
    )
    app.callback(
        *shown,
        Input(ids.CHANNEL_PRESSED, "data"),
        running=[(Output(ids.CHANNEL_SAID, "children"), "Sending …", "")],
        prevent_initial_call=True,
    )(partial(_act, channels))
    app.callback(
        *shown, Input(ids.CHANNEL_UNDO, "n_clicks"), State(ids.CHANNEL_REMOVED, "data"), prevent_initial_call=True
    )(partial(_put_back, channels))
    app.callback(Output(ids.CHANNEL_UNDO, "hidden"), Input(ids.CHANNEL_REMOVED, "data"))(_offer_undo)


async def _show(channels: ChannelService, alerts: AlertService, _changed: Any) -> Any:
    return channels_list(channels.channels(), alerts.channels.advice())


async def _fit(kind: str) -> tuple[str, str, bool, bool]:
    return parts_of(kind)


async def _add(channels: ChannelService, clicks: int | None, *typed: str | None) -> tuple[Any, ...]:
    if not clicks:
        return (no_update,) * 6
    try:
        made = await asyncio.to_thread(channels.add, wanted_of(typed))
    except PairbridgeError as error:
        return f"Not added: {problem_of(error).message}.", *(no_update,) * 5
    return "", added(made), _now(), "", "", ""


def wanted_of(typed: tuple[str | None, ...]) -> dict[str, Any]:
    """A channel as the service takes it, from the controls in their order; what its kind has not is left out."""
    kind, name, address, secret, *server = (each or "" for each in typed)
    wanted: dict[str, Any] = {"name": name, "kind": kind, "address": address}
    _, _, no_secret, no_mail = parts_of(kind)
    if not no_secret:
        wanted["secret"] = secret
    if not no_mail:
        names = [*(option for _, option, *_ in MAIL), "tls"]
        wanted["options"] = {option: value for option, value in zip(names, server, strict=True) if value}
    return wanted


def added(made: ChannelMade) -> Any:
    """What is said of a new channel."""
    read = made.view.address.removeprefix(f"{made.view.kind} ")
    said = f"{made.view.name} is added, and its address read as: {made.view.kind} {read}. Test it, and tick it in the"
    said += " rules whose alerts it is to get."
    if not made.secret:
        return said
    return [said, " Its secret, shown this once: ", html.Code(made.secret, className="channel-secret")]


async def _act(channels: ChannelService, pressed: Mapping[str, str] | None) -> tuple[Any, Any, Any]:
    if not pressed:
        return no_update, no_update, no_update
    channel_id = pressed["channel"]
    try:
        name = next((each.name for each in channels.channels() if each.channel_id == channel_id), channel_id)
        if pressed["what"] == "delete":
            await asyncio.to_thread(channels.remove, channel_id)
            return f"{name} is deleted; what waits for it is given up.", _now(), channel_id
        found = await asyncio.to_thread(channels.test, channel_id)
    except PairbridgeError as error:
        return f"Not done: {problem_of(error).message}.", no_update, no_update
    if found.state == "sent":
        return f"{name}: the test was taken.", no_update, no_update
    failed = html.Span(f"{name}: the test was not sent: {found.error}.", className="message", role="alert")
    return failed, no_update, no_update


async def _put_back(channels: ChannelService, clicks: int | None, channel_id: str | None) -> tuple[Any, Any, Any]:
    if not clicks or not channel_id:
        return no_update, no_update, no_update
    try:
        view = await asyncio.to_thread(channels.put_back, channel_id)
    except PairbridgeError as error:
        return f"Not done: {problem_of(error).message}.", no_update, no_update
    return f"{view.name} is back.", _now(), None


async def _offer_undo(channel_id: str | None) -> bool:
    return not channel_id


def _now() -> int:
    return time.time_ns() // 1_000_000
