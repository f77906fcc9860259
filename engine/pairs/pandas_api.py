"""The pandas API for notebooks: pandas in, pandas out, through the model that runs live.

Functions import pandas on first use, so that other processes do not load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.pairs.enums import Action, Flag, Reason
from engine.pairs.layout import Floats, In, Out
from engine.pairs.leg_features import BAR_ROWS, FLAGS, X_AGE, X_HALF, X_LAST, Y_AGE, Y_HALF, Y_LAST, X, Y
from engine.pairs.model import PairModel
from engine.pairs.quantities import order_quantities
from engine.pairs.settings import PairSettings

if TYPE_CHECKING:
    import pandas as pd

    LegLike: TypeAlias = npt.ArrayLike | pd.Series[Any] | pd.DataFrame
    TimesLike: TypeAlias = npt.ArrayLike | pd.DatetimeIndex | None

Ints = npt.NDArray[np.int64]
SPARSEST = 0.1  # minimum share of the grid with bars: below it the width is wrong
LEAST_REGULAR = 0.5  # share of an index's steps that must be of its usual width

_NUMBERS = {row.name.lower(): row for row in Out if row not in (Out.ACTION, Out.REASON, Out.REAL_BARS)}


class _Leg(NamedTuple):
    """One leg on its own times, NaN where unknown."""

    times_ms: Ints
    price: Floats
    last: Floats
    half: Floats
    is_traded: npt.NDArray[np.bool_]


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

    models = _models(y, x, times_ms, settings)
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
    return _models(y, x, times_ms, settings)[-1]


def _models(y: LegLike, x: LegLike, times_ms: TimesLike, settings: PairSettings | None) -> list[PairModel]:
    """One model a run: the next begins with the bar after a break."""
    legs = [_leg(each, times_ms, name) for each, name in ((y, "y"), (x, "x"))]
    chosen = settings or PairSettings(interval_ms=_shared_interval(legs))
    slots = [_slots(leg.times_ms, chosen.interval_ms, name) for leg, name in zip(legs, "yx", strict=True)]
    first, last = min(int(each[0]) for each in slots), max(int(each[-1]) for each in slots)
    count = last - first + 1
    if max(each.size for each in slots) < SPARSEST * count:
        raise ValueError(
            f"{max(each.size for each in slots)} bars lie on a grid of {count} of {chosen.interval_ms} ms; "
            f"expected settings with the bars' own interval_ms, {_usual_step(legs[0].times_ms)[0]}, or none"
        )
    bars = np.zeros((BAR_ROWS, count))
    known = _put(bars, legs[0], slots[0] - first, (Y, Y_AGE, Y_HALF, Y_LAST), Flag.Y_FILLED, chosen.interval_ms)
    known &= _put(bars, legs[1], slots[1] - first, (X, X_AGE, X_HALF, X_LAST), Flag.X_FILLED, chosen.interval_ms)
    if not known.any():
        raise ValueError("no bar has a price of both legs by then; expected legs that overlap")
    begin = int(known.argmax())
    models: list[PairModel] = []
    while not models or (models[-1].is_broken and begin < count):
        models.append(PairModel(chosen, first + begin))
        models[-1].extend(np.ascontiguousarray(bars[:, begin:]))
        begin += models[-1].size
    return models


def utc_index(times: Any, name: str = "the index") -> pd.DatetimeIndex:
    """Times as a DatetimeIndex in UTC: a DatetimeIndex, or ISO 8601 text and datetimes with *any mixture of offsets*.

    A CSV of local times that crosses a change of clocks has two offsets, and ``pandas.read_csv`` leaves such a column
    as text. A time that names no offset is in UTC. Raises ValueError naming the first that is no time.

    >>> utc_index(["2025-10-26T02:59:00+02:00", "2025-10-26T02:00:00+01:00"]).strftime("%H:%M").tolist()
    ['00:59', '01:00']
    """
    import pandas as pd

    if isinstance(times, pd.DatetimeIndex):
        return times.tz_localize("UTC") if times.tz is None else times.tz_convert("UTC")
    given = pd.Index(times)
    if not len(given) or given.dtype.kind not in "OTU":
        raise ValueError(f"times of {name} are {given.dtype}; expected ISO 8601 text, datetimes or a DatetimeIndex")
    parsed = pd.to_datetime(given, utc=True, format="ISO8601", errors="coerce")
    unknown = np.asarray(parsed.isna())
    if unknown.any():
        at = int(unknown.argmax())
        raise ValueError(f"time {at} of {name} is {given[at]!r}; expected ISO 8601 text, with its offset unless in UTC")
    return pd.DatetimeIndex(parsed)


def interval_of(times: Any) -> int:
    """The usual distance of two times in ms: what ``PairSettings.interval_ms`` is for these bars.

    ``times``: what :func:`utc_index` takes, or whole ms. Missing bars do no harm as long as half of the steps are of
    one width; ValueError otherwise.

    >>> interval_of([0, 60_000, 120_000, 300_000])
    60000
    """
    step, share = _usual_step(_times(times, "the index"))
    if share < LEAST_REGULAR:
        found = f"most often {step} ms, in {share:.0%} of them" if step else "none"
        raise ValueError(f"steps of the index are {found}; expected one width, or settings with interval_ms")
    return step


def _usual_step(times_ms: Ints) -> tuple[int, float]:
    """The commonest step in ms and its share; 0 and 0 where there is none."""
    steps, counts = np.unique(np.diff(times_ms), return_counts=True)
    if not steps.size:
        return 0, 0.0
    at = int(counts.argmax())
    return int(steps[at]), float(counts[at] / counts.sum())


def _shared_interval(legs: list[_Leg]) -> int:
    found = [interval_of(leg.times_ms) for leg in legs]
    if found[0] != found[1]:
        raise ValueError(f"bars of y are {found[0]} ms and those of x {found[1]} ms; expected one width")
    return found[0]


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


def _leg(given: LegLike, times_ms: TimesLike, name: str) -> _Leg:
    import pandas as pd

    if times_ms is None:
        if not isinstance(given, (pd.Series, pd.DataFrame)):
            raise ValueError(f"{name} has no index and times_ms is None; expected times")
        times_ms = given.index
    columns, times = _columns(given, name), _times(times_ms, name)
    close = columns["close"]
    if times.size != close.size or not times.size:
        raise ValueError(f"{name} has {close.size} values and {times.size} times; expected as many, at least one")
    unknown = np.full(close.size, np.nan)
    price, last = (columns["mid"], close) if "mid" in columns else (close, unknown)
    for values in (price, last):
        bad = ~(np.isnan(values) | ((values > 0.0) & (values < np.inf)))
        if bad.any():
            at = int(bad.argmax())
            raise ValueError(f"{name} is {values[at]} at {times[at]} ms; expected positive, finite prices, or NaN")
    is_traded = ~np.isnan(price) & (columns.get("volume", close) != 0.0)
    return _Leg(times, price, last, columns.get("half_spread", unknown), is_traded)


def _columns(given: LegLike, name: str) -> dict[str, Floats]:
    """The relevant columns, by name; a plain series is a close."""
    import pandas as pd

    if not isinstance(given, pd.DataFrame):
        given = pd.DataFrame({"close": np.asarray(given)})
    if "close" not in given:
        raise ValueError(f"{name} has the columns {list(given.columns)}; expected close among them")
    found = {}
    for column in ("close", "mid", "half_spread", "volume"):
        if column in given:
            values = given[column].to_numpy()
            if values.dtype.kind not in "iuf":
                raise ValueError(f"{name}.{column} holds {values.dtype}; expected real numbers")
            found[column] = values.astype(np.float64)
    return found


def _times(times: Any, name: str) -> Ints:
    """Strictly increasing int64 ms from whole numbers, or from the input of ``utc_index``."""
    import pandas as pd

    if isinstance(times, pd.DatetimeIndex):
        found = utc_index(times).as_unit("ms").asi8
    else:
        found = np.asarray(times)
        if found.ndim == 1 and found.dtype.kind in "OTU":
            found = utc_index(times, name).as_unit("ms").asi8
        elif found.ndim != 1 or found.dtype.kind not in "iu":
            raise ValueError(f"times of {name} are {found.ndim}-D {found.dtype}; expected whole ms or a DatetimeIndex")
    rising = np.diff(found) > 0
    if not rising.all():
        at = int(rising.argmin()) + 1
        raise ValueError(f"time {at} of {name} is {found[at]} after {found[at - 1]}; expected times that rise")
    return found.astype(np.int64)


def _slots(times_ms: Ints, width_ms: int, name: str) -> Ints:
    slots = times_ms // width_ms
    shared = np.diff(slots) == 0
    if shared.any():
        at = int(shared.argmax())
        both = f"{times_ms[at]} and {times_ms[at + 1]}"
        raise ValueError(f"times {both} of {name} fall into one bar of {width_ms} ms; expected one time a bar")
    return slots


def _put(
    bars: Floats, leg: _Leg, places: Ints, rows: tuple[int, int, int, int], filled: int, width_ms: int
) -> npt.NDArray[np.bool_]:
    """Write one leg over the whole grid; returns where its price is known, including carried ones."""
    grid = np.arange(bars.shape[1])
    price, age, half, last = rows
    for row, values in ((price, leg.price), (half, leg.half), (last, leg.last)):
        bars[row] = np.nan
        bars[row, places] = values
        at = np.maximum.accumulate(np.where(np.isnan(bars[row]), 0, grid))
        bars[row] = bars[row, at]
    is_traded = np.zeros(grid.size, dtype=np.bool_)
    is_traded[places] = leg.is_traded
    traded = np.maximum.accumulate(np.where(is_traded, grid, -1))
    bars[age] = np.where(traded < 0, np.inf, (grid - traded) * float(width_ms))
    bars[FLAGS] += np.where(is_traded, 0, filled)
    is_known: npt.NDArray[np.bool_] = ~np.isnan(bars[price])
    return is_known
