"""Every fault on demand, over HTTP and from Python, as a client on a real socket sees it."""

from __future__ import annotations

import json
import time

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus

from simulator import Trade
from simulator.control import KINDS
from simulator.errors import FaultRefused
from simulator.faults import Faults
from tests.simulator.helpers import busy, combined, eventually, fault, get, listening, paged


def missing(ids: list[int]) -> list[int]:
    return sorted(set(range(ids[0], ids[-1] + 1)) - set(ids))


class TestStream:
    async def test_drop_leaves_a_gap_that_rest_fills(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT", "ETHUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 10)
            assert await fault(exchange, "drop", symbol="BTCUSDT", n=41) == {
                "kind": "drop", "symbol": "BTCUSDT", "n": 41, "forget": False,
            }  # fmt: skip
            await listener.until(lambda: bool(missing(listener.ids("BTCUSDT"))))
            gap = missing(listener.ids("BTCUSDT"))
            assert gap == exchange.faults.dropped("BTCUSDT")
            assert len(gap) == 41
            assert missing(listener.ids("ETHUSDT")) == []
            fetched = await paged(exchange, "BTCUSDT", gap[0])
            assert [trade.agg_id for trade in fetched[:41]] == gap

    async def test_forgotten_trades_cannot_be_fetched_and_leave_the_ledger(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 10)
            await fault(exchange, "drop", symbol="BTCUSDT", n=5, forget=1)
            await listener.until(lambda: bool(missing(listener.ids("BTCUSDT"))))
            gap = missing(listener.ids("BTCUSDT"))
            answer = await get(exchange, "/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=gap[0], limit=1)
            assert answer.json()[0]["a"] == gap[-1] + 1
            await exchange.close_market()
            assert not {trade.agg_id for trade in exchange.trades("BTCUSDT")} & set(gap)

    async def test_a_stall_comes_late_and_complete(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT", "ETHUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 10)
            did = await fault(exchange, "stall", symbol="BTCUSDT", seconds=0.5)
            stalled = len(listener.ids("BTCUSDT"))
            await listener.until(lambda: len(listener.ids("BTCUSDT")) > stalled + 50)
            assert missing(listener.ids("BTCUSDT")) == []
            assert exchange.now_ms >= did["until_ms"]

    async def test_a_losing_stall_is_a_gap(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 10)
            await fault(exchange, "stall", symbol="BTCUSDT", seconds=0.3, lost=1)
            await listener.until(lambda: bool(missing(listener.ids("BTCUSDT"))))
            assert missing(listener.ids("BTCUSDT")) == exchange.faults.dropped("BTCUSDT")

    async def test_duplicates(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT")) as listener:
            await fault(exchange, "duplicate", symbol="BTCUSDT", n=20)
            await listener.until(lambda: len(listener.ids("BTCUSDT")) - len(set(listener.ids("BTCUSDT"))) == 20)
            assert len(set(listener.texts)) == len(listener.texts) - 20
            assert missing(sorted(set(listener.ids("BTCUSDT")))) == []

    async def test_reordered_frames(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 1)
            await fault(exchange, "reorder", symbol="BTCUSDT", n=30, window=3)
            await listener.until(lambda: listener.ids("BTCUSDT") != sorted(listener.ids("BTCUSDT")))
            await exchange.close_market()
            await listener.until(lambda: len(listener.ids("BTCUSDT")) > 30)
            ids = listener.ids("BTCUSDT")
            turned = next(at for at in range(len(ids)) if ids[at + 1] < ids[at])
            assert ids[turned : turned + 3] == sorted(ids[turned : turned + 3], reverse=True)
            assert missing(sorted(ids)) == []

    async def test_lag(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 1)
            await fault(exchange, "lag", ms=400)
            seen = len(listener.texts)
            await listener.until(lambda: len(listener.texts) > seen + 20)
            sent_ms = json.loads(listener.texts[-1])["data"]["E"]
            assert time.time() * 1_000 - sent_ms >= 400

    async def test_a_jump(self) -> None:
        async with busy() as exchange, listening(exchange, combined("ETHUSDT")) as listener:
            await listener.until_traded("ETHUSDT", 5)
            before = float(listener.trades("ETHUSDT")[-1].price)
            await fault(exchange, "jump", symbol="ETHUSDT", bps=-500)
            await listener.until(lambda: float(listener.trades("ETHUSDT")[-1].price) < before * 0.96)

    async def test_a_halt_and_its_end(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 5)
            await fault(exchange, "halt")
            await exchange.close_market()
            traded = len(exchange.trades("BTCUSDT"))
            halted_ms = exchange.now_ms
            await eventually(lambda: exchange.now_ms > halted_ms + 200)
            assert len(exchange.trades("BTCUSDT")) == traded
            await fault(exchange, "clear")
            seen = len(listener.texts)
            await listener.until(lambda: len(listener.texts) > seen + 20)
            assert missing(listener.ids("BTCUSDT")) == []


class TestConnections:
    async def test_disconnect_cuts_everyone_off_without_a_word(self) -> None:
        async with busy() as exchange:
            async with (
                listening(exchange, combined("BTCUSDT")) as one,
                listening(exchange, "/market/ws") as other,
            ):
                await one.until_traded("BTCUSDT", 1)
                assert (await fault(exchange, "disconnect"))["connections"] == 2
                for listener in (one, other):
                    await listener.until(lambda listener=listener: listener.ended)
                    assert listener.close_code == 1006
            async with listening(exchange, combined("BTCUSDT")) as again:
                await again.until_traded("BTCUSDT", 1)

    async def test_disconnect_with_a_code(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 1)
            exchange.faults.disconnect(1012)
            await listener.until(lambda: listener.ended)
            assert listener.close_code == 1012

    async def test_refused_connections_and_the_way_back(self) -> None:
        async with busy() as exchange:
            await fault(exchange, "refuse", seconds=60)
            with pytest.raises(InvalidMessage):
                await connect(exchange.ws_url + "/market/ws").__aenter__()
            with pytest.raises(httpx.RemoteProtocolError):
                await get(exchange, "/fapi/v1/time")
            await fault(exchange, "clear")
            async with listening(exchange, combined("BTCUSDT")) as listener:
                await listener.until_traded("BTCUSDT", 1)

    async def test_refusing_ends_by_itself(self) -> None:
        async with busy() as exchange:
            exchange.faults.refuse(0.2)
            with pytest.raises(httpx.RemoteProtocolError):
                await get(exchange, "/fapi/v1/time")
            ends_s = time.monotonic() + 0.2
            await eventually(lambda: time.monotonic() > ends_s)
            assert (await get(exchange, "/fapi/v1/time")).status_code == 200

    async def test_rotation_warns_and_closes(self) -> None:
        async with busy() as exchange:
            async with (
                listening(exchange, combined("BTCUSDT")) as live,
                listening(exchange, "/ws/btcusdt@aggTrade") as retired,
            ):
                await live.until_traded("BTCUSDT", 1)
                did = await fault(exchange, "rotate", seconds=0.4)
                assert did["notice_seconds"] == 0.2
                await live.until(lambda: live.ended)
                await retired.until(lambda: retired.ended)
            notices = [at for at, text in enumerate(live.texts) if "serverShutdown" in text]
            assert len(notices) == 1
            assert len(live.texts) - notices[0] > 3, "it still delivers between the warning and the end"
            assert (live.close_code, retired.texts) == (1000, [])
            async with listening(exchange, combined("BTCUSDT")) as later:
                await later.until(lambda: later.ended)

    async def test_the_age_of_24_hours_is_a_setting(self) -> None:
        async with busy(rotation_s=0.2) as exchange, listening(exchange, "/market/ws/btcusdt@aggTrade") as listener:
            await listener.until(lambda: listener.ended)
            assert any(json.loads(text)["e"] == "serverShutdown" for text in listener.texts)


class TestRest:
    async def test_a_geo_block_of_rest_has_no_cors_header_and_leaves_sockets_alone(self) -> None:
        async with busy(geo_block=True) as exchange:
            answer = await get(exchange, "/fapi/v1/time", symbol="BTCUSDT")
            assert answer.status_code == 451
            assert "access-control-allow-origin" not in answer.headers
            async with listening(exchange, combined("BTCUSDT")) as listener:
                await listener.until_traded("BTCUSDT", 1)
            await fault(exchange, "geo-block", scope="off")
            assert (await get(exchange, "/fapi/v1/time")).status_code == 200

    async def test_a_geo_block_of_everything(self) -> None:
        async with busy() as exchange:
            await fault(exchange, "geo-block", scope="all")
            with pytest.raises(InvalidStatus) as refused:
                await connect(exchange.ws_url + "/market/ws").__aenter__()
            assert refused.value.response.status_code == 451

    async def test_a_rate_limit_and_a_ban(self) -> None:
        async with busy(ban_after=2) as exchange:
            await fault(exchange, "rate-limit", seconds=30)
            answers = [await get(exchange, "/fapi/v1/time") for _ in range(4)]
            assert [answer.status_code for answer in answers] == [429, 429, 418, 418]
            assert 28 <= int(answers[0].headers["Retry-After"]) <= 30
            assert int(answers[2].headers["Retry-After"]) == 120
            await fault(exchange, "clear")
            assert (await get(exchange, "/fapi/v1/time")).status_code == 200


class TestRefusals:
    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("", "kind is ''; expected one of drop, stall,"),
            ("kind=explode", "kind is 'explode'; expected one of drop, stall,"),
            ("kind=drop&symbol=BTCUSDT", "drop lacks n; expected a whole number"),
            ("kind=drop&symbol=BTCUSDT&n=many", "n is 'many'; expected a whole number"),
            ("kind=drop&symbol=BTCUSDT&n=0", "n is 0; expected a number from 1 to 1e+07"),
            ("kind=drop&symbol=XYZ&n=1", "symbol is 'XYZ'; expected one of BTCUSDT, ETHUSDT"),
            ("kind=drop&symbol=BTCUSDT&n=1&forget=maybe", "forget is 'maybe'; expected 1 or 0"),
            ("kind=clear&all=1", "clear has no parameter 'all'; expected none"),
            ("kind=refuse&seconds=nan", "seconds is nan; expected a number from 0.001 to 1e+06"),
            ("kind=refuse&seconds=-1", "seconds is -1.0; expected a number from 0.001 to 1e+06"),
            ("kind=reorder&symbol=BTCUSDT&n=5&window=0", "window is 0; expected a number from 2 to 1000"),
            ("kind=lag&ms=-5", "ms is -5; expected a number from 0 to 3.6e+06"),
            ("kind=jump&symbol=BTCUSDT&bps=-99999", "bps is -99999.0; expected a number from -9000 to 100000"),
            ("kind=disconnect&code=1005", "code is 1005; expected one that a server may send"),
            ("kind=geo-block&scope=moon", "scope is 'moon'; expected rest, all or off"),
        ],
    )
    async def test_a_fault_that_cannot_be_done_says_why(self, query: str, message: str) -> None:
        async with busy() as exchange:
            answer = await get(exchange, f"/sim/fault?{query}")
            assert answer.status_code == 400
            assert message in answer.json()["error"]

    async def test_python_refuses_the_same(self) -> None:
        async with busy() as exchange:
            with pytest.raises(FaultRefused, match="n is -1; expected"):
                exchange.faults.drop("BTCUSDT", -1)

    def test_every_kind_is_a_method_and_every_method_a_kind(self) -> None:
        methods = {name for name in vars(Faults) if not name.startswith("_")} - {"dropped"}
        assert {kind.replace("-", "_") for kind in KINDS} == methods


async def test_after_every_fault_what_was_streamed_and_fetched_is_the_ledger() -> None:
    async with busy() as exchange, listening(exchange, combined("BTCUSDT")) as listener:
        await listener.until_traded("BTCUSDT", 10)
        exchange.faults.drop("BTCUSDT", 7)
        await listener.until(lambda: bool(missing(listener.ids("BTCUSDT"))))
        exchange.faults.duplicate("BTCUSDT", 5)
        exchange.faults.reorder("BTCUSDT", 20, window=4)
        exchange.faults.stall("BTCUSDT", 0.2, lost=True)
        seen = len(listener.texts)
        await listener.until(lambda: len(listener.texts) > seen + 40)
        await exchange.close_market()
        last = exchange.trades("BTCUSDT")[-1].agg_id
        await listener.until(lambda: last in listener.ids("BTCUSDT")[-10:])
        store: dict[int, Trade] = {trade.agg_id: trade for trade in listener.trades("BTCUSDT")}
        first = min(store)
        gaps = set(missing(sorted(store)))
        assert gaps == set(exchange.faults.dropped("BTCUSDT"))
        store |= {trade.agg_id: trade for trade in await paged(exchange, "BTCUSDT", first) if trade.agg_id in gaps}
        traded = [trade for trade in exchange.trades("BTCUSDT") if trade.agg_id >= first]
        assert [store[agg_id] for agg_id in sorted(store)] == traded
