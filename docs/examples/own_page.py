"""A page of your own, the distances of all pairs to their entries: PAIRBRIDGE_PAGES=docs.examples.own_page:PAGE."""

from dash import Dash, Input, Output, dcc, html

from screen.components.tables import table
from screen.page_table import Page
from services.overview import PairNow
from services.use_cases import UseCases


def row(pair: PairNow) -> list[tuple[str, str, str]]:
    """The cells of one pair: label, text, class."""
    away = pair.settings.entry_z - abs(pair.latest.z) if pair.latest else float("nan")
    return [("Pair", f"{pair.watch.y} ~ {pair.watch.x}", ""), ("To entry", f"{away:.2f}", "num")]


def register(app: Dash, cases: UseCases) -> None:
    """A timer fills the table while the page is shown."""

    @app.callback(Output("distances", "children"), Input("distances-tick", "n_intervals"))
    def show(_: int | None) -> html.Table:
        pairs = cases.overview.overview().pairs
        return table("Distances to entry", [row(each) for each in pairs], [""] * len(pairs), "No pair is watched.")


LAYOUT = html.Div([html.H1("Distances"), html.Div(id="distances"), dcc.Interval("distances-tick")], className="sheet")
PAGE = Page("/distances", "Distances", "x", lambda _: LAYOUT, register)
