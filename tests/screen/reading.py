"""Reads parts of pages that are one component (``screen.components.markup``) as the elements that they are made of."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from typing import Any

from dash import html
from dash.development.base_component import Component

from screen.components.markup import Markup

_REACT = {
    "class": "className", "for": "htmlFor", "colspan": "colSpan", "tabindex": "tabIndex", "datetime": "dateTime",
}  # fmt: skip
_OF_MANY = {"tbody", "tr"}  # their children are a list, be it of one
_VOID = {"br", "col", "hr"}


def elements(component: Any) -> Any:
    """The component with every Markup in it as elements of ``html``; also of a list."""
    if isinstance(component, (list, tuple)):
        return [elements(each) for each in component]
    if isinstance(component, Markup):
        reader = _Reader()
        reader.feed(component.html)
        reader.close()
        made = getattr(html, component.tag.capitalize())(
            _children(reader.open[0][2], component.tag), **component.attributes
        )
        if hasattr(component, "id"):
            made.id = component.id
        return made
    if not isinstance(component, Component) or not hasattr(component, "children"):
        return component
    other = copy.copy(component)  # a layout is made once for all that look at it
    other.children = elements(component.children)
    return other


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, Any], list[Any]]] = [("", {}, [])]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {_REACT.get(name, name): True if value is None else value for name, value in attrs}
        if isinstance(named.get("style"), str):
            named["style"] = dict(each.split(":", 1) for each in named["style"].split(";"))
        self.open.append((tag, named, []))
        if tag in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        name, named, children = self.open.pop()
        assert name == tag, f"<{name}> is closed by </{tag}>"
        self.open[-1][2].append(getattr(html, tag.capitalize())(_children(children, tag), **named))

    def handle_data(self, data: str) -> None:
        self.open[-1][2].append(data)


def _children(found: list[Any], tag: str) -> Any:
    if tag in _OF_MANY:
        return found
    return None if not found else found[0] if len(found) == 1 else found
