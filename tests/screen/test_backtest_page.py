"""The backtest's page without a browser: words, figures and callbacks on a store."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dash import no_update

from engine.store import open_backend
from screen.pages.backtest import (
    callbacks,
    figures,
    form,
    form_callbacks,
    ids,
    labels,
    result,
    run_labels,
)
from services.backtest_job import run_job
from services.backtest_request import StoredSource
from services.backtest_sources import BacktestSources
from services.backtests import BacktestService, BacktestState
from services.jobs import Jobs, Json
from services.pairs import PairService
from services.unfinished import Unfinished
from tests.engine.pairs.markets import SETTINGS, make_ticks
from tests.live.test_monitor import Harness
from tests.services.backtest_worlds import SEARCH, request_of, write_files

START_MS = 1_790_046_000_000


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
