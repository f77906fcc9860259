"""Recordings as sources: due at their times, moved as a whole, verbatim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.errors import RecordingRefused
from simulator.sources import Happened, RecordedFrames, RecordedTrades, Source, recorded_source
from simulator.trade_history import TRADES

FIXTURES = Path(__file__).parent / "fixtures"
USDM = FIXTURES / "BTCUSDT-aggTrades-2026-11-01.csv"
ETH = FIXTURES / "ETHUSDT-aggTrades-2021-12-31.csv"
TICKS = FIXTURES / "ticks.ndjson"


def source_of(*paths: Path, restamp: bool = False) -> RecordedTrades | RecordedFrames:
    return recorded_source(paths, None, False, 1, restamp)[0]


def ids(happened: Happened, symbol: str = "BTCUSDT") -> list[int]:
    return happened.trades[symbol]["id"].tolist() if symbol in happened.trades else []


class TestTrades:
    def test_each_trade_is_due_at_its_time(self) -> None:
        source = source_of(USDM)
        begin = source.start_ms
        assert begin == 1793491200000
        steps = [ids(source.advance(begin + at, 0)) for at in (0, 349, 350, 1_000, 2_999, 3_000)]
        assert steps == [[5000], [], [5001, 5002], [5003, 5005], [], [5009]]
        assert source.finished

    def test_a_recording_moves_as_a_whole(self) -> None:
        source = source_of(USDM)
        shift = 1_000_000
        rows = source.advance(source.start_ms + shift + 350, shift).trades["BTCUSDT"]
        assert rows["time_ms"].tolist() == [1793491200000 + shift, 1793491200350 + shift, 1793491200350 + shift]

    def test_times_that_run_backwards_keep_the_order_of_the_file(self) -> None:
        rows = np.zeros(5, TRADES)
        rows["id"], rows["time_ms"] = [1, 2, 3, 4, 5], [100, 400, 200, 300, 500]
        muddled = RecordedTrades({"BTCUSDT": rows}, seed=1)
        assert [ids(muddled.advance(at, 0)) for at in (250, 399, 400, 500)] == [[1], [], [2, 3, 4], [5]]
        source = source_of(TICKS)
        assert source.start_ms == 1793491200100
        assert ids(source.advance(source.start_ms + 199, 0), "ETHUSDT") == [1, 2]
        happened = source.advance(source.start_ms + 200, 0)
        assert ids(happened, "ETHUSDT") == [3, 4]
        assert happened.trades["ETHUSDT"]["time_ms"].tolist() == [1793491200300, 1793491200250]

    def test_e_comes_4_to_160_ms_later_and_never_falls(self) -> None:
        rows = source_of(USDM).advance(2 * 10**12, 0).trades["BTCUSDT"]
        assert rows["lag_ms"].min() >= 4
        assert rows["lag_ms"].max() <= 160
        assert np.all(np.diff(rows["time_ms"] + rows["lag_ms"]) >= 0)

    def test_several_files_are_one_market(self) -> None:
        source = source_of(USDM, ETH)
        assert {instrument.symbol: (instrument.tick, instrument.lot) for instrument in source.instruments} == {
            "BTCUSDT": ("0.01", "0.001"),
            "ETHUSDT": ("0.01", "0.001"),
        }
        assert source.start_ms == 1640908800000

    def test_two_files_of_one_symbol_are_refused(self) -> None:
        with pytest.raises(RecordingRefused, match="two files with trades of BTCUSDT"):
            source_of(USDM, TICKS)


class TestFrames:
    def test_frames_come_verbatim_at_their_times_and_rest_learns_the_trades(self) -> None:
        source = source_of(FIXTURES / "frames.txt")
        texts = [line.partition(": ")[2] for line in (FIXTURES / "frames.txt").read_text().splitlines()[1:]]
        texts.remove("")
        first = source.advance(source.start_ms + 60, 0)
        assert first.frames == texts[:2]
        assert ids(first) == [41]
        rest = source.advance(source.start_ms + 10_000, 0)
        assert rest.frames == texts[2:]
        assert ids(rest) == [42], "the frame came twice, the trade happened once"
        assert source.finished

    def test_only_restamping_touches_the_text(self) -> None:
        for restamp, shift in ((False, 0), (True, 500)):
            frames = source_of(FIXTURES / "frames.txt", restamp=restamp).advance(10**13, 500).frames
            assert frames is not None
            assert f'"E":{1793491200090 + shift},"a":41' in frames[0]
            assert f'"T":{1793491200050 + shift},' in frames[0]
            assert '"f":7,"l":9' in frames[0]

    def test_frames_without_times_follow_each_other(self) -> None:
        source: Source = source_of(FIXTURES / "raw.ndjson")
        assert source.start_ms == 1793491200102
        frames = [source.advance(source.start_ms + at, 0).frames for at in (0, 10, 20)]
        assert [len(each) for each in frames if each is not None] == [1, 1, 1]

    def test_frames_are_replayed_alone(self) -> None:
        with pytest.raises(RecordingRefused, match="expected one file of frames alone"):
            source_of(FIXTURES / "frames.txt", USDM)
