"""The command line, and its files: tables, tear sheet, look-ahead audit."""

from __future__ import annotations

import doctest
import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest

import services.backtest
import services.reports.tear_sheet
from engine.backtest import Strategy, run
from engine.pairs import run_pair
from services.backtest import main, read_axis
from services.backtest_data import legs_of_files
from services.backtest_request import FileSource
from services.reports.audit import columns_of, in_words, look_ahead_audit
from services.reports.svg import heat_table, round_ticks
from services.reports.tables import tables_of, write_tables
from tests.conftest import ROOT
from tests.services.backtest_worlds import NAMES, SETTINGS, legs_of, request_of, write_files

OPTIONS = ["--set", "gate=off", "--set", "cost_filter=no", "--set", "calibration_bars=60", "--set", "break_alarm=none"]
SWEEP = ["--preset", "classic", "--sweep", "entry=1:2:0.5", "--sweep", "exit=0:0.5:0.25", "--walk", "12:6"]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def report(paths: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    pair = [*map(str, paths), "--y", NAMES[0], "--x", NAMES[1], "--data-dir", str(folder / "data")]
    command = [sys.executable, "-m", "services.backtest", *pair, *OPTIONS, *SWEEP, "--twins", "5", "--out", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "9 cells" in done.stdout and "This is trial 9 on these data" in done.stdout
    assert done.stdout.rstrip().endswith("tear-sheet.html")
    assert "testing cells" in done.stderr and "9/9" in done.stderr
    return folder


def test_tables_hold_what_the_result_holds_in_both_formats(paths: list[Path], tmp_path: Path) -> None:
    legs, asked = legs_of(paths), request_of(paths)
    found = run(legs.y, legs.x, None, SETTINGS, asked.costs, asked.account)
    write_tables(found, tmp_path)
    for name, table in tables_of(found).items():
        flat = pd.read_csv(tmp_path / f"{name}.csv")
        columns = polars.read_parquet(tmp_path / f"{name}.parquet")
        assert len(table) > 20 and list(flat.columns) == list(table.columns) == columns.columns
        for column in table:
            if table[column].dtype.kind == "f":
                np.testing.assert_allclose(flat[column], table[column], rtol=1e-12)
                np.testing.assert_array_equal(columns[column].to_numpy(), table[column])
            elif str(table[column].dtype).startswith("datetime"):
                assert (pd.to_datetime(flat[column], utc=True).dropna() == table[column].dropna()).all()
                stamps = columns[column].to_list()
                known = [stamp for stamp in stamps if stamp is not None]
                assert known == table[column].dropna().dt.to_pydatetime().tolist()
    with pytest.raises(ValueError, match="format is 'xlsx'; expected csv or parquet"):
        write_tables(found, tmp_path, ("xlsx",))


def test_the_tear_sheet_is_one_file_with_the_numbers_of_the_record(report: Path) -> None:
    page, record = (report / "tear-sheet.html").read_text(), json.loads((report / "record.json").read_text())
    assert not re.search(r"<script|https?:|src=|@import|url\(", page)
    assert page.count("<svg") == 3 and "@page{size:A4" in page and 'name="viewport"' in page
    assert len(page) < 400_000
    text = unescape(re.sub(r"<[^>]+>", "|", page))
    for name, value in record["metrics"].items():
        shown = re.search(re.escape(f"|{name}||") + r"([^|]*)\|", text)
        assert shown, name
        if value is None:
            assert shown[1] == "\u2013" and record["reasons"][name] in text
        else:
            assert float(shown[1].replace(",", "")) == pytest.approx(value, rel=1e-5, abs=1e-9)
    twins = record["twins"]
    assert f"better than {twins['worse']} of 5 surrogate pairs without a relation: p = {twins['p']:.3g}." in text
    assert twins["p"] == pytest.approx((6 - twins["worse"]) / 6) and "Walk-forward" in text
    assert len(record["search"]["cells"]) == 9


def test_the_audit_passes_the_engine_and_names_the_first_column_that_looks_ahead(paths: list[Path]) -> None:
    legs, asked = legs_of(paths), request_of(paths)
    assert asked.costs is not None
    audit = look_ahead_audit(legs.y, legs.x, columns_of(Strategy(SETTINGS, asked.costs)))
    assert audit.difference is None and len(audit.cuts) == 5 and audit.values > 100_000

    def peeking(y: pd.DataFrame, x: pd.DataFrame) -> pd.DataFrame:
        frame = run_pair(y, x, None, SETTINGS)[["z", "spread"]]
        return frame.assign(ahead=frame["spread"].shift(-2))

    found = look_ahead_audit(legs.y, legs.x, peeking)
    assert found.difference is not None and found.difference.column == "ahead"
    gap = pd.Timestamp(found.difference.cut) - pd.Timestamp(found.difference.bar_open)
    assert gap == pd.Timedelta(minutes=2) and "look-ahead: ahead of the bar" in in_words(found)
    with pytest.raises(ValueError, match="expected at least one cut"):
        look_ahead_audit(legs.y[:3], legs.x[:3], peeking)


def test_the_audit_is_a_command(paths: list[Path], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pair = [*map(str, paths), "--y", NAMES[0], "--x", NAMES[1], "--data-dir", str(tmp_path), "--audit"]
    assert main([*pair, *OPTIONS]) == 0
    assert capsys.readouterr().out.startswith("no look-ahead: ")


def test_what_cannot_be_done_is_said(paths: list[Path], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pair = ["--y", NAMES[0], "--x", NAMES[1], "--data-dir", str(tmp_path)]
    files = [*map(str, paths)]
    for arguments, message in (
        (pair, "no files and no market"), ([*files, *pair[:3], "SOLUSDT"], "expected bars of SOLUSDT"),
        ([*files, *pair, "--sweep", "entry"], "expected name=from:to:step"),
            ([*files, *pair, "--sweep", "entry=3:1:1"], "an end n"),
        ([*files, *pair, "--walk", "x", "--sweep", "entry=1,2"], "expected two numbers as train:test"),
        ([*files, *pair, "--walk", "900:900", "--sweep", "entry=1,2"], "whole hours for a training part of 900"),
    ):  # fmt: skip
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
    assert read_axis("z=20,none") == ("z_window", (20.0, None))
    for module in (services.backtest, services.reports.tear_sheet):
        assert doctest.testmod(module).failed == 0


def test_bars_of_two_widths_are_refused(paths: list[Path], tmp_path: Path) -> None:
    wide = tmp_path / "BTCUSDT_5m.csv"
    table = pd.read_csv(paths[1]).iloc[::5]
    table.to_csv(wide, index=False)
    with pytest.raises(ValueError, match="files have bars of 1m, 5m; expected one width"):
        legs_of_files(FileSource((str(paths[0]), str(wide)), *NAMES))
    assert replace(request_of(paths), twins=1).twins == 1


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (97_863.0, 100_126.0, [98_000.0, 98_500.0, 99_000.0, 99_500.0, 100_000.0]),
        (-1.35, 0.05, [-1.0, -0.5, 0.0]),
        (0.0, 1e-7, [0.0, 2e-8, 4e-8, 6e-8, 8e-8, 1e-7]),
        (-10.0, -9.0, [-10.0, -9.8, -9.6, -9.4, -9.2, -9.0]),
    ],
)
def test_axes_have_round_figures(low: float, high: float, expected: list[float]) -> None:
    assert round_ticks(low, high) == pytest.approx(expected, abs=1e-12)


def test_labels_of_a_heatmap_do_not_touch_and_heads_come_again_on_every_page(report: Path) -> None:
    values = ((1, 2), ("0.125", "0.12345678", "3"))
    drawn = heat_table("h", ("a", "b"), values, [[0.1, -0.2, None]] * 2, {})
    places = [float(x) for x in re.findall(r'<text x="([0-9.]+)" y="28"', drawn)]
    assert len(places) == 3 and min(b - a for a, b in itertools.pairwise(places)) >= 7 * len("0.12345678")
    page = (report / "tear-sheet.html").read_text(encoding="utf-8")
    assert page.count("<thead>") == page.count("<th>cell") + page.count("<th>metric") + page.count("<th>entry time") > 1
