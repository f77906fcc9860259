"""Bars that come in over HTTP: a file that is uploaded whole, and history that is fetched, both as they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulator import ExchangeSettings, SimulatedExchange, coins_named
from simulator.market_data import klines
from tests.api.stand import Stand, opened_with_server
from tests.api.test_uploads import Here
from tests.serving.test_history import forwarding

HOUR = 3_600_000
OPENS = [1_790_000_000_000 // HOUR * HOUR + number * 60_000 for number in range(30)]


@pytest.fixture
async def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    monkeypatch.setattr("services.use_cases.ProcessExecutor", Here)
    async with opened_with_server(tmp_path) as made:
        yield made


async def test_a_file_of_bars_is_stored_and_read_back(stand: Stand) -> None:
    rows = [f"{at},{100 + n},{101 + n},{99 + n},{100.5 + n},{n + 1}" for n, at in enumerate(OPENS)]
    content = "\n".join(["timestamp,open,high,low,close,volume", *rows]).encode()
    feeder = stand.with_token(await stand.token("feeder"))
    address = "/api/upload/ohlc?symbol=AUSDT&interval=1m&market=file-desk&name=bars.csv"
    for stored in (30, 0):  # the second time they are known
        answer = await feeder.post(address, content=content, timeout=60)
        assert answer.status_code == 200, answer.text
        state = answer.json()
        assert (state["phase"], state["problem"], state["files"]) == ("stored", "", {"bars.csv": len(content)})
        assert state["outcome"]["bars"]["stored"] == stored, state["outcome"]
    page = (await stand.viewer.get("/api/ohlc?symbol=AUSDT&interval=1m&market=file-desk&source=upload")).json()
    assert [(bar["open_time_ms"], bar["open"], bar["close"], bar["volume"]) for bar in page["items"]] == [
        (at, 100.0 + n, 100.5 + n, n + 1.0) for n, at in enumerate(OPENS)
    ]
    assert {bar["source"] for bar in page["items"]} == {"upload"}
    bad = await feeder.post(address, content=b"what,is\nthis,file\n", timeout=60)
    assert bad.status_code in (400, 422) and bad.headers["content-type"] == "application/problem+json", bad.text


async def test_history_is_fetched_followed_and_read_back(stand: Stand) -> None:
    coins = coins_named(["BTCUSDT", "ETHUSDT"], 0.2)
    exchange = SimulatedExchange(ExchangeSettings(coins=coins, history_days=3))
    async with exchange as sim, forwarding(stand.bridge, sim, 2_400):
        to_ms = sim._venue.now_ms // HOUR * HOUR
        asked = {
            "market": "sim", "symbols": ["BTCUSDT"], "interval_ms": HOUR, "from_ms": to_ms - 24 * HOUR,
            "to_ms": to_ms,
        }  # fmt: skip
        trader = stand.with_token(await stand.token("trader"))
        wrong = await trader.post("/api/history", json=asked | {"from_ms": to_ms - 7})
        assert wrong.status_code == 400 and "multiples of the interval" in wrong.json()["detail"]
        started = await trader.post("/api/history", json=asked)
        assert (started.status_code, started.json()["phase"]) == (202, "running"), started.text
        busy = await trader.post("/api/history", json=asked)
        assert (busy.status_code, busy.json()["code"]) == (409, "busy")
        async with asyncio.timeout(60):
            while (state := (await stand.viewer.get("/api/history/job")).json())["phase"] == "running":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert (state["phase"], state["problem"]) == ("done", ""), state
        rows = klines(sim._venue, "BTCUSDT", HOUR, asked["from_ms"], to_ms - 1, 100)
    path = f"/api/ohlc?symbol=BTCUSDT&interval=1h&market=sim&from={asked['from_ms']}&to={to_ms}"
    page = (await stand.viewer.get(path)).json()
    assert [(bar["open_time_ms"], bar["open"]) for bar in page["items"]] == [(row[0], float(row[1])) for row in rows]
    assert len(rows) == 24
    changes = (await stand.owner.get("/api/audit")).json()["items"]
    assert [each["what"] for each in changes if "history" in each["what"]] == ["fetch history"]
