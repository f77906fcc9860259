"""The backtest's page without a browser: the request with all its errors, words, figures and callbacks on a store."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dash import no_update

from engine.backtest import WalkPlan
from engine.pairs.settings import defended
from engine.store import open_backend
from screen.components.fields import field_row
from screen.pages.backtest import (
    callbacks,
    fields,
    figures,
    form,
    form_callbacks,
    ids,
    labels,
    result,
    run_labels,
    source,
)
from services.backtest_job import run_job
from services.backtest_request import FileSource, Search, StoredSource
from services.backtest_sources import BacktestSources, Offered, StoredSpan
from services.backtests import BacktestService, BacktestState
from services.jobs import Jobs, Json
from services.pairs import Pair, PairService
from services.unfinished import Unfinished
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness
from tests.services.backtest_worlds import SEARCH, request_of, write_files

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


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Json, Json]:
    """A data folder with two results, 1: one backtest, 2: a search."""
    folder = tmp_path_factory.mktemp("backtests")
    paths = write_files(folder)
    backend = open_backend(folder)
    backend.analysis().close()
    found = []
    for request in (request_of(paths), request_of(paths, SEARCH, twins=9)):
        found.append(run_job({"data_dir": str(folder), "backtest": request.to_json()}, lambda *_: None, lambda: False))
        backend.backtests().add(START_MS, found[-1])
    return folder, found[0], found[1]


def service(folder: Path) -> BacktestService:
    backend = open_backend(folder)
    nobody: Any = None
    return BacktestService(Jobs(nobody), backend.backtests(), backend.trials(), folder, lambda: None)


def text_of(component: Any) -> str:
    if isinstance(component, str):
        return component
    children = component if isinstance(component, list) else getattr(component, "children", None)
    return " ".join(map(text_of, children if isinstance(children, (list, tuple)) else [children] if children else []))


def test_the_examples_in_the_texts() -> None:
    for module in (form, labels):
        assert doctest.testmod(module).failed == 0


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


def test_the_verdict_says_first_whether_it_earns_and_then_whether_it_is_luck(records: tuple[Path, Json, Json]) -> None:
    _, one, _ = records
    metrics = one["metrics"] | {"PSR [0..1]": 0.99, "DSR [0..1]": 0.97, labels.GROSS: 50.0, labels.COSTS: 10.0}
    twins = {"count": 200, "worse": 199, "p": 2 / 201}
    good = one | {"net": 40.0, "twins": twins, "metrics": metrics, "trades": 30}
    good["from_ms"] = good["to_ms"] - 30 * 86_400_000
    assert labels.verdict(good).value == "It earns, and more than luck would."
    assert "PSR 99.0 %, DSR 97.0 %, Twins 199 of 200" in labels.verdict(good).note
    short = labels.verdict(good | {"from_ms": good["to_ms"] - 11_880_000})
    assert short.value == "It earned over 3.3 hours; that is too short to tell it from luck." and short.tone == "warn"
    lucky = labels.verdict(good | {"twins": twins | {"worse": 120, "p": 81 / 201}})
    assert lucky.value == "It earns, but luck could have done it." and "Against it: Twins 120 of 200" in lucky.note
    assert lucky.tone == "warn"
    unknown = good | {"twins": None, "metrics": metrics | {"PSR [0..1]": None, "DSR [0..1]": None}}
    assert labels.verdict(unknown).value == "It earns; too little is known to tell it from luck."
    assert labels.verdict(good | {"net": -1.0}).note.startswith("Costs eat it up")
    loses = good | {"net": -1.0, "metrics": metrics | {labels.GROSS: -5.0}}
    assert labels.verdict(loses).note.startswith("The signal itself loses")
    never = labels.verdict(good | {"trades": 0})
    assert never.value == "It never traded." and "No bar gave an entry" in never.note


def test_twins_are_told_by_their_number_and_never_as_all(records: tuple[Path, Json, Json]) -> None:
    _, one, search = records
    own = next(each for each in labels.luck(search) if each.name == "Twins")
    assert own.value == f"{search['twins']['worse']} of 9" and own.is_good is False, "9 twins tell no more than 1 in 10"
    assert own.note.endswith(f"did worse: p = {search['twins']['p']:.3g}; up to 0.05 it counts")
    old = {name: value for name, value in one.items() if name != "twins"}
    old |= {"percentile": 99.932, "request": one["request"] | {"twins": 200}}
    kept = next(each for each in labels.luck(old) if each.name == "Twins")
    assert kept.value == "200 of 200" and "p = 0.00498" in kept.note and kept.is_good


def test_a_fold_without_a_trade_has_a_dash_and_says_what_was_chosen(records: tuple[Path, Json, Json]) -> None:
    _, _, search = records
    walk = {"train": [None, None, 0.4, None], "known": [0, 2, 3, 1]}
    assert [result.chosen_note(walk, fold) for fold in range(4)] == [
        " (no cell traded in training: the first one)", " (it did not trade in training; all 2 that did lost)", "",
        " (it did not trade in training; the one that did lost)",
    ]  # fmt: skip
    assert result.chosen_note({"train": [None]}, 0) == "", "of a result stored before this was counted"
    found = search["search"]["walk"] | walk | {"chosen": [0, 1, 2, 3]}
    text = text_of(result._walk(search, search["search"] | {"walk": found}))
    assert f"(no cell traded in training: the first one) {labels.UNKNOWN}" in text and "+0.4000" in text


def test_luck_of_few_periods_is_said_to_be_unknown_and_against_nothing(records: tuple[Path, Json, Json]) -> None:
    _, _, search = records
    why = "not known: 2 periods, luck can be told from 30 on"
    reasons = search["reasons"] | {"search: pbo": why, "search: map": why, "search: walk: ratio": why}
    walk = search["search"]["walk"] | {"ratio": None, "net": 5.0}
    few = search | {"reasons": reasons, "search": search["search"] | {"pbo": None, "walk": walk}}
    few["curve"] = search["curve"] | {"band": None, "why_no_band": why}
    luck = {each.name: each for each in labels.luck(few)}
    assert (luck["PBO"].value, luck["PBO"].note, luck["PBO"].is_good) == (labels.UNKNOWN, why, None)
    assert (luck["Walk-forward"].value, luck["Walk-forward"].note, luck["Walk-forward"].is_good) == ("+5.00", why, None)
    text = text_of(result.result_panels(few, 2, is_watched=False))
    assert "trust P" not in text and f"Whether either is more than luck is {why}." in text
    assert f"Where other orders of the same returns went is {why}." in text
    assert "trust P" in text_of(result.result_panels(search, 2, is_watched=False))


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


def test_every_metric_stands_once_with_its_interval_or_the_reason_why_not(records: tuple[Path, Json, Json]) -> None:
    _, _, search = records
    shown = [row for title, _ in labels.GROUPS for row in labels.metric_rows(search, title)]
    in_bars = [name for name in search["metrics"] if name.endswith("[bars]") and not name.startswith("Longest")]
    assert len(shown) == len(search["metrics"]) - len(in_bars)
    for name, value, note in shown:
        assert value != labels.UNKNOWN or note, f"{name} has no reason"
    assert all(each.note for each in labels.luck(search))
    assert [each.name for each in labels.luck(search)] == ["PSR", "DSR", "Twins", "PBO", "Walk-forward"]


def test_the_figures_hold_what_the_record_says(records: tuple[Path, Json, Json]) -> None:
    _, one, search = records
    drawn = {trace.get("name"): trace for trace in figures.equity(one)["data"]}
    assert drawn["equity"]["y"] == one["curve"]["equity"] and drawn["drawdown, %"]["y"] == one["curve"]["fall_percent"]
    bars = figures.attribution(one)["data"][0]
    assert sum(bars["x"][:-1]) == pytest.approx(one["net"], abs=0.05) and bars["x"][-1] == one["net"]
    heat = search["search"]["heatmap"]
    cells = figures.heatmap(search["search"])
    assert cells is not None
    plane = [[cell[heat["peak"][2]] for cell in row] for row in heat["score"]]
    assert cells["data"][0]["z"] == plane, "three axes are cut at the best cell"
    assert figures.cut_at(search["search"]).startswith("Shown at z window ")
    assert [mark["text"] for mark in cells["layout"]["annotations"]] == ["★", "P"]
    line = {"names": ["entry_z"], "values": [[1, 2]], "score": [0.1, -0.2], "peak": [0], "plateau": [1]}
    one_axis = figures.heatmap({"heatmap": line})
    assert one_axis is not None and one_axis["data"][0]["y"] == [0.1, -0.2]
    assert figures.heatmap({"heatmap": None}) is None


def test_the_result_has_all_its_panels(records: tuple[Path, Json, Json]) -> None:
    _, one, search = records
    text = text_of(result.result_panels(one, 1, is_watched=False))
    for part in (
        "Equity and drawdown",
        "Metrics",
        "What it is made of",
        "Trades CSV",
        "Tear sheet",
        "This is trial 1 on",
    ):
        assert part in text
    assert "Map of the search" not in text and "Open the pair's page" not in text
    text = text_of(result.result_panels(search, 2, is_watched=True))
    for part in ("Map of the search", "Walk-forward", "folds; net in their tests", "24 cells", "Open the pair's page"):
        assert part in text


@pytest.mark.parametrize(
    ("trigger", "chosen", "search", "newest", "shown", "wanted"),
    [
        (ids.CHOSEN, "3", "?result=5", 9, 5, 3),
        (ids.ADDRESS, "3", "?result=5", 9, 3, 5),
        (ids.NEWEST, "5", "?result=5", 9, 5, 9),
        (ids.NEWEST, None, "?result=5", 9, None, 5),
        (ids.ADDRESS, None, "?result=<b>", None, None, None),
        (None, None, "", None, None, None),
    ],
)
def test_which_result_is_shown(
    trigger: Any, chosen: Any, search: str, newest: Any, shown: Any, wanted: int | None
) -> None:
    assert callbacks.wanted_of(trigger, chosen, search, newest, shown) == wanted


def test_the_progress_has_the_time_left() -> None:
    running = BacktestState("running", "testing cells", 16, 64, 12.4)
    assert run_labels.progress(running) == ("testing cells 16 of 64, about 12 s left …", 25.0)
    assert run_labels.progress(BacktestState("failed", problem="no bars")) == ("Not done: no bars.", 0.0)
    assert run_labels.progress(BacktestState()) == ("", 0.0)


async def test_the_list_follows_and_says_nothing_twice(records: tuple[Path, Json, Json]) -> None:
    backtests = service(records[0])
    first = await callbacks._follow(backtests, 1, None)
    assert first[3:6] == (False, True, False) and first[7] == 2, (
        "the job's cells are there, nothing has stored its result"
    )
    assert "on ETHUSDT ~ BTCUSDT" in first[6] and "24 of 24 cells are measured." in first[6]
    assert await callbacks._follow(backtests, 2, first[-1]) == (no_update,) * 9
    for each in backtests.unfinished():
        backtests.discard(each.name)
    assert (await callbacks._follow(backtests, 3, None))[3:8] == (False, True, True, "", 2)


def test_an_unfinished_backtest_says_what_it_needs(records: tuple[Path, Json, Json], tmp_path: Path) -> None:
    asked = request_of([tmp_path / "gone.csv"], SEARCH)
    found = Unfinished("n", tmp_path, asked, START_MS, 8, 24, True)
    assert run_labels.interrupted(found).endswith("send them again and run it, and the measured cells are used.")
    stored = replace(asked, source=StoredSource("sim", "A", "B", 0), search=None)
    text = run_labels.interrupted(replace(found, request=stored, is_current=False))
    assert "The backtest of one setting on A ~ B" in text and text.endswith("it would begin anew.")
    assert run_labels.interrupted(None) == ""


async def test_a_result_fills_the_form_with_what_it_was_asked(records: tuple[Path, Json, Json]) -> None:
    asked = form.new_request()
    stored = form_callbacks.filled(
        form.BacktestRequest(StoredSource("sim", "A", "B", START_MS, None), asked.settings, asked.costs, asked.account)
    )
    assert stored[:4] == ("stored", "sim", "A", "B") and stored[4] == "own" and stored[6] == ""
    files = form_callbacks.filled(form.BacktestRequest.from_json(records[2]["request"]))
    assert files[0] == "files" and len(files) == len(stored) and "grid" in files
    assert await form_callbacks._preset("other", "1m") == (no_update,) * len(form_callbacks._OF_PRESET)
    assert await form_callbacks._fit("1h", "10000") == 7_200_000
    assert await form_callbacks._fit("1m", 120_000) is no_update


async def test_the_store_offers_symbols_pairs_and_their_common_time(tmp_path: Path) -> None:
    harness = await Harness.open(tmp_path)
    ticks = make_ticks(1)[:400]
    await harness.write(ticks)
    harness.read_all()
    pairs = PairService(harness.monitor, SETTINGS, lambda: None)
    sources = BacktestSources(pairs, open_backend(tmp_path))
    offered = sources.offered()
    assert offered.symbols == {"sim": ["XUSDT", "YUSDT"]}
    assert [(pair.y, pair.x) for pair in offered.watched.values()] == [("YUSDT", "XUSDT")]
    span = sources.span("sim", "YUSDT", "XUSDT")
    assert span is not None and span.widths_ms == ((), ())
    times = {name: [tick.trade_time_ms for tick in ticks if tick.symbol == name] for name in ("XUSDT", "YUSDT")}
    assert span.from_ms == max(min(each) for each in times.values()) // 1_000 * 1_000
    assert span.end_ms == min(max(each) for each in times.values()) // 1_000 * 1_000 + 1_000
    assert sources.span("sim", "YUSDT", "NOPE") is None
    markets, market, *_ = await form_callbacks._offer(sources, 1, None, [], [], [])
    assert market == "sim" and markets[0]["value"] == "sim"
    again = await form_callbacks._offer(sources, 2, "sim", markets, *_[:2])
    assert again == (no_update,) * 5
    harness.monitor.close()
    await harness.writer.close()
