"""Files out: exact values, text that no spreadsheet runs, bytes that depend on the rows alone, bounded buffers."""

from __future__ import annotations

import csv
import io
import json
import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pandas as pd
import polars
import pytest

from engine.files.writers import FORMATS, encode

T0 = 1_767_225_600_000
SUNK = ("parquet", "arrow")  # polars writes these in a thread, and reads some frames ahead
SCHEMA = {
    "timestamp": polars.Datetime("ms", "UTC"), "symbol": polars.String, "price": polars.Float64,
    "agg_id": polars.Int64, "buyer_is_maker": polars.Boolean,
}  # fmt: skip


def frame(first: int, count: int) -> polars.DataFrame:
    ids = range(first, first + count)
    return polars.DataFrame(
        {
            "timestamp": polars.Series([T0 + n * 37 for n in ids]).cast(polars.Datetime("ms", "UTC")),
            "symbol": ["BTCUSDT"] * count,
            "price": [(85_595.9, 1e-7, 0.1 + 0.2, 123_456_789_012.345)[n * 7_919 % 31 % 4] for n in ids],
            "agg_id": list(ids),
            "buyer_is_maker": [(True, False, None)[n % 3] for n in ids],
        },
        schema=SCHEMA,
    )


def pieces(total: int, sizes: random.Random) -> Iterator[polars.DataFrame]:
    at = 0
    while at < total:
        count = min(sizes.choice([1, 7, 999, 20_000]), total - at)
        yield frame(at, count)
        at += count


@pytest.mark.parametrize("form", FORMATS)
def test_the_bytes_depend_on_the_rows_alone(form: str) -> None:
    total = 120_000 if form in SUNK else 9_000
    whole = b"".join(encode(iter([frame(0, total)]), form))
    for seed in range(3):
        assert b"".join(encode(pieces(total, random.Random(seed)), form)) == whole


def read_csv(content: bytes) -> list[tuple[str, str, float, int, bool | None]]:
    flags = {"true": True, "false": False, "": None}
    rows = csv.reader(io.StringIO(content.decode()))
    next(rows)
    return [(row[0], row[1], float(row[2]), int(row[3]), flags[row[4]]) for row in rows]


def test_every_value_reads_back() -> None:
    rows = frame(0, 500)
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=n * 37) for n in range(500)]
    times = [f"{each:%Y-%m-%dT%H:%M:%S}.{each.microsecond // 1_000:03}Z" for each in moments]
    expected = [(time, *row[1:]) for time, row in zip(times, rows.rows(), strict=True)]
    content = {form: b"".join(encode(iter([rows]), form)) for form in FORMATS}
    assert read_csv(content["csv"]) == expected
    assert [tuple(json.loads(line).values()) for line in content["ndjson"].splitlines()] == expected
    assert polars.read_parquet(io.BytesIO(content["parquet"])).equals(rows)
    assert polars.read_ipc(io.BytesIO(content["arrow"])).equals(rows)
    by_pandas = pd.read_csv(io.BytesIO(content["csv"]), parse_dates=["timestamp"])
    assert by_pandas["price"].tolist() == rows["price"].to_list() and str(by_pandas["timestamp"].dt.tz) == "UTC"
    assert by_pandas["timestamp"].dt.to_pydatetime().tolist() == moments
    by_pandas = pd.read_json(io.BytesIO(content["ndjson"]), lines=True, precise_float=True)
    assert by_pandas["agg_id"].tolist() == list(range(500))
    by_polars = polars.read_csv(io.BytesIO(content["csv"]), try_parse_dates=True)
    assert by_polars["price"].to_list() == rows["price"].to_list()
    assert by_polars["timestamp"].dt.epoch("ms").to_list() == rows["timestamp"].dt.epoch("ms").to_list()


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1+2", "@SUM(A1)", "\tx", "\rx"])
def test_no_spreadsheet_runs_a_cell(text: str) -> None:
    rows = polars.DataFrame({"reason": [text, "STOP", None], "z": [-1.0, 2.0, None]})
    content = b"".join(encode(iter([rows]), "csv")).decode()
    (_, first, second, third) = csv.reader(io.StringIO(content, newline=""))
    assert first[0] == "'" + text and float(first[1]) == -1.0  # a number may begin with a minus
    assert (second[0], third) == ("STOP", ["", ""])
    assert polars.read_parquet(io.BytesIO(b"".join(encode(iter([rows]), "parquet")))).equals(rows)  # cells run nowhere


def test_an_unknown_format_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="format is 'xlsx'; expected csv, parquet, ndjson or arrow"):
        encode(iter([frame(0, 1)]), "xlsx")


@pytest.mark.parametrize("form", FORMATS)
def test_no_more_rows_are_read_than_fit_in_a_few_megabytes(form: str) -> None:
    """While nobody takes the pieces, reading stops."""
    read = [0]

    def endless() -> Iterator[polars.DataFrame]:
        while True:
            read[0] += 20_000
            yield frame(read[0], 20_000)

    chunks = encode(endless(), form)
    next(chunks)
    before = -1
    while before != read[0]:  # until it stands still
        before = read[0]
        time.sleep(0.5)
    assert read[0] <= (500_000 if form in SUNK else 20_000)
    chunks.close()  # type: ignore[attr-defined]


class Broken(Exception):
    pass


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("good", [1, 200_000])
def test_an_error_while_reading_reaches_whoever_writes(form: str, good: int) -> None:
    def breaking() -> Iterator[polars.DataFrame]:
        yield frame(0, good)
        raise Broken

    with pytest.raises(Broken):
        for _ in encode(breaking(), form):
            pass


@pytest.mark.parametrize("form", SUNK)
def test_an_export_that_is_given_up_stops_its_thread(form: str) -> None:
    chunks = encode(pieces(2_000_000, random.Random(1)), form)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "writes an export"]
