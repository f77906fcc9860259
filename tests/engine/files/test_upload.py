"""Files of every kind as rows to store, and the small files that once failed."""

from __future__ import annotations

import random
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from engine.errors import RowRefused
from engine.files.inspection import Told
from engine.files.upload import MAX_UNSORTED, OTHER_ID, SAME_ID, look_through
from engine.market.ticks import read_row
from tests.engine.files.helpers import CASES, FIXTURES, UTC, read, rows_of, written
from tests.realdata import recording

T = 1_793_491_200_000
CASE_T = 1_767_225_600_000


class TestFormats:
    def test_a_futures_dump_is_sorted_by_id_and_its_oddities_are_counted(self) -> None:
        upload = look_through([FIXTURES / "BTCUSDT-aggTrades-2026-11-01.csv"])
        (file,) = upload.files
        assert (file.format, file.has_ids, file.is_sorted) == ("CSV, ticks with ids", True, False)
        again: Counter[str] = Counter()
        assert rows_of(upload, again) == [
            ["BTCUSDT", 1001, "85000.10", "0.010", T, True],
            ["BTCUSDT", 1002, "85000.20", "0.030", T + 500, True],
            ["BTCUSDT", 1003, "85000.30", "0.020", T + 900, False],
            ["BTCUSDT", 1004, "85000.40", "0.000", T + 1_000, False],
        ]
        assert again == {SAME_ID: 1}
        assert file.notes.examples == ["row 7: found 6 cells; expected 7"]

    def test_another_trade_with_a_known_id_is_told_apart_from_the_same_one(self, tmp_path: Path) -> None:
        rows = ["8,2.0,1,8,8,1767225601000,true", "7,1.0,1,7,7,1767225600000,true", "7,9.0,1,7,7,1767225600000,true"]
        again: Counter[str] = Counter()
        found = rows_of(look_through([written(tmp_path, rows)]), again)
        assert [row[2] for row in found] == ["1.0", "2.0"] and again == {OTHER_ID: 1}

    def test_a_spot_dump_has_no_header_and_microseconds(self) -> None:
        assert [row[:2] + row[4:] for row in read(FIXTURES / "BNBUSDT-aggTrades-2025-03-01.csv")] == [
            ["BNBUSDT", 810, 1740787200000, True],
            ["BNBUSDT", 811, 1740787200450, False],
        ]

    def test_ticks_without_ids_are_numbered_so_that_a_refused_row_leaves_no_gap(self) -> None:
        upload = look_through([FIXTURES / "ticks_no_ids.ndjson"])
        (file,) = upload.files
        rows = rows_of(upload)
        assert (file.format, file.has_ids, file.rows) == ("NDJSON, ticks", False, 8)
        assert file.notes.examples == [
            "row 4, column 'price': '0' is 0; expected more than 0",
            "row 6, column 'price': '0' is 0; expected more than 0",
        ]
        for symbol, count in (("ETHUSDT", 5), ("BTCUSDT", 3)):
            assert [row[1] for row in rows if row[0] == symbol] == list(range(count))
        assert [read_row(row).quantity for row in rows if row[0] == "BTCUSDT"] == [0.002, 0.5, 0.0015]

    def test_reading_again_gives_the_same_ids(self) -> None:
        upload = look_through([FIXTURES / "ticks_no_ids.ndjson"])
        assert rows_of(upload) == rows_of(upload) == read(FIXTURES / "ticks_no_ids.ndjson")

    def test_csv_columns_are_found_by_their_aliases(self) -> None:
        upload = look_through([FIXTURES / "ticks.csv"], UTC)
        assert rows_of(upload) == [
            ["BTCUSDT", 0, "85000.10", "0.5", T + 100, None],
            ["BTCUSDT", 1, "85000.20", "0.25", T + 100, None],
            ["BTCUSDT", 2, "85000.30", "1", T + 1_000, None],
            ["BTCUSDT", 3, "85000.4", "2", T + 3_000, None],
        ]
        (file,) = upload.files
        assert [line.partition("; expected")[0] for line in file.notes.examples] == [
            "row 6, column 'Timestamp': 'yesterday' is no time", "row 7, column 'Price': '0' is 0",
        ]  # fmt: skip
        assert file.notes.spellings == {"BTCUSDT": {"btcusdt", "BTCUSDT"}}

    def test_only_aggregate_trades_come_out_of_recorded_frames(self) -> None:
        upload = look_through([FIXTURES / "frames_combined.txt"])
        assert [(row[0], row[1]) for row in rows_of(upload)] == [
            ("AAAUSDT", 100), ("BBBUSDT", 5000), ("AAAUSDT", 101), ("AAAUSDT", 102), ("AAAUSDT", 102),
        ]  # fmt: skip
        assert dict(upload.files[0].notes.refused) == {
            "not an aggTrade: bookTicker": 1, "not an aggTrade: depthUpdate": 1, "not an aggTrade: kline": 1,
        }  # fmt: skip
        upload = look_through([FIXTURES / "frames_2026.ndjson"])
        assert [row[:2] for row in rows_of(upload)] == [
            ["BTCUSDT", 3460311795], ["BTCUSDT", 3460311796], ["BTCUSD_PERP", 494118434], ["DOGEUSDT", 77],
            ["ETHUSDT", 3427780726],
        ]  # fmt: skip
        refused = upload.files[0].notes.refused
        assert (refused["not JSON"], refused["not an aggTrade: trade"]) == (1, 2)
        assert refused["not an aggTrade: serverShutdown"] == 2

    def test_raw_trades_have_no_aggregate_ids(self, tmp_path: Path) -> None:
        path = written(tmp_path, ["9,7.5,2,15.0,1767225600000,true", "10,7.6,1,7.6,1767225600001,false"])
        (file,) = look_through([path]).files
        assert not file.has_ids
        assert read(path) == [["BTCUSDT", 0, "7.5", "2", CASE_T, True], ["BTCUSDT", 1, "7.6", "1", CASE_T + 1, False]]


class TestCases:
    @pytest.mark.parametrize("name", ["oldest_first", "newest_first", "shuffled"])
    def test_trades_are_numbered_in_the_order_of_their_times(self, name: str) -> None:
        rows = read(CASES / f"{name}.csv")
        assert [row[1:] for row in rows] == [
            [n, f"{100 + n / 10:.1f}", "1", CASE_T + 100 * n, None] for n in range(40)
        ]  # fmt: skip

    def test_epoch_seconds_are_recognised_and_said(self) -> None:
        upload = look_through([CASES / "seconds.csv"])
        assert [row[4] for row in rows_of(upload)] == [CASE_T + 1_000 * n for n in range(10)]
        assert upload.files[0].notes.counted == {"seconds": 10}

    def test_floats_as_they_are_printed_are_their_decimals(self) -> None:
        upload = look_through([CASES / "sci.csv"])
        rows = rows_of(upload)
        assert [row[2] for row in rows[:3]] == ["0.00000123", "0.00000124", "0.00000125"]
        assert [row[3] for row in rows[:3]] == ["0.00001", "0.00002", "0.00003"]
        assert [float(row[2]) for row in rows] == [round(1.23e-6 + n * 1e-8, 8) for n in range(10)]
        assert upload.files[0].notes.counted["printed as a double"] == 5

    def test_the_same_as_json(self) -> None:
        rows = read(CASES / "sci.ndjson")
        assert [float(row[2]) for row in rows] == [float(row[2]) for row in read(CASES / "sci.csv")]
        assert [float(row[3]) for row in rows] == [round(1e-7 * n, 7) for n in range(1, 11)]

    def test_a_file_without_ids_enters_no_exchange(self) -> None:
        upload = look_through([CASES / "noids_mix.csv"])
        for market in ("usdm", "spot", "sim"):
            with pytest.raises(ValueError, match=f"has no ids of an exchange and cannot go into market '{market}'"):
                upload.market(market)
        assert upload.market("file-mine") == "file-mine" and upload.market().startswith("file-")
        assert look_through([CASES / "MIXUSDT-aggTrades-2026-01-01.csv"]).market("usdm") == "usdm"

    def test_a_renamed_dump_keeps_its_symbol(self) -> None:
        assert {row[0] for row in read(CASES / "RENUSDT_aggTrades_2026-01-01.csv")} == {"RENUSDT"}

    @pytest.mark.parametrize(("column", "sizes"), [("quantity", ["2"] * 5), ("volume", ["10", "11", "12", "13", "14"])])
    def test_two_columns_of_one_meaning_are_asked_for(self, column: str, sizes: list[str]) -> None:
        (question,) = look_through([CASES / "twosizes.csv"]).questions
        assert question.of == "columns" and "'quantity' and 'volume' may both be the quantity" in question.text
        upload = look_through([CASES / "twosizes.csv"], Told(columns={"quantity": column}))
        assert not upload.questions and [row[3] for row in rows_of(upload)] == sizes


class TestSeveralFiles:
    def test_files_of_one_symbol_are_put_in_order(self, tmp_path: Path) -> None:
        lines = (CASES / "oldest_first.csv").read_text().splitlines()
        late = written(tmp_path, [lines[0], *lines[21:]], "a.csv")
        early = written(tmp_path, [lines[0], *lines[1:21]], "b.csv")
        assert rows_of(look_through([late, early])) == read(CASES / "oldest_first.csv")
        both = [written(tmp_path, [lines[0], *lines[1 + at :: 2]], f"{at}.csv") for at in (1, 0)]
        assert rows_of(look_through(both)) == read(CASES / "oldest_first.csv")

    def test_a_zip_of_one_file_a_symbol(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            for symbol in ("BTCUSDT", "ETHUSDT"):
                archive.writestr(f"data/{symbol}.csv", "time,price,size\n1767225600000,1.5,2\n")
            archive.writestr("__MACOSX/data/._BTCUSDT.csv", b"\x00\x05\x16\x07")
            archive.writestr(".DS_Store", b"\x00")
        assert read(tmp_path / "all.zip") == [
            ["BTCUSDT", 0, "1.5", "2", CASE_T, None], ["ETHUSDT", 0, "1.5", "2", CASE_T, None],
        ]  # fmt: skip

    def test_a_symbol_can_be_told_for_one_file_only(self, tmp_path: Path) -> None:
        paths = [written(tmp_path, "time,price,size\n1767225600000,1,1\n", f"export ({n}).csv") for n in (1, 2)]
        upload = look_through(paths)
        assert [question.of for question in upload.questions] == ["symbol", "symbol"]
        with pytest.raises(ValueError, match="'BTCUSDT' for 2 files without one"):
            look_through(paths, Told(symbol="BTCUSDT"))
        assert read(paths[0], Told(symbol="btc/usdt"))[0][0] == "BTCUSDT"


def test_rows_of_equal_times_keep_their_order(tmp_path: Path) -> None:
    numbers = random.Random(3)
    rows = [(CASE_T + numbers.randrange(5), f"{n + 1}.5") for n in range(300)]
    lines = [f"{time_ms},BTCUSDT,{price},1" for time_ms, price in rows]
    found = read(written(tmp_path, ["timestamp,symbol,price,size", *lines]))
    assert [(row[4], row[2]) for row in found] == sorted(rows, key=lambda row: row[0])


def test_more_unsorted_trades_than_are_sorted_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_UNSORTED >= 1_000_000
    monkeypatch.setattr("engine.files.upload.MAX_UNSORTED", 39)
    with pytest.raises(ValueError, match="40 trades that are not in order; expected at most 39"):
        read(CASES / "shuffled.csv")
    assert len(read(CASES / "oldest_first.csv")) == 40


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty; expected trades or bars"),
        ("hello\n", "columns are 'hello': none is the time or the price or the quantity"),
        ("a,b,c\n1,2,3\n", r"expected ticks \(time, symbol, price, size\) or bars"),
        ("1,2,3\n", "found '1,2,3' without a header; expected a header, or a Binance dump"),
        ("time,symbol,price,size\n", "has no row that can be used; expected at least one trade or bar"),
    ],
)
def test_an_unknown_format_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        look_through([written(tmp_path, text)])


@pytest.mark.realdata
def test_the_recorded_ticks_have_98_zero_rows() -> None:
    upload = look_through([recording("ticks/usdm_btc_eth_2025-12-15.ndjson")])
    (file,) = upload.files
    assert (file.rows, dict(file.notes.refused)) == (19_280 - 98, {"'price' is 0": 98})
    rows = rows_of(upload)
    assert len(rows) == file.rows
    for row in rows:
        read_row(row)


@pytest.mark.realdata
@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT"])
def test_the_recorded_candles_are_read_whole(symbol: str) -> None:
    upload = look_through([recording(f"klines/{symbol}_1m.csv")])
    (file,) = upload.files
    assert (file.format, file.rows, file.notes.refused, upload.questions) == ("CSV, bars", 43_200, {}, [])
    bars = [bar for batch in upload.bars() for bar in batch.bars]
    assert {(bar.symbol, bar.width_ms) for bar in bars} == {(symbol, 60_000)}
    silent = sum(float(bar.volume) == 0.0 for bar in bars)
    assert silent == (599 if symbol == "BNBUSDT" else silent)
    assert len({bar.open_time_ms for bar in bars}) == 43_200


@pytest.mark.realdata
def test_the_recorded_frames_have_91_aggregate_trades() -> None:
    upload = look_through([recording("frames/usdm_combined_2021-07-22.txt")])
    rows = rows_of(upload)
    assert len(rows) == 91 and len({row[0] for row in rows}) == 4
    assert upload.files[0].notes.refused.total() == 1_535 - 91
    upload = look_through([recording("frames/binance_2026_frames.ndjson")])
    assert upload.files[0].rows + upload.files[0].notes.refused.total() == 25
    assert upload.files[0].notes.refused["not JSON"] == 1
    for row in rows_of(upload):
        try:
            read_row(row)
        except RowRefused:
            pytest.fail(f"{row} cannot be stored")
