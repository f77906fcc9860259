"""What the screen says of the gate's hysteresis and of the age of its figures; which colours say what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.pairs.gate import CLOSE_ROW
from engine.pairs.settings import GATE_CLOSES, PairSettings
from engine.stats.mackinnon import eg_critical, tau_pvalue
from screen.pages.pair.frames import frame
from screen.pages.pair.gate_state import gate_state
from screen.pages.pair.labels import live_texts, waiting
from services.views import ViewDelta, ViewerCursor
from tests.screen.pairs import NAN, evidence, locked, paper, snapshot, view

BAR_MS = 1_790_046_465_000  # opens; of 5 s
LONG_AGO = {"gate_since_ms": 1_790_042_870_000}
JUST_NOW = {"gate_since_ms": BAR_MS - 5_000}
ROBUST = PairSettings(gate="robust")


@pytest.mark.parametrize(
    ("shot", "changes", "says"),
    [
        ({"gate": 1.0, "gate_pvalue": 0.053}, LONG_AGO, "since 2026-09-22 02:07 UTC at 5 %; closes at 20 %, now 5.3 %"),
        ({"gate": 0.0, "gate_pvalue": 0.31}, LONG_AGO, "since 2026-09-22 02:07 UTC; opens at 5 %, now 31.0 %"),
        ({"gate": 0.0, "gate_pvalue": 0.0004}, JUST_NOW,
         "since 2026-09-22 03:07 UTC; opens at 5 %, now < 0.1 % · keeps each state for 12 bars at least"),
        ({"gate": 1.0, "gate_pvalue": 0.27}, JUST_NOW,
         "since 2026-09-22 03:07 UTC at 5 %; closes at 20 %, now 27.0 % · keeps each state for 12 bars at least"),
        ({"gate": 0.0, "gate_pvalue": 0.04}, LONG_AGO | {"settings": ROBUST, "evidence": evidence(bootstrap=0.07)},
         "since 2026-09-22 02:07 UTC; opens at 5 %, now 4.0 % · the bootstrap does not agree: 7.0 %"),
        ({"gate": 0.0, "gate_pvalue": 0.3}, {"gate_since_ms": BAR_MS - 200_000_000},
         "since 2026-09-19 19:34 UTC; opens at 5 %, now 30.0 %"),
        ({"gate": 0.0, "gate_pvalue": NAN}, {"gate_since_ms": None}, "opens at 5 %, now unknown"),
    ],
)  # fmt: skip
def test_the_hysteresis_of_the_gate_is_said(shot: dict[str, Any], changes: dict[str, Any], says: str) -> None:
    assert gate_state(view(**changes), snapshot(**shot)) == says


def test_the_gate_closes_where_the_screen_says() -> None:
    assert tau_pvalue(eg_critical(CLOSE_ROW, 100_000.0), 2) == pytest.approx(GATE_CLOSES / 100, abs=0.005)


@pytest.mark.parametrize(
    ("changes", "behind_ms", "says"),
    [
        ({}, 0, ""),
        ({}, 14_000, ""),
        ({}, 16_000, "no bar of both legs since"),
        ({"settings": PairSettings(interval_ms=60_000)}, 60_000, ""),
        ({"problem": "broken"}, 0, "the pair is suspended"),
        ({"has_run": False, "latest": None}, 0, "its run waits for a trade of both legs"),
        ({"latest": None}, 10**9, ""),
    ],
)
def test_figures_that_stand_still_say_why(changes: dict[str, Any], behind_ms: int, says: str) -> None:
    seen = view(**changes)
    assert waiting(seen, BAR_MS + seen.settings.interval_ms + behind_ms) == says


def test_a_frame_says_of_when_it_is() -> None:
    for latest, as_of in ((snapshot(), BAR_MS + 5_000), (None, None)):
        found = ViewDelta(1, view(latest=latest), ViewerCursor("r", 0, 1), False, 0, {}, [])
        assert frame(found)["as_of"] == as_of


def test_green_and_red_are_for_profit_loss_and_direction_alone() -> None:
    coloured = {"paper", "locked", "position"}
    for position in (-1.0, 0.0, 1.0):
        for open_net in (-9.0, 9.0):
            seen = view(
                latest=snapshot(position=position), paper=paper(of_book={"open_net": open_net}),
                locked=locked(gross=open_net),
            )  # fmt: skip
            _, tones = live_texts(seen)
            assert {name for name, tone in tones.items() if tone in ("up", "down")} <= coloured
            assert tones["locked"] == ("up" if open_net > 0 else "down")
            assert tones["position"] == {-1.0: "down", 0.0: "", 1.0: "up"}[position]
    style = (Path(__file__).parents[2] / "screen/assets/theme.css").read_text()
    rules = re.findall(r"([^{}]*data-tone[^{}]*)\{([^}]*)\}", style)
    assert len(rules) >= 7
    for selector, body in rules:
        is_money = '"up"' in selector or '"down"' in selector
        assert is_money == ("--green" in body or "--red" in body), selector
