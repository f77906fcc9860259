"""Routes, requests and every shape of reply, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.streams import Close, Reply, Route, Session, route_of

LIVE = "/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade"


def session(target: str = "/market/ws", messages_per_s: int | None = None) -> Session:
    route = route_of(target)
    assert route is not None
    return Session(route, messages_per_s)


def ask(client: Session, request: Any) -> Any:
    answer = client.received(request if isinstance(request, (str, bytes)) else json.dumps(request), 0.0)
    assert isinstance(answer, Reply)
    return json.loads(answer.text)


class TestRoutes:
    @pytest.mark.parametrize(
        ("target", "route"),
        [
            (LIVE, Route(True, True, ("btcusdt@aggTrade", "ethusdt@aggTrade"))),
            ("/market/stream", Route(True, True, ())),
            ("/market/ws/btcusdt@aggTrade", Route(True, False, ("btcusdt@aggTrade",))),
            ("/market/ws/btcusdt@aggTrade/ethusdt@depth", Route(True, False, ("btcusdt@aggTrade", "ethusdt@depth"))),
            ("/market/ws", Route(True, False, ())),
            ("/ws/btcusdt@aggTrade", Route(False, False, ("btcusdt@aggTrade",))),
            ("/stream?streams=btcusdt@aggTrade", Route(False, True, ("btcusdt@aggTrade",))),
            ("/public/stream?streams=btcusdt@aggTrade", Route(False, True, ("btcusdt@aggTrade",))),
            ("/public/ws", Route(False, False, ())),
            ("/market/ws/%E5%B8%81usdt%40aggTrade", Route(True, False, ("币usdt@aggTrade",))),
            ("/market/stream?streams=%E5%B8%81usdt@aggTrade", Route(True, True, ("币usdt@aggTrade",))),
        ],
    )
    def test_an_address_has_its_route(self, target: str, route: Route) -> None:
        assert route_of(target) == route

    @pytest.mark.parametrize("target", ["/", "//[", "/market", "/market/other", "/fapi/v1/time", "/stream/more"])
    def test_any_other_address_has_none(self, target: str) -> None:
        assert route_of(target) is None


class TestSubscriptions:
    def test_streams_of_the_address_are_served_at_once(self) -> None:
        assert session(LIVE).symbols == {"BTCUSDT", "ETHUSDT"}

    def test_subscribe_list_unsubscribe(self) -> None:
        client = session()
        assert ask(client, {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade", "btcusdt@depth"], "id": 1}) == {
            "result": None,
            "id": 1,
        }
        assert client.symbols == {"BTCUSDT"}
        assert ask(client, {"method": "LIST_SUBSCRIPTIONS", "id": 3}) == {
            "result": ["btcusdt@aggTrade", "btcusdt@depth"],
            "id": 3,
        }
        assert ask(client, {"method": "UNSUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 312}) == {
            "result": None,
            "id": 312,
        }
        assert client.symbols == frozenset()
        assert client.reads, "the depth stream is still subscribed"

    def test_the_acknowledgement_has_the_bytes_of_the_real_one(self) -> None:
        answer = session().received('{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}', 0.0)
        assert answer == Reply('{"result":null,"id":1}')

    @pytest.mark.parametrize(
        "name", ["BTCUSDT@aggTrade", "btcusdt@aggtrade", "btcusdt@trade", "btcusdt@aggTrade@100ms"]
    )
    def test_a_name_that_is_not_exact_is_acknowledged_and_silent(self, name: str) -> None:
        client = session()
        assert ask(client, {"method": "SUBSCRIBE", "params": [name], "id": 1}) == {"result": None, "id": 1}
        assert client.symbols == frozenset()

    @pytest.mark.parametrize("target", ["/ws", "/stream", "/public/ws"])
    def test_a_retired_root_acknowledges_and_never_reads(self, target: str) -> None:
        client = session(target)
        request = {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 1}
        assert ask(client, request) == {"result": None, "id": 1}
        assert not client.reads
        assert client.symbols == frozenset()

    def test_combined_is_a_property(self) -> None:
        client = session()
        assert ask(client, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2}) == {"result": False, "id": 2}
        ask(client, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 5})
        assert client.combined


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "where"),
        [
            ("", "line 1 column 1"),
            ("hello", "line 1 column 1"),
            ('{"method":"SUBSCRIBE",\n oops', "line 2 column 2"),
            (b"\xff\xfe\xfd", "line 1 column 1"),
            ("[" * 100_000, "line 1 column 1"),
        ],
    )
    def test_text_that_is_no_json_gets_the_flat_shape(self, text: str | bytes, where: str) -> None:
        assert ask(session(), text) == {"code": 3, "msg": f"Invalid JSON: expected value at {where}"}

    @pytest.mark.parametrize(
        ("request_", "code", "message", "shown_id"),
        [
            ({"id": 1}, 2, "missing field `method`", 1),
            ({}, 2, "missing field `method`", None),
            ([1], 2, "expected an object", None),
            ({"method": "SUBSCRIBE", "params": ["a@aggTrade"]}, 2, "request ID must be an unsigned integer", None),
            ({"method": "SUBSCRIBE", "params": ["a@aggTrade"], "id": -1}, 2, "must be an unsigned integer", None),
            ({"method": "SUBSCRIBE", "params": ["a@aggTrade"], "id": True}, 2, "must be an unsigned integer", None),
            ({"method": "subscribe", "params": [], "id": 4}, 2, "unknown variant `subscribe`, expected one of `SUB", 4),
            ({"method": "SUBSCRIBE", "params": ["btcusdt"], "id": 1}, 2, "invalid stream", 1),
            ({"method": "SUBSCRIBE", "params": [1], "id": 1}, 2, "invalid stream", 1),
            ({"method": "SUBSCRIBE", "params": "btcusdt@aggTrade", "id": 1}, 2, "params must be a list", 1),
            ({"method": "GET_PROPERTY", "params": ["other"], "id": 1}, 0, "Unknown property", 1),
            ({"method": "GET_PROPERTY", "params": [7], "id": 1}, 2, "property name must be a string", 1),
            ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1, "expected Boolean", 1),
            ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 2, "too many parameters", 1),
        ],
    )
    def test_a_wrong_request_gets_the_nested_shape(
        self, request_: Any, code: int, message: str, shown_id: int | None
    ) -> None:
        answer = ask(session(), request_)
        assert answer.keys() == {"error", "id"}
        assert answer["id"] == shown_id
        assert answer["error"]["code"] == code
        assert message in answer["error"]["msg"]

    def test_too_many_streams(self) -> None:
        client = session()
        many = [f"s{n}@aggTrade" for n in range(1_025)]
        answer = ask(client, {"method": "SUBSCRIBE", "params": many, "id": 19})
        assert answer == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 19}
        assert not client.reads

    @given(st.text() | st.binary())
    def test_whatever_is_sent_is_answered_in_json(self, message: str | bytes) -> None:
        answer = session().received(message, 0.0)
        assert isinstance(answer, Reply)
        assert isinstance(json.loads(answer.text), dict)


class TestMessageRate:
    def test_the_sixth_message_of_a_second_closes(self) -> None:
        client = session(messages_per_s=5)
        ping = '{"method":"LIST_SUBSCRIPTIONS","id":1}'
        answers = [client.received(ping, 10.0 + n / 10) for n in range(6)]
        assert all(isinstance(answer, Reply) for answer in answers[:5])
        assert answers[5] == Close(1008, "Too many requests")

    def test_who_keeps_to_the_limit_may_go_on_for_ever(self) -> None:
        client = session(messages_per_s=4)
        answers = [client.received('{"method":"LIST_SUBSCRIPTIONS","id":1}', n / 4) for n in range(100)]
        assert all(isinstance(answer, Reply) for answer in answers)
