"""Bars by the column are the bars by the row, or are left to those."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RowRefused
from engine.market.sourced import SourcedBar, read_bar
from engine.market.sourced_columns import SourcedColumns, read_bar_columns
from engine.market.ticks import are_decimals, read_decimals

T = 1_767_225_600_000
TEXTS = st.one_of(
    st.sampled_from(
        ["1", "0", "0.0", ".5", "5.", "1.2.3", "", "1e5", "١", "-1", "1\n2", "000000000001", "1" * 13, "nan"]
    ),
    st.decimals(min_value=0, max_value=10**6, places=3).map(str),
    st.from_regex(r"[0-9.\n]{0,16}", fullmatch=True),
)


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_decimals_are_read_where_all_are_plain(texts: list[str]) -> None:
    expected = list(map(float, texts)) if are_decimals(texts) else None
    assert read_decimals(texts) == expected


def rows() -> st.SearchStrategy[list[list[Any]]]:
    price = st.one_of(st.sampled_from(["1", "2", "3.5", "2.25"]), TEXTS)
    time = st.one_of(st.integers(0, 50).map(lambda n: T + n * 60_000), st.sampled_from([T + 1, 0, "x", None, 1.5]))
    return st.lists(st.tuples(time, price, price, price, price, TEXTS).map(list), min_size=1, max_size=4)


def text_of(rows: list[Any]) -> bytes:
    return msgspec.json.encode(list(zip(*rows, strict=True)))


def is_plain(text: str) -> bool:
    """At most 14 characters, in the form of a JSON number."""
    return are_decimals([text]) and len(text) <= 14 and not (text[0] == "0" and text[1:2].isdigit())


@given(rows(), st.sampled_from(["kline", "upload", "Bad Source"]), st.sampled_from(["BTCUSDT", "btc"]))
def test_columns_give_what_rows_give(rows: list[list[Any]], source: str, symbol: str) -> None:
    columns = read_bar_columns(symbol, 60_000, text_of(rows), source)
    by_column = None if columns is None else list(columns)
    by_row: list[SourcedBar] | None
    try:
        by_row = [read_bar(symbol, 60_000, row, source) for row in rows]
    except RowRefused:
        by_row = None
    assert by_column is None or by_column == by_row
    if by_row and all(is_plain(text) for row in rows for text in row[1:]):
        assert by_column == by_row, "plain bars are taken"


@given(st.decimals(min_value=0, max_value=10**12 - 1, places=8), st.integers(0, 10**12 - 1), st.integers(0, 12))
def test_numbers_are_those_that_float_reads(size: Decimal, whole: int, places: int) -> None:
    """To the bit, for any decimal that the fast way takes."""
    texts = [text[:14].rstrip(".") for text in (f"{size:f}", str(Decimal(whole).scaleb(-places)), f"{whole}")]
    for text in filter(is_plain, texts):
        found = read_bar_columns("BTCUSDT", 60_000, text_of([[T, "1", "1", "1", "1", text]]), "kline")
        assert found is not None and found[0].volume.hex() == float(text).hex()


@given(st.text(alphabet='0123456789.,[]"\\eE-+ ', max_size=40), st.integers(0, 120))
def test_no_change_of_the_text_gives_other_bars(inserted: str, at: int) -> None:
    """Wherever something is written into it, the bars are those of a JSON reader, or none."""
    plain = text_of([[T, "1", "3", "0.5", "2", "10"], [T + 60_000, "2", "2.5", "1", "2.25", "0"]]).decode()
    text = plain[:at] + inserted + plain[at:]
    found = read_bar_columns("BTCUSDT", 60_000, text.encode(), "kline")
    if found is not None:
        rows = zip(*msgspec.json.decode(text), strict=True)
        assert list(found) == [read_bar("BTCUSDT", 60_000, row, "kline") for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        b"[]", b"[[]]", b"[[],[],[],[],[],[]]", b'[["1"],["1"],["1"],["1"],["1"],["1"]]', b'[[1],["1"],["1"]]',
        b'[[%d],["1,1"],["1"],["1"],["1"],["1"]]' % T, b'[[%d],[1],[1],[1],[1],[1]]' % T,
        b'[[%d.0],["1"],["1"],["1"],["1"],["1"]]' % T, b'[[%d],["1"],["1"],["1"],["1"],["1","1"]]' % T,
        b'[[%d],["1"],["1"],["1"],["1"],["1"],["1"]]' % T, b'[[%d],["1"],["1"],["1"],["1"],["1000000000000"]]' % T,
        b'[[%d%s],["1"],["1"],["1"],["1"],["1"]]' % (T, b"0" * 30),
    ],
)  # fmt: skip
def test_anything_else_is_left_to_the_rows(text: bytes) -> None:
    assert read_bar_columns("BTCUSDT", 60_000, text, "kline") is None


BARS = [
    SourcedBar("BTCUSDT", 60_000, T, 1.0, 3.0, 0.5, 2.0, 10.0, "kline"),
    SourcedBar("BTCUSDT", 60_000, T + 60_000, 2.0, 2.5, 1.0, 2.25, 0.0, "kline"),
]


def test_plain_bars_are_taken() -> None:
    rows = [[T, "1", "3", "0.5", "2", "10"], [T + 60_000, "2", "2.5", "1", "2.25", "0"]]
    found = read_bar_columns("BTCUSDT", 60_000, text_of(rows), "kline")
    assert found is not None and list(found) == BARS
    assert type(found[0]) is SourcedBar and all(type(value) is float for column in found.values[1:] for value in column)


def test_columns_are_a_sequence_of_bars() -> None:
    columns = SourcedColumns.of(BARS)
    assert list(columns) == BARS and [columns[0], columns[-1]] == BARS and len(columns) == len(BARS)
    assert list(columns[1:]) == BARS[1:] and columns.times == [T, T + 60_000]
