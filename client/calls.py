"""What each method asks, and how its answer is read: the same for both clients."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
import pandas as pd

T = TypeVar("T")
Json = dict[str, Any]

_TIMES = ("open_time_ms", "time_ms", "close_ms", "bar_close_ms", "closed_ms")
PAGE = 10_000  # rows of one request


class ApiProblem(Exception):
    """The API refused a request: ``status``, ``code`` and ``detail`` as it said."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail = status, code, detail


class NoTrade(Exception):
    """Symbols are received, and of some no trade came in time: ``symbols``; ``answer``: who receives them."""

    def __init__(self, answer: Json, timeout_s: float) -> None:
        self.symbols: list[str] = answer["without_trade"]
        self.answer = answer
        super().__init__(f"no trade of {', '.join(self.symbols)} was stored within {timeout_s:g} s")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. ``read`` makes the result of its JSON. ``most``: rows of a list whose pages are followed; None: its
    answer is one page."""

    method: str
    path: str
    read: Callable[[Json], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    most: int | None = None

    def pages(self) -> Generator[dict[str, Any], Json, T]:
        """Yields the parameters of each request, takes its answer, and returns the result."""
        found = yield dict(self.params)
        items, more = found.get("items", []), dict(found)
        while self.most is not None and more["next"] is not None and len(items) < self.most:
            left = {"limit": min(self.most - len(items), PAGE)} if "limit" in self.params else {}
            more = yield {**self.params, "cursor": more["next"], **left}
            items = items + more["items"]
        return self.read(found if self.most is None else {**more, "items": items[: self.most]})


def answer_of(response: httpx.Response) -> Json:
    """The JSON of an answer. Raises ApiProblem."""
    if response.is_success:
        found: Json = response.json()
        return found
    try:
        said = response.json()
        raise ApiProblem(response.status_code, str(said["code"]), str(said["detail"]))
    except (ValueError, KeyError):
        raise ApiProblem(response.status_code, "http", response.text[:200]) from None


def frame_of(found: Json) -> pd.DataFrame:
    """The items of a list, by their time where they have one (UTC)."""
    frame = pd.DataFrame(found["items"])
    named = next((name for name in _TIMES if name in frame.columns), None)
    if named is not None:
        frame.index = pd.to_datetime(frame[named], unit="ms", utc=True).rename("time")
    return frame


def given(**params: Any) -> dict[str, Any]:
    """The parameters that are not None."""
    return {name.rstrip("_"): value for name, value in params.items() if value is not None}


def rows(path: str, most: int | None = None, **params: Any) -> Call[pd.DataFrame]:
    """A list of rows, of at most ``most``."""
    return Call("GET", path, frame_of, given(**params), most=most)


def record(path: str, **params: Any) -> Call[Json]:
    """One record."""
    return Call("GET", path, lambda found: found, given(**params))


def posted(path: str, body: Any, **params: Any) -> Call[Json]:
    """A write."""
    return Call("POST", path, lambda found: found, given(**params), json=body)


def health() -> Call[Json]:
    """Whether trades arrive."""
    return record("/api/health")


def symbols(market: str | None = None) -> Call[pd.DataFrame]:
    """Symbols with stored trades or bars."""
    return rows("/api/symbols", market=market)


def ticks(
    symbol: str, *, market: str | None = None, start: str | int | None = None, end: str | int | None = None,
    limit: int = 1_000, cursor: str | None = None,
) -> Call[pd.DataFrame]:  # fmt: skip
    """At most ``limit`` trades of a symbol, by id, from ``start`` up to before ``end`` (ISO 8601 or ms)."""
    asked = {"symbol": symbol, "market": market, "from": start, "to": end, "limit": min(limit, PAGE), "cursor": cursor}
    return rows("/api/ticks", limit, **asked)


def start_ingestion(
    symbols: Sequence[str], *, market: str | None = None, wait: bool = True, timeout_s: float = 30.0
) -> Call[Json]:
    """Have the live trades of symbols received: by the connected bridge page, or by a feed that the server starts.

    ``market``: without, that of the only connected bridge, else usdm. ``how`` of the answer is ``already``, ``asked``
    or ``started``, ``by`` says who receives what was ``added``. With ``wait`` a trade of each symbol is stored when it
    returns; ``timeout_s``: at most 60. Raises ValueError, NoTrade, and ApiProblem with the code ``symbol`` for wrong
    symbols (none is added then) and ``no-bridge`` where nothing is connected and no feed can be started.
    """
    if isinstance(symbols, str):
        raise ValueError(f"symbols is {symbols!r}; expected a list such as [{symbols!r}]")
    if not 0 < timeout_s <= 60:
        raise ValueError(f"timeout_s is {timeout_s:g}; expected more than 0 and at most 60")

    def read(answer: Json) -> Json:
        if wait and answer["without_trade"]:
            raise NoTrade(answer, timeout_s)
        return answer

    body = {"symbols": list(symbols), **given(market=market)}
    return Call("POST", "/api/ingestion", read, {"wait_s": timeout_s if wait else 0}, json=body)


def ohlc(
    symbol: str, width: str, *, market: str | None = None, start: str | int | None = None,
    end: str | int | None = None, limit: int = 1_000,
) -> Call[pd.DataFrame]:  # fmt: skip
    """At most ``limit`` complete bars: without ``start`` the newest, else from there on up to before ``end``."""
    asked = {"symbol": symbol, "interval": width, "market": market, "from": start, "to": end, "limit": min(limit, PAGE)}
    return rows("/api/ohlc", limit, **asked)


def pair(y: str, x: str, *, market: str | None = None, width: str | None = None, bars: int | None = None) -> Call[Json]:
    """Statistics of a pair, each with its error."""
    return record("/api/analytics/pair", y=y, x=x, market=market, interval=width, bars=bars)


def signals(*, pair: str | None = None, show: str | None = None, limit: int = 1_000) -> Call[pd.DataFrame]:
    """At most ``limit`` decisions, those of the newest bars first."""
    return rows("/api/signals", limit, pair=pair, show=show)


def trades() -> Call[pd.DataFrame]:
    """Closed paper trades, the newest first."""
    return rows("/api/trades")


def pairs() -> Call[pd.DataFrame]:
    """The watched pairs."""
    return rows("/api/pairs")


def watch(market: str, y: str, x: str, **settings: Any) -> Call[Json]:
    """Watch a pair, or change its settings."""
    return posted("/api/pairs", {"market": market, "y": y, "x": x, "settings": settings})


def backtest(source: Json, settings: Json | None = None, *, wait_s: float = 60.0) -> Call[Json]:
    """Run a backtest and wait for its record."""
    return posted("/api/analytics/backtest", {"source": source, "settings": settings or {}}, wait_s=wait_s)


def scan(market: str, interval_ms: int, span_ms: int, symbols: int = 0) -> Call[Json]:
    """Start a scan; ``scan_state`` follows it."""
    return posted("/api/scans", {"market": market, "interval_ms": interval_ms, "span_ms": span_ms, "symbols": symbols})


def scan_state() -> Call[Json]:
    """How far the scan is."""
    return record("/api/scans/job")


def upload_ohlc_data(path: Path | str, symbol: str, width: str) -> Call[Json]:
    """Store a file of bars, and wait. Raises OSError."""
    read = Path(path).read_bytes()
    return Call("POST", "/api/upload/ohlc", lambda found: found, {"symbol": symbol, "interval": width}, content=read)


def alert_rules() -> Call[pd.DataFrame]:
    """Every alert rule."""
    return rows("/api/alerts/rules")


def alerts(*, limit: int = 1_000) -> Call[pd.DataFrame]:
    """At most ``limit`` alerts, the newest first."""
    return rows("/api/alerts/history", limit)


def post_alert_rule(rule: Json) -> Call[Json]:
    """Make a rule as docs/alerts.md describes it."""
    return posted("/api/alerts/rules", rule)


def add_alert_rule(
    metric: str, *, threshold: float, symbol1: str = "", symbol2: str = "", symbol: str = "",
    direction: str = "above", severity: str = "info", market: str = "usdm",
) -> Call[Json]:  # fmt: skip
    """A rule on the z of a pair (``symbol1``, ``symbol2``) or the price of a symbol; returns it as it is stored. Raises
    ValueError."""
    if metric in ("zscore", "z"):
        if not (symbol1 and symbol2):
            raise ValueError(f"a rule on {metric} has symbol1={symbol1!r}, symbol2={symbol2!r}; expected both legs")
        when = {"metric": "z", "kind": "crosses", "threshold": threshold}
        scope = {"kind": "pair", "market": market, "y": symbol1, "x": symbol2}
        named = f"z of {symbol1} ~ {symbol2} crosses {threshold:g}"
    elif metric == "price":
        if direction not in ("above", "below") or not symbol:
            raise ValueError(f"a rule on the price has symbol={symbol!r}, direction={direction!r}; expected a symbol,"
                             " and above or below")  # fmt: skip
        when = {"metric": "price", "kind": direction, "threshold": threshold}
        scope = {"kind": "symbol", "market": market, "y": symbol}
        named = f"{symbol} {direction} {threshold:g}"
    else:
        raise ValueError(f"metric is {metric!r}; expected zscore or price, or a whole rule for `post_alert_rule`")
    return posted("/api/alerts/rules", {"name": named, "when": when, "scope": scope, "severity": severity})
