"""Recorded files, with the oddities that real ones have."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from simulator.errors import RecordingRefused
from simulator.recordings import agg_trade_of, read_recording
from simulator.trade_history import Rows, trades_of

FIXTURES = Path(__file__).parent / "fixtures"
USDM = FIXTURES / "BTCUSDT-aggTrades-2026-11-01.csv"
TICKS = FIXTURES / "ticks.ndjson"


def shown(rows: Rows) -> list[tuple[object, ...]]:
    return [tuple(trade)[1:] for trade in trades_of("", rows)]


class TestDumps:
    def test_rows_are_sorted_and_doubles_and_damage_counted(self) -> None:
        recording = read_recording(USDM)
        assert recording.trades.keys() == {"BTCUSDT"}
        assert shown(recording.trades["BTCUSDT"]) == [
            (5000, "85000.10", "0.010", 1793491200000, True),
            (5001, "85000.20", "0.002", 1793491200350, False),
            (5002, "85000.00", "0.250", 1793491200350, True),
            (5003, "85000.20", "0.000", 1793491200400, False),
            (5005, "84999.9", "1.5", 1793491201000, True),
            (5009, "85001.30", "0.001", 1793491203000, False),
        ]
        assert recording.skipped == {"duplicate": 1, "malformed": 1}
        fills = recording.trades["BTCUSDT"][["first_fill", "fills"]].tolist()
        assert fills[4] == (9005, 8)

    def test_zero_rows_can_be_left_out(self) -> None:
        recording = read_recording(USDM, skip_zero=True)
        assert 5003 not in recording.trades["BTCUSDT"]["id"]
        assert recording.skipped == {"zero price or quantity": 1, "duplicate": 1, "malformed": 1}

    def test_a_dump_without_a_header(self) -> None:
        recording = read_recording(FIXTURES / "ETHUSDT-aggTrades-2021-12-31.csv")
        assert shown(recording.trades["ETHUSDT"]) == [
            (700, "3100.01", "0.500", 1640908800000, False),
            (701, "3100.00", "1.000", 1640908800120, True),
        ]

    def test_a_spot_dump_has_eight_columns_and_microseconds(self) -> None:
        recording = read_recording(FIXTURES / "BNBUSDT-aggTrades-2025-03-01.csv")
        assert shown(recording.trades["BNBUSDT"]) == [
            (810, "600.10000000", "0.00180000", 1740787200000, True),
            (811, "600.20000000", "1.00000000", 1740787200450, False),
        ]

    @pytest.mark.parametrize("form", ["gz", "zip"])
    def test_a_packed_dump_reads_the_same(self, form: str, tmp_path: Path) -> None:
        packed = tmp_path / f"{USDM.name}.{form}" if form == "gz" else tmp_path / f"{USDM.stem}.zip"
        if form == "gz":
            packed.write_bytes(gzip.compress(USDM.read_bytes()))
        else:
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(USDM, USDM.name)
        assert shown(read_recording(packed).trades["BTCUSDT"]) == shown(read_recording(USDM).trades["BTCUSDT"])

    def test_a_file_whose_name_does_not_tell_the_symbol_needs_it_told(self, tmp_path: Path) -> None:
        path = tmp_path / "trades.csv"
        path.write_bytes(USDM.read_bytes())
        with pytest.raises(RecordingRefused, match=r"trades\.csv does not say whose rows it has; say its symbol"):
            read_recording(path)
        assert read_recording(path, symbol="XBTUSDT").trades.keys() == {"XBTUSDT"}


class TestTicks:
    def test_ids_are_given_in_file_order_and_digits_kept(self) -> None:
        recording = read_recording(TICKS)
        assert shown(recording.trades["ETHUSDT"]) == [
            (1, "3100.10", "0.5", 1793491200100, False),
            (2, "0", "0", 1793491200100, True),
            (3, "3100", "0.001", 1793491200300, True),
            (4, "3100.20", "2", 1793491200250, False),
            (5, "3100.2", "2", 1793491200400, False),
            (6, "3100.2", "0.25", 1793491200400, False),
        ]
        assert shown(recording.trades["BTCUSDT"]) == [(1, "85000.1", "0.010", 1793491200100, False)]
        assert recording.skipped == {"malformed": 2}

    def test_without_zero_rows_ids_stay_contiguous(self) -> None:
        recording = read_recording(TICKS, skip_zero=True)
        assert recording.trades["ETHUSDT"]["id"].tolist() == [1, 2, 3, 4, 5]
        assert recording.skipped == {"zero price or quantity": 1, "malformed": 2}

    def test_a_reason_that_never_occurred_is_not_counted(self, tmp_path: Path) -> None:
        path = tmp_path / "ticks.csv"
        path.write_text("time,symbol,price,size\n1793491200100,BTCUSDT,85000.1,0.5\n")
        assert read_recording(path).skipped == {}


class TestFrames:
    def test_frames_with_receive_times(self) -> None:
        recording = read_recording(FIXTURES / "frames.txt")
        lines = (FIXTURES / "frames.txt").read_text().splitlines()
        assert [frame.text for frame in recording.frames] == [
            line.partition(": ")[2] for line in lines[1:] if line != "not a frame"
        ]
        assert recording.frames[0].at_ms == pytest.approx(1793491200100.1)
        assert recording.skipped == {"no receive time": 1}

    def test_frames_inside_ndjson_have_no_receive_time(self) -> None:
        recording = read_recording(FIXTURES / "raw.ndjson")
        assert [frame.at_ms for frame in recording.frames] == [None] * 3
        assert recording.frames[1].text.endswith('"1000.00" ...')
        assert recording.skipped == {"malformed": 1}

    def test_an_agg_trade_is_recognised_and_nothing_else(self) -> None:
        texts = [frame.text for frame in read_recording(FIXTURES / "frames.txt").frames]
        found = agg_trade_of(texts[0])
        assert found is not None
        symbol, row = found
        assert (symbol, row[0], row[1], row[4], row[5], row[6]) == ("BTCUSDT", 41, 1793491200050, 9, 7, 3)
        assert agg_trade_of(texts[1]) is None
        assert agg_trade_of("{") is None
        assert agg_trade_of(texts[0].replace('"0.010"', '"0.000"')) is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("empty.csv", b"", "is empty; expected trades or bars"),
            ("prose.txt", b"hello world\n", "columns are 'hello world': none is the time .* expected ticks"),
            ("BTCUSDT-aggTrades-x.csv", b"a,p,q,f,l,T,m\n1,x,2,3,4,5,true\n", "holds nothing to replay .1 x malformed"),
            ("BTCUSDT-aggTrades-x.csv.gz", b"not gzip", "is damaged, or is no .gz file"),
            ("BTCUSDT-aggTrades-x.zip", b"not zip", "is damaged, or is no .zip file"),
            ("cut.csv.gz", gzip.compress(b"1,2,3,4,5,6,true\n" * 9_999)[:-20], "is cut off"),
            ("binary.csv", b"\xff\x00\x01", "is not text: byte 0xff"),
        ],
    )
    def test_a_file_that_cannot_be_replayed_says_why(
        self, name: str, content: bytes, message: str, tmp_path: Path
    ) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RecordingRefused, match=message):
            read_recording(tmp_path / name, symbol="BTCUSDT")

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(RecordingRefused, match="there is no file"):
            read_recording(tmp_path / "none.csv")

    def test_an_archive_of_two_files(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
            archive.writestr("a.csv", "x")
            archive.writestr("b.csv", "x")
        with pytest.raises(RecordingRefused, match="holds 2 files; expected one"):
            read_recording(tmp_path / "two.zip")
