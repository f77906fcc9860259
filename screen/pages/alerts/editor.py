"""The editor of a rule: its conditions as a tree of boxes, its terms, its budget and its preview. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from engine.alerts.metrics import METRICS
from screen.components.fields import Choices, Field, error_id, options
from screen.pages.alerts import ids
from screen.pages.alerts.fields import DAY, FIRST, OFTEN, WHEN
from screen.pages.alerts.sentences import FLAGS
from screen.pages.alerts.tree import DEEPEST, JOINS, KINDS, ROOT, Node, parts_of
from screen.pages.pair.settings_drawer import settings_row

_LIVE: Any = {"aria-live": "polite"}
_LABELS = {"join": "Fires when", "metric": "Metric", "kind": "Comparison", "threshold": "Level", "upper": "To",
           "leg": "Of", "window": "Over, bars", "hysteresis": "Back by"}  # fmt: skip
_HELP = {
    "join": "How the parts of this box are taken together. Boxes may stand in boxes.",
    "kind": "Is above, is below and leaves stay true; crosses, rises, falls and changes are true in one bar only.",
    "threshold": "In the unit of the metric.",
    "upper": "The upper end of the range.",
    "leg": "Whose value of the pair's two legs; X hedges Y.",
    "window": "Over so many of the newest bars.",
    "hysteresis": "How far the value has to come back before the condition can be true anew. With 0 a value that dances"
    " on the level gives an alert each time.",
}
_BUDGET_HELP = (
    "A calculator, not a limit: it replays this rule over the stored bars, finds the level that gives about so many"
    " alerts a day, and puts it into the condition above. The limit is the daily limit under How often."
)


def tree_panel(tree: Node, symbols: bool) -> html.Div:
    """The conditions. ``symbols``: the rule is on a symbol, so metrics of pairs are left out."""
    return _box(tree, ROOT, symbols)


def _box(node: Node, path: str, symbols: bool) -> html.Div:
    label = _LABELS["join"] if path == ROOT else "Box in which"
    parts = [
        _box(part, f"{path}-{n}", symbols) if "join" in part else _leaf(part, f"{path}-{n}", symbols)
        for n, part in enumerate(node["parts"])
    ]
    buttons = [_button("Add a condition", "add", path)]
    if path.count("-") < DEEPEST - 1:
        buttons.append(_button("Add a box", "group", path))
    if path != ROOT:
        buttons.append(_button("Remove this box", "remove", path))
    head = _part(path, "join", dbc.Select(options=options(JOINS), value=node["join"], size="sm",
                                          id=ids.pick("join", path)), label=label)  # fmt: skip
    named: Any = {"aria-label": "Conditions" if path == ROOT else "Box of conditions"}
    return html.Div(
        [head, html.Div(parts, className="alert-parts"), html.Div(buttons, className="alert-add")],
        className="alert-box", role="group", **named,
    )  # fmt: skip


def _leaf(node: Node, path: str, symbols: bool) -> html.Div:
    own, metric = parts_of(node), METRICS[node["metric"]]
    unit = f" {metric.unit}" if metric.unit else ""
    controls = [
        _part(path, "metric", _select("metric", path, _metrics(symbols, node["metric"]), node["metric"]),
              said=f"{metric.title}: {metric.doc or 'see docs/alerts.md'}"),
        _part(path, "kind", _select("kind", path, _kinds(node["metric"]), node["kind"])),
    ]  # fmt: skip
    for part in ("leg", "threshold", "upper", "hysteresis", "window"):
        if part not in own or (part == "leg" and symbols):
            continue
        if part == "leg":
            control = _select("leg", path, (("y", "Y"), ("x", "X")), node["leg"])
        else:
            empty = {"hysteresis": "0", "window": str(metric.window)}.get(part, "")
            control = dbc.Input(id=ids.number(part, path), type="text", size="sm", debounce=True, value=node[part],
                                placeholder=empty)  # fmt: skip
        is_level = part in ("threshold", "upper", "hysteresis")
        controls.append(_part(path, part, control, label=_LABELS[part] + (f",{unit}" if unit and is_level else "")))
    title: Any = {"aria-label": f"Condition {path.removeprefix('0-').replace('-', '.')}"}
    remove = _button("Remove", "remove", path)
    return html.Div([*controls, *_kept(node, path, own, symbols), remove], className="alert-leaf", role="group",
                    **title)  # fmt: skip


def _kept(node: Node, path: str, own: set[str], symbols: bool) -> list[Any]:
    """What this comparison does not use stays in the page unseen, so that it is there again after a change."""
    kept = [part for part in ("threshold", "upper", "hysteresis", "window") if part not in own]
    fields: list[Any] = [dbc.Input(id=ids.number(part, path), type="hidden", value=node[part]) for part in kept]
    if "leg" not in own or symbols:
        fields.append(dbc.Input(id=ids.pick("leg", path), type="hidden", value=node["leg"]))
    return fields


def _select(part: str, path: str, choices: Choices, value: Any) -> dbc.Select:
    return dbc.Select(id=ids.pick(part, path), options=options(choices), value=value, size="sm")


def _metrics(symbols: bool, chosen: str) -> Choices:
    return tuple(
        (name, FLAGS[name][0].removeprefix("the ") if name in FLAGS else metric.title)
        for name, metric in METRICS.items()
        if not symbols or metric.of != "pair" or name == chosen
    )


def _kinds(metric: str) -> Choices:
    if metric not in FLAGS:
        return KINDS
    verbs = FLAGS[metric][1]
    flags = tuple(zip(("on", "off", "turns-on", "turns-off"), verbs, strict=True))
    return (*flags, *((value, f"{text} (as 0 or 1)") for value, text in KINDS))


def _part(path: str, part: str, control: Any, label: str = "", said: str = "") -> html.Div:
    """A control of the tree with its label, its help behind a button, and what is wrong with it."""
    text, help_id = label or _LABELS[part], f"alerts-help-{part}-{path}"
    opens: Any = {"aria-label": f"Help: {text}", "aria-expanded": "false", "aria-controls": help_id}
    explanation = said or _HELP[part]
    return html.Div(
        [
            html.Div(
                [
                    html.Label(text, htmlFor=dom_id(control.id)),
                    html.Button("?", type="button", className="help-dot", **opens),
                ],
                className="alert-label",
            ),
            control,
            html.Div("", id=ids.fault(part, path), className="field-error", role="alert"),
            html.Div(explanation, id=help_id, className="field-help", hidden=True),
        ],
        className=f"alert-part part-{part}",
    )


def dom_id(name: dict[str, Any]) -> str:
    """The id that a component with an id of several parts has in the document."""
    return json.dumps(name, sort_keys=True, separators=(",", ":"))


def _button(text: str, what: str, path: str) -> dbc.Button:
    return dbc.Button(text, id=ids.change(what, path), size="sm", color="secondary", outline=True)


def editor() -> html.Section:
    """The whole editor, hidden until a rule is made or changed."""
    label: Any = {"aria-labelledby": ids.TITLE}
    return html.Section(
        [
            html.Div([html.H2("Rule", id=ids.TITLE)], className="panel-top"),
            html.P("", id=ids.SENTENCE, className="alert-sentence", **_LIVE),
            html.Div(
                [
                    _group("What", [html.Div(id=ids.TREE)], is_wide=True),
                    _group("For whom", [settings_row(each) for each in FIRST]),
                    _group("How often", [settings_row(each) for each in OFTEN]),
                    _group("When", [_days(), *(settings_row(each) for each in WHEN if each is not DAY)]),
                    _budget(),
                ],
                className="alert-form",
            ),
            html.Div(
                [
                    html.Span("Goes to this screen, and to", className="alert-kind"),
                    dbc.Checklist(id=ids.CHANNELS, options=[], value=[], inline=True),
                    html.Span("", id=ids.NO_CHANNEL, className="panel-head", **_LIVE),
                ],
                className="alert-channels", role="group",
            ),
            html.Div("", id=ids.ERRORS, className="error-summary", role="alert"),
            _buttons(),
            html.Div("", id=ids.PREVIEWED, **_LIVE),
        ],
        id=ids.EDITOR, hidden=True, className="panel alert-editor", tabIndex="-1", **label,
    )  # fmt: skip


def _buttons() -> html.Div:
    return html.Div(
        [
            dbc.Button("Save", id=ids.SAVE, color="info", size="sm"),
            dbc.Button("What would it have done?", id=ids.PREVIEW, color="info", outline=True, size="sm",
                       title="Replays this rule over the stored bars"),
            dbc.Button("Cancel", id=ids.CANCEL, color="secondary", outline=True, size="sm"),
            html.Span("", id=ids.SAVE_SAID, className="message", role="alert"),
        ],
        className="alert-buttons",
    )  # fmt: skip


def _group(title: str, parts: Sequence[Any], is_wide: bool = False) -> html.Section:
    return html.Section([html.H3(title), *parts], className=f"alert-group{' is-wide' if is_wide else ''}")


def _days() -> html.Div:
    return _row(DAY, dbc.Checklist(id=DAY.id, options=options(DAY.choices), value=[], inline=True), is_group=True)


def _row(field: Field, control: Any, is_group: bool = False) -> html.Div:
    """A row as those of the settings, for controls that no field makes."""
    help_id = f"{field.id}-help"
    opens: Any = {"aria-label": f"Help: {field.label}", "aria-expanded": "false", "aria-controls": help_id}
    label = html.Span(field.label) if is_group else html.Label(field.label, htmlFor=field.id)
    named: Any = {"role": "group", "aria-label": field.label} if is_group else {}
    return html.Div(
        [
            html.Button("?", type="button", className="help-dot", **opens),
            label,
            html.Div(control, **named),
            html.Span(field.unit, className="unit"),
            html.Div("", id=error_id(field.id), className="field-error"),
            html.Div(field.explanation, id=help_id, className="field-help", hidden=True),
        ],
        className="setting",
    )


def _budget() -> html.Section:
    number = Field(ids.BUDGET, "budget", "Aim for", _BUDGET_HELP, unit="a day", empty="2")
    which = Field(ids.BUDGET_LEAF, "leaf", "By the level of", "Which condition's level is moved.")
    chosen = dbc.Select(id=ids.BUDGET_LEAF, options=[], size="sm")
    leaf = html.Div(_row(which, chosen), id=ids.BUDGET_PART, hidden=True)
    solve = dbc.Button("Find the level", id=ids.SOLVE, color="info", outline=True, size="sm")
    typed = dbc.Input(id=ids.BUDGET, type="number", min=0.1, max=1_000, step="any", size="sm", value=2)
    return _group(
        "Calculator: find a level",
        [_row(number, typed), leaf, solve, html.P("", id=ids.SOLVED, className="panel-head", role="status")],
    )
