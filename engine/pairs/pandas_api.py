"""The pandas API for notebooks: pandas in, pandas out, through the model that runs live.

Functions import pandas on first use, so that other processes do not load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.pairs.bar_grid import Ints, bar_grid, models_on
from engine.pairs.enums import Action, Reason
from engine.pairs.layout import Floats, In, Out
from engine.pairs.model import PairModel
from engine.pairs.quantities import order_quantities
from engine.pairs.settings import PairSettings

if TYPE_CHECKING:
    import pandas as pd

    from engine.pairs.bar_grid import LegLike, TimesLike

_NUMBERS = {row.name.lower(): row for row in Out if row not in (Out.ACTION, Out.REASON, Out.REAL_BARS, Out.OBJECTION)}


def run_pair(y: LegLike, x: LegLike, times_ms: TimesLike = None, settings: PairSettings | None = None) -> pd.DataFrame:
    """Snapshots and decisions of a pair, one row a bar, index the bar's open in UTC.

    Takes what :func:`pair_model` takes. A row holds the values known at its bar's close; an action is executed at the
    next bar. Columns: ``y``, ``x`` (prices, carried where a bar is missing), ``y_filled``, ``x_filled`` (no trade in
    the bar), those of ``engine.pairs.layout.Out`` (NaN where not known), ``action`` and ``reason`` by name, and
    ``quantity_y``, ``quantity_x``: the coins to trade, + to buy, NaN without a trade; and ``run``, which
    rises by 1 where the break alarm ended a run and another began. A position open at a break is closed, with the
    reason ``RUN_END``, in the next bar in which both legs traded.
    """
    import pandas as pd

    models = models_on(bar_grid(y, x, times_ms, settings))
    frames = [frame_of(model) for model in models]
    for run, frame in enumerate(frames):
        frame["run"] = run
    found = pd.concat(frames)
    _close_broken(found, models)
    return found


def pair_model(y: LegLike, x: LegLike, times_ms: TimesLike = None, settings: PairSettings | None = None) -> PairModel:
    """The model of a pair after all bars given, for snapshots, columns and :func:`engine.pairs.evidence_of`.

    If the break alarm ended runs, this is the model of the last one.

    A leg is an array or a Series of prices, or a frame with ``close`` and optionally ``mid`` (then used for
    statistics), ``half_spread`` (a fraction of the price) and ``volume`` (a bar without volume counts as missing).
    ``times_ms``: bar open times, strictly increasing, int64 ms UTC or the input of :func:`utc_index`; None takes each
    leg's own index, and the two may differ. A time is assigned to its bar of ``settings.interval_ms``. ``settings``
    None: the defaults, with the width of the bars from the index (:func:`interval_of`).

    A missing bar, or one with a NaN price, repeats the leg's last price and is marked as filled; the model starts at
    the first bar by which both legs have a price. Without a half-spread costs are unknown, and a cost filter blocks
    every entry: set ``settings.half_spread_bps``.

    Raises ValueError for prices that are infinite, 0 or negative, times that do not increase, two times in one bar,
    legs without a common bar, and a width far below that of the bars.
    """
    return models_on(bar_grid(y, x, times_ms, settings))[-1]


def frame_of(model: PairModel) -> pd.DataFrame:
    """All bars of a model as :func:`run_pair` gives them."""
    import pandas as pd

    times = (np.arange(model.size) + (model.first_slot or 0)) * model.settings.interval_ms
    y, x = model.inputs(In.LAST if model.settings.price == "last" else In.MID)
    y_flags, x_flags = (each.astype(np.int64) for each in model.inputs(In.FLAGS))
    columns: dict[str, Any] = {"y": y, "x": x, "y_filled": (y_flags & 1) == 1, "x_filled": (x_flags & 1) == 1}
    columns |= {name: model.column(row) for name, row in _NUMBERS.items()}
    actions = model.column(Out.ACTION).astype(np.int64)
    columns["action"] = [Action(code).name.lower() for code in actions.tolist()]
    reasons = model.column(Out.REASON).astype(np.int64).tolist()
    columns["reason"] = ["" if code == Reason.NONE else Reason(code).name for code in reasons]
    columns["quantity_y"], columns["quantity_x"] = _quantities(model, actions)
    index = pd.DatetimeIndex(pd.to_datetime(times, unit="ms", utc=True), name="bar_open")
    return pd.DataFrame(columns, index=index)


def _close_broken(frame: pd.DataFrame, models: list[PairModel]) -> None:
    """Close what a broken run still held, in the first bar after it in which both legs traded."""
    is_real = ~(frame["y_filled"] | frame["x_filled"]).to_numpy()
    end = 0
    for model in models[:-1]:
        end += model.size
        places = np.flatnonzero(is_real[end:])
        if model.column(Out.POSITION)[-1] == 0.0 or not places.size:
            continue
        entered = end - model.size + model.entered_before(model.size)
        held = frame[["quantity_y", "quantity_x"]].to_numpy()[entered]
        row = frame.index[end + int(places[0])]
        frame.loc[row, ["action", "reason", "quantity_y", "quantity_x"]] = ["exit", Reason.RUN_END.name, *-held]


def _quantities(model: PairModel, actions: Ints) -> tuple[Floats, Floats]:
    """Coins to trade after each bar: an exit reverses the entry's."""
    y, x = np.full(model.size, np.nan), np.full(model.size, np.nan)
    held = (0.0, 0.0)
    for place in np.flatnonzero((actions != Action.NONE) & (actions != Action.NO_ENTRY)).tolist():
        beta = float(model.column(Out.BETA)[place])
        held = order_quantities(model.settings, Action(int(actions[place])), beta, model.prices(place), held)
        y[place], x[place] = held
    return y, x
