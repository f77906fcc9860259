"""The evidence panel: every figure with its unit, every unknown a dash with a reason, every doubt in colour."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine.pairs.enums import Reason
from engine.pairs.evidence import BreakWatch, WindowCoverage, evidence_of
from engine.pairs.settings import PairSettings, classic
from engine.stats.bid_ask_bounce import Bounce
from engine.stats.half_life import HalfLife
from engine.stats.health import LjungBox
from engine.stats.power import evidence as of_test
from screen.pages.pair.evidence import GROUPS, evidence_items
from screen.pages.pair.labels import live_texts
from screen.pages.pair.reason_labels import REASONS
from tests.engine.pairs.worlds import WIDTH_MS, model_of, walking
from tests.screen.pairs import NAN, evidence, health, view

SURE = HalfLife(5.0, 4.0, 8.0, 43.5, 4.8, 0.87)


def items(**changes: Any) -> dict[str, tuple[str, str, str]]:
    found = evidence_items(view(evidence=evidence(**changes)))
    return {name.removeprefix("ev-"): (item.value, item.note, item.tone) for name, item in found.items()}


def test_every_figure_stands_with_its_unit_and_its_doubt() -> None:
    assert items() == {
        "power": ("59%", "at the fitted half-life; 16% to 98% over its 95 % interval", "warn"),
        "needed": ("633 bars", "53 min, at the fitted half-life; the window has 500", "warn"),
        "half-life": ("18.3 bars", "95 % 10 to 42 · noise shows 44, under 16 in 5 of 100", "good"),
        "critical": ("-3.348", "latest statistic -4.00; lower is evidence", ""),
        "tests-today": ("300", "each opens on 5 % of noise; neighbours overlap", ""),
        "open": ("68%", "since the first test; noise about 9 %, single noise pairs 1 to 25 % over 3,000 bars", ""),
        "flips": ("23", "opened or closed in this run", ""),
        "tests": ("325", "in this run, one every 60 s", ""),
        "breaks": ("none", "in 300 bars; while the line holds, a false one in about 2,000", ""),
        "ratio": ("34 ×", "25 or more: the spread is left whole", "good"),
        "memory": ("623 bars", "half-life of its memory, measured", ""),
        "nis": ("0.89", "healthy: 0.88 to 1.13", "good"),
        "ljung-box": ("p 0.28", "10 lags, after an AR(1) of 0.96", "good"),
        "bounce-badge": ("in the mid", "mid / prints 1.5 ×; from 3 × on it is bounce", "good"),
        "bounce-share": ("3.1%", "of its variance; 41% of its moves", ""),
        "bounce-lives": ("8.1 / 12.3 bars", "last prints / trade-side mid, raw, over 500 bars", ""),
        "half-spreads": ("0.42 / 0.11 bps", "of Y / of X, median over the z window", ""),
        "coverage-beta": ("99%", "of 200 bars are real; no open gap", "good"),
        "coverage-z": ("60%", "of 50 bars are real; no open gap", "warn"),
        "coverage-test": ("gap", "touched by an open gap; 97% of 500 bars are real", "bad"),
        "sources": ("–", "no run yet", ""),
        "candles-differ": ("–", "no bar yet of which there are whole ticks and a candle", ""),
    }


def test_what_the_bars_were_made_from_is_said() -> None:
    begun = 1_790_046_000_000 // WIDTH_MS * WIDTH_MS

    def said(**changes: Any) -> list[tuple[str, str, str]]:
        found = evidence_items(view(settings=PairSettings(interval_ms=WIDTH_MS), **changes))
        return [(each.value, each.note, each.tone) for each in (found["ev-sources"], found["ev-candles-differ"])]

    spans = [(begun - 900 * WIDTH_MS, begun - 600 * WIDTH_MS), (begun - 100 * WIDTH_MS, begun)]
    assert said(candles={"y": spans, "x": []}, candles_compared=(24, 2)) == [
        ("22% candles", "ETHUSDT: 400 candles up to 2026-09-22 03:00 UTC; BTCUSDT: ticks", "warn"),
        ("2", "of 24 bars of which there are whole ticks and a candle differ", "warn"),
    ]
    assert said(candles={"y": [], "x": []}, candles_compared=(24, 0)) == [
        ("ticks", "ETHUSDT: ticks; BTCUSDT: ticks", "good"),
        ("0", "of 24 bars of which there are whole ticks and a candle differ", "good"),
    ]


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("power", {"test": of_test(500, 60.0)}, ("11%", "bad")),
        ("power", {"test": of_test(500, 5.0), "half_life": SURE}, ("100%", "good")),
        ("power", {"test": of_test(500, 5.0)}, ("100%", "warn")),  # at the far end of the interval it sees little
        ("power", {"test": of_test(500, 5.0), "half_life": HalfLife(5, 0, 12, 43.5, 4, 0.85)}, ("100%", "good")),
        ("power", {"half_life": HalfLife(50.0, 20.0, math.inf, 43.5, 44.0, 0.98)}, ("n.a.", "warn")),
        ("needed", {"test": of_test(500, 5.0), "half_life": SURE}, ("187 bars", "good")),
        ("needed", {"test": of_test(500, 5.0)}, ("187 bars", "warn")),
        ("half-life", {"half_life": HalfLife(20.0, 9.0, 60.0, 43.5, 17.0, 0.96)}, ("20.0 bars", "")),
        ("half-life", {"half_life": HalfLife(50.0, 20.0, math.inf, 43.5, 44.0, 0.98)}, ("50.0 bars", "warn")),
        ("half-life", {"half_life": HalfLife(NAN, NAN, NAN, 43.5, NAN, 1.01)}, ("n.a.", "bad")),
        ("ratio", {"health": health(ratio=4.9, light="red")}, ("4.9 ×", "bad")),
        ("ratio", {"health": health(ratio=17.0, light="amber")}, ("17 ×", "warn")),
        ("ratio", {"health": health(ratio=NAN, light=None)}, ("–", "")),
        ("memory", {"health": health(memory_bars=math.inf)}, ("∞", "warn")),
        ("nis", {"health": health(nis_white=1.5)}, ("1.50", "warn")),
        ("nis", {"health": health(nis_white=NAN)}, ("–", "")),
        ("ljung-box", {"health": health(ljung_box=LjungBox(30.0, 0.01, 10))}, ("p 0.01", "warn")),
        ("ljung-box", {"health": health(ljung_box=LjungBox(NAN, NAN, 10))}, ("–", "")),
        ("bounce-badge", {"bounce": Bounce(0.4, 0.9, 1.0, 12.0, 12.0, True)}, ("BOUNCE", "bad")),
        ("bounce-badge", {"bounce": Bounce(0.4, 0.9, 1.0, NAN, math.inf, True)}, ("BOUNCE", "bad")),
        ("bounce-badge", {"bounce": Bounce(0.4, 0.9, NAN, NAN, NAN, False)}, ("–", "")),
        ("bounce-badge", {"bounce": Bounce(0.1, 0.2, 30.0, 33.0, 1.1, False)}, ("not seen", "")),
        ("bounce-share", {"bounce": Bounce(0.4, 0.9, 1.0, 12.0, 12.0, True)}, ("40.0%", "warn")),
        ("bounce-share", {"bounce": Bounce(NAN, NAN, NAN, NAN, NAN, False)}, ("–", "")),
        ("half-spreads", {"half_spreads_bps": (NAN, 0.2)}, ("– / 0.20 bps", "")),
        ("coverage-z", {"coverage": (WindowCoverage("z", 50, 0.4, False),)}, ("40%", "bad")),
        ("coverage-z", {"coverage": (WindowCoverage("z", 50, NAN, True),)}, ("–", "bad")),
        ("breaks", {"breaks": BreakWatch(300, 2, 5, 9.0, 0.0, 7.35)}, ("2", "warn")),
    ],
)
def test_doubt_shows_in_colour(name: str, changes: dict[str, Any], expected: tuple[str, str]) -> None:
    value, note, tone = items(**changes)[name]
    assert (value, tone) == expected and note


def test_on_unrelated_walks_hardly_anything_is_green() -> None:
    """40 pairs: by chance alone one of twenty has a half-life that noise hardly shows."""
    tones = []
    for seed in range(40):
        model = model_of(walking(seed, 700), classic(interval_ms=WIDTH_MS))
        found = evidence_items(view(evidence=evidence_of(model), settings=model.settings))
        tones.append([found[f"ev-{name}"].tone for name in ("half-life", "bounce-badge", "power", "needed")])
    lives, badges, powers, lengths = ([tone == "good" for tone in each] for each in zip(*tones, strict=True))
    assert sum(lives) <= 6 and sum(badges) <= 6
    assert sum(powers) == sum(lengths) == 0


WINDOWS = (("beta", 200), ("z", 50), ("test", 500))
UNTESTED = {
    "bars": 40, "half_life": None, "test": of_test(500, NAN), "tests": 0, "tests_today": 0, "open_share": NAN,
    "coverage": tuple(WindowCoverage(name, bars, NAN, False) for name, bars in WINDOWS),
    "half_spreads_bps": (NAN, NAN), "bounce": None, "health": None, "breaks": None,
}  # fmt: skip
COUNTS = {"ev-tests-today", "ev-tests"}  # nothing tested yet is a known number


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"has_run": False, "bars": 0, "evidence": None}, {"ev-power": "no run yet"}),
        ({"bars": 0, "evidence": None}, {"ev-power": "no complete bar yet"}),
        (
            {"bars": 40, "calibration": None, "evidence": evidence(**UNTESTED)},
            {
                "ev-power": "needs 500 bars; 40 so far",
                "ev-nis": "calibrates on 360 bars; 40 so far",
                "ev-half-spreads": "no trades from both sides yet",
                "ev-coverage-z": "needs 50 bars; 40 so far · no open gap",
                "ev-breaks": "needs 300 bars with trades in both legs that move",
            },
        ),
        (
            {"settings": classic(gate="off"), "evidence": evidence(**UNTESTED | {"test_bars": 0, "test": None})},
            {"ev-power": "the gate is off, so there is no test window", "ev-tests": "the gate is off"},
        ),
        (
            {"settings": PairSettings(test_window=None), "evidence": evidence(**UNTESTED | {"test_bars": 0})},
            {"ev-half-life": "the window follows the half-life, once calibrated"},
        ),
        (
            {"settings": classic(estimator="huber"), "evidence": evidence(**UNTESTED)},
            {"ev-ratio": "another estimator is in use"},
        ),
        ({"evidence": evidence(health=None)}, {"ev-memory": "needs 100 bars after the calibration"}),
        ({"evidence": evidence(bounce=None)}, {"ev-bounce-badge": "no quotes: some bars have a last print only"}),
        ({"evidence": evidence(half_life=None)}, {"ev-half-life": "X does not move over the window"}),
        (
            {"evidence": evidence(test=of_test(500, NAN))},
            {"ev-power": "no half-life: nothing reverts in the window", "ev-needed": "no half-life"},
        ),
    ],
)
def test_what_is_not_known_is_a_dash_with_its_reason(changes: dict[str, Any], says: dict[str, str]) -> None:
    found = evidence_items(view(**changes))
    for name, reason in says.items():
        assert found[name].value == "–" and reason in found[name].note, (name, found[name])
    for name, item in found.items():
        assert item.note, name
        assert "nan" not in f"{item.value} {item.note}".lower(), (name, item)
        assert item.value not in ("0", "0%", "0.00") or name in COUNTS or name == "ev-flips", (name, item)


def test_reasons_are_counted_and_those_that_never_stood_are_left_out() -> None:
    text, _ = live_texts(view())
    assert (text["passed"], text["passed-note"]) == ("12", "bars with |z| ≥ 2; entered on 3, not on 9:")
    assert (text["why-gate_closed"], text["why-warmup"], text["why-cooldown"]) == ("7", "2", "")
    assert live_texts(view(bars=0, refused={}, entries=0))[0]["passed"] == "–"


def test_every_reason_not_to_enter_has_its_words() -> None:
    assert {reason for reason in Reason if reason >= Reason.WARMUP} == set(REASONS)


def test_every_line_says_what_it_means() -> None:
    lines = [line for group in GROUPS for line in group.lines]
    assert len({line.name for line in lines}) == len(lines) == 22
    for line in lines:
        assert line.explanation.endswith(".") and len(line.explanation) > 10, line.name
