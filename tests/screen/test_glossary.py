"""The glossary: every term has its meaning and its trap, once, and what the screens name is in it."""

from __future__ import annotations

from engine.pairs.enums import Reason
from screen.components.traps import TRAPS
from screen.pages.glossary.layout import glossary_page
from screen.pages.glossary.terms import SECTIONS
from screen.pages.pair.evidence_panel import evidence_panel
from screen.pages.pair.evidence_table import GROUPS
from screen.pages.scan.layout import NUMBERS
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


def test_lines_of_the_evidence_lead_to_their_trap() -> None:
    def terms(component: object) -> set[str]:
        children = getattr(component, "children", None)
        inside = children if isinstance(children, list) else [children] if children is not None else []
        own = {getattr(component, "data-term")} if hasattr(component, "data-term") else set()
        return own.union(*(terms(each) for each in inside))

    linked = terms(evidence_panel())
    assert {"ev-nis", "ev-power", "IN_POSITION"} <= linked <= set(TRAPS)
