"""The page of the terms; each can be linked to by its key."""

from __future__ import annotations

from dash import html

from screen.pages.glossary.terms import SECTIONS, Term


def glossary_page() -> html.Main:
    """The whole page."""
    return html.Main(
        [
            html.H1("Glossary", className="sheet-title"),
            html.P("Every term and statistic of the screens: what it is, and how it misleads.", className="lead-in"),
            *(_section(title, terms) for title, terms in SECTIONS),
        ],
        className="sheet glossary",
    )


def _section(title: str, terms: tuple[Term, ...]) -> html.Section:
    return html.Section([html.H2(title), html.Dl([_term(term) for term in terms])], className="panel sheet-part")


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
