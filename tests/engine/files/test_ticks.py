from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import RowRefused
from engine.files.ticks import TickFile, read_tick_file
from engine.market.ticks import read_row
from tests.realdata import recording

FIXTURES = Path(__file__).parents[2] / "fixtures"
T = 1_793_491_200_000


def read(path: Path) -> TickFile:
    with path.open(encoding="utf-8-sig") as lines:
        return read_tick_file(path.name, lines)


def test_a_futures_dump_is_sorted_by_id_and_its_oddities_are_counted() -> None:
    file = read(FIXTURES / "BTCUSDT-aggTrades-2026-11-01.csv")
    assert (file.kind, file.has_ids) == ("aggTrades dump", True)
    assert file.rows == [
        ["BTCUSDT", 1001, "85000.10", "0.010", T, True],
        ["BTCUSDT", 1002, "85000.20", "0.030", T + 500, True],
        ["BTCUSDT", 1003, "85000.30", "0.020", T + 900, False],
        ["BTCUSDT", 1004, "85000.40", "0.000", T + 1_000, False],
    ]
    assert file.skipped == {"the same id again": 1, "cut off or malformed": 1}


def test_a_spot_dump_has_no_header_and_microseconds() -> None:
    file = read(FIXTURES / "BNBUSDT-aggTrades-2025-03-01.csv")
    assert [row[:2] + row[4:] for row in file.rows] == [
        ["BNBUSDT", 810, 1740787200000, True],
        ["BNBUSDT", 811, 1740787200450, False],
    ]


def test_ticks_without_ids_are_numbered_so_that_a_refused_row_leaves_no_gap() -> None:
    file = read(FIXTURES / "ticks_no_ids.ndjson")
    assert (file.kind, file.has_ids, file.skipped.total()) == ("tick NDJSON", False, 0)
    assert len(file.rows) == 10, "the last line has no newline"
    good, refused = [], []
    for row in file.rows:
        try:
            good.append(read_row(row))
        except RowRefused as reason:
            refused.append((row[0], str(reason)))
    assert refused == [(s, "price is '0'; expected more than 0") for s in ("ETHUSDT", "BTCUSDT")]
    for symbol, count in (("ETHUSDT", 5), ("BTCUSDT", 3)):
        assert [tick.agg_id for tick in good if tick.symbol == symbol] == list(range(count))
    assert [tick.quantity for tick in good if tick.symbol == "BTCUSDT"] == [0.002, 0.5, 0.0015]


def test_reading_again_gives_the_same_ids() -> None:
    assert read(FIXTURES / "ticks_no_ids.ndjson").rows == read(FIXTURES / "ticks_no_ids.ndjson").rows


def test_csv_columns_are_found_by_their_aliases() -> None:
    file = read(FIXTURES / "ticks.csv")
    assert file.rows == [
        ["BTCUSDT", 0, "85000.10", "0.5", T + 100, None],
        ["BTCUSDT", 1, "85000.20", "0.25", T + 100, None],
        ["BTCUSDT", 2, "85000.30", "1", T + 1_000, None],
        ["BTCUSDT", 3, "0", "0", T + 2_000, None],
        ["BTCUSDT", 3, "85000.4", "2", T + 3_000, None],
    ]
    assert file.skipped == {"not a tick": 1}


def test_only_aggregate_trades_come_out_of_recorded_frames() -> None:
    file = read(FIXTURES / "frames_combined.txt")
    assert [(row[0], row[1]) for row in file.rows] == [
        ("AAAUSDT", 100), ("BBBUSDT", 5000), ("AAAUSDT", 101), ("AAAUSDT", 102), ("AAAUSDT", 102),
    ]  # fmt: skip
    assert dict(file.skipped) == {
        "not an aggTrade: bookTicker": 1, "not an aggTrade: depthUpdate": 1, "not an aggTrade: kline": 1,
    }  # fmt: skip
    file = read(FIXTURES / "frames_2026.ndjson")
    assert [row[:2] for row in file.rows] == [
        ["BTCUSDT", 3460311795], ["BTCUSDT", 3460311796], ["BTCUSD_PERP", 494118434], ["DOGEUSDT", 77],
        ["ETHUSDT", 3427780726],
    ]  # fmt: skip
    assert file.skipped["not JSON"] == 1
    assert file.skipped["not an aggTrade: trade"] == 2
    assert file.skipped["not an aggTrade: serverShutdown"] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "is empty; expected trades"), ("hello\n", "begins with 'hello'"), ("a,b,c\n1,2,3\n", "expected a Binance")],
)
def test_an_unknown_format_is_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_tick_file("x.csv", text.splitlines(keepends=True))


@pytest.mark.realdata
def test_the_recorded_ticks_have_98_zero_rows() -> None:
    file = read(recording("ticks/usdm_btc_eth_2025-12-15.ndjson"))
    assert len(file.rows) == 19_280 and file.skipped.total() == 0
    reasons = []
    for row in file.rows:
        try:
            read_row(row)
        except RowRefused as reason:
            reasons.append(str(reason))
    assert reasons == ["price is '0'; expected more than 0"] * 98


@pytest.mark.realdata
def test_the_recorded_frames_have_91_aggregate_trades() -> None:
    file = read(recording("frames/usdm_combined_2021-07-22.txt"))
    assert len(file.rows) == 91 and len({row[0] for row in file.rows}) == 4
    assert file.skipped.total() == 1_535 - 91
    file = read(recording("frames/binance_2026_frames.ndjson"))
    assert len(file.rows) + file.skipped.total() == 25
    assert file.skipped["not JSON"] == 1
    for row in file.rows:
        read_row(row)
