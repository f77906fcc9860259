"""Texts, frames, controls and layout: pure functions of what is known."""

from __future__ import annotations

import doctest
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import dash
import pytest
from dash import Dash
from dash.development.base_component import Component

from engine.market.records import RunEnd
from engine.pairs.calibration import Calibration
from engine.pairs.evidence import WindowCoverage
from engine.pairs.executable import ExecutableZ
from engine.pairs.settings import PairSettings
from engine.pairs.snapshot import Snapshot
from engine.store.interface import Watched
from live.parity import Mismatch
from live.shown_log import LogCount
from screen.components import fields, formatting, ids
from screen.components.addresses import PAIR
from screen.components.markup import Markup
from screen.page_table import PAGES
from screen.pages.pair import frames, labels
from screen.pages.pair.layout import pair_page
from screen.pages.pair.settings_drawer import settings_drawer
from screen.shell import register_screen, shell
from services.pair_columns import _LEG_COLUMNS, _MODEL_COLUMNS
from services.parity import ParityState
from services.views import WatchlistRow
from tests.screen.pairs import NAN, START, evidence, locked, paper, parity, snapshot, view


def test_every_card_has_a_value_a_note_and_a_tone() -> None:
    text, tone = labels.cards(view())
    assert text["z"] == "+2.00" and tone["z"] == "warn"
    assert text["prices"] == "3,100.5" and "BTCUSDT 85,000.1" in text["prices-note"]
    assert (
        text["half-life"] == "12.0 bars" and text["half-life-note"] == "60 s · noise: none in 50 of 100, under 17 in 5"
    )
    assert (
        text["gate"] == "OPEN" and text["gate-note"] == "since 2026-09-22 02:07 UTC at 5 %; closes at 20 %, now 1.2 %"
    )
    assert (text["position"], tone["position"], tone["gate"]) == ("SHORT", "down", "") and text[
        "position-note"
    ] == "short ETHUSDT, long BTCUSDT"
    assert text["cost"] == "0.80 σ" and "pays from |z| 1.30" in text["cost-note"] and tone["cost"] == "good"
    assert text["coverage"] == "97%" and tone["coverage"] == "good"


def test_what_is_not_known_is_a_dash_and_never_zero() -> None:
    unknown = dict.fromkeys(Snapshot._fields[1:15], NAN) | {"position": 0.0}
    for empty in (
        view(latest=None, calibration=None, last_prices=(None, None)),
        view(latest=snapshot(**unknown), calibration=None),
    ):
        text, _ = labels.cards(empty)
        for name in ("z", "beta", "half-life", "gate", "cost", "coverage"):
            assert text[name] == "–", name
        assert not any("nan" in value.lower() for value in text.values())


@pytest.mark.parametrize(
    ("changes", "chart", "says"),
    [
        ({"has_run": False}, ids.PRICE, "Waiting for trades of ETHUSDT and BTCUSDT in market sim."),
        ({"bars": 0, "latest": None}, ids.Z, "No complete 5s bar of both legs yet."),
        ({"bars": 100, "calibration": None}, ids.Z, "Calibrating: 100 of 360 bars, about 22 min to go."),
        (
            {"bars": 800, "calibration": None},
            ids.Z,
            "720 bars held fewer than 40 half-lives of the spread, or a leg hardly traded. It is tried again at 1,080",
        ),
        ({"latest": snapshot(z=NAN)}, ids.Z, "Filling the z window of 50 bars."),
        (
            {"bars": 400, "latest": snapshot(gate_pvalue=NAN)},
            ids.GATE,
            "The first test needs 500 bars, about 8 min to go.",
        ),
        ({"settings": PairSettings(gate="off")}, ids.GATE, "The gate is off"),
        ({}, ids.Z, ""),
    ],
)
def test_an_empty_chart_has_a_sentence(changes: dict[str, Any], chart: str, says: str) -> None:
    found = labels.notes(view(**changes))[chart]
    assert says in found and bool(found) == bool(says)


def test_the_money_line_says_what_the_signals_would_have_earned() -> None:
    replayed = {"replayed": 2, "replayed_net": 3.5, "repeated": 1}
    text, tone = labels.live_texts(view(paper=paper(of_book=replayed)))
    assert (
        text["paper"] == "paper: open +1.23, realised -4.56 USDT, net of all costs, 3 trades"
        and tone["paper"] == "down"
    )
    assert text["paper-note"] == (
        "since 2026-09-22 01:53:20 UTC · taken off so far: fees 0.78, half-spreads 0.35 · funding -0.02"
        " · holds -3.225 ETHUSDT, +0.1294 BTCUSDT · the costs of its exit are still to come"
        " · of this run's 2 replayed, over bars from before it began: +3.50"
        " · not counted: 1 trade of this run over bars that an earlier run counted"
    )
    flat = paper(0, side=0, coins_y=0.0, coins_x=0.0, open_net=0.0, realised=7.0, trades=1, funding=0.0)
    text, tone = labels.live_texts(view(paper=flat, y="AEUR", x="BGBP", latest=snapshot(position=0.0)))
    assert text["paper"] == "paper: open 0.00, realised +7.00 of quote currency, net of all costs, 1 trade"
    assert text["paper-note"].endswith("half-spreads 0.35") and tone["paper"] == "up"
    spanning = paper(0, of_book={"runs": 3, "realised": 12.5, "trades": 9, "open_net": 0.0, "is_open_counted": False})
    text, tone = labels.live_texts(view(paper=spanning))
    assert (
        text["paper"] == "paper: open 0.00, realised +12.50 USDT, net of all costs, 9 trades" and tone["paper"] == "up"
    )
    assert text["paper-note"].endswith(
        "over 3 runs · holds -3.225 ETHUSDT, +0.1294 BTCUSDT, entered over bars of the run before: not counted"
        " · the costs of its exit are still to come"
    )
    leaving = labels.live_texts(view(paper=paper(), latest=snapshot(position=0.0)))[0]["paper-note"]
    entering = labels.live_texts(view(paper=flat, latest=snapshot(position=1.0)))[0]["paper-note"]
    assert leaving.endswith("its exit is filled in the next bar")
    assert entering.endswith("the entry is filled in the next bar")
    assert labels.live_texts(view(paper=None))[0]["paper"] == "paper: no position yet"


@pytest.mark.parametrize(
    ("found", "said", "note", "tone"),
    [
        (None, "executable z –", "not known yet", ""),
        (ExecutableZ(NAN, NAN, NAN), "executable z –", "not known yet", ""),
        (ExecutableZ(2.0, NAN, NAN), "executable z –", "mid +2.00 · a leg has no quotes", ""),
        (ExecutableZ(2.1, 2.4, 2.05), "executable z: buy +2.40, sell +2.05", "mid +2.10", ""),
        (
            ExecutableZ(-2.1, -1.8, -2.4), "executable z: buy -1.80, sell -2.40",
            "mid -2.10 · the mid is beyond the entry, the quotes are not", "warn",
        ),
    ],
)  # fmt: skip
def test_the_z_at_which_both_legs_could_be_filled(found: ExecutableZ | None, said: str, note: str, tone: str) -> None:
    text, tones = labels.live_texts(view(executable=found))
    assert (text["executable"], text["executable-note"], tones["executable"]) == (said, note, tone)


@pytest.mark.parametrize(
    ("state", "said", "note", "tone"),
    [
        (ParityState(), "parity –", "not checked in this run", ""),
        (ParityState("running", 1, 4), "parity …", "replaying 25%", ""),
        (ParityState("failed", problem="no file"), "parity –", "the check failed: no file", "warn"),
        (
            parity(), "parity 900/900 bars, 37/37 decisions, 3/3 fills", "through 2026-09-22 03:08:20 UTC", "good",
        ),
        (
            parity(Mismatch("bar", 1_790_046_490_000, {"y_close": (1.0, 2.0), "z": (None, 3.0)})),
            "parity 899/900 bars, 37/37 decisions, 3/3 fills",
            "first difference: bar at 2026-09-22T03:08:10Z · y_close: live 1.0, replay 2.0 · z: live None, replay 3.0"
            " · through 2026-09-22 03:08:20 UTC",
            "bad",
        ),
    ],
)  # fmt: skip
def test_the_parity_badge(state: ParityState, said: str, note: str, tone: str) -> None:
    text, tones = labels.live_texts(view(parity=state))
    assert (text["parity"], text["parity-note"], tones["parity"]) == (said, note, tone)


def test_a_locked_position_stands_beside_the_model() -> None:
    assert labels.live_texts(view())[0]["locked"] == "not in"
    text, tone = labels.live_texts(view(locked=locked()))
    assert text["locked"] == "in: z -0.40 (model +0.10), PnL -3.21 USDT" and tone["locked"] == "down"
    assert text["locked-note"] == (
        "since 2026-09-22 03:06:40 UTC: -3.225 ETHUSDT, +0.1294 BTCUSDT, β 1.1000 · locked spread +12.3 bps"
        " · costs in and out 8.00 · hedge drift +120.00 of BTCUSDT"
        " · a re-hedge costs 0.07 and saves 0.02 over 12 bars: it does not pay"
    )
    text, _ = labels.live_texts(view(locked=locked(z=NAN, costs=NAN, rehedge_saves=0.1)))
    assert "z – (model +0.10)" in text["locked"] and "costs in and out –" in text["locked-note"]
    assert text["locked-note"].endswith("saves 0.10 over 12 bars: it pays")


def test_gaps_and_stopped_reversion_are_red() -> None:
    text, tone = labels.cards(view(gaps=2))
    assert (text["coverage"], tone["coverage"]) == ("2 gaps", "bad")
    assert text["coverage-note"] == "open, beside a window: no entries · 97% of the z window real"
    away = evidence(coverage=(WindowCoverage("z", 50, 0.6, False),))
    text, tone = labels.cards(view(gaps=1, evidence=away))
    assert (text["coverage"], tone["coverage"]) == ("1 gap", "warn")
    assert text["coverage-note"].startswith("open, outside all windows")
    text, tone = labels.cards(view(calibration=Calibration(360, math.inf, False, 1e6, 200, 50, 500, 360, START)))
    assert (text["half-life"], tone["half-life"]) == ("n.a.", "bad")
    assert text["half-life-note"] == "no reversion found · noise: none in 50 of 100, under 17 in 5"


def test_a_spread_too_slow_for_any_test_says_that_its_gate_stays_closed() -> None:
    for half_life, reverts, value in ((150.0, True, "150.0 bars"), (math.inf, False, "n.a.")):
        slow = Calibration(360, half_life, reverts, 1e6, 200, 50, 5_000, 360, START, False)
        text, tone = labels.cards(view(calibration=slow))
        assert (text["half-life"], tone["half-life"]) == (value, "bad")
        assert "too slow to test, the gate stays closed" in text["half-life-note"]
        text, _ = labels.cards(view(calibration=slow, settings=PairSettings(gate="off")))
        assert "gate" not in text["half-life-note"]


@pytest.mark.parametrize(
    ("logged", "says"),
    [
        (LogCount(0, 0), "0 entries, exits and corrections · 0 bars without an entry"),
        (LogCount(204, 3_577), "204 entries, exits and corrections · newest 1,000 of 3,577 bars without an entry"),
        (LogCount(2_001, 5), "newest 2,000 of 2,001 entries, exits and corrections · 5 bars without an entry"),
    ],
)
def test_the_log_says_how_much_of_it_is_shown(logged: LogCount, says: str) -> None:
    text, _ = labels.live_texts(view(logged=logged, log_kept=LogCount(2_000, 1_000)))
    assert text["log-count"] == says


class _NoServices:
    """Callbacks are registered against it, never called."""

    def __getattr__(self, name: str) -> Any:
        return self


def test_every_callback_stays_within_the_shell_and_one_page() -> None:
    """A page is mounted alone: a callback that names components of two pages would fail on either."""
    app = Dash("ids", suppress_callback_exceptions=True)
    nobody: Any = _NoServices()
    register_screen(app, nobody)
    around = set(_ids(shell()))
    pages = {each.path: list(_ids(each.layout(PairSettings()))) for each in PAGES}
    pages[PAIR] += _ids(settings_drawer(PairSettings()))  # made when it is opened first
    text = {name for each in PAGES for name in _ids_of_text(each.layout(PairSettings()))}
    for path, laid_out in pages.items():
        assert len(set(laid_out)) == len(laid_out), f"an id stands twice on {path}"
        assert not around & set(laid_out), path
    for callback in app._callback_list:
        used = {each["id"] for side in ("inputs", "state") for each in callback[side]}
        used |= {part.split(".")[0] for part in callback["output"].strip(".").split("...") if "." in part}
        own = {name for name in used - around if not name.startswith("{")}  # the others a callback draws in its page
        assert not own & text, f"{own & text} are HTML in a Markup, of which no callback can hear"
        assert any(own <= set(laid_out) for laid_out in pages.values()), own
    on_pair = set(pages[PAIR])
    assert {ids.live(f"{name}") for name in labels.live_texts(view())[0]} - {ids.live("clock")} <= on_pair
    assert {ids.note(chart) for chart in ids.CHARTS} <= on_pair


def _ids(component: Any) -> Any:
    if isinstance(component, Component):
        if getattr(component, "id", None) is not None:
            yield component.id if isinstance(component.id, str) else json.dumps(component.id, sort_keys=True)
        yield from _inside(component)
        children = getattr(component, "children", None)
        for child in children if isinstance(children, (list, tuple)) else [children]:
            yield from _ids(child)


def _inside(component: Any) -> list[str]:
    return re.findall(r' id="([^"]+)"', component.html) if isinstance(component, Markup) else []


def _ids_of_text(page: Any) -> set[str]:
    """Of what is HTML in a Markup: the markups' own ids are not."""
    return {name for part in [page, *page._traverse()] for name in _inside(part)}


def test_the_chart_has_a_pane_for_each_text_and_draws_only_columns_that_a_frame_has() -> None:
    script = (Path(frames.__file__).parents[2] / "assets/draw_series.js").read_text()
    assert tuple(re.findall(r'{ id: "([a-z]+-chart)"', script)) == ids.CHARTS
    sent = {*_MODEL_COLUMNS, "pays", "flags", *(f"{side}_{name}" for side in "yx" for name in _LEG_COLUMNS)}
    derived = {"upper", "lower", "wall_upper", "wall_lower", "pays_lower"}
    drawn = set(re.findall(r'(?:column|low): "(\w+)"', script))
    assert {"z", "spread", "pays"} <= drawn <= sent | derived


def test_the_stack_says_whose_library_draws_it() -> None:
    licence = Path(frames.__file__).parents[2] / "assets/vendor/lightweight-charts.LICENSE.txt"
    assert "TradingView" in licence.read_text() and "Apache License" in licence.read_text()
    assert "TradingView Lightweight Charts™" in str(pair_page()) and "https://www.tradingview.com/" in str(pair_page())


def test_the_hedge_has_a_band_where_its_error_is_known() -> None:
    assert frames.hedge_band(None) is None and frames.hedge_band(evidence(hedge=None)) is None
    hedge = evidence().hedge
    assert hedge is not None
    assert frames.hedge_band(evidence()) == {"low": hedge.low, "high": hedge.high, "bars": hedge.bars}
    assert frames.hedge_band(evidence(hedge=replace(hedge, beta_error=NAN))) is None


def test_a_log_spread_is_drawn_in_basis_points() -> None:
    log, price = frames.rule(PairSettings(space="log")), frames.rule(PairSettings(space="price"))
    assert (log["spread_scale"], log["spread_unit"]) == (1e4, " bps")
    assert (price["spread_scale"], price["spread_unit"]) == (1.0, "")
    assert frames.rule(PairSettings(estimator="huber"))["is_extra"] and not log["is_extra"]


def test_examples_in_docstrings() -> None:
    for module in (fields, frames, formatting):
        assert doctest.testmod(module).failed == 0


def test_dash_is_the_version_that_was_tried() -> None:
    assert dash.__version__.startswith("4.4.")


def test_why_a_run_follows_another_stands_beside_the_spread_and_the_log() -> None:
    ended = RunEnd("r", 5, "gap", "YUSDT had no trade for 2592000 s")
    text, _ = labels.live_texts(view(previous_end=ended))
    said = "New run after a gap in the data: YUSDT had no trade for 2592000 s."
    assert text["run-note"] == text[f"{ids.SPREAD}-head"] == said
    assert labels.live_texts(view())[0]["run-note"] == ""


def test_a_pair_that_is_set_aside_says_so_over_every_chart_and_in_the_watch_list() -> None:
    found = labels.notes(view(problem="entry_z is -1; expected more than 0"))
    assert set(found) == set(ids.CHARTS) and all("suspended: entry_z is -1" in note for note in found.values())
    watched = Watched(1, "sim", "YUSDT", "XUSDT", "{}")
    row = frames.watchlist_row(WatchlistRow(watched, PairSettings(), None, None, 0, 0, "it failed"))
    assert row["gate"] == "suspended" and "Suspended: it failed" in row["title"]
