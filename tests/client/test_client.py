"""The client against a whole dashboard, without a socket: frames, records, rules, problems."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pandas as pd
import pytest

from client import ApiProblem, AsyncPairbridge, Pairbridge
from tests.api.stand import BASE, Stand, opened


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with opened(tmp_path) as made:
        yield made


def client_of(stand: Stand, token: str | None = None) -> AsyncPairbridge:
    key = None if token else (stand.folder / "dashboard-key").read_text().strip()
    return AsyncPairbridge(token, BASE, key=key, transport=httpx.ASGITransport(stand.app))


async def test_lists_are_frames_and_records_are_dicts(stand: Stand) -> None:
    async with client_of(stand) as bridge:
        symbols = await bridge.symbols("sim")
        assert set(symbols["symbol"]) == {"YUSDT", "XUSDT"}
        bars = await bridge.ohlc("YUSDT", "2s", market="sim", limit=20)
        assert len(bars) == 20 and isinstance(bars.index, pd.DatetimeIndex) and str(bars.index.tz) == "UTC"
        assert (bars.index.as_unit("ms").asi8 == bars["open_time_ms"]).all() and (bars["low"] <= bars["high"]).all()
        ticks = await bridge.ticks("YUSDT", market="sim", limit=5)
        assert len(ticks) == 5 and ticks["id"].map(type).eq(str).all()
        assert (await bridge.pairs())["y"].tolist() == ["YUSDT"]
        assert "state" in await bridge.health() and isinstance(await bridge.signals(), pd.DataFrame)


async def test_alert_rules_by_the_names_of_the_manual(stand: Stand) -> None:
    async with client_of(stand) as bridge:
        made = await bridge.add_alert_rule(
            "zscore", symbol1="YUSDT", symbol2="XUSDT", threshold=2.5, severity="critical", market="sim"
        )
        assert made["rule"]["when"] == {"metric": "z", "kind": "crosses", "threshold": 2.5}
        assert made["subjects"] == ["pair|sim|YUSDT|XUSDT"] and made["rule"]["severity"] == "critical"
        await bridge.add_alert_rule("price", symbol="YUSDT", threshold=50_000, direction="above", market="sim")
        rules = await bridge.alert_rules()
        assert len(rules) == 2 and (await bridge.alerts()).empty
        with pytest.raises(ValueError, match="expected both legs"):
            await bridge.add_alert_rule("zscore", symbol1="YUSDT", threshold=2.0)
        with pytest.raises(ValueError, match="metric is 'mood'"):
            await bridge.add_alert_rule("mood", threshold=2.0)


async def test_problems_are_said_and_a_viewer_changes_nothing(stand: Stand) -> None:
    viewer = client_of(stand, await stand.token("viewer"))
    async with viewer as bridge:
        assert not (await bridge.symbols()).empty
        with pytest.raises(ApiProblem, match="403 not-allowed") as refused:
            await bridge.watch("sim", "XUSDT", "YUSDT")
        assert refused.value.status == 403
        with pytest.raises(ApiProblem) as unknown:
            await bridge.ohlc("NOUSDT", "1m", market="sim")
        assert unknown.value.status in (400, 404) and "NOUSDT" in unknown.value.detail


def test_both_clients_have_the_same_methods() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(Pairbridge) == names(AsyncPairbridge) and len(names(Pairbridge)) >= 18


async def test_pages_are_followed_up_to_the_limit(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.calls.PAGE", 70)
    monkeypatch.setattr("services.journal.PAGE", 9)
    async with client_of(stand) as bridge:
        ticks = await bridge.ticks("YUSDT", market="sim", limit=150)
        assert len(ticks) == len(set(ticks["id"])) == 150 and ticks["id"].map(int).is_monotonic_increasing
        every = await bridge.ticks("YUSDT", market="sim", limit=100_000)
        assert len(every) > 150 and every["id"].tolist()[:150] == ticks["id"].tolist()
        later = await bridge.ticks("YUSDT", start=int(every["time_ms"].iloc[100]), limit=100_000)
        assert later["time_ms"].min() == every["time_ms"].iloc[100]
        bars = await bridge.ohlc("YUSDT", "1s", start="2009-01-02", limit=100)
        assert len(bars) == 100 and bars.index.is_monotonic_increasing and bars.index.is_unique
        decisions = await bridge.signals()
        assert len(decisions) == len(set(decisions["id"])) > 9
        assert len(await bridge.signals(limit=10)) == 10


def test_what_is_no_json_is_a_problem_too() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(502, text="bad gateway"))
    with Pairbridge(transport=transport) as bridge, pytest.raises(ApiProblem, match="502 http: bad gateway"):
        bridge.health()
