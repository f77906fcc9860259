"""The examples of the documents run as they are, and from a file; what docs/mathematics.md names exists."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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


def test_the_backtest_of_a_pair(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = ran("backtest_of_a_pair.py", monkeypatch)
    result, table = found["found"], found["table"]
    assert result.metrics["Trades [#]"] > 50 and result.metrics["PnL net [quote]"] > 0.0
    alone = found["run"](
        found["eth"], found["btc"], settings=found["cells"][12], costs=found["costs"], account=found["account"]
    )
    assert np.isclose(table.loc[(2.0, 0.4), "net"], alone.metrics["PnL net [quote]"])
    assert table["trades"].loc[1.0].min() > table["trades"].loc[3.0].max()
    assert "a round trip costs" in capsys.readouterr().out


def test_the_scan_of_a_universe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = ran("scan_of_a_universe.py", monkeypatch)
    kept = found["result"].pairs.loc[found["result"].pairs["is_confirmed"], ["y", "x"]].to_numpy().tolist()
    assert kept == [["COIN05", "COIN01"], ["COIN09", "COIN03"]]
    assert {each.name for each in found["result"].excluded} == {"COIN14", "COIN15"}
    assert "of 91 pairs" in capsys.readouterr().out


def test_is_it_stationary(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = ran("is_it_stationary.py", monkeypatch)
    assert found["robust"].passes and found["residual"].index.equals(found["eth"].index)
    text = capsys.readouterr().out
    assert "funding: ADF" in text and "BTC: ADF" in text and "noise shows 87" in text


def test_what_is_the_hedge(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = ran("what_is_the_hedge.py", monkeypatch)
    assert (abs(found["hedges"]["clean"] - 0.9) < 0.02).all()
    assert (abs(found["hedges"]["wrong prints"] - 0.9) < 0.02).to_dict() == {
        "OLS": False, "Huber": True, "Theil-Sen": True, "TLS": False,
    }  # fmt: skip
    assert found["sure"].low < 0.9 < found["sure"].high and found["closing"].adjusting == "y"
    assert "the window holds 164 half-lives" in capsys.readouterr().out


def test_all_tests_of_a_pair(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = ran("all_tests_of_a_pair.py", monkeypatch)
    assert (found["together"].found, found["moved"].found, found["noise"].found) == (6, 2, 0)
    text = capsys.readouterr().out
    assert "not after adjusting for 6 tests" in text and "a relation; if it moved, at 2025-06-01 06:4" in text
    assert "The wild bootstrap is not among them." in text and "Fit the hedge from there on" in text


def test_times_with_offsets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ran("times_with_offsets.py", monkeypatch)
    frame = found["frame"]
    assert len(frame) == 720 and (frame["action"] == "exit").sum() >= 3
    assert frame.index[0].isoformat() == "2025-10-25T18:00:00+00:00" and "one bar in 60 s" in capsys.readouterr().out
    again = ran("pair_from_csv.py", monkeypatch, str(found["path"]))  # whose index.diff() it was that raised
    assert len(again["frame"]) == 720


def test_a_scan_takes_such_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = paired_prices(np.random.default_rng(1), pairs=2, others=1, bars=900)
    prices.index = [
        time.isoformat() for time in pd.date_range("2025-10-25 18:00", periods=900, freq="1min", tz="Europe/Berlin")
    ]
    prices.to_csv(tmp_path / "closes.csv")
    found = ran("scan_of_a_universe.py", monkeypatch, str(tmp_path / "closes.csv"))
    assert found["result"].tests == 10 and found["width_ms"] == 60_000


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
