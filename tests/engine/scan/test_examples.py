"""The examples of the documents run as they are, and from a file; what docs/mathematics.md names exists."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine.stats
from tests.engine.scan.worlds import paired_prices

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs/examples"
TEXT = (ROOT / "docs/mathematics.md").read_text()


def ran(name: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    monkeypatch.setattr("sys.argv", [name, *arguments])
    return runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_the_pair_from_a_csv(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = ran("pair_from_csv.py", monkeypatch)
    assert found["trades"] >= 3 and len(found["frame"]) == 2_880
    assert found["frame"]["x_filled"].sum() == 5
    text = capsys.readouterr().out
    assert "round trips" in text and "power of the test over 500 bars" in text and "the filter remembers" in text


def test_the_scan_of_a_universe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = ran("scan_of_a_universe.py", monkeypatch)
    kept = found["result"].pairs.loc[found["result"].pairs["is_confirmed"], ["y", "x"]].to_numpy().tolist()
    assert kept == [["COIN05", "COIN01"], ["COIN09", "COIN03"]]
    assert {each.name for each in found["result"].excluded} == {"COIN14", "COIN15"}
    assert "of 91 pairs" in capsys.readouterr().out


def test_both_take_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = paired_prices(np.random.default_rng(1), pairs=2, others=1, bars=900)
    prices.to_csv(tmp_path / "closes.csv")
    assert ran("scan_of_a_universe.py", monkeypatch, str(tmp_path / "closes.csv"))["result"].tests == 10
    assert len(ran("pair_from_csv.py", monkeypatch, str(tmp_path / "closes.csv"))["frame"]) == 900


def test_every_statistic_is_in_the_mathematics() -> None:
    functions = {name for name in engine.stats.__all__ if name.islower()}
    parts = {"kalman_calibrate", "kalman_filter", "evidence"}  # of what is named: kalman, evidence_of
    missing = {name for name in functions - parts if f"`{name}`" not in TEXT}
    assert missing == set()


def test_every_test_and_command_it_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT))
    assert len(named) > 25
    for path, test in named:
        assert (ROOT / path).exists(), path
        assert not test or f"def {test}(" in (ROOT / path).read_text(), f"{path}::{test}"
    commands = re.findall(r"`pytest (?:-m soak )?(tests/[\w/]+\.py)(?: -k (\w+))?`", TEXT)
    assert len(commands) >= 20
    for path, wanted in commands:
        names = re.findall(r"def (test_\w+)\(", (ROOT / path).read_text())
        assert any(wanted in name for name in names), f"{path} -k {wanted}"
