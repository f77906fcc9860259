"""Real recordings, replayed. They are no part of the project; see RECORDINGS for where they are looked for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from simulator import ExchangeSettings, SimulatedExchange
from simulator.recordings import read_recording
from tests.simulator.helpers import combined, listening, paged

ROOT = Path(__file__).parent.parent.parent
RECORDINGS = Path(os.environ.get("REALDATA", ROOT.parent / "shared" / "data"))
FRAMES_2021 = RECORDINGS / "frames" / "usdm_combined_2021-07-22.txt"
FRAMES_2026 = RECORDINGS / "frames" / "binance_2026_frames.ndjson"
TICKS = RECORDINGS / "ticks" / "usdm_btc_eth_2025-12-15.ndjson"

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(
        not all(path.exists() for path in (FRAMES_2021, FRAMES_2026, TICKS)),
        reason=f"no recordings in {RECORDINGS}; REALDATA can say where they are",
    ),
]


async def test_1535_frames_of_2021_come_back_verbatim() -> None:
    expected = [line.partition(": ")[2] for line in FRAMES_2021.read_text().splitlines()[1:]]
    assert len(expected) == 1_535
    settings = ExchangeSettings(replay=(FRAMES_2021,), as_fast_as_read=True)
    async with SimulatedExchange(settings) as exchange, listening(exchange, combined("SUSHIUSDT")) as listener:
        await listener.until(lambda: len(listener.texts) >= 1_535)
        assert listener.texts == expected
        assert sum(len(exchange.trades(symbol)) for symbol in exchange.symbols) == 91
        for symbol in exchange.symbols:
            assert listener.trades(symbol) == exchange.trades(symbol)


async def test_every_shape_of_2026_comes_back_verbatim() -> None:
    expected = [json.loads(line)["raw"] for line in FRAMES_2026.read_text().splitlines()]
    settings = ExchangeSettings(replay=(FRAMES_2026,), as_fast_as_read=True)
    async with SimulatedExchange(settings) as exchange, listening(exchange, combined("BTCUSDT")) as listener:
        await listener.until(lambda: len(listener.texts) >= len(expected))
        assert listener.texts == expected


async def test_a_recorded_page_is_replayed_with_its_zero_rows() -> None:
    settings = ExchangeSettings(replay=(TICKS,), as_fast_as_read=True, weight_limit=10**9)
    lines = [json.loads(line, parse_float=str, parse_int=str) for line in TICKS.read_text().splitlines()]
    async with SimulatedExchange(settings) as exchange:
        async with listening(exchange, combined("BTCUSDT", "ETHUSDT")) as listener:
            await listener.until(lambda: len(listener.texts) >= len(lines))
        for symbol in ("BTCUSDT", "ETHUSDT"):
            recorded = [(line["price"], line["size"]) for line in lines if line["symbol"] == symbol]
            streamed = listener.trades(symbol)
            assert [(trade.price, trade.quantity) for trade in streamed] == recorded
            assert [trade.agg_id for trade in streamed] == list(range(1, len(recorded) + 1))
            assert await paged(exchange, symbol, 0) == streamed


def test_zero_rows_can_be_left_out() -> None:
    recording = read_recording(TICKS, skip_zero=True)
    assert recording.skipped == {"zero price or quantity": 98}
    assert sum(map(len, recording.trades.values())) == 19_280 - 98
