"""The callbacks of the editor: open, edit the tree, check, save, solve, preview."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update

from engine.alerts.rule_json import rule_from_json, rule_to_json
from engine.alerts.rules import AlertRule
from engine.errors import PairbridgeError, SettingsError
from screen.components.clicks import was_clicked
from screen.components.fields import error_id
from screen.pages.alerts import ids, labels
from screen.pages.alerts.editing import no_channel, opened, options_of, saved, shape, solvable, summary
from screen.pages.alerts.editor import tree_panel
from screen.pages.alerts.fields import CAP, FORM, NAME, SEVERITY, SUBJECT
from screen.pages.alerts.figures import preview_figure
from screen.pages.alerts.form import Form, FormFaults, form_of, rule_from, subject_of
from screen.pages.alerts.sentences import sentence, subject_words
from screen.pages.alerts.tables import preview_alerts, preview_table
from screen.pages.alerts.tree import Node, changed, fit_kind, tree_from
from services.alerts import AlertService, Trial
from services.errors import problem_of

_TREE: tuple[tuple[Any, str], ...] = ((ids.pick(ALL, ALL), "value"), (ids.number(ALL, ALL), "value"))
_GIVEN: tuple[tuple[Any, str], ...] = (*((name, "value") for name in FORM), (ids.CHANNELS, "value"), *_TREE)
_BESIDE_THE_REPLAY = (NAME.id, SEVERITY.id, ids.CHANNELS)
OUTDATED = "The rule was changed after its replay: click again to see what it would have done."
_OPENED = (
    Output(ids.EDITOR, "hidden"), Output(ids.TITLE, "children"), Output(ids.TREE, "children"),
    Output(ids.SHAPE, "data"), Output(SUBJECT.id, "options"), Output(ids.CHANNELS, "options"),
    Output(ids.CHANNELS, "value"), Output(ids.NO_CHANNEL, "children"), Output(ids.EDITED, "data"),
    Output(ids.PREVIEWED, "children"), Output(ids.SOLVED, "children"), Output(ids.SAVE_SAID, "children"),
    *(Output(name, "value") for name in FORM),
)  # fmt: skip


def register_editor(app: Dash, alerts: AlertService) -> None:
    """Register the callbacks."""
    app.callback(
        *_OPENED,
        Input(ids.NEW, "n_clicks"),
        Input(ids.template(ALL), "n_clicks"),
        Input(ids.PRESSED, "data"),
        Input(ids.CANCEL, "n_clicks"),
        prevent_initial_call=True,
    )(partial(_open, alerts))
    app.callback(
        Output(ids.TREE, "children", allow_duplicate=True),
        Output(ids.SHAPE, "data", allow_duplicate=True),
        Input(ids.change(ALL, ALL), "n_clicks"),
        Input(ids.pick(ALL, ALL), "value"),
        Input(SUBJECT.id, "value"),
        State(ids.number(ALL, ALL), "value"),
        State(ids.SHAPE, "data"),
        prevent_initial_call=True,
    )(_edit)
    app.callback(
        Output(ids.SENTENCE, "children"),
        Output(ids.ERRORS, "children"),
        Output(ids.BUDGET_LEAF, "options"),
        Output(ids.BUDGET_LEAF, "value"),
        Output(ids.BUDGET_PART, "hidden"),
        *(Output(error_id(name), "children") for name in FORM),
        Output(ids.fault(ALL, ALL), "children"),
        *(Input(*each) for each in _GIVEN),
        State(ids.EDITED, "data"),
        State(ids.BUDGET_LEAF, "value"),
        prevent_initial_call=True,
    )(_check)
    _register_changes(app, alerts)
    _register_buttons(app, alerts)
    wire: Any = app.clientside_callback  # untyped
    wire(ClientsideFunction("pairbridgeAlerts", "opened"), Input(ids.EDITOR, "hidden"), prevent_initial_call=True)
    wire(ClientsideFunction("pairbridgeAlerts", "drawn"), Input(ids.SHAPE, "data"), prevent_initial_call=True)


def _register_changes(app: Dash, alerts: AlertService) -> None:
    """What follows a change of the open form, or of the channels."""
    app.callback(
        Output(ids.SOLVED, "children", allow_duplicate=True),
        Output(ids.PREVIEWED, "children", allow_duplicate=True),
        *(Input(*each) for each in _GIVEN),
        State(ids.EDITED, "data"),
        prevent_initial_call=True,
    )(_outdate)
    app.callback(
        Output(ids.CHANNELS, "options", allow_duplicate=True),
        Output(ids.CHANNELS, "value", allow_duplicate=True),
        Output(ids.NO_CHANNEL, "children", allow_duplicate=True),
        Input(ids.CHANNELS_CHANGED, "data"),
        State(ids.CHANNELS, "options"),
        State(ids.CHANNELS, "value"),
        prevent_initial_call=True,
    )(partial(_offer, alerts))


def _register_buttons(app: Dash, alerts: AlertService) -> None:
    given = [*(State(*each) for each in _GIVEN), State(ids.EDITED, "data")]
    app.callback(
        Output(ids.EDITOR, "hidden", allow_duplicate=True),
        Output(ids.SAVE_SAID, "children", allow_duplicate=True),
        Output(ids.MESSAGE, "children", allow_duplicate=True),
        Output(ids.UNDO_STORE, "data", allow_duplicate=True),
        Output(ids.CHANGED, "data", allow_duplicate=True),
        Input(ids.SAVE, "n_clicks"),
        *given,
        prevent_initial_call=True,
    )(partial(_save, alerts))
    app.callback(
        Output(ids.PREVIEWED, "children", allow_duplicate=True),
        Output(ids.EDITED, "data", allow_duplicate=True),
        Input(ids.PREVIEW, "n_clicks"),
        *given,
        prevent_initial_call=True,
        running=[(Output(ids.PREVIEW, "disabled"), True, False)],
    )(partial(_preview, alerts))
    app.callback(
        Output(ids.TREE, "children", allow_duplicate=True),
        Output(ids.SHAPE, "data", allow_duplicate=True),
        Output(CAP.id, "value", allow_duplicate=True),
        Output(ids.EDITED, "data", allow_duplicate=True),
        Output(ids.SOLVED, "children", allow_duplicate=True),
        Input(ids.SOLVE, "n_clicks"),
        *given,
        State(ids.BUDGET, "value"),
        State(ids.BUDGET_LEAF, "value"),
        prevent_initial_call=True,
        running=[(Output(ids.SOLVE, "disabled"), True, False)],
    )(partial(_solve, alerts))


def placed(*lists: Iterable[Mapping[str, Any]]) -> Node:
    """The tree of the controls, as the callback's lists have them."""
    every = (each for found in lists for each in found)
    return tree_from((each["id"]["path"], each["id"]["part"], each.get("value")) for each in every)


def form_given(given: Sequence[Any], tree: Node, edited: Mapping[str, Any] | None) -> Form:
    """The form of the controls in the order of ``_GIVEN``."""
    values = dict(zip(FORM, given[: len(FORM)], strict=True))
    before = rule_from_json(edited["rule"]) if edited else None
    budget = None
    if before is not None and before.budget_per_day is not None:
        budget = (before.budget_per_day, before.when)
    return Form(values, tree, tuple(given[len(FORM)] or ()), budget)


async def _open(alerts: AlertService, _new: Any, _templates: Any, row: Any, _cancel: Any) -> tuple[Any, ...]:
    pressed = row if ctx.triggered_id == ids.PRESSED else ctx.triggered_id
    same = (no_update,) * len(_OPENED)
    if not was_clicked():
        return same
    if pressed == ids.CANCEL:
        return (True, *same[1:])
    if ctx.triggered_id == ids.PRESSED and pressed.get("what") != "edit":
        return same
    return await asyncio.to_thread(opened, alerts, pressed if isinstance(pressed, dict) else {"name": ""})


async def _edit(_clicks: Any, _picks: Any, subject: str | None, _numbers: Any, drawn: Any) -> tuple[Any, Any]:
    if not ctx.inputs_list[1]:
        return no_update, no_update  # nothing is open
    tree = placed(ctx.inputs_list[1], ctx.states_list[0])
    pressed = ctx.triggered_id
    if isinstance(pressed, dict) and pressed["type"] == "alerts-change" and was_clicked():
        tree = changed(tree, pressed["what"], pressed["path"])
    tree = fit_kind(tree)
    wanted = shape(tree, subject or "watched")
    if wanted == drawn:
        return no_update, no_update
    return tree_panel(tree, wanted[1]), wanted


async def _outdate(*given: Any) -> tuple[Any, Any]:
    """What was said of a level that was found goes as the conditions, the subject or the limit are changed, and a
    replay as anything is but the name, the severity and the channels."""
    *values, edited = given
    if not edited or not ctx.inputs_list[-1]:
        return no_update, no_update
    is_outdated = edited.get("is_replayed") and ctx.triggered_id not in _BESIDE_THE_REPLAY
    replayed = html.P(OUTDATED, className="alert-previewed") if is_outdated else no_update
    if not edited.get("is_solved"):
        return no_update, replayed
    solved = rule_from_json(edited["rule"])
    rule, _ = rule_from(form_given(values, placed(*ctx.inputs_list[-2:]), edited))
    wanted = solved.when, solved.scope, solved.cap_per_day
    return no_update if rule and (rule.when, rule.scope, rule.cap_per_day) == wanted else "", replayed


async def _offer(
    alerts: AlertService, _changed: Any, known: Sequence[Mapping[str, Any]] | None, ticked: Sequence[str] | None
) -> tuple[Any, list[str], str]:
    """The channels were changed while a rule is open: what can be ticked, and what is. One that was added is ticked;
    one that was deleted stays named."""
    before, offered = {each["value"] for each in known or ()}, list(ticked or ())
    choices = options_of(await asyncio.to_thread(alerts.channels.channels), offered)
    added = [each["value"] for each in choices if each["value"] not in before]
    return choices, offered + added, no_channel(choices)


async def _check(*given: Any) -> tuple[Any, ...]:
    *values, edited, chosen = given
    places = [(each["id"]["path"], each["id"]["part"]) for each in ctx.outputs_list[-1]]
    if not edited or not places:
        return (no_update,) * (5 + len(FORM)) + ([no_update] * len(places),)
    form = form_given(values, placed(*ctx.inputs_list[-2:]), edited)
    rule, faults = rule_from(form)
    leaves = solvable(rule) if rule else []
    value = chosen if any(each["value"] == chosen for each in leaves) else leaves[0]["value"] if leaves else None
    said = sentence(rule) if rule else no_update
    at_fields = (faults.fields.get(name, "") for name in FORM)
    in_tree = [faults.tree.get(place, "") for place in places]
    return (said, summary(faults), leaves, value, len(leaves) < 2, *at_fields, in_tree)


async def _save(alerts: AlertService, clicks: int | None, *given: Any) -> tuple[Any, ...]:
    rule, faults = _read(given)
    if not clicks or rule is None:
        return no_update, f"Not saved: {summary(faults)}" if clicks else no_update, *(no_update,) * 3
    edited = given[-1]
    try:
        said, undo = await asyncio.to_thread(saved, alerts, rule, edited)
    except SettingsError as error:
        return no_update, f"Not saved: {error}.", *(no_update,) * 3
    except PairbridgeError as error:
        return no_update, f"Not saved: {problem_of(error).message}.", *(no_update,) * 3
    return True, "", said, undo, clicks


def _read(given: Sequence[Any]) -> tuple[AlertRule | None, FormFaults]:
    """The rule of the states of a button of the editor."""
    *values, edited = given
    tree = placed(*(each for each in ctx.states_list if isinstance(each, list)))
    return rule_from(form_given(values, tree, edited))


async def _preview(alerts: AlertService, clicks: int | None, *given: Any) -> tuple[Any, Any]:
    rule, faults = _read(given)
    if not clicks:
        return no_update, no_update
    if rule is None:
        return html.P(f"Nothing to replay: {summary(faults)}", className="message"), no_update
    try:
        trials = await asyncio.to_thread(alerts.trials, rule_to_json(rule))
    except PairbridgeError as error:
        return html.P(f"Not replayed: {error}.", className="message"), no_update
    return _replayed(rule, trials), {**given[-1], "is_replayed": True}


def _replayed(rule: AlertRule, trials: Sequence[Trial]) -> list[Any]:
    """What a rule would have done: in words, by pair, on a chart, and its newest alerts."""
    parts: list[Any] = [html.P(labels.preview(trials, rule), className="alert-previewed")]
    if len(trials) > 1:
        parts.append(preview_table(trials, rule))
    if trials:
        busiest = max(trials, key=lambda each: len(each.preview.alerts))
        config: Any = {"displaylogo": False, "displayModeBar": False}
        parts.append(html.H3(f"Where: {subject_words(busiest.subject)}"))
        parts.append(dcc.Graph(id="alerts-chart", figure=preview_figure(busiest, rule), config=config, responsive=True,
                               style={"height": "280px"}))  # fmt: skip
        if busiest.preview.alerts:
            parts.append(preview_alerts(busiest))
    return parts


async def _solve(alerts: AlertService, clicks: int | None, *given: Any) -> tuple[Any, ...]:
    *states, per_day, leaf = given
    rule, faults = _read(states)
    edited, same = states[-1], (no_update,) * 4
    if not clicks:
        return *same, no_update
    if rule is None:
        return *same, f"Not solved: {summary(faults)}"
    try:
        wanted = float(per_day) if per_day is not None else 0.0
        found = await asyncio.to_thread(alerts.budget, rule_to_json(rule), wanted, int(leaf or 0))
    except (PairbridgeError, ValueError) as error:
        return *same, f"Not solved: {error}."
    if not found.is_telling:
        return *same, labels.budget(found) + labels.level_kept(rule, found)
    solved = found.rule
    form = form_of(solved)
    drawn = shape(form.tree, subject_of(solved.scope))
    after = {**edited, "rule": rule_to_json(solved), "is_solved": True}
    said = labels.level_change(rule, solved) + labels.budget(found)
    return tree_panel(form.tree, drawn[1]), drawn, str(found.cap), after, said
