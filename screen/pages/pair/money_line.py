"""The money line of the pair page: the paper position of the pair's run."""

from __future__ import annotations

import math

from dash import html

from screen.components import ids
from screen.components.formatting import Item, clock
from services.pair_view import PairView

_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "BTC")


def money_line() -> html.Section:
    """The line below the cards; its texts are live."""
    return html.Section(
        html.Div(
            [
                html.Span("", id=ids.live("paper"), className="money-value"),
                html.Span("", id=ids.live("paper-note"), className="panel-head"),
            ],
            title="The run's signals as a paper position: filled on the next bar in which both legs traded, all costs"
            " of the settings charged, by the same ledger as a backtest.",
        ),
        className="panel money",
    )


def money_items(view: PairView) -> dict[str, Item]:
    """The line's texts, by name."""
    return {"paper": _paper(view)}


def _paper(view: PairView) -> Item:
    if view.paper is None:
        return Item("paper: no position yet", "it begins with the run's first bar")
    found, unit = view.paper.position, quote_of(view)
    trades = f"{found.trades} trade{'s' * (found.trades != 1)}"
    text = (
        f"paper: open {signed(found.open_net)}, realised {signed(found.realised)},"
        f" fees {found.fees:,.2f} {unit}, {trades}"
    )
    notes = [f"since {clock(view.paper.since_ms)}", f"half-spreads {found.half_spread:,.2f}"]
    notes += [f"slippage {found.slippage:,.2f}"] if found.slippage else []
    notes += [f"funding {signed(found.funding)}"] if found.funding else []
    if found.side:
        notes.append(f"holds {found.coins_y:+.6g} {view.y}, {found.coins_x:+.6g} {view.x}")
    if view.paper.from_history:
        notes.append(f"{view.paper.from_history} decided over bars from before the run began")
    total = found.open_net + found.realised
    return Item(text, " · ".join(notes), "good" if total > 0.0 else "bad" if total < 0.0 else "")


def signed(money: float) -> str:
    """Money with its sign, to a cent.

    >>> signed(1.234), signed(-4_567.0), signed(0.0), signed(float("nan"))
    ('+1.23', '-4,567.00', '0.00', '–')
    """
    if math.isnan(money):
        return "–"
    return f"{money:+,.2f}" if round(money, 2) else "0.00"


def quote_of(view: PairView) -> str:
    """The currency both legs are quoted in, by their names."""
    return next((each for each in _QUOTES if view.y.endswith(each) and view.x.endswith(each)), "of quote currency")
