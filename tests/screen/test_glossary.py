"""The glossary: every term has its meaning and its trap, once, and what the screens name is in it."""

from __future__ import annotations

import re
from types import SimpleNamespace

from engine.backtest.layout import ForcedExit
from engine.pairs.enums import Reason
from screen.components.traps import TRAPS
from screen.pages.alerts.labels import PHASES
from screen.pages.glossary.layout import glossary_page
from screen.pages.glossary.terms import SECTIONS
from screen.pages.pair.evidence_panel import evidence_panel
from screen.pages.pair.evidence_table import GROUPS
from screen.pages.pair.labels import END_REASONS
from screen.pages.pair.money_line import money_line
from screen.pages.pair.verdict import _position
from screen.pages.scan.layout import NUMBERS
from screen.pages.signals.labels import KINDS
from tests.screen.test_shell import text_of

TERMS = [term for _, terms in SECTIONS for term in terms]


def test_each_term_stands_once_with_its_meaning_and_its_trap() -> None:
    keys = [term.key for term in TERMS]
    assert len(keys) == len(set(keys)) and set(keys) == set(TRAPS), "no trap without a term"
    for term in TERMS:
        assert term.label and term.meaning.endswith((".", ")")) and term.trap.endswith(".")
        assert len(term.trap) < 120, "one sentence"


def test_the_meanings_are_those_of_the_screens() -> None:
    lines = {line.name: line.explanation for group in GROUPS for line in group.lines}
    tips = {name: f"{tip}." for name, _, _, _, tip in NUMBERS}
    for term in TERMS:
        assert term.meaning == {**lines, **tips}.get(term.key, term.meaning)


def test_terms_that_were_not_understood_are_in_it() -> None:
    text = text_of(glossary_page())
    for word in ("Cost wall", "noise would show", "Memory", "NIS", "Ljung-Box", "ounce", "Dwell", "Space", "Hold-out",
                 "q BH", "q BY", "Crossings", "Rev.", Reason.IN_POSITION.name):  # fmt: skip
        assert word in text, word


def test_every_reason_and_state_that_a_screen_prints_has_an_entry() -> None:
    named = {word for term in TERMS for word in (term.key, *term.also.split(", "))}
    printed = {each.name for each in (*Reason, *ForcedExit) if each} | set(position_words())
    assert printed <= named, printed - named
    words = " ".join(f"{term.meaning} {term.also}" for term in TERMS)
    for state in [*(name for name, _ in (*KINDS.values(), *PHASES.values())), *END_REASONS.values()]:
        assert state in words, state
    money = str(money_line())
    for label in ("I'm in", "I'm out", "executable z", "Proof", "Rev."):
        assert label in named, label
    assert "I'm in" in money and "I'm out" in money, "labels of the screen"


def position_words() -> tuple[str, ...]:
    return tuple(_position(SimpleNamespace(position=side)) for side in (-1.0, 0.0, 1.0))  # type: ignore[arg-type]


def test_the_error_bars_of_the_filter_are_said_in_plain_words() -> None:
    (nis,) = [term for term in TERMS if term.key == "ev-nis"]
    assert nis.meaning.startswith("How well the filter's own error bars fit; about 1 is right.")


def test_lines_of_the_evidence_lead_to_their_trap() -> None:
    linked = set(re.findall(r' data-term="([^"]+)"', evidence_panel().html))
    assert {"ev-nis", "ev-power", "IN_POSITION"} <= linked <= set(TRAPS)
