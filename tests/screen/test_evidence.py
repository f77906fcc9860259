"""The evidence panel: every figure with its unit, every unknown a dash with a reason, every doubt in colour."""

from __future__ import annotations

import math
from typing import Any

import pytest

from engine.pairs.enums import Reason
from engine.pairs.evidence import BreakWatch, WindowCoverage, evidence_of
from engine.pairs.noise_gate import DERIVED, FIXED, noise_shares
from engine.pairs.settings import PairSettings, classic, defended
from engine.stats.bid_ask_bounce import Bounce
from engine.stats.half_life import HalfLife
from engine.stats.health import LjungBox
from engine.stats.power import evidence as of_test
from screen.pages.pair.evidence_table import GROUPS, evidence_items
from screen.pages.pair.labels import cards, live_texts
from screen.pages.pair.reason_labels import REASONS
from tests.engine.pairs.worlds import WIDTH_MS, model_of, walking
from tests.screen.pairs import NAN, correction, evidence, health, hedge, view

SURE = HalfLife(5.0, 4.0, 8.0, 43.5, 4.8, 0.87, 23.0)
OPEN = HalfLife(50.0, 20.0, math.inf, 43.5, 30.0, 0.98, 23.0)
NONE = HalfLife(NAN, 40.0, math.inf, 43.5, 60.0, 0.99, 23.0)
FAST = HalfLife(NAN, 0.0, 0.3, 43.5, NAN, -0.1, 23.0)


def items(**changes: Any) -> dict[str, tuple[str, str, str]]:
    found = evidence_items(view(evidence=evidence(**changes)))
    return {name.removeprefix("ev-"): (item.value, item.note, item.tone) for name, item in found.items()}


def test_every_figure_stands_with_its_unit_and_its_doubt() -> None:
    assert items() == {
        "power": ("59%", "at the fitted half-life; 16% to 98% over its 95 % interval", "warn"),
        "needed": ("633 bars", "53 min, at the fitted half-life; the window has 500", "warn"),
        "legs": ("both walk", "ETHUSDT p 0.4100, BTCUSDT p 0.6200", "good"),
        "half-life": ("18.3 bars", "95 % 10 to 42 · noise: none in 50 of 100, under 23 in 5", "good"),
        "critical": ("-3.348", "latest statistic -4.00; lower is evidence", ""),
        "tests-today": ("300", "each opens on 5 % of noise; neighbours overlap", ""),
        "open": ("68%", "since the first test; noise at 5 %, windows of 500 bars:", ""),
        "bootstrap": ("not used", "only the robust gate asks for it", ""),
        "flips": ("23", "opened or closed in this run", ""),
        "tests": ("325", "in this run, one every 60 s", ""),
        "breaks": ("41%", "level 24%, β 41% of an alarm; false ones about 5,000 bars apart", ""),
        "hedge": ("1.02 to 1.18", "95 %, error 0.041; 870 bars hold 45 half-lives", ""),
        "correction": ("ETHUSDT", "Y -4.8% a bar (t -2.9) · X +0.9% (t 1.4)", ""),
        "ratio": ("34 ×", "10 or more: the spread is left whole", "good"),
        "memory": ("623 bars", "half-life of its memory, measured", ""),
        "nis": ("0.89", "healthy: 0.88 to 1.13", "good"),
        "ljung-box": ("p 0.2800", "10 lags, after an AR(1) of 0.96", "good"),
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
        ("power", {"test": of_test(500, 5.0), "half_life": HalfLife(5, 0, 12, 43.5, 4, 0.85, 23.0)}, ("100%", "good")),
        ("power", {"half_life": OPEN}, ("n.a.", "warn")),
        ("needed", {"test": of_test(500, 5.0), "half_life": SURE}, ("187 bars", "good")),
        ("needed", {"test": of_test(500, 5.0)}, ("187 bars", "warn")),
        ("half-life", {"half_life": HalfLife(25.0, 9.0, 60.0, 43.5, 17.0, 0.96, 23.0)}, ("25.0 bars", "")),
        ("half-life", {"half_life": OPEN}, ("50.0 bars", "warn")),
        ("half-life", {"half_life": NONE}, ("n.a.", "bad")),
        ("half-life", {"half_life": HalfLife(NAN, math.inf, math.inf, 43.5, NAN, 1.01, 23.0)}, ("n.a.", "bad")),
        ("half-life", {"half_life": FAST}, ("< 1 bar", "")),
        ("half-life", {"half_life": HalfLife(NAN, NAN, NAN, 43.5, NAN, NAN, 23.0)}, ("–", "")),
        ("hedge", {"hedge": hedge(half_lives=8.3, is_window_long_enough=False)}, ("1.02 to 1.18", "warn")),
        ("hedge", {"hedge": hedge(phi=-0.1, half_life=NAN, half_lives=math.inf)}, ("1.02 to 1.18", "")),
        ("hedge", {"hedge": hedge(low=2.4e-5, high=3.1e-5, beta_error=2e-6)}, ("2.4e-05 to 3.1e-05", "")),
        ("hedge", {"hedge": hedge(beta_error=NAN, low=NAN, high=NAN)}, ("–", "")),
        ("correction", {"correction": correction(adjusting="x")}, ("BTCUSDT", "")),
        ("correction", {"correction": correction(adjusting="both")}, ("both legs", "")),
        ("correction", {"correction": correction(adjusting="neither")}, ("neither", "warn")),
        ("ratio", {"health": health(ratio=4.9, light="red")}, ("4.9 ×", "bad")),
        ("ratio", {"health": health(ratio=17.0, light="amber")}, ("17 ×", "warn")),
        ("ratio", {"health": health(ratio=NAN, light=None)}, ("–", "")),
        ("memory", {"health": health(memory_bars=math.inf)}, ("∞", "warn")),
        ("nis", {"health": health(nis_white=1.5)}, ("1.50", "warn")),
        ("nis", {"health": health(nis_white=NAN)}, ("–", "")),
        ("ljung-box", {"health": health(ljung_box=LjungBox(30.0, 0.01, 10))}, ("p 0.0100", "warn")),
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
        ("breaks", {"breaks": BreakWatch(0.2, 0.8, 5_000)}, ("80%", "warn")),
    ],
)
def test_doubt_shows_in_colour(name: str, changes: dict[str, Any], expected: tuple[str, str]) -> None:
    value, note, tone = items(**changes)[name]
    assert (value, tone) == expected and note


def test_a_window_too_short_for_an_interval_says_so_in_words() -> None:
    short = hedge(half_life=104.0, half_lives=8.3, is_window_long_enough=False)
    assert items(hedge=short)["hedge"][1] == "window too short: 8 half-lives of 104 bars; 25 needed"


def test_the_interval_stands_beside_the_hedge_ratio_itself() -> None:
    def note(**changes: Any) -> str:
        return cards(view(evidence=evidence(**changes)))[0]["beta-note"]

    unit = "Kalman filter · dollars of X per dollar of Y"
    assert note() == f"95 % 1.02 to 1.18 · {unit}"
    assert note(hedge=hedge(is_window_long_enough=False)) == f"95 % 1.02 to 1.18, window too short · {unit}"
    assert note(hedge=None) == note(hedge=hedge(beta_error=NAN)) == unit
    assert cards(view(evidence=None))[0]["beta-note"] == unit


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
    "half_spreads_bps": (NAN, NAN), "bounce": None, "health": None, "breaks": None, "hedge": None, "correction": None,
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
                "ev-hedge": "calibrates on 360 bars; 40 so far",
                "ev-correction": "needs 500 bars; 40 so far",
                "ev-half-spreads": "no trades from both sides yet",
                "ev-coverage-z": "needs 50 bars; 40 so far · no open gap",
                "ev-breaks": "watches from the calibration on",
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
            {"ev-ratio": "another estimator is in use", "ev-hedge": "needs 201 bars; 40 so far"},
        ),
        ({"evidence": evidence(health=None)}, {"ev-memory": "needs 100 bars after the calibration"}),
        ({"evidence": evidence(bounce=None)}, {"ev-bounce-badge": "no quotes: some bars have a last print only"}),
        (
            {"evidence": evidence(hedge=None, correction=None)},
            {"ev-hedge": "the legs do not move", "ev-correction": "a leg does not move over the window"},
        ),
        ({"evidence": evidence(half_life=None)}, {"ev-half-life": "X does not move over the window"}),
        (
            {"evidence": evidence(test=of_test(500, NAN), half_life=NONE)},
            {"ev-power": "no half-life: nothing reverts in the window", "ev-needed": "no half-life"},
        ),
        (
            {"evidence": evidence(test=of_test(500, NAN), half_life=FAST)},
            {"ev-power": "no half-life: back within one bar", "ev-needed": "back within one bar"},
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


ROBUST = PairSettings(gate="robust")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"bootstrap": 0.0052}, ("p 0.0052", "of the test that opened the gate", "good")),
        ({"bootstrap": 0.21}, ("p 0.2100", "too high: the plain test alone would have opened", "bad")),
        ({"bootstrap": NAN}, ("not asked", "the plain test alone keeps the gate closed", "")),
        (UNTESTED, ("–", "needs 500 bars; 40 so far", "")),
    ],
)
def test_the_bootstrap_says_who_decided(changes: dict[str, Any], expected: tuple[str, str, str]) -> None:
    found = evidence_items(view(settings=ROBUST, evidence=evidence(**changes)))["ev-bootstrap"]
    assert (found.value, found.note, found.tone) == expected


def test_what_noise_shows_stands_under_the_gates_own_share() -> None:
    """Of the gate in use and of its windows; nothing where it was not measured."""
    rows = next(line for group in GROUPS for line in group.lines if line.name == "ev-open").rows
    assert list(rows.values()) == [share.noise for share in FIXED] == [share.noise for share in DERIVED]
    for settings, table, is_robust in (
        (PairSettings(), FIXED, False),
        (ROBUST, FIXED, True),
        (defended(), DERIVED, True),
        (defended(gate="engle-granger"), DERIVED, False),
    ):
        text, _ = live_texts(view(settings=settings, evidence=evidence(noise=noise_shares(settings))))
        shares = [share.robust if is_robust else share.plain for share in table]
        assert [text[name] for name in rows] == [f"{share:.1%}" for share in shares]
    for settings in (PairSettings(gate="off"), PairSettings(gate_level=1)):
        text, _ = live_texts(view(settings=settings, evidence=evidence(noise=noise_shares(settings))))
        assert {text[name] for name in rows} == {""}
    assert text["ev-open-note"] == "since the first test; noise was measured at 5 % only"
    text, _ = live_texts(view(evidence=None))
    assert {text[name] for name in rows} == {""}


def test_reasons_are_counted_and_those_that_never_stood_are_left_out() -> None:
    text, _ = live_texts(view())
    assert (text["passed"], text["passed-note"]) == ("12", "bars with |z| ≥ 2; entered on 3, not on 9:")
    assert (text["why-gate_closed"], text["why-warmup"], text["why-cooldown"]) == ("7", "2", "")
    assert live_texts(view(bars=0, refused={}, entries=0))[0]["passed"] == "–"


def test_every_reason_not_to_enter_has_its_words() -> None:
    assert {reason for reason in Reason if reason >= Reason.WARMUP} == set(REASONS)


def test_every_line_says_what_it_means() -> None:
    lines = [line for group in GROUPS for line in group.lines]
    assert len({line.name for line in lines}) == len(lines) == 26
    for line in lines:
        assert line.explanation.endswith(".") and len(line.explanation) > 10, line.name
