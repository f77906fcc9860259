"""The pandas API gives the results of the live model: pandas in, pandas out."""

from __future__ import annotations

import doctest
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.pairs import (
    Action,
    PairBar,
    PairModel,
    PairSettings,
    Reason,
    bar_grid,
    classic,
    evidence_of,
    frame_of,
    interval_of,
    pair_model,
    run_pair,
    utc_index,
)
from engine.pairs.layout import In, Out
from engine.pairs.run import PairRun
from tests.engine.pairs.markets import T0, make_ticks, run_of
from tests.engine.pairs.test_pipeline import replayed
from tests.engine.pairs.worlds import CLASSIC, SLOT, WIDTH_MS, columns_of, fill, model_of, reverting

BARS = 500
TIMES = (SLOT + np.arange(BARS)) * WIDTH_MS
INDEX = pd.DatetimeIndex(pd.to_datetime(TIMES, unit="ms", utc=True))


def closes(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    bars = reverting(seed, BARS)
    return bars[0], bars[1]


def plain(y: np.ndarray, x: np.ndarray) -> PairModel:
    """The model given the same closes bar by bar, without quotes."""
    model = PairModel(CLASSIC)
    for i, time_ms in enumerate(TIMES):
        model.update(PairBar(int(time_ms), y[i], x[i]))
    return model


def test_arrays_series_and_frames_give_the_same_as_bars_one_by_one() -> None:
    y, x = closes()
    expected = frame_of(plain(y, x)).assign(run=0)
    for got in (
        run_pair(y, x, TIMES, CLASSIC),
        run_pair(y.tolist(), x.tolist(), INDEX, CLASSIC),
        run_pair(pd.Series(y, INDEX), pd.Series(x, INDEX), settings=CLASSIC),
        run_pair(pd.Series(y, INDEX.tz_convert("Asia/Tokyo")), pd.Series(x, INDEX.tz_localize(None)), None, CLASSIC),
        run_pair(pd.DataFrame({"close": y, "open": 0.0}, INDEX), pd.Series(x, TIMES), None, CLASSIC),
    ):
        pd.testing.assert_frame_equal(got, expected)


def test_a_frame_says_what_the_model_says() -> None:
    y, x = closes()
    model = pair_model(y, x, TIMES, CLASSIC)
    frame = frame_of(model)
    assert frame.index.equals(INDEX.rename("bar_open")) and str(frame.index.tz) == "UTC"
    for row in Out:
        if row not in (Out.ACTION, Out.REASON, Out.REAL_BARS, Out.OBJECTION):
            np.testing.assert_array_equal(frame[row.name.lower()], model.column(row))
    assert frame["action"].tolist() == [Action(int(code)).name.lower() for code in model.column(Out.ACTION)]
    named = [Reason(int(code)).name for code in model.column(Out.REASON)]
    assert frame["reason"].tolist() == ["" if name == "NONE" else name for name in named]
    assert (frame["action"] == "enter_long").any() and (frame["action"] == "exit").any()
    np.testing.assert_array_equal(frame["y"], y)


def test_quantities_are_those_of_two_legs_and_an_exit_trades_them_back() -> None:
    for space in ("log", "price"):
        frame = run_pair(*closes(), TIMES, replace(CLASSIC, space=space, notional=500.0))
        trades = frame[frame["quantity_y"].notna()]
        assert trades["action"].isin(["enter_long", "enter_short", "exit"]).all() and len(trades) >= 6
        for (_, entry), (_, leave) in zip(trades[::2].iterrows(), trades[1::2].iterrows(), strict=False):
            side = 1.0 if entry["action"] == "enter_long" else -1.0
            assert entry["quantity_y"] * entry["y"] == pytest.approx(side * 500.0)
            hedge = entry["beta"] * (entry["y"] / entry["x"] if space == "log" else 1.0)
            assert entry["quantity_x"] == pytest.approx(-hedge * entry["quantity_y"])
            assert (leave["quantity_y"], leave["quantity_x"]) == (-entry["quantity_y"], -entry["quantity_x"])
        assert frame.loc[frame["action"].isin(["none", "no_entry"]), "quantity_x"].isna().all()


def test_missing_bars_repeat_the_price_and_are_marked() -> None:
    y, x = closes()
    gap, nan = slice(200, 206), 300
    holed = y.copy()
    holed[nan] = np.nan
    one, two = pd.Series(holed, INDEX), pd.Series(x, INDEX).drop(INDEX[gap])
    frame = run_pair(one, two, settings=CLASSIC)
    assert len(frame) == BARS
    assert frame["x_filled"].to_numpy().nonzero()[0].tolist() == list(range(200, 206))
    assert frame["y_filled"].to_numpy().nonzero()[0].tolist() == [nan]
    assert (frame["x"].iloc[gap] == x[199]).all() and frame["y"].iloc[nan] == y[299]
    expected = fill(fill(np.stack([y, x, *np.zeros((7, BARS))]), "x", 200, 206), "y", nan, nan + 1)
    expected[4:6], expected[7:] = np.nan, np.nan
    pd.testing.assert_frame_equal(frame, frame_of(model_of(expected)).assign(run=0))
    assert not frame["action"].iloc[gap].isin(["enter_long", "enter_short"]).any()


def test_it_begins_where_both_legs_have_a_price() -> None:
    y, x = closes()
    frame = run_pair(pd.Series(y, INDEX), pd.Series(x[40:], INDEX[40:]), settings=CLASSIC)
    assert len(frame) == BARS - 40 and frame.index[0] == INDEX[40]
    pd.testing.assert_frame_equal(frame, run_pair(y[40:], x[40:], TIMES[40:], CLASSIC))
    with pytest.raises(ValueError, match="no bar has a price of both legs by then; expected legs that overlap"):
        run_pair(np.full(BARS, np.nan), x, TIMES, CLASSIC)


def test_a_frame_may_bring_quotes_and_volume() -> None:
    y, x = closes()
    volume = np.ones(BARS)
    volume[250:253] = 0.0
    of_y = pd.DataFrame({"close": y * 1.0001, "mid": y, "half_spread": 2e-5, "volume": volume}, INDEX)
    of_x = pd.DataFrame({"close": x, "mid": x, "half_spread": 1e-5}, INDEX)
    model = pair_model(of_y, of_x, settings=CLASSIC)
    np.testing.assert_array_equal(model.inputs(In.MID)[0], y)
    np.testing.assert_array_equal(model.inputs(In.LAST)[0], y * 1.0001)
    frame = frame_of(model)
    assert frame["y_filled"].to_numpy().nonzero()[0].tolist() == [250, 251, 252]
    assert np.isfinite(frame["cost_z"].iloc[-1]) and np.isnan(run_pair(y, x, TIMES, CLASSIC)["cost_z"].iloc[-1])
    assert evidence_of(model).bounce is not None
    assert evidence_of(pair_model(y, x, TIMES, CLASSIC)).bounce is None  # a close alone says nothing of it
    prints = frame_of(pair_model(of_y, of_x, settings=replace(CLASSIC, price="last")))
    np.testing.assert_array_equal(prints["y"], y * 1.0001)


def test_without_a_half_spread_a_cost_filter_lets_nothing_through() -> None:
    blind = run_pair(*closes(), TIMES, replace(CLASSIC, cost_filter=True, fee_bps=0.0))
    assert "enter_long" not in set(blind["action"]) and "BELOW_COST" in set(blind["reason"])
    told = run_pair(*closes(), TIMES, replace(CLASSIC, cost_filter=True, fee_bps=0.0, half_spread_bps=0.1))
    assert "enter_long" in set(told["action"])


def test_the_frame_equals_the_live_run() -> None:
    """A notebook's results from a run's bars equal the run's, bar by bar and decision by decision."""
    replay = replayed(list(make_ticks(4)), run_of())
    run: PairRun = replay.followed
    y, x = run.model.legs
    at = run.model.first_slot or 0
    live = frame_of(run.model)
    again = PairModel(run.settings, at)
    bars = np.stack([
        y.columns[In.MID, : y.size], x.columns[In.MID, : x.size], y.columns[In.AGE, : y.size],
        x.columns[In.AGE, : x.size], y.columns[In.HALF, : y.size], x.columns[In.HALF, : x.size],
        [run.model.flags(i - (at - y.first_slot)) if i >= at - y.first_slot else 0 for i in range(y.size)],
        y.columns[In.LAST, : y.size], x.columns[In.LAST, : x.size],
    ])[:, at - y.first_slot :]  # fmt: skip
    again.extend(bars)
    pd.testing.assert_frame_equal(frame_of(again), live)
    np.testing.assert_array_equal(columns_of(again), columns_of(run.model))
    decided = live[live["action"] != "none"]
    given = [d for d in replay.given if d.revision == 0]
    assert [d.kind for d in given] == decided["action"].tolist()
    assert [d.reason for d in given] == decided["reason"].tolist()
    np.testing.assert_array_equal([d.quantity_x for d in given if d.kind == "exit"],
                                  decided.loc[decided["action"] == "exit", "quantity_x"])  # fmt: skip
    assert given[0].bar_ms >= T0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.r_[1.0, np.inf, 1.0]}, "y is inf at 5000 ms; expected positive, finite prices, or NaN"),
        ({"y": np.r_[1.0, -2.0, 1.0]}, "y is -2.0 at 5000 ms"),
        ({"x": np.r_[1.0, 1.0, 0.0]}, "x is 0.0 at 10000 ms"),
        ({"times_ms": [0, 5_000, 5_000]}, "time 2 of y is 5000 after 5000; expected times that rise"),
        ({"times_ms": [0, 5_000, 1_000]}, "time 2 of y is 1000 after 5000"),
        ({"times_ms": [0, 5_000, 6_000]}, "times 5000 and 6000 of y fall into one bar of 5000 ms"),
        ({"times_ms": [0, 5_000]}, "y has 3 values and 2 times; expected as many, at least one"),
        ({"times_ms": None}, "y has no index and times_ms is None; expected times"),
        ({"times_ms": [0.0, 0.5, 1.0]}, "times of y are 1-D float64; expected whole ms or a DatetimeIndex"),
        (
            {"times_ms": [0, 3_600_000, 7_200_000]},
            "on a grid of 1441 of 5000 ms; expected settings with the bars' own interval_ms, 3600000, or none",
        ),
        (
            {"times_ms": ["2025-01-01", "soon", "later"]},
            "time 1 of y is 'soon'; expected ISO 8601 text, with its offset",
        ),
        ({"y": ["a", "b", "c"]}, "y.close holds .*; expected real numbers"),
        ({"y": pd.DataFrame({"open": [1.0]})}, "y has the columns .*; expected close among them"),
        ({"x": [], "y": [], "times_ms": []}, "times of y are|y has 0 values and 0 times"),
    ],
)
def test_what_cannot_be_is_named(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"y": np.ones(3), "x": np.ones(3), "times_ms": [0, 5_000, 10_000], "settings": CLASSIC}
    with pytest.raises(ValueError, match=message):
        run_pair(**(given | change))


def as_written(index: pd.DatetimeIndex, zone: str) -> list[str]:
    """Times as a file of that zone has them: an offset each."""
    return [time.isoformat() for time in index.tz_convert(zone)]


def test_a_file_that_crosses_a_change_of_clocks_is_read_by_its_offsets() -> None:
    """From +02:00 to +01:00 the clock shows 02:00 to 02:59 twice; ``read_csv`` leaves such times as text."""
    index = pd.date_range("2025-10-25 22:00", periods=BARS, freq="1min", tz="UTC")
    y, x = closes()
    text = pd.DataFrame({"Y": y, "X": x}, as_written(index, "Europe/Berlin")).to_csv(index_label="time")
    frame = pd.read_csv(io.StringIO(text), index_col=0, parse_dates=True)
    assert not isinstance(frame.index, pd.DatetimeIndex) and len({time[-6:] for time in frame.index}) == 2
    with pytest.raises(TypeError):
        frame.index.to_series().diff()
    found = run_pair(frame["Y"], frame["X"])
    assert found.index.equals(index.rename("bar_open"))
    pd.testing.assert_frame_equal(found, run_pair(y, x, index, PairSettings(interval_ms=60_000)))


@pytest.mark.parametrize(
    "given",
    [
        ["2025-01-01 00:00", "2025-01-01T01:30+01:00", "2025-01-01T01:00Z"],
        [
            pd.Timestamp("2025-01-01"),
            pd.Timestamp("2025-01-01 09:30", tz="Asia/Tokyo"),
            pd.Timestamp("2025-01-01 01:00"),
        ],
        pd.date_range("2025-01-01", periods=3, freq="30min"),
        pd.date_range("2025-01-01 09:00", periods=3, freq="30min", tz="Asia/Tokyo"),
    ],
    ids=["text", "datetimes", "no zone", "a zone"],
)
def test_every_way_to_write_a_time_is_utc(given: Any) -> None:
    assert utc_index(given).equals(pd.date_range("2025-01-01", periods=3, freq="30min", tz="UTC"))
    assert interval_of(given) == 1_800_000


def test_what_is_no_time_is_named() -> None:
    for given, message in (
        ([1.5, 2.5], "times of the index are float64; expected ISO 8601 text, datetimes or a DatetimeIndex"),
        (["2025-01-01", "tomorrow"], "time 1 of the index is 'tomorrow'; expected ISO 8601 text"),
        (["01/02/2025"], "time 0 of the index is '01/02/2025'"),
        ([], "times of the index are object; expected"),
    ):
        with pytest.raises(ValueError, match=message):
            utc_index(given)


def test_the_width_of_bars_comes_from_their_index() -> None:
    y, x = closes()
    minutes = np.arange(BARS) * 60_000
    frame = run_pair(y, x, minutes)
    pd.testing.assert_frame_equal(frame, run_pair(y, x, minutes, PairSettings(interval_ms=60_000)))
    kept = np.arange(BARS) % 7 != 3  # one bar in seven is missing
    holed = run_pair(pd.Series(y, minutes)[kept], pd.Series(x, minutes))
    assert len(holed) == BARS and holed["y_filled"].sum() == (~kept).sum()
    assert interval_of(minutes[kept]) == 60_000


@pytest.mark.parametrize(
    ("y_times", "x_times", "message"),
    [
        ([0, 60_000, 120_000], [0, 300_000, 600_000], "bars of y are 60000 ms and those of x 300000 ms; expected one"),
        ([0, 7_000, 20_000], [0, 7_000, 20_000], None),
        ([0, 1_000, 3_000, 7_000, 15_000], [0], "steps of the index are most often 1000 ms, in 25% of them"),
        ([0], [0], "steps of the index are none; expected one width, or settings with interval_ms"),
        ([0, 700, 1_400], [0, 700, 1_400], "interval_ms is 700; expected whole seconds up to a day"),
    ],
)
def test_an_index_without_a_width_asks_for_settings(
    y_times: list[int], x_times: list[int], message: str | None
) -> None:
    legs = pd.Series(np.ones(len(y_times)), y_times), pd.Series(np.ones(len(x_times)), x_times)
    if message is None:  # half of the steps are of one width: the other lies between two bars
        assert len(run_pair(*legs)) == 3
        return
    with pytest.raises(ValueError, match=message):
        run_pair(*legs)


def test_the_examples_of_the_module_hold() -> None:
    assert doctest.testmod(bar_grid).attempted >= 2 and doctest.testmod(bar_grid).failed == 0


def test_one_bar_and_two_still_bars_are_frames_of_unknowns() -> None:
    for count in (1, 2):
        frame = run_pair(np.ones(count), np.ones(count), np.arange(count) * 5_000, classic())
        assert len(frame) == count and frame["z"].isna().all() and set(frame["action"]) == {"none"}


def test_pandas_is_not_loaded_until_a_frame_is_asked_for() -> None:
    code = "import sys, engine.pairs; print([m for m in ('pandas', 'statsmodels', 'scipy.stats') if m in sys.modules])"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
