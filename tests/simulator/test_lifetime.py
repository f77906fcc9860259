"""The exchange through time: catching up, replaying, stopping, starting again, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from simulator import ExchangeSettings, SimulatedExchange, coins_named
from simulator.errors import FaultRefused, PortTaken, RecordingRefused, SettingsRefused
from simulator.factory import assemble
from tests.simulator.helpers import BUSY, DEADLINE_S, busy, combined, eventually, get, listening

FIXTURES = Path(__file__).parent / "fixtures"


class TestCatchUp:
    async def test_hours_stream_as_fast_as_they_are_read_and_then_time_is_real(self) -> None:
        settings = ExchangeSettings(catch_up_hours=1.0, weight_limit=10**9)
        async with SimulatedExchange(settings) as exchange:
            await get(exchange, "/fapi/v1/time")
            assert exchange.trades("BTCUSDT") == [], "time begins with the first subscriber"
            began_ms = time.time() * 1_000
            async with listening(exchange, combined(*exchange.symbols)) as listener:
                await eventually(lambda: time.time() * 1_000 - exchange.now_ms < 500)
                took_s = time.time() - began_ms / 1_000
                await listener.until(
                    lambda: bool(listener.texts) and json.loads(listener.texts[-1])["data"]["E"] > began_ms
                )
                await exchange.close_market()
                traded = exchange.trades("BTCUSDT")
                await listener.until(lambda: f'"a":{traded[-1].agg_id},' in "".join(listener.texts[-50:]))
                assert listener.trades("BTCUSDT") == traded, "not one trade of the hour is missing"
            an_hour_ago = began_ms - 3_600_000
            assert an_hour_ago - an_hour_ago % 300_000 <= traded[0].trade_time_ms < an_hour_ago + 5_000
            assert took_s < 20, "an hour of 24 trades a second is 86,000 frames"

    def test_the_past_begins_on_a_bar_whenever_it_is_started(self) -> None:
        settings = ExchangeSettings(catch_up_hours=2.0)
        for real_ms in (1_795_861_270_000, 1_795_861_272_345, 1_795_861_499_999):
            assert assemble(settings, real_ms).begins_ms(real_ms) == 1_795_854_000_000
        assert assemble(ExchangeSettings(), 1_795_861_272_345).begins_ms(1_795_861_272_345) == 1_795_861_272_345

    async def test_a_reader_that_stops_reading_stops_the_market_in_bounded_memory(self) -> None:
        settings = ExchangeSettings(coins=BUSY, catch_up_hours=24.0)
        async with (
            SimulatedExchange(settings) as exchange,
            connect(exchange.ws_url + combined("BTCUSDT"), max_queue=4, close_timeout=0.1) as idle,
        ):
            async with asyncio.timeout(DEADLINE_S):
                stood = {exchange.now_ms, 0}
                while len(stood) > 1 or exchange.backlog_bytes < 1 << 20:
                    stood = {(await get(exchange, "/fapi/v1/time")).json()["serverTime"] for _ in range(10)}
            assert exchange.backlog_bytes < 16 << 20
            for _ in range(60_000):
                await idle.recv()
            assert exchange.now_ms > max(stood)

    async def test_when_the_reader_leaves_the_market_waits_for_the_next_one(self) -> None:
        async with SimulatedExchange(ExchangeSettings(coins=BUSY, catch_up_hours=24.0)) as exchange:
            async with listening(exchange, combined("BTCUSDT")) as first:
                await first.until_traded("BTCUSDT", 100)
            await eventually(lambda: exchange.readers == 0)
            left_ms = exchange.now_ms
            times = {(await get(exchange, "/fapi/v1/time")).json()["serverTime"] for _ in range(10)}
            assert times == {left_ms}
            async with listening(exchange, combined("BTCUSDT")) as second:
                await second.until_traded("BTCUSDT", 100)
            assert left_ms < second.trades("BTCUSDT")[0].trade_time_ms + 1_000

    async def test_in_real_time_a_reader_that_stops_reading_is_cut_off(self) -> None:
        async with (
            busy(speed=100) as exchange,
            connect(exchange.ws_url + combined("BTCUSDT", "ETHUSDT"), max_queue=1, close_timeout=0.1),
        ):
            await eventually(lambda: exchange.readers == 1)
            await eventually(lambda: exchange.readers == 0)

    async def test_catching_up_waits_for_a_subscription_that_exists(self) -> None:
        async with (
            SimulatedExchange(ExchangeSettings(catch_up_hours=1.0)) as exchange,
            listening(exchange, "/market/ws/nosuch@aggTrade") as listener,
        ):
            await listener.ask({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            await get(exchange, "/fapi/v1/time")
            assert exchange.trades("BTCUSDT") == []


class TestSpeedAndReplay:
    async def test_simulated_time_runs_at_its_speed(self) -> None:
        async with busy(speed=100.0) as exchange:
            began_s, began_ms = time.monotonic(), exchange.now_ms
            await eventually(lambda: exchange.now_ms > began_ms + 60_000)
            assert (exchange.now_ms - began_ms) / 1_000 / (time.monotonic() - began_s) == pytest.approx(100, rel=0.25)

    async def test_a_dump_is_replayed_with_its_own_times(self) -> None:
        settings = ExchangeSettings(replay=(FIXTURES / "BTCUSDT-aggTrades-2026-11-01.csv",), as_fast_as_read=True)
        async with SimulatedExchange(settings) as exchange:
            assert exchange.skipped == {"duplicate": 1, "malformed": 1}
            async with listening(exchange, combined("BTCUSDT")) as listener:
                await listener.until_traded("BTCUSDT", 6)
                assert listener.trades("BTCUSDT") == exchange.trades("BTCUSDT")
                assert listener.trades("BTCUSDT")[0] == ("BTCUSDT", 5000, "85000.10", "0.010", 1793491200000, True)
                await asyncio.wait_for(exchange.finished.wait(), 5)

    async def test_restamped_it_begins_now(self) -> None:
        settings = ExchangeSettings(replay=(FIXTURES / "ticks.ndjson",), restamp=True, speed=10)
        async with SimulatedExchange(settings) as exchange, listening(exchange, combined("ETHUSDT")) as listener:
            await listener.until_traded("ETHUSDT", 6)
            times = [trade.trade_time_ms for trade in listener.trades("ETHUSDT")]
            assert time.time() * 1_000 - times[0] < 5_000
            assert [moment - times[0] for moment in times] == [0, 0, 200, 150, 300, 300]
            assert listener.trades("ETHUSDT")[1][2:4] == ("0", "0"), "a receiver must refuse it, not the exchange"

    async def test_frames_are_replayed_verbatim(self) -> None:
        settings = ExchangeSettings(replay=(FIXTURES / "frames.txt",), as_fast_as_read=True)
        lines = (FIXTURES / "frames.txt").read_text().splitlines()[1:]
        async with SimulatedExchange(settings) as exchange, listening(exchange, combined("BTCUSDT")) as listener:
            await listener.until(lambda: len(listener.texts) >= 5)
            assert listener.texts == [line.partition(": ")[2] for line in lines if line != "not a frame"]
            assert [trade.agg_id for trade in exchange.trades("BTCUSDT")] == [41, 42]
            answer = await get(exchange, "/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=41, limit=1)
            assert answer.json()[0]["nq"] == "0.009"


class TestLifetime:
    async def test_stop_sends_what_has_traded_says_goodbye_and_frees_the_port(self) -> None:
        exchange = busy()
        await exchange.start()
        port = exchange.port
        async with listening(exchange, combined("BTCUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 50)
            await exchange.stop()
            await listener.until(lambda: listener.ended)
        assert json.loads(listener.texts[-1])["stream"] == "!serverShutdown"
        assert json.loads(listener.texts[-1])["data"]["e"] == "serverShutdown"
        assert listener.close_code == 1001
        assert listener.ids("BTCUSDT")[-1] == exchange.trades("BTCUSDT")[-1].agg_id
        async with SimulatedExchange(ExchangeSettings(port=port)) as again:
            assert again.port == port
        await exchange.stop()

    async def test_a_port_in_use_is_told(self) -> None:
        async with busy() as exchange:
            with pytest.raises(PortTaken, match=f"port {exchange.port} is in use; expected a free one on 127.0.0.1"):
                await SimulatedExchange(ExchangeSettings(port=exchange.port)).start()

    async def test_a_market_that_fails_is_not_silent(self, tmp_path: Path) -> None:
        folder = tmp_path / "gone"
        folder.mkdir()
        exchange = busy(state_file=folder / "state.json")
        folder.rmdir()
        await exchange.start()
        with pytest.raises(SettingsRefused, match="cannot be written"):
            await asyncio.wait_for(exchange.wait_failed(), 5)
        with pytest.raises(SettingsRefused, match="cannot be written"):
            await exchange.stop()

    async def test_ids_continue_after_a_clean_stop(self, tmp_path: Path) -> None:
        state = tmp_path / "state.json"
        async with busy(state_file=state) as exchange:
            await eventually(lambda: len(exchange.trades("BTCUSDT")) > 50)
        first = exchange.trades("BTCUSDT")
        async with busy(state_file=state) as exchange:
            await eventually(lambda: len(exchange.trades("BTCUSDT")) > 50)
        second = exchange.trades("BTCUSDT")
        assert second[0].agg_id == first[-1].agg_id + 1
        assert second[0].trade_time_ms >= first[-1].trade_time_ms
        assert float(second[0].price) == pytest.approx(float(first[-1].price), rel=2e-3)

    async def test_catching_up_after_a_stop_begins_where_it_stopped(self, tmp_path: Path) -> None:
        state = tmp_path / "state.json"
        async with busy(state_file=state) as exchange:
            await eventually(lambda: len(exchange.trades("BTCUSDT")) > 50)
        last = exchange.trades("BTCUSDT")[-1]
        async with (
            busy(state_file=state, catch_up_hours=1.0) as exchange,
            listening(exchange, combined("BTCUSDT")) as listener,
        ):
            await listener.until_traded("BTCUSDT", 20)
        first = exchange.trades("BTCUSDT")[0]
        assert first.agg_id == last.agg_id + 1
        assert last.trade_time_ms <= first.trade_time_ms < last.trade_time_ms + 2_000

    async def test_without_a_state_file_ids_grow_all_the_same(self) -> None:
        last = 0
        for _ in range(2):
            async with busy() as exchange:
                await eventually(lambda exchange=exchange: len(exchange.trades("BTCUSDT")) > 5)
            assert exchange.trades("BTCUSDT")[0].agg_id > last
            last = exchange.trades("BTCUSDT")[-1].agg_id


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"speed": 0.5}, "speed is 0.5; expected a number from 1 to 100"),
            ({"speed": float("nan")}, "speed is nan; expected a number from 1 to 100"),
            ({"catch_up_hours": 2, "speed": 2}, "catch-up hours with a replay or a speed"),
            ({"speed": 2, "state_file": Path("y")}, "a state file with speed 2; expected real time"),
            ({"restamp": True}, "options of a replay without a replay"),
            ({"coins": ()}, "symbols are none; expected at least one"),
            ({"coins": BUSY + BUSY}, "expected at least one, each once"),
            ({"replay": (Path("x"),), "state_file": Path("y")}, "a state file with a replay"),
            ({"replay": (Path("x"),), "as_fast_as_read": True, "speed": 2}, "as fast as read with speed 2"),
            ({"replay": (Path("x"),), "replay_symbol": "btcusdt"}, "symbol is 'btcusdt'; expected upper case"),
            ({"port": 70_000}, "port is 70000; expected a number from 0 to 65535"),
        ],
    )
    def test_settings_that_cannot_be_used(self, changes: dict[str, object], message: str) -> None:
        with pytest.raises(SettingsRefused, match=message):
            ExchangeSettings(**changes)  # type: ignore[arg-type]

    def test_coins_that_cannot_trade(self) -> None:
        with pytest.raises(SettingsRefused, match="expected upper case"):
            coins_named(["btcusdt"])
        with pytest.raises(SettingsRefused, match="trades_per_s is -8"):
            coins_named(["BTCUSDT"], rate=-1)

    def test_a_recording_that_does_not_exist(self) -> None:
        with pytest.raises(RecordingRefused, match="there is no file"):
            SimulatedExchange(ExchangeSettings(replay=(Path("none.csv"),)))

    async def test_a_symbol_that_is_not_traded(self) -> None:
        async with busy() as exchange:
            with pytest.raises(FaultRefused, match="expected one of BTCUSDT, ETHUSDT"):
                exchange.trades("XYZ")
