"""docs/screens.md names what there is: tests and pictures that exist, and every exported statistic once."""

from __future__ import annotations

import re
from pathlib import Path

import engine.stats

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/screens.md").read_text()


def test_the_tests_and_pictures_it_names_exist() -> None:
    tests = set(re.findall(r"`(tests/[\w/.]+\.py)`", TEXT))
    assert len(tests) > 25 and [path for path in sorted(tests) if not (ROOT / path).exists()] == []
    pictures = set(re.findall(r"\((images/[\w.-]+\.jpg)\)", TEXT))
    assert len(pictures) >= 8 and [path for path in sorted(pictures) if not (ROOT / "docs" / path).exists()] == []


def test_every_row_has_a_test_and_says_where() -> None:
    rows = [line for line in TEXT.partition("## Every exported")[0].splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith(("| what", "|---"))]
    assert len(rows) > 20
    for row in rows:
        _, what, page, test, _, _ = row.split("|")
        assert what.strip() and page.strip() and "`tests/" in test, row


def test_every_exported_statistic_is_named_once() -> None:
    functions = sorted(name for name in engine.stats.__all__ if name[0].islower())
    named = re.findall(r"`(\w+)`", TEXT.partition("## Every exported")[2].partition("\n|---")[2])
    assert sorted(named) == functions
