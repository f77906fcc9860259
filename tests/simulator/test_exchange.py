"""The exchange over real sockets: what is streamed, fetched and remembered is one and the same."""

from __future__ import annotations

import json
import time

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simulator import ExchangeSettings, SimulatedExchange, coins_named
from simulator.trade_history import digest_of
from tests.simulator.helpers import busy, combined, eventually, get, listening, paged


class TestStreams:
    async def test_what_is_streamed_is_the_ledger_to_the_last_digit(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT", "ETHUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 100)
            await exchange.close_market()
            for symbol in ("BTCUSDT", "ETHUSDT"):
                traded = exchange.trades(symbol)
                await listener.until(lambda s=symbol, t=traded: listener.ids(s)[-1:] == [t[-1].agg_id])
                streamed = listener.trades(symbol)
                assert streamed == traded[traded.index(streamed[0]) :]

    async def test_frames_are_wrapped_on_stream_and_bare_on_ws(self) -> None:
        async with busy() as exchange:
            async with listening(exchange, combined("BTCUSDT")) as listener:
                await listener.until_traded("BTCUSDT", 1)
                frame = json.loads(listener.texts[0])
                assert list(frame) == ["stream", "data"]
                assert frame["stream"] == "btcusdt@aggTrade"
            async with listening(exchange, "/market/ws/btcusdt@aggTrade") as listener:
                await listener.until_traded("BTCUSDT", 1)
                bare = json.loads(listener.texts[0])
        fields = ["e", "E", "a", "s", "p", "q", "nq", "f", "l", "T", "m", "st"]
        assert list(frame["data"]) == list(bare) == fields

    async def test_each_reader_gets_only_what_it_asked_for(self) -> None:
        async with (
            busy() as exchange,
            listening(exchange, combined("BTCUSDT")) as one,
            listening(exchange, combined("ETHUSDT")) as other,
        ):
            await one.until_traded("BTCUSDT", 50)
            await other.until_traded("ETHUSDT", 50)
            assert one.trades("ETHUSDT") == other.trades("BTCUSDT") == []

    async def test_time_is_now(self) -> None:
        async with busy() as exchange, listening(exchange, combined("BTCUSDT")) as listener:
            await listener.until_traded("BTCUSDT", 5)
            age_ms = time.time() * 1_000 - listener.trades("BTCUSDT")[-1].trade_time_ms
            assert 0 <= age_ms < 3_000

    async def test_subscribing_over_the_socket(self) -> None:
        async with busy() as exchange, listening(exchange, "/market/ws") as listener:
            subscribe = {"method": "SUBSCRIBE", "params": ["ethusdt@aggTrade", "nosuch@aggTrade"], "id": 1}
            assert await listener.ask(subscribe) == {"result": None, "id": 1}
            assert listener.texts[0] == '{"result":null,"id":1}', "the acknowledgement comes first"
            await listener.until_traded("ETHUSDT", 5)
            assert listener.trades("BTCUSDT") == []
            assert await listener.ask({"method": "UNSUBSCRIBE", "params": ["ethusdt@aggTrade"], "id": 2}) == {
                "result": None,
                "id": 2,
            }
            seen = len(listener.trades("ETHUSDT"))
            ids_now = len(exchange.trades("ETHUSDT"))
            await eventually(lambda: len(exchange.trades("ETHUSDT")) > ids_now + 100)
            assert await listener.ask({"method": "LIST_SUBSCRIPTIONS", "id": 3}) == {
                "result": ["nosuch@aggTrade"],
                "id": 3,
            }
            assert len(listener.trades("ETHUSDT")) == seen

    async def test_both_error_shapes(self) -> None:
        async with busy() as exchange, listening(exchange, "/market/ws") as listener:
            assert (await listener.ask("{"))["code"] == 3
            assert (await listener.ask(b"\x00\xff"))["code"] == 3
            assert await listener.ask({"id": 7}) == {
                "error": {"code": 2, "msg": "Invalid request: missing field `method`"},
                "id": 7,
            }

    @pytest.mark.parametrize(
        "root", ["/ws/btcusdt@aggTrade", "/stream?streams=btcusdt@aggTrade", "/public/ws/btcusdt@aggTrade"]
    )
    async def test_a_retired_route_acknowledges_and_stays_silent(self, root: str) -> None:
        async with (
            busy() as exchange,
            listening(exchange, combined("BTCUSDT")) as live,
            listening(exchange, root) as retired,
        ):
            subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 1}
            assert await retired.ask(subscribe) == {"result": None, "id": 1}
            await live.until_traded("BTCUSDT", 200)
            assert len(retired.texts) == 1

    async def test_an_unknown_route_is_not_let_in(self) -> None:
        async with busy() as exchange:
            with pytest.raises(InvalidStatus) as refused:
                await connect(exchange.ws_url + "/nowhere").__aenter__()
            assert refused.value.response.status_code == 404

    async def test_a_client_that_sends_too_much_is_closed(self) -> None:
        async with busy() as exchange, listening(exchange, "/market/ws") as listener:
            for number in range(6):
                await listener.connection.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            await listener.until(lambda: listener.ended)
            assert (listener.close_code, len(listener.replies())) == (1008, 5)

    async def test_a_disconnect_makes_a_gap_that_rest_fills(self) -> None:
        async with busy() as exchange:
            async with listening(exchange, combined("BTCUSDT")) as first:
                await first.until_traded("BTCUSDT", 20)
            seen = first.trades("BTCUSDT")
            # A frame may be 160 ms younger than its trade: 128 trades of 800 a second.
            await eventually(lambda: exchange.trades("BTCUSDT")[-1].agg_id > seen[-1].agg_id + 300)
            async with listening(exchange, combined("BTCUSDT")) as second:
                await second.until_traded("BTCUSDT", 20)
                await exchange.close_market()
            later = second.trades("BTCUSDT")
            assert later[0].agg_id > seen[-1].agg_id + 50
            fetched = await paged(exchange, "BTCUSDT", seen[-1].agg_id + 1)
            gap = [trade for trade in fetched if trade.agg_id < later[0].agg_id]
            whole = seen + gap + later
            traded = exchange.trades("BTCUSDT")
            assert whole == traded[traded.index(whole[0]) : traded.index(whole[-1]) + 1]


class TestRest:
    async def test_paging_by_id_gives_back_the_exact_ledger(self) -> None:
        coins = coins_named(["BTCUSDT"], rate=500.0)
        settings = ExchangeSettings(coins=coins, weight_limit=10**9, first_id=1)
        async with SimulatedExchange(settings) as exchange:
            await eventually(lambda: len(exchange.trades("BTCUSDT")) > 5_000)
            await exchange.close_market()
            traded = exchange.trades("BTCUSDT")
            assert await paged(exchange, "BTCUSDT", 0) == traded
            ledger = (await get(exchange, "/sim/ledger", symbol="BTCUSDT")).json()
            assert ledger == {
                "symbol": "BTCUSDT",
                "first_id": 1,
                "last_id": traded[-1].agg_id,
                "count": len(traded),
                "digest": digest_of(traded),
                "settled": True,
            }

    async def test_weights_over_http(self) -> None:
        async with SimulatedExchange(ExchangeSettings(weight_limit=40, ban_after=1)) as exchange:
            # Three requests in a row might straddle a minute; five can not all be accepted twice.
            answers = [await get(exchange, "/fapi/v1/aggTrades", symbol="BTCUSDT") for _ in range(7)]
            statuses = [answer.status_code for answer in answers]
            assert statuses[-1] == 418
            assert 429 in statuses
            limited = next(answer for answer in answers if answer.status_code == 429)
            assert 1 <= int(limited.headers["Retry-After"]) <= 60
            assert int(limited.headers["X-MBX-USED-WEIGHT-1M"]) > 40
            assert limited.headers["Access-Control-Allow-Origin"] == "*"

    async def test_it_listens_on_loopback_only(self) -> None:
        async with busy() as exchange:
            assert exchange.ws_url == f"ws://127.0.0.1:{exchange.port}"
            assert exchange.rest_url == f"http://127.0.0.1:{exchange.port}"
            listening_at = [c.laddr for c in psutil.Process().net_connections() if c.status == psutil.CONN_LISTEN]
            assert [address.ip for address in listening_at if address.port == exchange.port] == ["127.0.0.1"]

    async def test_unknown_paths_of_its_own_say_what_is_expected(self) -> None:
        async with busy() as exchange:
            answer = await get(exchange, "/sim/nothing")
            assert answer.status_code == 404
            assert answer.json() == {"error": "path is '/sim/nothing'; expected /sim/fault or /sim/ledger"}
            answer = await get(exchange, "/sim/ledger", symbol="XYZ")
            assert (answer.status_code, answer.json()) == (
                400,
                {"error": "symbol is 'XYZ'; expected one of BTCUSDT, ETHUSDT"},
            )


async def test_a_symbol_in_another_script_is_traded_and_fetched() -> None:
    async with SimulatedExchange(ExchangeSettings(coins=coins_named(["币安USDT"], rate=50.0))) as exchange:
        async with listening(exchange, "/market/ws") as listener:
            await listener.ask({"method": "SUBSCRIBE", "params": ["币安usdt@aggTrade"], "id": 1})
            await listener.until_traded("币安USDT", 3)
        answer = await get(exchange, "/fapi/v1/aggTrades", symbol="币安USDT", limit=1)
        assert answer.status_code == 200


async def test_two_readers_get_the_same() -> None:
    async with (
        busy() as exchange,
        listening(exchange, combined("BTCUSDT")) as wrapped,
        listening(exchange, "/market/ws/btcusdt@aggTrade") as bare,
    ):
        await eventually(lambda: exchange.readers == 2)
        await bare.until_traded("BTCUSDT", 100)
        await exchange.close_market()
        last = exchange.trades("BTCUSDT")[-1].agg_id
        for listener in (wrapped, bare):
            await listener.until(lambda listener=listener: listener.ids("BTCUSDT")[-1:] == [last])
        both = min(len(wrapped.trades("BTCUSDT")), len(bare.trades("BTCUSDT")))
        assert wrapped.trades("BTCUSDT")[-both:] == bare.trades("BTCUSDT")[-both:]
