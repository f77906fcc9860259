"""The shell around every page: navigation, banner, search, and the place in which the page of an address is mounted.

A page is mounted alone: its components exist only while it is shown, so its callbacks may name no component of another
page. ``screen.page_table`` has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from engine.market.similar import base_of
from screen.components import ids
from screen.components.addresses import OVERVIEW, PAIR, PairAddress, pair_in, pair_path
from screen.components.help import help_dialog
from screen.page_table import PAGES, Page, page_of
from services.pairs import PairService
from services.use_cases import UseCases

_LIVE_REGION: Any = {"aria-live": "polite"}
EARLY_SCRIPT = "preferences.js"  # of the assets: it sets the theme, so it stands before everything that is painted
WORKER_SCRIPT = "forming_worker.js"  # of the assets: no script of the page


def index_page(early_script: str) -> str:
    """The document around the layout, for Dash. ``early_script``: the address of EARLY_SCRIPT."""
    return f"""<!DOCTYPE html>
<html lang="en">
  <head>
    {{%metas%}}
    <title>{{%title%}}</title>
    {{%favicon%}}
    <script src="{early_script}"></script>
    {{%css%}}
  </head>
  <body>
    {{%app_entry%}}
    <footer>{{%config%}}{{%scripts%}}{{%renderer%}}</footer>
  </body>
</html>"""


def shell(refresh_s: float = 1.0, open_file: str | None = None, pages: Sequence[Page] = PAGES) -> html.Div:
    """The layout without a page. ``refresh_s``: seconds between polls while the live connection is down; ``open_file``
    contains the key for making changes, None if none is needed."""
    polls: Any = {"data-refresh-ms": str(round(refresh_s * 1_000))}
    return html.Div(
        [
            html.A("Skip to the page", href=f"#{ids.PAGE}", className="skip-link"),
            _header(pages),
            html.Div("", id=ids.BANNER, role="status", **_LIVE_REGION, className="banner is-waiting"),
            *_view_only(open_file),
            html.Div(id=ids.PAGE, className="page-place", tabIndex="-1"),
            dcc.Location(id=ids.ADDRESS, refresh="callback-nav"),
            html.Div("", id=ids.TOASTS, className="toasts", role="status"),
            dcc.Store(id=ids.ROUTE),
            dcc.Store(id=ids.PAGE_NAME),
            dcc.Store(id=ids.WATCH),
            help_dialog(),
        ],
        className="page",
        **polls,
    )


def register_screen(app: Dash, cases: UseCases, pages: Sequence[Page] = PAGES) -> None:
    """Register the callbacks of the shell and of every page."""
    _register_shell(app, cases.pairs, pages)
    for page in pages:
        page.register(app, cases)


def _register_shell(app: Dash, pairs: PairService, pages: Sequence[Page]) -> None:
    app.callback(
        Output(ids.PAGE, "children"),
        Output(ids.PAGE_NAME, "data"),
        Output(ids.WATCH, "data"),
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Input(ids.ROUTE, "data"),
        State(ids.PAGE_NAME, "data"),
        State(ids.WATCH, "data"),
        prevent_initial_call=True,
    )(partial(_route, pairs, pages))
    app.callback(
        Output(ids.ADDRESS, "pathname", allow_duplicate=True),
        Output(ids.SEARCH_SAID, "children"),
        Output(ids.SEARCH, "value"),
        Input(ids.SEARCH, "n_submit"),
        State(ids.SEARCH, "value"),
        prevent_initial_call=True,
    )(partial(_go, pairs))
    app.callback(
        Output(ids.HELP, "is_open"),
        Input(ids.HELP_OPEN, "n_clicks"),
        State(ids.HELP, "is_open"),
        prevent_initial_call=True,
    )(_toggle_help)
    wire: Any = app.clientside_callback  # untyped
    wire(  # the page is mounted when what it uses is loaded
        ClientsideFunction("pairbridge", "ready"), Output(ids.ROUTE, "data"), Input(ids.ADDRESS, "pathname")
    )
    wire(ClientsideFunction("pairbridge", "follow"), Input(ids.WATCH, "data"), prevent_initial_call=True)
    wire(  # what the search said belongs to the page on which it was typed
        ClientsideFunction("pairbridge", "forget"),
        Output(ids.SEARCH_SAID, "children", allow_duplicate=True),
        Input(ids.PAGE_NAME, "data"),
        prevent_initial_call=True,
    )


def _view_only(open_file: str | None) -> list[html.Div]:
    """Shown by assets/key.js if the browser has no key."""
    if open_file is None:
        return []
    said: Any = ["View only. To add pairs, change settings or scan, open ", html.Code(open_file), " in this browser."]
    return [html.Div(said, id=ids.VIEW_ONLY, hidden=True, role="note", className="view-only")]


def _header(pages: Sequence[Page]) -> html.Header:
    links = [
        dcc.Link(page.title, href=page.path, className="nav-link", title=f"Keys: g {page.key}", **_key(page))
        for page in pages
    ]
    search = dbc.Input(
        id=ids.SEARCH, type="search", size="sm", placeholder="Go to pair …  ( / )", autocomplete="off",
        list=ids.SEARCH_NAMES, debounce=False,
    )  # fmt: skip
    label: Any = {"aria-label": "Pages"}
    return html.Header(
        [
            html.Div(
                [html.Span("Pair", className="brand-a"), html.Span("bridge", className="brand-b")], className="brand"
            ),
            html.Nav(links, className="pages", **label),
            html.Div(
                [
                    dbc.Label("Go to a pair or a symbol", html_for=ids.SEARCH, className="visually-hidden"),
                    search,
                    html.Datalist(id=ids.SEARCH_NAMES),
                    html.Div("", id=ids.SEARCH_SAID, role="status", className="search-said"),
                ],
                className="search",
            ),
            html.Div("", id=ids.live("clock"), className="clock", title="Time of the newest trade"),
            html.Button(
                html.Span("UTC", id=ids.ZONE_NAME), id=ids.ZONE, type="button", className="choice",
                title="Times in UTC, or in the zone of this browser. Exports are always in UTC", **_choice("zone"),
            ),
            html.Button(
                [html.Span("Light", className="when-dark"), html.Span("Dark", className="when-light")], id=ids.THEME,
                type="button", className="choice", title="Light or dark theme", **_choice("theme"),
            ),
            dbc.Button("Help", id=ids.HELP_OPEN, color="link", size="sm", title="Help for this screen (key: ?)"),
        ],
        className="top",
    )  # fmt: skip


def _choice(name: str) -> Any:
    """Of a button that assets/preferences.js answers."""
    return {"data-choice": name}


def _key(page: Page) -> Any:
    return {"id": f"nav-{page.title.lower()}"}


async def _route(
    pairs: PairService, pages: Sequence[Page], path: str | None, mounted: str | None, watch_id: int | None
) -> tuple[Any, ...]:  # fmt: skip
    """Mount the page of an address, unless it is mounted already, and choose the pair that it names."""
    path = path or OVERVIEW
    named = pair_in(path)
    page = page_of(path, pages)
    if page is None:
        return _unknown(path), "", no_update, no_update
    if page.path != PAIR:
        return page.layout(pairs.new_pair), page.path, no_update, no_update
    chosen = await asyncio.to_thread(_chosen, pairs, named)
    if named is not None and chosen is None:
        return _not_watched(named), "", no_update, no_update
    moved = no_update if named or chosen is None else await asyncio.to_thread(_path_of, pairs, chosen)
    layout = no_update if mounted == PAIR else page.layout(pairs.new_pair)
    return layout, PAIR, no_update if chosen == watch_id else chosen, moved


def _chosen(pairs: PairService, named: PairAddress | None) -> int | None:
    return pairs.first() if named is None else pairs.find(*named)


def _path_of(pairs: PairService, watch_id: int) -> str:
    pair = pairs.pair(watch_id)
    return PAIR if pair is None else pair_path(pair.market, pair.y, pair.x)


def _unknown(path: str) -> html.Div:
    return html.Div(
        [html.H2("There is no such page here"), html.P([html.Code(path[:80]), " is not an address of Pairbridge."]),
         dcc.Link("To the overview", href=OVERVIEW)],
        className="panel sheet",
    )  # fmt: skip


def _not_watched(named: PairAddress) -> html.Div:
    return html.Div(
        [
            html.H2(f"{named.y} ~ {named.x} is not watched"),
            html.P(f"Nothing is computed for it in market {named.market}. Add it in the form of a pair's page."),
            dcc.Link("To the pairs", href=PAIR),
        ],
        className="panel sheet",
    )


async def _go(pairs: PairService, _: int | None, typed: str | None) -> tuple[Any, ...]:
    """To what was typed: a watched pair, by both symbols or one of them."""
    wanted = [each for each in (typed or "").upper().replace("~", " ").split() if each]
    if not wanted:
        return no_update, "", no_update
    found = await asyncio.to_thread(pairs.matching, wanted)
    if found is None:
        near = await asyncio.to_thread(pairs.nearest, wanted[0])
        is_hint = near is not None and base_of(wanted[0]) != base_of(near)
        hint = f" Did you mean {near}?" if is_hint else ""
        return no_update, f"No watched pair has {' and '.join(wanted)[:60]}.{hint}", no_update
    return pair_path(found.market, found.y, found.x), "", ""


async def _toggle_help(_: int, is_open: bool) -> bool:
    return not is_open
