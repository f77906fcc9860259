"""Tables of closes for notebooks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.files.closes import read_closes
from tests.engine.files.helpers import CASES, written

ROOT = Path(__file__).parents[3]


def test_offsets_that_change_with_the_clocks_are_read_in_utc_and_no_bar_is_lost() -> None:
    lines = (CASES / "closes_mixed_dst.csv").read_text().splitlines()[1:]
    frame = read_closes(CASES / "closes_mixed_dst.csv")
    assert frame.index.tz is not None and str(frame.index.tz) == "UTC"
    assert len(frame) == len(lines) and frame.index.is_unique
    assert set(np.diff(frame.index.as_unit("ms").asi8)) == {60_000}
    assert frame.index[0] == pd.Timestamp("2025-10-25T21:38:00Z")
    assert frame["X"].tolist() == [float(line.split(",")[2]) for line in lines]


@pytest.mark.parametrize("example", ["pair_from_csv", "scan_of_a_universe"])
def test_the_documented_examples_read_it(example: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"docs.examples.{example}", str(CASES / "closes_mixed_dst.csv")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "TypeError" not in done.stderr and "read_csv" not in done.stderr, done.stderr
    assert example != "pair_from_csv" or done.returncode == 0, done.stderr


def test_an_empty_cell_is_unknown_and_rows_are_put_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "time;Y\n2026-01-01T00:01:00Z;2.5\n2026-01-01T00:00:00Z;\n", "closes.csv")
    frame = read_closes(path)
    assert np.isnan(frame["Y"].iloc[0]) and frame["Y"].iloc[1] == 2.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,Y\n2026-01-01 00:00:00,1\n", "row 2: '2026-01-01 00:00:00' names no zone"),
        ("time,Y\nsoon,1\n", "row 2, column 'time': 'soon' is no time"),
        ("time,Y\n2026-01-01T00:00:00Z,x\n", "row 2, column 'Y': 'x' is no number"),
        ("time,Y\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00+01:00,1\n", "twice; expected each time once"),
        ("time,Y\n2026-01-01T00:00:00Z\n", "row 2: found 1 cells; expected 2"),
        ("1,2\n", "expected a header, times and closes"),
    ],
)
def test_what_cannot_be_read_is_told_by_row_and_column(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_closes(written(tmp_path, text, "closes.csv"))
    if "zone" in says:
        assert len(read_closes(tmp_path / "closes.csv", zone="Europe/Berlin")) == 1
