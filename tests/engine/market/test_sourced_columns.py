"""Bars by the column are the bars by the row, or are left to those."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RowRefused
from engine.market.sourced import SourcedBar, read_bar, read_bar_columns
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


@given(rows(), st.sampled_from(["kline", "upload", "Bad Source"]), st.sampled_from(["BTCUSDT", "btc"]))
def test_columns_give_what_rows_give(rows: list[list[Any]], source: str, symbol: str) -> None:
    by_column = read_bar_columns(symbol, 60_000, list(zip(*rows, strict=True)), source)
    by_row: list[SourcedBar] | None
    try:
        by_row = [read_bar(symbol, 60_000, row, source) for row in rows]
    except RowRefused:
        by_row = None
    assert by_column is None or by_column == by_row
    if by_row and all(are_decimals(row[1:]) for row in rows):
        assert by_column == by_row, "plain bars are taken"


def test_plain_bars_are_taken() -> None:
    columns = [[T, T + 60_000], ["1", "2"], ["3", "2.5"], ["0.5", "1"], ["2", "2.25"], ["10", "0"]]
    found = read_bar_columns("BTCUSDT", 60_000, columns, "kline")
    assert found == [
        SourcedBar("BTCUSDT", 60_000, T, 1.0, 3.0, 0.5, 2.0, 10.0, "kline"),
        SourcedBar("BTCUSDT", 60_000, T + 60_000, 2.0, 2.5, 1.0, 2.25, 0.0, "kline"),
    ]
    assert type(found[0]) is SourcedBar
