"""A part of a page that no callback reads or writes, as one component instead of one for each of its elements.

Every component costs when a page is mounted and again whenever a callback runs: the renderer asks each whether it
changed. A part that only scripts fill, by the ids of its elements, needs none of that. Pure.
"""

from __future__ import annotations

from html import escape
from typing import Any

from dash.development.base_component import Component

_NAMES = {"className": "class", "htmlFor": "for"}  # what React calls them: HTML's name; the others differ in case only
_VOID = frozenset({"br", "col", "hr", "img", "input", "wbr"})
_Children = Any  # None, a text, a number, a component, or a list of these


class Markup(Component):
    """An element with its attributes, as React names them, and what is in it as HTML. Drawn by assets/markup.js."""

    def __init__(self, tag: str, attributes: dict[str, Any], html: str, **named: str) -> None:
        """``named``: the id, for an element that has one."""
        self._namespace, self._type = "pairbridge_markup", "Markup"
        self._base_nodes, self._children_props = [], []
        self._prop_names = self.available_properties = ["id", "tag", "attributes", "html"]
        self._valid_wildcard_attributes = self.available_wildcard_properties = []
        begin: Any = super().__init__  # untyped
        begin(tag=tag, attributes=attributes, html=html, **named)


def markup(element: Component) -> Markup:
    """An ``html`` element and all that is in it. Raises TypeError for what is not plain HTML: a component of another
    library, or one that a callback listens to."""
    attributes = _plain(element)
    children = attributes.pop("children", None)
    named = {"id": attributes.pop("id")} if "id" in attributes else {}
    return Markup(_tag(element), attributes, _inner(children), **named)


def _plain(element: Any) -> dict[str, Any]:
    """The properties of an element of the library ``html``."""
    described = element.to_plotly_json()
    if described["namespace"] != "dash_html_components":
        raise TypeError(f"{described['type']} is of {described['namespace']}; expected an element of dash.html")
    properties = dict(sorted(described["props"].items()))  # Dash has some of them in the order of a set
    if "n_clicks" in properties or isinstance(properties.get("id"), dict):
        raise TypeError(f"{element!r:.80} is read by a callback; expected an element that none reads or writes")
    return properties


def _tag(element: Component) -> str:
    return type(element).__name__.lower()


def _inner(children: _Children) -> str:
    if children is None:
        return ""
    if isinstance(children, (list, tuple)):
        return "".join(map(_inner, children))
    return _outer(children) if isinstance(children, Component) else escape(str(children))


def _outer(element: Component) -> str:
    attributes, tag = _plain(element), _tag(element)
    children = attributes.pop("children", None)
    begin = f"<{tag}{''.join(_attribute(name, value) for name, value in attributes.items())}>"
    return begin if tag in _VOID else f"{begin}{_inner(children)}</{tag}>"


def _attribute(name: str, value: Any) -> str:
    is_text = name.startswith(("data-", "aria-"))
    if value is None or (value is False and not is_text):
        return ""
    if value is True and not is_text:
        return f" {name.lower()}"
    text = _css(value) if isinstance(value, dict) else str(value)
    text = text.lower() if isinstance(value, bool) else text
    return f' {name if is_text else _NAMES.get(name, name.lower())}="{escape(text)}"'


def _css(style: dict[str, Any]) -> str:
    """Declarations of a style with React's names.

    >>> _css({"minWidth": "4rem", "--share": "40%"})
    'min-width:4rem;--share:40%'
    """
    return ";".join(f"{_css_name(name)}:{value}" for name, value in style.items())


def _css_name(name: str) -> str:
    if name.startswith("--"):
        return name
    return "".join(f"-{each.lower()}" if each.isupper() else each for each in name)
