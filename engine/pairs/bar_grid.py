"""Bars of two legs from arrays or pandas, on one grid of times without holes: what models and backtests are fed with.

Functions import pandas on first use, so that other processes do not load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.pairs.enums import Flag
from engine.pairs.layout import Floats
from engine.pairs.leg_features import BAR_ROWS, FLAGS, X_AGE, X_HALF, X_LAST, Y_AGE, Y_HALF, Y_LAST, X, Y
from engine.pairs.model import PairModel
from engine.pairs.settings import PairSettings
from engine.stats.checks import Bools
from engine.stats.jit import njit

if TYPE_CHECKING:
    import pandas as pd

    LegLike: TypeAlias = npt.ArrayLike | pd.Series[Any] | pd.DataFrame
    TimesLike: TypeAlias = npt.ArrayLike | pd.DatetimeIndex | None

Ints = npt.NDArray[np.int64]
SPARSEST = 0.1  # minimum share of the grid with bars: below it the width is wrong
LEAST_REGULAR = 0.5  # share of an index's steps that must be of its usual width
_MAY_BE_ZERO = (".half_spread", ".volume")
COLUMNS = ("close", "mid", "half_spread", "volume", "open", "fill_bid", "fill_ask")  # of a leg's frame


class LegBars(NamedTuple):
    """One leg on its own times, NaN where unknown. ``columns``: those of ``COLUMNS`` that were given."""

    times_ms: Ints
    price: Floats
    last: Floats
    half: Floats
    is_traded: Bools
    columns: dict[str, Floats]


class BarGrid(NamedTuple):
    """Both legs on one grid: ``bars`` as for ``PairModel.extend``, the first at slot ``first``; runs begin at
    ``begin``, the first bar by which both legs have a price.

    ``places``: the column of each of a leg's own times, for Y and X.
    """

    settings: PairSettings
    first: int
    begin: int
    bars: Floats
    legs: tuple[LegBars, LegBars]
    places: tuple[Ints, Ints]


def bar_grid(y: LegLike, x: LegLike, times_ms: TimesLike = None, settings: PairSettings | None = None) -> BarGrid:
    """The legs as :func:`engine.pairs.pair_model` takes them; ValueError as there."""
    times = [_own_times(y, "y"), _own_times(x, "x")] if times_ms is None else [bar_times(times_ms, "y")] * 2
    legs = leg_bars(y, times[0], "y"), leg_bars(x, times[1], "x")
    chosen = settings or PairSettings(interval_ms=_shared_interval(legs))
    slots = [_slots(times[0], chosen.interval_ms, "y")]
    slots.append(slots[0] if times[1] is times[0] else _slots(times[1], chosen.interval_ms, "x"))
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
    return BarGrid(chosen, first, int(known.argmax()), bars, legs, (slots[0] - first, slots[1] - first))


def models_on(grid: BarGrid, settings: PairSettings | None = None) -> list[PairModel]:
    """One model a run: the next begins with the bar after a break. ``settings`` None: the grid's own."""
    models: list[PairModel] = []
    begin, count = grid.begin, grid.bars.shape[1]
    while not models or (models[-1].is_broken and begin < count):
        models.append(PairModel(settings or grid.settings, grid.first + begin))
        models[-1].extend(np.ascontiguousarray(grid.bars[:, begin:]))
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
    step, share = _usual_step(bar_times(times, "the index"))
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


def _shared_interval(legs: tuple[LegBars, LegBars]) -> int:
    found = [interval_of(leg.times_ms) for leg in legs]
    if found[0] != found[1]:
        raise ValueError(f"bars of y are {found[0]} ms and those of x {found[1]} ms; expected one width")
    return found[0]


def _own_times(given: LegLike, name: str) -> Ints:
    import pandas as pd

    if not isinstance(given, (pd.Series, pd.DataFrame)):
        raise ValueError(f"{name} has no index and times_ms is None; expected times")
    return bar_times(given.index, name)


def leg_bars(given: LegLike, times: Ints, name: str) -> LegBars:
    """One leg, checked. Raises ValueError naming the value that cannot be."""
    columns = _columns(given, name)
    close = columns["close"]
    if times.size != close.size or not times.size:
        raise ValueError(f"{name} has {close.size} values and {times.size} times; expected as many, at least one")
    for column in ("close", "mid", "half_spread", "volume"):
        if column in columns:
            check_numbers(columns[column], times, name if column in ("close", "mid") else f"{name}.{column}")
    unknown = np.full(close.size, np.nan)
    price, last = (columns["mid"], close) if "mid" in columns else (close, unknown)
    is_traded = ~np.isnan(price) & (columns.get("volume", close) != 0.0)
    return LegBars(times, price, last, columns.get("half_spread", unknown), is_traded, columns)


def check_numbers(values: Floats, times: Ints, what: str) -> None:
    """Raises ValueError for the first number that is infinite, negative, or 0 in a column of prices; NaN is unknown."""
    may_be_zero = what.endswith(_MAY_BE_ZERO)
    at = _first_refused(values, may_be_zero)
    if at >= 0:
        expected = "finite numbers of at least 0" if may_be_zero else "positive, finite prices"
        raise ValueError(f"{what} is {values[at]} at {times[at]} ms; expected {expected}, or NaN")


@njit
def _first_refused(values: Floats, may_be_zero: bool) -> int:
    """The place of the first number that is infinite, negative, or 0 unless it may be; -1 without one."""
    for i in range(values.size):
        value = values[i]
        if value < 0.0 or value == np.inf or (value == 0.0 and not may_be_zero):
            return i
    return -1


def _columns(given: LegLike, name: str) -> dict[str, Floats]:
    """The relevant columns, by name; a plain series is a close."""
    import pandas as pd

    if not isinstance(given, pd.DataFrame):
        return {"close": _numbers(np.asarray(given), f"{name}.close")}
    if "close" not in given:
        raise ValueError(f"{name} has the columns {list(given.columns)}; expected close among them")
    return {column: _numbers(given[column].to_numpy(), f"{name}.{column}") for column in COLUMNS if column in given}


def _numbers(values: npt.NDArray[Any], what: str) -> Floats:
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ValueError(f"{what} holds {values.dtype} in {values.ndim} dimensions; expected real numbers in one")
    return values.astype(np.float64)


def bar_times(times: Any, name: str) -> Ints:
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
    bars: Floats, leg: LegBars, places: Ints, rows: tuple[int, int, int, int], filled: int, width_ms: int
) -> Bools:
    """Write one leg over the whole grid; returns where its price is known, including carried ones."""
    is_known = np.empty(bars.shape[1], dtype=np.bool_)
    _carry(bars, places, leg.price, leg.half, leg.last, leg.is_traded, *rows, int(filled), width_ms, is_known)
    return is_known


@njit
def _carry(  # noqa: PLR0913 - a compiled loop
    bars: Floats, places: Ints, price: Floats, half: Floats, last: Floats, is_traded: Bools, at_price: int, at_age: int,
    at_half: int, at_last: int, filled: int, width_ms: int, is_known: Bools,
) -> None:  # fmt: skip
    """Values of the leg's own times at ``places``; what is unknown there, or lies between, repeats the value before."""
    now_price = now_half = now_last = np.nan
    k, traded = 0, -1
    for i in range(bars.shape[1]):
        if k < places.size and places[k] == i:
            now_price = price[k] if price[k] == price[k] else now_price
            now_half = half[k] if half[k] == half[k] else now_half
            now_last = last[k] if last[k] == last[k] else now_last
            traded = i if is_traded[k] else traded
            k += 1
        bars[at_price, i], bars[at_half, i], bars[at_last, i] = now_price, now_half, now_last
        bars[at_age, i] = np.inf if traded < 0 else float((i - traded) * width_ms)
        if traded != i:
            bars[FLAGS, i] += filled
        is_known[i] = now_price == now_price
