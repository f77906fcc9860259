"""The tree of conditions as the editor has it: boxes of conditions and boxes, each value as it was typed. Pure.

A box is ``{"join", "parts"}``, a condition ``{"metric", "kind", "threshold", "upper", "hysteresis", "leg", "window"}``.
A path is ``0`` for the outermost box, ``0-2`` for its third part. The values of one part are read from the controls by
path, and errors come back the same way, all at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from engine.alerts.metrics import METRICS
from engine.alerts.rules import AlertRule, Condition, Expression, Group, Scope, check_rule
from engine.errors import SettingsError
from screen.components.fields import Choices
from screen.pages.alerts.sentences import FLAG_KINDS, FLAGS, HALF, flag_kind

Node: TypeAlias = dict[str, Any]
Place = tuple[str, str]  # (path, part)
Faults = dict[Place, str]
ROOT = "0"
DEEPEST = 7  # boxes in boxes, with one level to spare for the negation of "none"
JOINS: Choices = (
    ("all", "all of these are true"),
    ("any", "at least one of these is true"),
    ("none", "none of these is true"),
)
KINDS: Choices = (
    ("above", "is above"), ("below", "is below"), ("leaves", "leaves the range from"), ("crosses", "crosses"),
    ("crosses-up", "rises through"), ("crosses-down", "falls through"), ("changes", "changes by more than"),
)  # fmt: skip
_CROSSING = {"crosses": "either", "crosses-up": "up", "crosses-down": "down"}
NUMBERS = ("threshold", "upper", "hysteresis", "window")
PICKS = ("join", "metric", "kind", "leg")
_NAMES = {"threshold": "The level", "upper": "The upper end", "hysteresis": "What it has to come back by",
          "window": "The window"}  # fmt: skip
_EMPTY = {"threshold": None, "upper": None, "hysteresis": 0.0, "window": 0.0}


def new_leaf(metric: str = "z") -> Node:
    """A condition to begin with."""
    return leaf_of(Condition(metric, "above", HALF if metric in FLAGS else 2.0))


def leaf_of(condition: Condition) -> Node:
    """A condition in the editor."""
    kind = flag_kind(condition)
    if not kind and condition.kind == "crosses":
        kind = {way: name for name, way in _CROSSING.items()}[condition.direction]
    is_plain = kind in FLAG_KINDS
    return {
        "metric": condition.metric, "kind": kind or condition.kind,
        "threshold": "" if is_plain else _typed(condition.threshold), "upper": _typed(condition.upper),
        "hysteresis": _typed(condition.hysteresis) if condition.hysteresis else "",
        "leg": condition.leg, "window": str(condition.window) if condition.window else "",
    }  # fmt: skip


def tree_of(expression: Expression) -> Node:
    """The outermost box of an expression."""
    node = _node(expression)
    return node if "join" in node else {"join": "all", "parts": [node]}


def _node(expression: Expression) -> Node:
    if isinstance(expression, Condition):
        return leaf_of(expression)
    if expression.kind != "not":
        return {"join": expression.kind, "parts": [_node(part) for part in expression.parts]}
    inner = expression.parts[0]
    parts = inner.parts if isinstance(inner, Group) and inner.kind == "any" and len(inner.parts) > 1 else (inner,)
    return {"join": "none", "parts": [_node(part) for part in parts]}


def tree_from(values: Iterable[tuple[str, str, Any]]) -> Node:
    """The tree of its controls: (path, part, value)."""
    nodes: dict[str, Node] = {}
    for path, part, value in values:
        nodes.setdefault(path, {})[part] = value
    for path in sorted(nodes, key=_order):
        if "join" in nodes[path]:
            nodes[path]["parts"] = []
        if path != ROOT:
            nodes[path.rpartition("-")[0]]["parts"].append(nodes[path])
    return nodes.get(ROOT, {"join": "all", "parts": [new_leaf()]})


def _order(path: str) -> list[int]:
    return [int(each) for each in path.split("-")]


def shape_of(node: Node) -> list[Any]:
    """What decides which controls a tree has."""
    if "join" in node:
        return [shape_of(part) for part in node["parts"]]
    return [node["metric"], _kind_of(node)]


def changed(tree: Node, what: str, path: str) -> Node:
    """The tree with a condition (``add``) or a box (``group``) at the end of a box, or without a part (``remove``)."""
    here, _, at = path.rpartition("-")
    if what == "remove":
        return _at(tree, here, lambda box: {**box, "parts": [p for n, p in enumerate(box["parts"]) if n != int(at)]})
    more = new_leaf() if what == "add" else {"join": "any", "parts": [new_leaf(), new_leaf("gate")]}
    return _at(tree, path, lambda box: {**box, "parts": [*box["parts"], more]})


def _at(node: Node, path: str, work: Any) -> Node:
    if path == ROOT:
        return dict(work(node))
    first, rest = int(path.split("-")[1]), path.split("-")[2:]
    inner = "-".join([ROOT, *rest])
    parts = [_at(part, inner, work) if n == first else part for n, part in enumerate(node["parts"])]
    return {**node, "parts": parts}


def fit_kind(node: Node) -> Node:
    """The tree with comparisons that its metrics have: a metric that is 0 or 1 begins with its states."""
    if "join" in node:
        return {**node, "parts": [fit_kind(part) for part in node["parts"]]}
    return {**node, "kind": _kind_of(node)}


def _kind_of(node: Node) -> str:
    kind = str(node["kind"])
    if kind in FLAG_KINDS and node["metric"] not in FLAGS:
        return FLAG_KINDS[kind][0]
    return kind


def expression_from(tree: Node, scope: Scope, faults: Faults) -> Expression | None:
    """The expression, and the faults by place; None with one. A box of one part is that part."""
    return _read(tree, ROOT, scope, faults)


def _read(node: Node, path: str, scope: Scope, faults: Faults) -> Expression | None:
    if "join" not in node:
        return _condition(node, path, scope, faults)
    found = [_read(part, f"{path}-{n}", scope, faults) for n, part in enumerate(node["parts"])]
    if not found:
        faults[path, "join"] = "There is nothing in here; expected a condition."
    parts = tuple(each for each in found if each is not None)
    if len(parts) < len(found) or not parts:
        return None
    inner = parts[0] if len(parts) == 1 else Group("any" if node["join"] == "none" else str(node["join"]), parts)
    return Group("not", (inner,)) if node["join"] == "none" else inner


def _condition(node: Node, path: str, scope: Scope, faults: Faults) -> Condition | None:
    metric, kind = str(node["metric"]), _kind_of(node)
    if kind in FLAG_KINDS:
        plain, direction = FLAG_KINDS[kind]
        return _checked(Condition(metric, plain, HALF, direction=direction), path, scope, faults)
    own = _parts_of(metric, kind)
    read = {part: _number(node, part, path, faults) for part in NUMBERS if part in own}
    window = float(read.get("window") or 0.0)
    if not window.is_integer():
        faults[path, "window"] = f"The window is {window:g}; expected whole bars."
    if any(value is None for value in read.values()) or (path, "window") in faults:
        return None
    found = Condition(
        metric, "crosses" if kind in _CROSSING else kind, float(read["threshold"] or 0.0),
        float(read["upper"] or 0.0) if "upper" in own else math.inf, _CROSSING.get(kind, "either"),
        float(read.get("hysteresis") or 0.0), str(node["leg"]) if "leg" in own and scope.kind != "symbol" else "y",
        int(window),
    )  # fmt: skip
    return _checked(found, path, scope, faults)


def _parts_of(metric: str, kind: str) -> set[str]:
    """Which controls matter for a condition."""
    if kind in FLAG_KINDS:
        return set()
    own = {"threshold"} | ({"upper"} if kind == "leaves" else set())
    own |= {"hysteresis"} if kind != "changes" else set()
    own |= {"leg"} if METRICS[metric].of == "leg" else set()
    return own | ({"window"} if METRICS[metric].window else set())


def parts_of(node: Node) -> set[str]:
    """Which numbers and choices a condition has beside its metric and comparison."""
    return _parts_of(str(node["metric"]), _kind_of(node))


def _number(node: Mapping[str, Any], part: str, path: str, faults: Faults) -> float | None:
    text = str(node.get(part) if node.get(part) is not None else "").strip().replace(",", "")
    if not text and _EMPTY[part] is not None:
        return _EMPTY[part]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    faults[path, part] = f"{_NAMES[part]} is {text[:20]!r}; expected a number." if text else "Expected a number."
    return None


def _checked(found: Condition, path: str, scope: Scope, faults: Faults) -> Condition | None:
    """All that is wrong with one condition: what is refused is noted and set to its default, until nothing is."""
    good, tried = True, found
    for _ in NUMBERS:
        try:
            check_rule(AlertRule("one", tried, scope))
            break
        except SettingsError as error:
            text, good = str(error), False
            part = next((each for each in NUMBERS if each in text.split(";")[0]), "metric")
            faults[path, part] = f"{text[:1].upper()}{text[1:]}."
            if part == "metric":
                break
            usual: dict[str, Any] = {"window": 0, "upper": tried.threshold + 1.0}
            tried = replace(tried, **{part: usual.get(part, 0.0)})
    return found if good else None


def _typed(value: float) -> str:
    """A number as text that reads the same; empty for what there is not."""
    if math.isinf(value):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
