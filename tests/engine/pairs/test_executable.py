"""The z at which both legs could be filled: by hand, never better than the mid, and on bars of a market."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.history import MemoryHistory
from engine.pairs import ExecutableZ, Snapshot, executable_now, executable_z
from engine.pairs.enums import Action, Reason
from engine.pairs.layout import In
from engine.pairs.leg import Col
from engine.pairs.model import PairModel
from engine.pairs.pipeline import Pipeline
from engine.pairs.settings import PairSettings
from tests.engine.pairs.markets import SETTINGS, make_ticks, run_of


def shot_of(beta: float, z: float, deviation: float, mean: float = 0.0, alpha: float = 0.0) -> Snapshot:
    unknown = [math.nan] * 8
    return Snapshot(
        0, beta, alpha, mean + z * deviation, mean, deviation, z, *unknown, 0.0, Action.NONE, Reason.NONE
    )  # fmt: skip


def test_by_hand_in_prices() -> None:
    """Y 100 by 102, X 48 by 52, beta 1.5, alpha 20: the spread is 101 - 75 - 20 = 6 at the mids, 102 - 72 - 20 = 10
    bought and 100 - 78 - 20 = 2 sold. With mean 1 and deviation 2 z is 2.5, 4.5 and 0.5."""
    found = executable_z(shot_of(1.5, 2.5, 2.0, 1.0, 20.0), "price", (101.0, 50.0), (101.0, 50.0), (1 / 101, 2 / 50))
    assert (found.mid, found.long, found.short) == pytest.approx((2.5, 4.5, 0.5), abs=1e-12)


def test_by_hand_in_logs() -> None:
    """Bought at the ask of Y and the bid of X: the log spread of those prices, written out."""
    y, x, beta, alpha, mean, deviation = (3_000.0, 3_003.0), (60_000.0, 60_030.0), 0.8, -0.7, 0.01, 0.004
    mids = sum(y) / 2, sum(x) / 2
    halves = (y[1] - mids[0]) / mids[0], (x[1] - mids[1]) / mids[1]

    def z_of(price_y: float, price_x: float) -> float:
        return (math.log(price_y) - beta * math.log(price_x) - alpha - mean) / deviation

    shot = shot_of(beta, z_of(*mids), deviation, mean, alpha)
    found = executable_z(shot, "log", mids, mids, halves)
    assert found.mid == shot.z
    assert found.long == pytest.approx(z_of(y[1], x[0]), abs=1e-9)
    assert found.short == pytest.approx(z_of(y[0], x[1]), abs=1e-9)
    both = executable_z(shot._replace(beta=-beta), "log", mids, mids, halves)
    assert both.long - shot.z == pytest.approx((math.log1p(halves[0]) + beta * math.log1p(halves[1])) / deviation), (
        "with a negative hedge both legs are bought"
    )


def test_prices_that_are_last_prints_are_moved_to_the_mids() -> None:
    """The last print of Y is its bid: its z is lower than that of the mid, and than any z that could be filled."""
    shot = shot_of(1.0, -2.0, 2.0)
    found = executable_z(shot, "price", (100.0, 50.0), (101.0, 50.0), (1 / 101, 0.0))
    assert (found.mid, found.long, found.short) == pytest.approx((-1.5, -1.0, -2.0))


sizes = st.floats(1e-3, 1e5)
halves = st.one_of(st.just(0.0), st.floats(1e-7, 0.4))


@given(
    space=st.sampled_from(["log", "price"]), beta=st.floats(-50, 50), z=st.floats(-50, 50),
    deviation=st.floats(1e-6, 1e3), mids=st.tuples(sizes, sizes), half=st.tuples(halves, halves),
)  # fmt: skip
def test_it_is_never_better_than_the_mid(
    space: str, beta: float, z: float, deviation: float, mids: tuple[float, float], half: tuple[float, float]
) -> None:
    found = executable_z(shot_of(beta, z, deviation), space, mids, mids, half)
    assert found.mid == z
    assert found.short <= found.mid <= found.long
    wider = executable_z(shot_of(beta, z, deviation), space, mids, mids, (half[0] * 1.5, half[1] * 1.5))
    assert wider.short <= found.short and wider.long >= found.long
    if not any(half):
        assert found.short == found.long == z
    elif half[0] > 0.0 and half[0] / deviation > 1e-9 * max(abs(z), 1.0):
        assert found.short < z < found.long


def followed(settings: PairSettings, count: int = 1_800) -> PairModel:
    history, run = MemoryHistory(), run_of(settings)
    pipeline = Pipeline(history)
    pipeline.begin(run, 0)
    for seq, tick in enumerate(make_ticks(1)[:count], 1):
        history.add(seq, tick)
        pipeline.feed(seq, tick)
    return pipeline.runs[run.run_id].model


@pytest.mark.parametrize("changes", [{}, {"space": "price"}, {"price": "last"}, {"estimator": "ols"}])
def test_on_the_bars_of_a_market(changes: dict[str, str]) -> None:
    """From the quotes of the legs' own columns, by the line that the spread was measured from."""
    model = followed(replace(SETTINGS, **changes))  # type: ignore[arg-type]
    found, shot = executable_now(model), model.snapshot(model.size - 1)
    assert found is not None and not math.isnan(found.mid)
    sides = [leg_quotes(model, which) for which in (0, 1)]

    def z_of(price_y: float, price_x: float) -> float:
        y, x = (np.log([price_y, price_x])) if model.settings.space == "log" else (price_y, price_x)
        return float((y - shot.beta * x - shot.alpha - shot.mean) / shot.deviation)

    (bid_y, ask_y), (bid_x, ask_x) = sides
    tolerance = 1e-6
    assert found.long == pytest.approx(z_of(ask_y, bid_x), abs=tolerance)
    assert found.short == pytest.approx(z_of(bid_y, ask_x), abs=tolerance)
    assert found.mid == pytest.approx(z_of((bid_y + ask_y) / 2, (bid_x + ask_x) / 2), abs=tolerance)
    assert found.short < found.mid < found.long
    if model.settings.price == "mid":
        assert found.mid == shot.z


@pytest.mark.parametrize("space", ["log", "price"])
def test_with_entries_at_the_quotes_none_is_given_where_only_the_mid_is_beyond(space: str) -> None:
    """Features P11: of the signals by the mid exactly those stay whose z at the quotes is beyond the threshold too."""
    settings = replace(
        SETTINGS, space=space, gate="off", entry_z=1.0, exit_z=0.0, half_spread_bps=6.0, cooldown_bars=0, hedge_min=0.0,
        hedge_max=50.0, centre_limit=None, cost_filter=False,
    )  # fmt: skip
    by_mid, by_quotes = followed(settings), followed(replace(settings, entry_at="quotes"))
    given = [by_quotes.snapshot(place) for place in range(by_quotes.size)]
    assert [shot.z for shot in given] == pytest.approx([by_mid.snapshot(p).z for p in range(by_mid.size)], nan_ok=True)
    entered = refused = 0
    for place, shot in enumerate(given):
        mids = (float(by_quotes.inputs(In.MID, place, place + 1)[leg][0]) for leg in (0, 1))
        at = executable_z(shot, space, by_quotes.prices(place), tuple(mids), (6e-4, 6e-4))  # type: ignore[arg-type]
        worse = at.short if shot.z > 0 else -at.long
        if shot.action in (Action.ENTER_LONG, Action.ENTER_SHORT):
            entered += 1
            assert worse >= 1.0
        elif shot.reason == Reason.NOT_EXECUTABLE:
            refused += 1
            assert abs(shot.z) >= 1.0 and worse < 1.0 + 1e-3  # a leg that is sold is asked for a little more: h squared
    assert entered > 3 and refused > 3
    shots = [by_mid.snapshot(place) for place in range(by_mid.size)]
    assert sum(shot.action in (Action.ENTER_LONG, Action.ENTER_SHORT) for shot in shots) > entered


def leg_quotes(model: PairModel, which: int) -> tuple[float, float]:
    """Bid and ask of the last bar, out of the seconds of a leg that follows the same ticks."""
    history, run = MemoryHistory(), run_of(model.settings)
    pipeline = Pipeline(history)
    pipeline.begin(run, 0)
    for seq, tick in enumerate(make_ticks(1)[:1_800], 1):
        history.add(seq, tick)
        pipeline.feed(seq, tick)
    leg = pipeline.runs[run.run_id].legs[which]
    place = (model.first_slot or 0) - leg.first_slot + model.size - 1
    return float(leg.column(Col.QUOTE_BID)[place]), float(leg.column(Col.QUOTE_ASK)[place])


def test_a_set_half_spread_holds_as_in_the_cost_filter() -> None:
    model = followed(replace(SETTINGS, half_spread_bps=3.0))
    found, shot = executable_now(model), model.snapshot(model.size - 1)
    assert found is not None
    paid = (math.log1p(3e-4) - abs(shot.beta) * math.log1p(-3e-4)) / shot.deviation
    assert found.long - found.mid == pytest.approx(paid)


def test_before_it_is_known_there_is_none() -> None:
    assert executable_now(PairModel(SETTINGS)) is None
    first = executable_now(followed(SETTINGS, 60))
    assert first is not None and all(math.isnan(value) for value in (first.mid, first.long, first.short))
    without = executable_z(shot_of(1.0, 2.0, 1.0), "log", (1.0, 1.0), (1.0, 1.0), (math.nan, 0.0))
    assert without.mid == 2.0 and math.isnan(without.long) and math.isnan(without.short)
    assert repr(ExecutableZ(1.0, 2.0, 0.5)) == "ExecutableZ(mid=1, long=2, short=0.5)"
