"""The money line of the pair page: the paper position of the pair's run."""

from __future__ import annotations

import math
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from screen.components import ids
from screen.components.formatting import Item, clock
from screen.components.markup import Markup, markup
from services.pair_view import PairView
from services.parity import ParityState

_LIVE_REGION: Any = {"aria-live": "polite"}
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "BTC")


def money_line() -> html.Section:
    """The line below the cards; its texts are live."""
    return html.Section(
        [
            as_of(),
            _text(
                "executable",
                "The z at which both legs could be filled at the last bar: what is bought at the ask, what is sold at"
                " the bid, by the line and the deviation of that bar. It is never better than the z of the mids.",
            ),
            _text(
                "paper",
                "The pair's signals as a paper position, over all of its runs: filled on the next bar in which both"
                " legs traded, a run's end closing it at its last price, all costs of the settings charged, by the same"
                " ledger as a backtest.",
            ),
            _text(
                "parity",
                "The stored trades of this run replayed through the same code: how many of its bars,"
                " decisions and paper fills come out equal in every value.",
            ),
            dbc.Button("Check parity", id=ids.PARITY_CHECK, color="link", size="sm"),
            _text(
                "locked",
                "The position you hold: its line and coins stay as they were when you clicked I'm in, while the"
                " model's move on. A re-hedge pays if the variance of X it takes away is worth more than its costs, at"
                " a risk aversion of 1 on a capital of 10,000.",
            ),
            dbc.Button("I'm in", id=ids.LOCK, color="link", size="sm", title="Lock the line and the coins of now"),
            dbc.Button("I'm out", id=ids.UNLOCK, color="link", size="sm", title="Remove the lock"),
            html.Span("", id=ids.MONEY_MESSAGE, role="status", className="panel-head", **_LIVE_REGION),
            dbc.Button("Undo", id=ids.MONEY_UNDO_BUTTON, color="link", size="sm", style={"display": "none"}),
            dcc.Store(id=ids.MONEY_UNDO),
        ],
        className="panel money",
    )


def as_of() -> html.Span:
    """Says of when the figures beside it are, while they are not of now: see ``showAge`` of ``assets/pair.js``."""
    return html.Span("", className="as-of")


def _text(name: str, explanation: str) -> Markup:
    spans = [
        html.Span("", id=ids.live(name), className="money-value"),
        html.Span("", id=ids.live(f"{name}-note"), className="panel-head"),
    ]
    return markup(html.Div(spans, title=explanation))


def money_items(view: PairView) -> dict[str, Item]:
    """The line's texts, by name."""
    return {
        "executable": _executable(view),
        "paper": _paper(view),
        "parity": _parity(view.parity),
        "locked": _locked(view),
    }


def _executable(view: PairView) -> Item:
    found = view.executable
    if found is None or math.isnan(found.mid):
        return Item("executable z –", "not known yet")
    if math.isnan(found.long):
        return Item("executable z –", f"mid {_z(found.mid)} · a leg has no quotes")
    entry = view.settings.entry_z
    is_hidden = abs(found.mid) >= entry and not (found.long <= -entry or found.short >= entry)
    notes = [f"mid {_z(found.mid)}", *["the mid is beyond the entry, the quotes are not"][: int(is_hidden)]]
    text = f"executable z: buy {_z(found.long)}, sell {_z(found.short)}"
    return Item(text, " · ".join(notes), "warn" if is_hidden else "")


def _paper(view: PairView) -> Item:
    if view.paper is None:
        return Item("paper: no position yet", "it begins with the run's first bar")
    found, held, unit = view.paper.book, view.paper.position, quote_of(view)
    trades = f"{found.trades} trade{'s' * (found.trades != 1)}"
    text = f"paper: open {signed(found.open_net)}, realised {signed(found.realised)} {unit}, net of all costs, {trades}"
    costs = f"taken off so far: fees {found.fees:,.2f}, half-spreads {found.half_spread:,.2f}"
    notes = [f"since {clock(found.since_ms)}", costs]
    notes += [f"slippage {found.slippage:,.2f}"] if found.slippage else []
    notes += [f"funding {signed(found.funding)}"] if found.funding else []
    notes += [f"over {found.runs} runs"] if found.runs > 1 else []
    if held.side:
        uncounted = "" if found.is_open_counted else ", entered over bars of the run before: not counted"
        if found.is_open_counted and found.is_open_replayed:
            uncounted = ", entered in the replay of bars from before the run began"
        notes.append(f"holds {held.coins_y:+.6g} {view.y}, {held.coins_x:+.6g} {view.x}{uncounted}")
        notes.append("the costs of its exit are still to come")
    notes += [pending] if (pending := _pending(view, held.side)) else []
    if found.replayed:
        notes.append(
            f"of this run's {found.replayed} replayed, over bars from before it began: {signed(found.replayed_net)}"
        )
    if found.repeated:
        repeated = f"{found.repeated} trade{'s' * (found.repeated != 1)}"
        notes.append(f"not counted: {repeated} of this run over bars that an earlier run counted")
    total = found.open_net + found.realised
    return Item(text, " · ".join(notes), "up" if total > 0.0 else "down" if total < 0.0 else "")


def _pending(view: PairView, side: int) -> str:
    """The order of the last bar's decision: it is filled in the next bar."""
    if view.latest is None or math.isnan(view.latest.position) or bool(view.latest.position) == bool(side):
        return ""
    return "its exit is filled in the next bar" if side else "the entry is filled in the next bar"


def _locked(view: PairView) -> Item:
    found = view.locked
    if found is None:
        return Item("not in", "")
    lock, unit = found.lock, quote_of(view)
    text = f"in: z {_z(found.z)} (model {_z(found.model_z)}), PnL {signed(found.gross)} {unit}"
    scale, digits, spread_unit = (1e4, 1, " bps") if lock.space == "log" else (1.0, 6, "")
    notes = [
        f"since {clock(lock.locked_ms)}: {lock.coins_y:+.6g} {view.y}, {lock.coins_x:+.6g} {view.x}, β {lock.beta:.4f}",
        f"locked spread {scale * found.spread:+.{digits}f}{spread_unit}",
        f"costs in and out {_money(found.costs)}",
        f"hedge drift {signed(found.drift)} of {view.x}",
        f"a re-hedge costs {_money(found.rehedge_costs)} and saves {_money(found.rehedge_saves)}"
        f" over {found.rehedge_bars:.0f} bars: {'it pays' if found.is_rehedge_worth else 'it does not pay'}",
    ]
    return Item(text, " · ".join(notes), "up" if found.gross > 0.0 else "down" if found.gross < 0.0 else "")


def _z(z: float) -> str:
    return "–" if math.isnan(z) else f"{z:+.2f}"


def _money(amount: float) -> str:
    return "–" if math.isnan(amount) else f"{amount:,.2f}"


def _parity(state: ParityState) -> Item:
    if state.phase == "running":
        share = f" {state.done / state.total:.0%}" if state.total else ""
        return Item("parity …", f"replaying{share}")
    if state.found is None:
        why = f"the check failed: {state.problem}" if state.phase == "failed" else "not checked in this run"
        return Item("parity –", why, "warn" if state.phase == "failed" else "")
    checked = f"through {clock(state.found.through_ms)}"
    if state.found.is_equal:
        return Item(str(state.found), checked, "good")
    return Item(str(state.found), " · ".join([*state.found.lines(most=4), checked]), "bad")


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
