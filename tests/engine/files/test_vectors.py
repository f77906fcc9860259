"""Blocks by the column give what the rows one by one give, whatever is in them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine.files.inspection
from engine.files.inspection import Inspected, Told
from engine.files.upload import BarBatch, Upload, look_through
from engine.files.vectors import Block, EncodedRows
from engine.market.sourced_columns import columns_of

T = 1_767_225_600_000
# What stands in a cell: mostly plain, and everything that is nearly so.
_PRICE = st.sampled_from(
    ["100.5", "1", "0.000001", "123456789012", "99999.99", "0", "0.0", "1e-05", ".5", "5.", "-1", "+1", "", "NaN",
     "inf", "1_000", " 7", "7 ", "1,5", "١", "0.1234567890123", "123456.7890123456", "1.2.3",
     "1.2299999999999999e-06", '"8.5"'],
)  # fmt: skip
_PLAIN = st.sampled_from(["100.5", "1", "0.25", "99999.99", "12.125"])
_SYMBOL = st.sampled_from(["BTCUSDT", "btcusdt", "BTC/USDT", "ETHUSDT", "BAD SYMBOL!", "BTCUSD_PERP"])
_END = st.sampled_from(["\n", "\r\n"])


@st.composite
def times(draw: st.DrawFn) -> str:
    ms = T + draw(st.integers(0, 5_000)) * draw(st.sampled_from([1, 1, 60_000]))
    unit = draw(st.sampled_from(["ms"] * 8 + ["s", "us", "ns", "iso", "float", "bad"]))
    forms = {"ms": str(ms), "s": str(ms // 1_000), "us": f"{ms}123", "ns": f"{ms}123456", "iso": "2026-01-01T00:00:01Z",
             "float": f"{ms / 1_000:.3f}", "bad": "0001767225600"}  # fmt: skip
    return forms[unit]


@st.composite
def tick_files(draw: st.DrawFn) -> str:
    is_plain = draw(st.booleans())
    price = _PLAIN if is_plain else st.one_of(_PLAIN, _PRICE)
    with_id = draw(st.booleans())
    rows = []
    for n in range(draw(st.integers(1, 12))):
        time = str(T + n * 7) if is_plain else draw(st.one_of(st.just(str(T + n * 7)), times()))
        cells = [time, draw(_SYMBOL), draw(price), draw(price)]
        cells += [
            str(n * draw(st.sampled_from([1, 1, 1, -1]))),
            draw(st.sampled_from(["true", "False", "1", "x"])),
        ] * with_id
        rows.append(",".join(cells) + draw(st.sampled_from([""] * 30 + [",", ",extra"])))
    end = draw(_END)
    head = "timestamp,symbol,price,size" + ",agg_trade_id,is_buyer_maker" * with_id
    return end.join([head, *rows]) + draw(st.sampled_from(["", end, end + end]))


@st.composite
def bar_files(draw: st.DrawFn) -> str:
    rows = []
    value = st.one_of(_PLAIN, _PLAIN, _PLAIN, _PRICE)
    for n in range(draw(st.integers(1, 12))):
        low, middle, high = sorted(draw(st.tuples(*[st.integers(1, 10**6)] * 3)))
        cells = [str(T + n * draw(st.sampled_from([60_000, 60_000, 61_000]))), f"{middle / 100}", f"{high / 100}"]
        cells += [draw(st.sampled_from([f"{low / 100}", f"{high / 50}", "0"])), f"{middle / 100}", draw(value)]
        rows.append(",".join(cells))
    return "\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n"


def seen(upload: Upload) -> list[object]:
    return [
        (each.rows, dict(each.symbols), each.spans, each.widths_ms, each.first_ms, each.last_ms, each.is_sorted,
         [tuple(row) for row in each.first_rows], [tuple(row) for row in each.last_rows], each.notes.counted,
         each.notes.refused, each.notes.examples, each.notes.spellings)
        for each in upload.files
    ]  # fmt: skip


def sent(upload: Upload) -> list[list[object]]:
    rows: list[list[object]] = []
    for some in upload.tick_batches(Counter(), {"BTCUSDT": 7}):
        rows += msgspec.json.decode(some.text) if isinstance(some, EncodedRows) else some
    for batch in upload.bar_batches():
        if isinstance(batch, BarBatch):
            for bar in batch.bars:
                rows.append([batch.symbol, batch.width_ms, batch.source, bar.open_time_ms, *map(float, bar[3:])])
        else:
            (symbol, width_ms, from_ms, to_ms, data), source = batch
            bars = columns_of(symbol, width_ms, data, source)
            assert from_ms == bars.times[0] and to_ms == bars.times[-1] + width_ms
            rows += [[symbol, width_ms, source, *bar] for bar in zip(*bars.values, strict=True)]
    return sorted(rows, key=repr)


def both(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is found by the column and by the row: values, or the refusal."""
    found: list[object] = []
    for small in (0, 1 << 40):
        monkeypatch.setattr(engine.files.inspection, "_SMALL", small)
        try:
            upload = look_through([path], Told(interval="1m"))
            found.append((seen(upload), sent(upload)))
        except ValueError as error:
            found.append(str(error))
    return found


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(tick_files(), bar_files()), has_bom=st.booleans())
def test_by_the_column_and_by_the_row_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, has_bom: bool
) -> None:
    path = tmp_path / "BTCUSDT.csv"
    path.write_text(content, encoding="utf-8-sig" if has_bom else "utf-8", newline="")
    by_column, by_row = both(path, monkeypatch)
    assert by_column == by_row


def test_long_files_in_several_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.files.tables._RAW_BLOCK", 10_000)
    rows = [f"{T + n * 20},{'BTCUSDT' if n % 3 else 'ethusdt'},{100 + n % 7}.25,{n + 1}" for n in range(3_000)]
    rows[1_700] = f"{T + 1_700 * 20},BTCUSDT,1e2,5"  # one block is read by the row
    rows[2_100] = f"{T + 2_100 * 20},BTCUSDT,0,5"
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(["timestamp,symbol,price,size", *rows]))
    by_column, by_row = both(path, monkeypatch)
    assert by_column == by_row
    monkeypatch.setattr(engine.files.inspection, "_SMALL", 0)
    kinds = [isinstance(some, Block) for some in look_through([path]).files[0].blocks()]
    assert kinds.count(True) > 5 and kinds.count(False) == 2
    assert "row 2102, column 'price': '0' is 0" in look_through([path]).files[0].notes.examples[0]


def test_a_line_without_end_and_a_byte_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, row = b"timestamp,symbol,price,size\n", b"%d,BTCUSDT,1,1\n" % T
    for content, said in (
        (head + row * 3 + b"9" * 400_000, "has more than 65,536 characters in row 5"),
        (head + row * 3 + b"9" * 70_000 + b"\n" + row, "has more than 65,536 characters in row 5"),
        (b"comment," + head + b"a," + row + b"b" * 70_000 + b"," + row, "has more than 65,536 characters in row 3"),
        (head + row * 3 + b"\xff\xfe" + row, "is not text: byte 0xff is no UTF-8"),
        (head + row * 3 + row.replace(b"\n", b"\r") + b"bad\r" + row, ""),
        (b"\n\n" + head + row, ""),
    ):
        path = tmp_path / "ticks.csv"
        path.write_bytes(content)
        by_column, by_row = both(path, monkeypatch)
        assert by_column == by_row and said in str(by_row)


def test_a_file_that_is_read_by_the_column_is_an_inspected_one(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT_1m.csv"
    path.write_text(
        "timestamp,open,high,low,close,volume\n" + "".join(f"{T + n * 60_000},2,3,1,2,{n}\n" for n in range(6_000))
    )
    found: Inspected = look_through([path]).files[0]
    assert path.stat().st_size > engine.files.inspection._SMALL
    assert all(isinstance(some, Block) for some in found.blocks()) and found.widths_ms == {60_000}
