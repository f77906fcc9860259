"""The two clients: one waits, one is awaited. Both ask what ``client.calls`` describes."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pandas as pd

from client import calls
from client.calls import Call, Json, T

URL = "http://127.0.0.1:8050"
TIMEOUT_S = 90.0  # a backtest is waited for


class Pairbridge:
    """Waits for each answer. Errors of the API are ApiProblem, those of the connection httpx.TransportError."""

    def __init__(
        self, token: str | None = None, url: str = URL, *, key: str | None = None, transport: Any = None
    ) -> None:
        """``token``: of `python -m services.tokens make`; ``key``: that of the data folder instead."""
        self._client = httpx.Client(base_url=url, headers=_headers(token, key), timeout=TIMEOUT_S, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def health(self) -> Json:
        """Whether trades arrive."""
        return self._run(calls.record("/api/health"))

    def symbols(self, market: str | None = None) -> pd.DataFrame:
        """Symbols with stored trades or bars."""
        return self._run(calls.rows("/api/symbols", market=market))

    def ticks(
        self, symbol: str, *, market: str | None = None, limit: int = 1_000, cursor: str | None = None
    ) -> pd.DataFrame:
        """Trades of a symbol, by id."""
        return self._run(calls.rows("/api/ticks", symbol=symbol, market=market, limit=limit, cursor=cursor))

    def ohlc(self, symbol: str, width: str, *, market: str | None = None, limit: int | None = None) -> pd.DataFrame:
        """Complete bars, the newest."""
        return self._run(calls.rows("/api/ohlc", symbol=symbol, interval=width, market=market, limit=limit))

    def pair(
        self, y: str, x: str, *, market: str | None = None, width: str | None = None, bars: int | None = None
    ) -> Json:
        """Statistics of a pair, each with its error."""
        return self._run(calls.record("/api/analytics/pair", y=y, x=x, market=market, interval=width, bars=bars))

    def signals(self, *, pair: str | None = None, show: str | None = None) -> pd.DataFrame:
        """Decisions, those of the newest bars first."""
        return self._run(calls.rows("/api/signals", pair=pair, show=show))

    def trades(self) -> pd.DataFrame:
        """Closed paper trades, the newest first."""
        return self._run(calls.rows("/api/trades"))

    def pairs(self) -> pd.DataFrame:
        """The watched pairs."""
        return self._run(calls.rows("/api/pairs"))

    def watch(self, market: str, y: str, x: str, **settings: Any) -> Json:
        """Watch a pair, or change its settings."""
        return self._run(calls.posted("/api/pairs", {"market": market, "y": y, "x": x, "settings": settings}))

    def backtest(self, source: Json, settings: Json | None = None, *, wait_s: float = 60.0) -> Json:
        """Run a backtest and wait for its record."""
        return self._run(
            calls.posted("/api/analytics/backtest", {"source": source, "settings": settings or {}}, wait_s=wait_s)
        )

    def scan(self, market: str, interval_ms: int, span_ms: int, symbols: int = 0) -> Json:
        """Start a scan; ``scan_state`` follows it."""
        return self._run(
            calls.posted(
                "/api/scans", {"market": market, "interval_ms": interval_ms, "span_ms": span_ms, "symbols": symbols}
            )
        )

    def scan_state(self) -> Json:
        """How far the scan is."""
        return self._run(calls.record("/api/scans/job"))

    def upload_ohlc_data(self, path: Path | str, symbol: str, width: str) -> Json:
        """Store a file of bars, and wait. Raises OSError."""
        return self._run(calls.upload(path, symbol, width))

    def alert_rules(self) -> pd.DataFrame:
        """Every alert rule."""
        return self._run(calls.rows("/api/alerts/rules"))

    def alerts(self) -> pd.DataFrame:
        """Alerts, the newest first."""
        return self._run(calls.rows("/api/alerts/history"))

    def post_alert_rule(self, rule: Json) -> Json:
        """Make a rule as docs/alerts.md describes it."""
        return self._run(calls.posted("/api/alerts/rules", rule))

    def add_alert_rule(
        self, metric: str, *, threshold: float, symbol1: str = "", symbol2: str = "", symbol: str = "",
        direction: str = "above", severity: str = "info", market: str = "usdm",
    ) -> Json:  # fmt: skip
        """A rule on the z of a pair or the price of a symbol; returns it as it is stored. Raises ValueError."""
        return self._run(calls.alert_rule(metric, symbol1, symbol2, symbol, threshold, direction, severity, market))

    def _run(self, call: Call[T]) -> T:
        answer = self._client.request(
            call.method, call.path, params=dict(call.params), json=call.json, content=call.content
        )
        return call.read(calls.answer_of(answer))


class AsyncPairbridge:
    """The same, awaited. Errors of the API are ApiProblem, those of the connection httpx.TransportError."""

    def __init__(
        self, token: str | None = None, url: str = URL, *, key: str | None = None, transport: Any = None
    ) -> None:
        """``token``: of `python -m services.tokens make`; ``key``: that of the data folder instead."""
        self._client = httpx.AsyncClient(
            base_url=url, headers=_headers(token, key), timeout=TIMEOUT_S, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def health(self) -> Json:
        """Whether trades arrive."""
        return await self._run(calls.record("/api/health"))

    async def symbols(self, market: str | None = None) -> pd.DataFrame:
        """Symbols with stored trades or bars."""
        return await self._run(calls.rows("/api/symbols", market=market))

    async def ticks(
        self, symbol: str, *, market: str | None = None, limit: int = 1_000, cursor: str | None = None
    ) -> pd.DataFrame:
        """Trades of a symbol, by id."""
        return await self._run(calls.rows("/api/ticks", symbol=symbol, market=market, limit=limit, cursor=cursor))

    async def ohlc(
        self, symbol: str, width: str, *, market: str | None = None, limit: int | None = None
    ) -> pd.DataFrame:
        """Complete bars, the newest."""
        return await self._run(calls.rows("/api/ohlc", symbol=symbol, interval=width, market=market, limit=limit))

    async def pair(
        self, y: str, x: str, *, market: str | None = None, width: str | None = None, bars: int | None = None
    ) -> Json:
        """Statistics of a pair, each with its error."""
        return await self._run(calls.record("/api/analytics/pair", y=y, x=x, market=market, interval=width, bars=bars))

    async def signals(self, *, pair: str | None = None, show: str | None = None) -> pd.DataFrame:
        """Decisions, those of the newest bars first."""
        return await self._run(calls.rows("/api/signals", pair=pair, show=show))

    async def trades(self) -> pd.DataFrame:
        """Closed paper trades, the newest first."""
        return await self._run(calls.rows("/api/trades"))

    async def pairs(self) -> pd.DataFrame:
        """The watched pairs."""
        return await self._run(calls.rows("/api/pairs"))

    async def watch(self, market: str, y: str, x: str, **settings: Any) -> Json:
        """Watch a pair, or change its settings."""
        return await self._run(calls.posted("/api/pairs", {"market": market, "y": y, "x": x, "settings": settings}))

    async def backtest(self, source: Json, settings: Json | None = None, *, wait_s: float = 60.0) -> Json:
        """Run a backtest and wait for its record."""
        return await self._run(
            calls.posted("/api/analytics/backtest", {"source": source, "settings": settings or {}}, wait_s=wait_s)
        )

    async def scan(self, market: str, interval_ms: int, span_ms: int, symbols: int = 0) -> Json:
        """Start a scan; ``scan_state`` follows it."""
        return await self._run(
            calls.posted(
                "/api/scans", {"market": market, "interval_ms": interval_ms, "span_ms": span_ms, "symbols": symbols}
            )
        )

    async def scan_state(self) -> Json:
        """How far the scan is."""
        return await self._run(calls.record("/api/scans/job"))

    async def upload_ohlc_data(self, path: Path | str, symbol: str, width: str) -> Json:
        """Store a file of bars, and wait. Raises OSError."""
        return await self._run(calls.upload(path, symbol, width))

    async def alert_rules(self) -> pd.DataFrame:
        """Every alert rule."""
        return await self._run(calls.rows("/api/alerts/rules"))

    async def alerts(self) -> pd.DataFrame:
        """Alerts, the newest first."""
        return await self._run(calls.rows("/api/alerts/history"))

    async def post_alert_rule(self, rule: Json) -> Json:
        """Make a rule as docs/alerts.md describes it."""
        return await self._run(calls.posted("/api/alerts/rules", rule))

    async def add_alert_rule(
        self, metric: str, *, threshold: float, symbol1: str = "", symbol2: str = "", symbol: str = "",
        direction: str = "above", severity: str = "info", market: str = "usdm",
    ) -> Json:  # fmt: skip
        """A rule on the z of a pair or the price of a symbol; returns it as it is stored. Raises ValueError."""
        return await self._run(
            calls.alert_rule(metric, symbol1, symbol2, symbol, threshold, direction, severity, market)
        )

    async def _run(self, call: Call[T]) -> T:
        answer = await self._client.request(
            call.method, call.path, params=dict(call.params), json=call.json, content=call.content
        )
        return call.read(calls.answer_of(answer))


def _headers(token: str | None, key: str | None) -> dict[str, str]:
    if token:
        return {"Authorization": f"Bearer {token}"}
    return {"X-Pairbridge-Key": key} if key else {}
