"""Fetching in Python: it terminates for every answer of the exchange, and claims nothing uncertain."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Config
from engine.market.limits import NO_PAST, NO_SUCH_IDS, OUT_OF_REACH
from feeds import rate_limit, rest
from feeds.agg_trades import Trade
from feeds.bridge_client import BridgeLink
from feeds.markets import Route
from feeds.rate_limit import HistoryError, RateLimitedClient, Request
from feeds.rest import HISTORY_ENDS, HistoryFetcher, Stretch
from serving.bridge_server import BridgeServer
from tests.conftest import ServerHarness, until
from tests.feeds.test_server_backfill import forward_without_history, gaps

SYMBOL = "BTCUSDT"
NOW_MS = time.time_ns() // 1_000_000
Reply = tuple[int, dict[str, str], bytes] | None
"""Status, headers, body; None: no answer at all."""


def trade(agg_id: int, age_ms: int = 60_000) -> dict[str, Any]:
    return {"a": agg_id, "p": "1.5", "q": "2", "T": NOW_MS - age_ms, "m": True, "st": 1}


def body(ids: Iterable[int], age_ms: int = 60_000) -> bytes:
    return json.dumps([trade(agg_id, age_ms) for agg_id in ids]).encode()


class Exchange:
    """A REST server that has ``ids`` and answers by ``reply`` where that gives something; remembers what was asked."""

    def __init__(self, ids: Iterable[int] = (), reply: Callable[[int], Reply | str] = lambda n: "") -> None:
        self.ids = list(ids)
        self.reply = reply
        self.asked: list[tuple[float, dict[str, str]]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        query = {key: values[0] for key, values in parse_qs(urlsplit(head.split()[1]).query).items()}
        self.asked.append((time.monotonic(), query))
        reply = self.reply(len(self.asked))
        if reply is None:
            await reader.read()  # until the other side has had enough
        else:
            status, headers, content = (200, {}, self._found(query)) if isinstance(reply, str) else reply
            lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
            lines += [f"Content-Length: {len(content)}", "Connection: close", "", ""]
            writer.write("\r\n".join(lines).encode() + content)
        writer.close()

    def _found(self, query: dict[str, str]) -> bytes:
        first = int(query.get("fromId", 0))
        return body([agg_id for agg_id in self.ids if agg_id >= first][: int(query["limit"])])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Route]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield Route("sim", "", self.url, "/aggTrades")


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits, shorter."""
    monkeypatch.setattr(rate_limit, "ANSWER_S", 0.3)
    monkeypatch.setattr(rate_limit, "BACK_OFF_S", 0.01)
    monkeypatch.setattr(rate_limit, "LONGEST_PAUSE_S", 2.5)
    monkeypatch.setattr(rest, "BEHIND_S", 0.01)


async def fetched(
    harness: ServerHarness, exchange: Exchange, first: int | None, last: int, since_ms: int = 0
) -> str | None:
    """The result of a fetch; its rows go to the harness's server."""
    async with exchange.running() as route, BridgeLink(harness.url, harness.token, "sim", "test", helper=True) as link:
        history = HistoryFetcher(route)
        history.sink = link
        return await history.fetch(SYMBOL, first, last, since_ms)


def stored(harness: ServerHarness) -> int:
    market = harness.server.health()["markets"].get("sim")
    return market["stored"] if market else 0


FAILURES: list[tuple[str, Callable[[int], Reply | str], int, str]] = [
    ("429 for longer than we wait", lambda n: (429, {"Retry-After": "9"}, b"{}"), 1, "pause of 9 s (HTTP 429)"),
    ("429 again and again", lambda n: (429, {"Retry-After": "1"}, b"{}"), 3, "pause of 1 s (HTTP 429)"),
    ("429 at once again", lambda n: (429, {"Retry-After": "0"}, b"{}"), 3, "pause of 1 s (HTTP 429)"),
    ("429 until a date", lambda n: (429, {"Retry-After": "Fri, 31 Dec 1999"}, b""), 1, "pause of 60 s (HTTP 429)"),
    ("a ban", lambda n: (418, {}, b"{}"), 1, "pause of 180 s (HTTP 418)"),
    ("a geo-block", lambda n: (451, {}, b""), 1, "geo-blocked"),
    ("a firewall", lambda n: (403, {}, b"<html>"), 1, "firewall (HTTP 403)"),
    ("an unknown symbol", lambda n: (400, {}, b'{"code":-1121}'), 1, 'HTTP 400: {"code":-1121}'),
    ("a server error that stays", lambda n: (502, {}, b""), 3, "HTTP 502"),
    ("no answer", lambda n: None, 3, "did not answer within 0.3 s"),
    ("truncated JSON", lambda n: (200, {}, body([40, 41])[:-7]), 3, "cannot be read"),
    ("an object", lambda n: (200, {}, b"{}"), 3, "cannot be read"),
    ("rows of another shape", lambda n: (200, {}, b'[{"a": "41"}]'), 3, "cannot be read"),
    ("an empty answer", lambda n: (200, {}, b"[]"), 4, HISTORY_ENDS),
    ("only what is known", lambda n: (200, {}, body([40])), 4, HISTORY_ENDS),
    ("an answer that jumps over the ids", lambda n: (200, {}, body([500])), 1, OUT_OF_REACH),
]


@pytest.mark.parametrize(
    ("reply", "requests", "reason"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
async def test_it_ends_with_its_reason(
    harness: ServerHarness, reply: Callable[[int], Reply | str], requests: int, reason: str
) -> None:
    exchange = Exchange(reply=reply)
    async with asyncio.timeout(10):
        found = await fetched(harness, exchange, 41, 60)
    assert found is not None and reason in found
    assert len(exchange.asked) == requests
    assert stored(harness) == 0


async def test_what_nobody_can_fetch_is_recorded_and_shown(tmp_path: Path, bridge_dir: Path) -> None:
    exchange = Exchange(reply=lambda n: (200, {}, b'[{"a": 12'))
    config = Config(data_dir=tmp_path / "data", bridge_port=0, warm_start_minutes=0)
    async with exchange.running() as route, await BridgeServer.open(config, bridge_dir, {"sim": route}) as server:
        harness = ServerHarness(server, config, (config.data_dir / "token").read_text().strip())
        rows = [[SYMBOL, agg_id, "1.5", "2", NOW_MS, True] for agg_id in (*range(20), *range(60, 80))]
        await forward_without_history(harness, rows)
        reason = "the bridge: HTTP 451; the server: the exchange's answer cannot be read"
        assert gaps(harness) == [("unfetchable", reason)]
        await until(lambda: server.health()["markets"]["sim"]["holes"][0]["given_up"] == reason)
        (finding,) = [f for f in server.health()["markets"]["sim"]["findings"] if f["code"] == "gaps-lost"]
        assert (
            "40 trades of BTCUSDT" in finding["what"]
            and reason in finding["what"]
            and "python -m feeds" in finding["advice"]
        )


async def test_failures_that_pass_are_tried_again(harness: ServerHarness) -> None:
    bad: list[Reply | str] = [(500, {}, b""), None, "", (200, {}, b"["), "", ""]
    exchange = Exchange(range(1, 2_500), lambda n: bad[min(n, len(bad)) - 1])
    assert await fetched(harness, exchange, 41, 2_060) is None
    assert stored(harness) == 2_020


async def test_a_pause_holds_for_all_that_is_asked_of_this_exchange() -> None:
    exchange = Exchange([7], lambda n: (429, {"Retry-After": "1"}, b"{}") if n == 1 else "")
    async with exchange.running() as route, httpx.AsyncClient() as http:
        client = RateLimitedClient(route)
        both = [client.trades(http, name, {"fromId": 1, "limit": 5}) for name in ("BTCUSDT", "ETHUSDT")]
        first, second = await asyncio.gather(*both)
        assert first == second == [Trade(7, "1.5", "2", NOW_MS - 60_000, True)]
    (at, _), (later, _), _ = exchange.asked
    assert 1.0 <= later - at < 1.5


async def test_a_long_pause_is_not_disturbed_by_the_next_gap() -> None:
    exchange = Exchange([7], lambda n: (418, {"Retry-After": "90"}, b"{}"))
    async with exchange.running() as route, httpx.AsyncClient() as http:
        client = RateLimitedClient(route)
        for _ in range(3):
            with pytest.raises(HistoryError, match="pause of 90 s"):
                await client.trades(http, SYMBOL, {"fromId": 1, "limit": 5})
    assert len(exchange.asked) == 1


@pytest.mark.parametrize(("weight", "urgent", "a_minute"), [(20, False, 30), (5, False, 120), (10, True, 144)])
async def test_a_quarter_of_the_weight_is_all_that_is_spent(
    monkeypatch: pytest.MonkeyPatch, weight: int, urgent: bool, a_minute: int
) -> None:
    """Requests against 600 a minute, or 1,440 while the user waits, on a clock that jumps over what is slept."""
    clock = [1_000.0]
    times: list[float] = []

    async def sleep(seconds: float) -> None:
        clock[0] += max(seconds, 0.001)

    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(rate_limit.asyncio, "sleep", sleep)
    client = RateLimitedClient(Route("sim", "", "", ""))
    for _ in range(4 * a_minute):
        while wait_s := client._wait_s(Request("", {}, weight, urgent)):
            await sleep(wait_s)
        times.append(clock[0])
    busiest = max(sum(1 for other in times if at - 60 < other <= at) for at in times)
    assert busiest == a_minute
    assert times[-1] - times[0] <= 60 * 4


async def test_a_scan_and_other_requests_share_the_weight_and_neither_waits_for_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 2,400 a minute 1,440 in all, and of those no more than 600 for what is not urgent."""
    clock = [1_000.0]
    monkeypatch.setattr(rate_limit.time, "monotonic", lambda: clock[0])
    client = RateLimitedClient(Route("sim", "", "", ""))

    def spent(weight: int, urgent: bool) -> int:
        found = 0
        while client._wait_s(Request("", {}, weight, urgent)) == 0.0:
            found += weight
        return found

    assert (spent(20, False), spent(5, True), spent(1, False)) == (600, 840, 0)
    clock[0] += 61
    assert (spent(5, True), spent(1, False)) == (1_440, 0)
    clock[0] += 61
    assert client._wait_s(Request("", {}, 1_000, True)) == 0.0
    assert (spent(20, False), spent(20, True)) == (440, 0)


async def test_a_request_that_has_to_wait_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange(range(1, 45))
    async with exchange.running() as route, httpx.AsyncClient() as http:
        client = RateLimitedClient(route)
        while client._wait_s(Request("", {}, 20)) == 0.0:
            pass
        waiting = asyncio.create_task(client.trades(http, SYMBOL, {"fromId": 1, "limit": 5}))
        await asyncio.sleep(0.05)
        request = Request(route.trades_url, {"symbol": SYMBOL, "fromId": 1, "limit": 5}, 20, urgent=True)
        assert len(await asyncio.wait_for(client.get(http, request, list[rate_limit.Trade]), 5)) == 5
        assert not waiting.done()
        waiting.cancel()


async def test_ids_between_those_that_exist_never_existed(harness: ServerHarness) -> None:
    exchange = Exchange([*range(1, 50), *range(55, 200)])
    assert await fetched(harness, exchange, 41, 60) == NO_SUCH_IDS
    assert stored(harness) == 15


async def test_rest_a_little_behind_the_stream_is_waited_for(harness: ServerHarness) -> None:
    exchange = Exchange(range(1, 45))

    def grow(n: int) -> str:
        exchange.ids = list(range(1, 45 + 10 * n))
        return ""

    exchange.reply = grow
    assert await fetched(harness, exchange, 41, 80) is None
    assert stored(harness) == 40


async def test_a_warm_start_begins_with_the_first_trade_since_then(harness: ServerHarness) -> None:
    def reply(n: int) -> Reply | str:
        return (200, {}, b"[]") if n == 1 else (200, {}, body([30])) if n == 2 else ""

    exchange = Exchange(range(30, 90), reply)
    assert await fetched(harness, exchange, None, 60, NOW_MS - 3 * 3_600_000) is None
    assert stored(harness) == 31
    windows = [query for _, query in exchange.asked if "startTime" in query]
    assert [int(w["endTime"]) - int(w["startTime"]) for w in windows] == [3_599_999] * 2
    assert int(windows[1]["startTime"]) == int(windows[0]["endTime"]) + 1
    assert all(("fromId" in query) != ("startTime" in query) for _, query in exchange.asked)


@pytest.mark.parametrize(("first_id", "hours", "requests"), [(61, 3, 1), (None, 0, 4), (None, 10_000, 49)])
async def test_a_past_that_the_exchange_does_not_show_is_a_cold_start(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch, first_id: int | None, hours: int, requests: int
) -> None:
    monkeypatch.setattr(rate_limit, "SHARE", 5.0)
    exchange = Exchange(reply=lambda n: (200, {}, body([first_id] if first_id else [])))
    assert await fetched(harness, exchange, None, 60, NOW_MS - hours * 3_600_000) == NO_PAST
    assert len(exchange.asked) == requests


@given(
    st.sets(st.integers(0, 60), min_size=1), st.integers(1, 50), st.integers(0, 30), st.integers(1, 9), st.booleans()
)
def test_a_stretch_ends_with_what_a_set_would_say(
    ids: set[int], first: int, more: int, page_size: int, is_young: bool
) -> None:
    existing = sorted(ids)
    stretch = Stretch(first, first + more, is_anchored=False)
    came: list[int] = []
    while stretch.following <= stretch.last:
        page = [Trade(i, "1", "1", 0, True) for i in existing if i >= stretch.from_id][:page_size]
        rows = stretch.take(page, is_young)
        if rows is None:
            if page_size == 1 and page and page[0].a < stretch.following:
                page_size = 2  # a page of the anchor alone settles nothing, however often it is asked for
                continue
            break
        came += [row.a for row in rows]
    reach = range(first, stretch.following)
    assert came == [i for i in existing if i in reach]
    is_sure = is_young or first - 1 in ids
    unknown = [] if is_sure else [i for i in reach if i < min((x for x in existing if x >= first - 1), default=0)]
    assert stretch.is_out_of_reach == bool(unknown)
    assert stretch.is_absent == (len(came) < len(reach))
    assert stretch.following > stretch.last or max(existing) < stretch.last
