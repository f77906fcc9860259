"""Constants shared by page and server are defined once in each language, with the same values."""

from __future__ import annotations

import ast
import re

from engine.market import limits
from tests.conftest import ROOT


def test_page_and_server_have_the_same_limits_and_reasons() -> None:
    source = (ROOT / "bridge/limits.js").read_text()
    stated = re.findall(r"^  static ([A-Z_]+) = (.+?);", source, re.M)
    page = {name: _value(text) for name, text in stated}
    server = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert page == server and len(page) >= 10


def _value(text: str) -> object:
    """A number, a product of numbers, or a string, as both languages write it."""
    factors = [ast.literal_eval(factor) for factor in text.split(" * ")] if "*" in text else [ast.literal_eval(text)]
    product = factors[0]
    for factor in factors[1:]:
        product *= factor
    return product


def test_no_other_file_states_one_of_the_reasons() -> None:
    for reason in (limits.NO_SUCH_IDS, limits.OUT_OF_REACH, limits.NO_PAST):
        for path in [*ROOT.glob("bridge/*.js"), *ROOT.glob("engine/**/*.py"), *ROOT.glob("feeds/*.py")]:
            assert path.stem == "limits" or f'"{reason}"' not in path.read_text(), path
