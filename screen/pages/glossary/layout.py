"""The page of the terms; each can be linked to by its key."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import html

from screen.components.markup import Markup, markup
from screen.pages.glossary.terms import SECTIONS, Term

FILTER = "glossary-filter"  # of assets/glossary.js


def glossary_page() -> html.Main:
    """The whole page."""
    return html.Main(
        [
            html.H1("Glossary", className="sheet-title"),
            html.P("Every term and statistic of the screens: what it is, and how it misleads.", className="lead-in"),
            html.Label("Filter the terms", htmlFor=FILTER, className="visually-hidden"),
            dbc.Input(
                id=FILTER,
                type="search",
                size="sm",
                placeholder="Filter the terms …",
                autocomplete="off",
                className="glossary-filter",
            ),
            html.P("No term has these words.", id=f"{FILTER}-none", className="rows-empty", role="status", hidden=True),
            *(_section(title, terms) for title, terms in SECTIONS),
        ],
        className="sheet glossary",
    )


def _section(title: str, terms: tuple[Term, ...]) -> Markup:
    parts = [html.H2(title), html.Dl([_term(term) for term in terms])]
    return markup(html.Section(parts, className="panel sheet-part"))


def _term(term: Term) -> html.Div:
    also = html.Span(f"on the screen: {term.also}", className="panel-head") if term.also else None
    return html.Div(
        [
            html.Dt([html.Span(term.label), also]),
            html.Dd(term.meaning),
            html.Dd([html.Strong("Trap: "), term.trap], className="trap"),
        ],
        id=term.key,
        className="term",
    )
