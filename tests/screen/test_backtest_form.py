"""The form of a backtest without a browser: a request that survives it, and all errors at their fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.backtest import WalkPlan
from engine.pairs.settings import defended
from screen.components.fields import field_row
from screen.pages.backtest import (
    callbacks,
    fields,
    form,
    ids,
    source,
)
from services.backtest_request import FileSource, Search, StoredSource
from services.backtest_sources import Offered, StoredSpan
from services.pairs import Pair
from tests.engine.pairs.markets import SETTINGS
from tests.services.backtest_worlds import request_of

AXES = tuple(name for row in ids.AXES for name in row)
START_MS = 1_790_046_000_000
SPAN = {"from_ms": START_MS, "end_ms": START_MS + 40 * source.HOUR_MS}


def controls(**changes: Any) -> dict[str, Any]:
    """Values of all controls: those of a new page, with two stored symbols."""
    request = form.new_request()
    values = dict(zip(fields.FORM, form.form_values(request), strict=True))
    values |= dict(zip(AXES, form.axis_values(request), strict=True))
    values |= {ids.SOURCE: "stored", ids.KIND: "one", ids.MARKET: "sim", ids.Y: "ETHUSDT", ids.X: "BTCUSDT"}
    values |= {ids.SPAN: "24", ids.FROM: "", ids.TO: ""} | dict.fromkeys(source.FILES, None)
    return values | {ids.of(name): value for name, value in changes.items()}


def read(values: dict[str, Any], span: Any = SPAN, paths: tuple[str, ...] = ()) -> tuple[Any, form.Errors]:
    errors: form.Errors = {}
    return callbacks.read_request(values, span, paths, errors), errors


def test_every_field_has_a_label_with_its_unit_and_a_help() -> None:
    names = [field.name for field in fields.ALL]
    assert len(set(names)) == len(names) and len(set(fields.FORM)) == len(names)
    for field in fields.ALL:
        assert field.explanation and field_row(field).title == field.explanation
    assert {"Entry |z|, sd", "Taker fee, bps", "z window, bars", "Capital, quote", "Leverage, times"} <= {
        field.label for field in fields.ALL
    }


@pytest.mark.parametrize(
    "asked",
    [
        form.new_request(),
        form.new_request(defended(interval_ms=60_000, stale_after_ms=120_000)),
        request_of(
            [Path("a.csv")], Search({"entry_z": (1, 2), "gate": ("off", "robust")}, walk=WalkPlan(24, 12, True))
        ),
        request_of([Path("a.csv")], Search({"stop_z": (None, 4.0)}, count=7, seed=3), twins=50),
    ],
)
def test_a_request_survives_the_form(asked: Any) -> None:
    values = controls() | dict(zip(fields.FORM, form.form_values(asked), strict=True))
    values |= dict(zip(AXES, form.axis_values(asked), strict=True)) | {ids.KIND: form.kind_of(asked)}
    found, errors = read(values)
    assert errors == {}
    again = form.request_from(found.source, form.kind_of(found), values, values)[0]
    assert again == found and found.account == asked.account and found.search == asked.search
    assert found.costs == (asked.costs or form.Costs.of(asked.settings)) and found.twins == asked.twins
    shared = {"fee_bps", "half_spread_bps", "slippage_bps"}
    for name in form.asdict(asked.settings).keys() - shared:
        assert getattr(found.settings, name) == getattr(asked.settings, name), name


def test_all_errors_are_found_at_once_each_at_its_field() -> None:
    values = controls(entry_z="0.1", fee_bps="-1", capital="x", z_window=2, y_lot=-3, maintenance=0.5, delay_bars=-1)
    values |= {ids.KIND: "grid", AXES[0]: "entry_z", AXES[1]: "3:1:1", AXES[2]: "estimator", AXES[3]: "ols, magic"}
    values |= {ids.X: "ETHUSDT", ids.SPAN: "own", ids.of("train"): "5"}
    request, errors = read(values)
    assert request is None
    assert errors == {
        ids.X: "Both legs are ETHUSDT; expected two symbols.",
        ids.of("exit_z"): "Exit |z| is 0.5; expected from 0 to below Entry |z|.",
        ids.of("fee_bps"): "Taker fee is -1; expected 0 to 1,000.",
        ids.of("capital"): "Capital is 'x'; expected a number.",
        ids.of("z_window"): "z window is 2; expected 5 to 5000, or none.",
        ids.of("y_lot"): "Y lot is -3; expected a finite number of at least 0.",
        ids.of("maintenance"): "Maintenance is 0.5; expected 0 to below 1 / Leverage, 0.1.",
        ids.of("delay_bars"): "Delay is -1; expected 0 or more bars.",
        AXES[1]: "Entry |z| is '3:1:1'; expected a step above 0 and at most 1,000 values.",
        AXES[3]: "Hedge is 'magic'; expected kalman, ols, huber, theil-sen, tls.",
        ids.of("test"): "Test is empty; expected at least 1 for a walk-forward.",
    }
    assert callbacks.faults_said({AXES[1]: "", ids.X: ""}) == "Not started. 2 fields to change: X, Axis 1."


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({AXES[0]: "none", AXES[2]: "none"}, {AXES[1]: "No setting is chosen; expected at least one to vary."}),
        ({AXES[2]: "entry_z"}, {AXES[3]: "Entry |z| is on two axes; expected each once."}),
        ({AXES[1]: "1, 1"}, {AXES[1]: "Entry |z| has a value twice in '1, 1'; expected each once."}),
        ({ids.KIND: "random", ids.of("count"): "0"}, {ids.of("count"): "Points is 0; expected 1 to 10,000."}),
    ],
)
def test_a_search_that_makes_no_sense_is_told(changes: dict[str, Any], says: dict[str, str]) -> None:
    _, errors = read(controls() | {ids.KIND: "grid"} | changes)
    assert errors == says


def test_a_stored_range_ends_where_the_store_does_so_that_a_search_can_continue() -> None:
    found, _ = read(controls())
    assert found.source == StoredSource(
        "sim", "ETHUSDT", "BTCUSDT", SPAN["end_ms"] - 24 * source.HOUR_MS, SPAN["end_ms"]
    )
    found, _ = read(controls() | {ids.SPAN: "0"})
    assert (found.source.from_ms, found.source.to_ms) == (SPAN["from_ms"], SPAN["end_ms"])
    own = controls() | {ids.SPAN: "own"}
    found, _ = read(own | {ids.FROM: str(SPAN["from_ms"] + 60_000), ids.TO: ""})
    assert (found.source.from_ms, found.source.to_ms) == (SPAN["from_ms"] + 60_000, SPAN["end_ms"])
    _, errors = read(own | {ids.FROM: "yesterday", ids.TO: "1999-01-01"})
    assert set(errors) == {ids.FROM, ids.TO} and "yesterday" in errors[ids.FROM]
    _, errors = read(own | {ids.FROM: str(SPAN["end_ms"])})
    assert "expected an end after its start" in errors[ids.TO]
    _, errors = read(controls(), span=None)
    assert errors == {ids.X: "Nothing is stored of ETHUSDT and BTCUSDT at the same time."}


def test_files_are_a_source() -> None:
    values = controls() | {ids.SOURCE: "files"}
    assert read(values)[1] == {ids.FILE_Y: "No file was sent; expected files with bars of both legs."}
    assert set(read(values, paths=("a",))[1]) == {ids.FILE_Y, ids.FILE_X}
    found, _ = read(values | {ids.FILE_Y: "A", ids.FILE_X: "B", ids.TOLD_ZONE: " UTC "}, paths=("a", "b"))
    assert found.source == FileSource(("a", "b"), "A", "B", "", "UTC")
    file = {"kind": "bars", "symbols": {"B": 1, "A": 2}}
    assert source.files_said({"questions": [], "files": [file]}) == "Looked through: bars of A, B."
    trades, rates = {"kind": "ticks", "symbols": {"A": 2}}, {"kind": "funding", "symbols": {"A": 2, "C": 1}}
    assert source.files_said({"questions": [], "files": [trades]}).startswith("The files have 1 symbol; expected two.")
    both = {"questions": [], "files": [trades, trades | {"symbols": {"B": 1}}, rates]}
    assert source.files_said(both) == "Looked through: funding rates and trades of A, B."
    assert source.files_said({"questions": [1], "files": []}).startswith("Say what is asked")


def test_what_is_stored_is_said() -> None:
    span = StoredSpan(START_MS, START_MS + 3 * source.HOUR_MS, ((60_000,), ()))
    assert source.span_said(span, "A", "B").endswith("UTC (3.0 h); A candles of 1m.")
    assert source.span_said(None, "A", "B").startswith("Nothing is stored of A and B at the same time.")
    offered = Offered({"sim": ["A", "B"]}, {7: Pair("sim", "A", "B", SETTINGS)})
    assert source.market_options(offered) == [{"label": "sim (2 symbols)", "value": "sim"}]
    assert source.watched_options(offered)[0]["value"] == "7"


def test_a_walk_forward_says_its_unit_before_it_starts() -> None:
    values = controls() | {ids.KIND: "grid", ids.of("train"): "12", ids.of("test"): "6"}
    said = callbacks.cells_said(read(values)[0])
    assert said == "12 cells; each counts as a trial on these data. Walk-forward in hours: 2 folds."
    long = {"from_ms": START_MS, "end_ms": START_MS + 90 * 24 * source.HOUR_MS}
    assert "Walk-forward in days: 1" in callbacks.cells_said(read(values | {ids.SPAN: "0"}, long)[0])
    few = callbacks.cells_said(read(values | {ids.of("train"): "40"})[0])
    assert few == "24 whole hours for a training part of 40, 1 left out and a test of 6; expected 44."
    assert {field.label for field in fields.SEARCH if field.name in ("train", "test")} == {
        "Train, hours/days", "Test, hours/days",
    }  # fmt: skip
