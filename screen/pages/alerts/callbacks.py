"""The callbacks of the lists: rules with their buttons, history, undo. Each asks the service and shows the answer."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from engine.alerts.rule_json import rule_from_json
from engine.errors import PairbridgeError
from screen.pages.alerts import ids, labels
from screen.pages.alerts.channel_callbacks import register_channels
from screen.pages.alerts.editing import whole_json
from screen.pages.alerts.editor_callbacks import register_editor
from screen.pages.alerts.tables import history_table, rules_table
from services.alerts import PAGE, SNOOZED, AlertService
from services.delivery.service import ChannelService
from services.errors import problem_of

HOUR_MS = 3_600_000


def register_alerts(app: Dash, alerts: AlertService, channels: ChannelService) -> None:
    """Register the callbacks of the page."""
    register_editor(app, alerts)
    register_channels(app, channels, alerts)
    app.callback(
        Output(ids.RULES, "children"),
        Output(ids.FILTER_RULE, "options"),
        Output(ids.RULES_SEEN, "data"),
        Input(ids.NEWS, "data"),
        Input(ids.CHANGED, "data"),
        Input(ids.CHANNELS_CHANGED, "data"),
        State(ids.RULES_SEEN, "data"),
    )(partial(_show_rules, alerts))
    app.callback(
        Output(ids.HISTORY, "children"),
        Output(ids.RANGE, "children"),
        Output(ids.NEWEST, "disabled"),
        Output(ids.OLDER, "disabled"),
        Output(ids.OLDER_PLACE, "data"),
        Input(ids.NEWS, "data"),
        Input(ids.CHANGED, "data"),
        Input(ids.FILTER_RULE, "value"),
        Input(ids.FILTER_SEVERITY, "value"),
        Input(ids.NEWEST, "n_clicks"),
        Input(ids.OLDER, "n_clicks"),
        State(ids.OLDER_PLACE, "data"),
    )(partial(_show_history, alerts))
    app.callback(
        Output(ids.CHANGED, "data", allow_duplicate=True),
        Output(ids.SENT_SEEN, "data"),
        Input(ids.SENT_LOOK, "n_intervals"),
        State(ids.SENT_SEEN, "data"),
        prevent_initial_call=True,
    )(partial(_look_at_sent, alerts))
    _register_acts(app, alerts)


def _register_acts(app: Dash, alerts: AlertService) -> None:
    app.callback(
        Output(ids.MESSAGE, "children"),
        Output(ids.UNDO_STORE, "data"),
        Output(ids.CHANGED, "data"),
        Input(ids.PRESSED, "data"),
        prevent_initial_call=True,
    )(partial(_act, alerts))
    wire: Any = app.clientside_callback  # untyped
    wire(  # rows that are drawn anew call this again, and would drop an answer that is under way
        ClientsideFunction("pairbridgeAlerts", "pressed"),
        Output(ids.PRESSED, "data"),
        Input(ids.act(ALL, ALL), "n_clicks"),
        Input(ids.seen(ALL), "n_clicks"),
        Input(ids.snooze(ALL, ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    app.callback(
        Output(ids.MESSAGE, "children", allow_duplicate=True),
        Output(ids.UNDO_STORE, "data", allow_duplicate=True),
        Output(ids.CHANGED, "data", allow_duplicate=True),
        Input(ids.UNDO, "n_clicks"),
        State(ids.UNDO_STORE, "data"),
        prevent_initial_call=True,
    )(partial(_undo, alerts))
    app.callback(Output(ids.UNDO, "hidden"), Input(ids.UNDO_STORE, "data"))(_offer_undo)


async def _show_rules(alerts: AlertService, _news: Any, _changed: Any, _channels: Any, seen: Any) -> tuple[Any, ...]:
    """Drawn anew where a rule or a channel has changed: alerts change only texts, which come by the live connection."""
    try:
        views, now, names = await asyncio.to_thread(
            lambda: (alerts.rules(), alerts.board.now(), names_of(alerts))
        )  # fmt: skip
    except PairbridgeError as error:
        return problem_of(error).message, no_update, None
    drawn: list[Any] = [[each.rule_id, each.revision, each.snoozed_ms] for each in views]
    drawn.append(names)
    if seen == drawn:
        return (no_update,) * 3
    chosen = [{"label": "any rule", "value": labels.ANY}]
    chosen += [{"label": each.rule.name, "value": each.rule_id} for each in views]
    rows = rules_table(views, {each.rule_id: each for each in now}, now_ms(), names)
    return rows, chosen, drawn


def names_of(alerts: AlertService) -> dict[str, str]:
    """The channels' names by id."""
    return {each.channel_id: each.name for each in alerts.channels.channels()}


def now_ms() -> int:
    """The machine's clock."""
    return time.time_ns() // 1_000_000


async def _show_history(
    alerts: AlertService, _news: Any, _changed: Any, rule: str | None, severity: str | None, _newest: Any, _older: Any,
    place: Any,
) -> tuple[Any, ...]:  # fmt: skip
    before = before_of(ctx.triggered_id, place)
    wanted = ["" if each in (None, labels.ANY) else str(each) for each in (rule, severity)]
    try:
        found, known, names = await asyncio.to_thread(
            lambda: (
                alerts.history(before, wanted[0], PAGE + 1, wanted[1]), {each.rule_id for each in alerts.rules()},
                names_of(alerts),
            )
        )  # fmt: skip
    except PairbridgeError as error:
        return problem_of(error).message, *(no_update,) * 4
    shown = found[:PAGE]
    said = f"{len(shown)} shown{', older ones' if before else ''}" if shown else ""
    following = shown[-1].number if len(found) > PAGE else None
    rows = history_table(shown, any(wanted), known, names)
    return rows, said, before is None, following is None, {"before": before, "next": following}


async def _look_at_sent(alerts: AlertService, _looks: Any, seen: Any) -> tuple[Any, Any]:
    """Sending changes no rule and no alert, so it is looked at now and then: the history is drawn anew if the newest
    messages are further than they were."""
    try:
        found = await asyncio.to_thread(alerts.history)
    except PairbridgeError:  # the history says why, as it is drawn
        return now_ms(), None
    states = [[row.outbox_id, row.state, row.attempts] for each in found for row in each.messages]
    return (no_update, no_update) if states == seen else (now_ms(), states)


def before_of(trigger: Any, place: dict[str, Any] | None) -> int | None:
    """Before which alert the page that is asked for begins: a new alert leaves an older page as it is."""
    if not place or trigger in (ids.NEWEST, ids.FILTER_RULE, ids.FILTER_SEVERITY):
        return None
    found: int | None = place["next"] if trigger == ids.OLDER else place["before"]
    return found


async def _act(alerts: AlertService, pressed: dict[str, str] | None) -> tuple[Any, Any, Any]:
    if not pressed or pressed.get("what") == "edit":
        return no_update, no_update, no_update
    try:
        said, undo = await asyncio.to_thread(done, alerts, pressed)
    except PairbridgeError as error:
        return f"Not done: {problem_of(error).message}.", no_update, no_update
    return said, undo, now_ms()


def done(alerts: AlertService, pressed: dict[str, str]) -> tuple[str, dict[str, Any] | None]:
    """Do what a button says; (what was done, what takes it back). Raises PairbridgeError."""
    if pressed["type"] == "alerts-seen":
        alerts.acknowledge(pressed["alert"])
        return "Acknowledged.", None
    what, rule_id = pressed.get("what", "snooze-1"), pressed["rule"]
    view = alerts.rule(rule_id)
    name = view.rule.name
    if what == "enable":
        alerts.enable(rule_id, not view.rule.enabled)
        return f"{name} is {'off' if view.rule.enabled else 'on, and begins anew; its daily limit goes on'}.", None
    if what == "delete":
        alerts.delete(rule_id)
        return f"{name} is deleted; its alerts stay in the history.", {"kind": "delete", "rule": rule_id}
    if what == "wake":
        alerts.snooze(rule_id, 0)
        return f"Alerts of {name} are sent again.", None
    hours = int(what.removeprefix("snooze-"))
    alerts.snooze(rule_id, now_ms() + hours * HOUR_MS if hours else SNOOZED)
    return f"Nothing is sent of {name}: {labels.SNOOZES[str(hours)]}.", None


async def _undo(alerts: AlertService, clicks: int | None, undo: dict[str, Any] | None) -> tuple[Any, Any, Any]:
    if not clicks or not undo:
        return no_update, no_update, no_update
    try:
        view = await asyncio.to_thread(taken_back, alerts, undo)
    except PairbridgeError as error:
        return f"Not done: {problem_of(error).message}.", no_update, no_update
    return f"{view.rule.name} is as it was, and begins anew.", None, now_ms()


def taken_back(alerts: AlertService, undo: dict[str, Any]) -> Any:
    """The rule after its deletion or change was taken back. Raises PairbridgeError."""
    if undo["kind"] == "delete":
        return alerts.undelete(undo["rule"])
    return alerts.change(undo["rule"], whole_json(rule_from_json(undo["was"])))


async def _offer_undo(undo: Any) -> bool:
    return not undo
