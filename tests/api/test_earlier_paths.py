"""The nine paths that earlier systems had, with their meaning, under ``/api``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.stand import Stand, opened, opened_with_server

RULE = {
    "name": "far", "severity": "warning", "scope": {"kind": "pair", "market": "sim", "y": "YUSDT", "x": "XUSDT"},
    "when": {"metric": "z", "kind": "above", "threshold": -1_000.0},
}  # fmt: skip


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with opened(tmp_path) as made:
        yield made


async def test_health_symbols_and_bars(stand: Stand) -> None:
    assert {"state", "markets"} <= set(await stand.read("/api/health"))
    assert {each["symbol"] for each in (await stand.read("/api/symbols"))["items"]} == {"YUSDT", "XUSDT"}
    bars = (await stand.read("/api/ohlc?symbol=YUSDT&interval=2s&source=live"))["items"]
    assert {"open_time_ms", "open", "high", "low", "close", "volume"} <= set(bars[0])
    exported = await stand.viewer.get("/api/export/ohlc?market=sim&symbols=YUSDT&interval=2s&format=csv")
    assert exported.headers["content-type"].startswith("text/csv")
    assert len(exported.text.splitlines()) > len(bars) / 2


async def test_the_alerts_of_a_pair_are_evaluated_with_its_statistics(stand: Stand) -> None:
    """Hedge ratio, spread, z, correlation, price statistics, the test when asked for, and the alerts."""
    made = await stand.owner.post("/api/alerts", json=RULE)
    assert made.status_code == 201, made.text
    rule = made.json()["rule_id"]
    off = (await stand.owner.post("/api/alerts", json=RULE | {"name": "off", "enabled": False})).json()["rule_id"]
    unmet = RULE | {"name": "high", "when": {"metric": "z", "kind": "above", "threshold": 1_000.0}}
    high = (await stand.owner.post("/api/alerts", json=unmet)).json()["rule_id"]
    assert [each["rule_id"] for each in (await stand.read("/api/alerts"))["items"]] == [rule, off, high]

    asked = "/api/analytics/pair?y=YUSDT&x=XUSDT&interval=2s&bars=100&window=40&series=0"
    found = await stand.read(asked)
    assert {"hedge_ratio", "spread", "zscore", "correlation", "price_stats", "adf"} <= set(found)
    met = {each["name"]: (each["rule_id"], each["severity"], each["is_met"]) for each in found["alerts"]}
    assert met == {"far": (rule, "warning", True), "off": (off, "warning", None), "high": (high, "warning", False)}
    assert (await stand.read(asked.replace("YUSDT", "Z").replace("XUSDT", "YUSDT").replace("Z", "XUSDT")))[
        "alerts"
    ] == [], "nobody watches that pair"

    for each in (rule, off, high):
        assert (await stand.owner.delete(f"/api/alerts/{each}")).json() == {"deleted": each}
    assert (await stand.read(asked))["alerts"] == (await stand.read("/api/alerts"))["items"] == []


async def test_a_backtest_is_answered_and_its_trades_are_a_file(stand: Stand) -> None:
    source = {"market": "sim", "y": "YUSDT", "x": "XUSDT", "from_ms": 1_230_768_000_000}
    body = {"source": source, "settings": (await stand.read("/api/pairs"))["items"][0]["settings"]}
    done = await stand.owner.post("/api/analytics/backtest?wait_s=60", json=body, timeout=90)
    assert done.status_code == 200, done.status_code
    assert done.json()["metrics"]["PnL net [quote]"] == pytest.approx(done.json()["net"])
    file = await stand.owner.post("/api/export/backtest?wait_s=60", json=body, timeout=90)
    assert file.headers["content-type"].startswith("text/csv")
    assert len(file.text.splitlines()) == done.json()["trades"] + 1


async def test_bars_of_a_file_are_stored_as_a_source_of_their_own(tmp_path: Path) -> None:
    rows = "".join(f"{1_789_999_980_000 + n * 60_000},{n + 1},{n + 2},{n + 0.5},{n + 1.5},3\n" for n in range(50))
    text = "timestamp,open,high,low,close,volume\n" + rows
    async with opened_with_server(tmp_path) as stand:
        sent = await stand.owner.post("/api/upload/ohlc?symbol=FILEUSDT&width=1m", content=text.encode(), timeout=60)
        assert sent.status_code == 200, sent.text
        bars = (await stand.read("/api/ohlc?symbol=FILEUSDT&interval=1m&source=upload"))["items"]
        assert len(bars) == 50 and bars[7]["close"] == 8.5
