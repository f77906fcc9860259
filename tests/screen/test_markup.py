"""Parts of a page as one component: the same HTML as the elements would draw, and nothing that a callback needs."""

from __future__ import annotations

import doctest
import json
from html.parser import HTMLParser
from typing import Any

import dash_bootstrap_components as dbc
import pytest
from dash import dcc, html
from dash._utils import to_json
from hypothesis import given
from hypothesis import strategies as st

from screen.components import markup as module
from screen.components.markup import markup

_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


class _Read(HTMLParser):
    """What a browser would read: tags, attributes and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


def read(text: str) -> list[Any]:
    reader = _Read()
    reader.feed(text)
    reader.close()
    return reader.seen


def test_the_examples() -> None:
    assert doctest.testmod(module).failed == 0


def test_an_element_and_all_that_is_in_it() -> None:
    named = html.P("B", hidden=True, id="b")
    cells = [html.Td(1.5, className="num", colSpan=2), html.Td(None), html.Col(style={"minWidth": "4rem"})]
    told: Any = {"data-of": True, "aria-expanded": False}
    parts = [html.Summary("More"), html.Tr(cells), html.Label("A", htmlFor="x"), named]
    fold = html.Details(parts, open=False)
    made = markup(html.Div(fold, id="all", className="panel", tabIndex=0, **told))
    assert made.id == "all" and made.tag == "div"
    assert made.attributes == {"className": "panel", "tabIndex": 0, **told}, "as React names them"
    assert made.html == (
        '<details><summary>More</summary><tr><td class="num" colspan="2">1.5</td><td></td><col style="min-width:4rem">'
        '</tr><label for="x">A</label><p hidden id="b">B</p></details>'
    )
    assert json.loads(to_json(made))["namespace"] == "pairbridge_markup"


def test_attributes_of_data_and_of_help_are_words() -> None:
    told: Any = {"data-of": True, "aria-expanded": False}
    assert markup(html.P(html.B("x", **told))).html == '<b aria-expanded="false" data-of="true">x</b>'


@given(_TEXTS, _TEXTS)
def test_no_text_becomes_an_element_or_an_attribute(text: str, title: str) -> None:
    made = markup(html.Div(html.Span(text, title=title, className="x")))
    assert read(made.html) == [("span", {"title": title, "class": "x"}), *([text] if text else [])]


@pytest.mark.parametrize(
    ("element", "found"),
    [
        (dbc.Button("x"), "Button is of dash_bootstrap_components; expected an element of dash.html"),
        (html.Div(dcc.Link("x", href="/")), "Link is of dash_core_components; expected an element of dash.html"),
        (html.Div([html.Button("x", id="b", n_clicks=0)]), "is read by a callback; expected an element that none"),
        (html.Div([html.Button("x", id={"a": "b"})]), "is read by a callback; expected an element that none"),
    ],
)
def test_what_a_callback_needs_is_refused(element: Any, found: str) -> None:
    with pytest.raises(TypeError, match=found):
        markup(element)
