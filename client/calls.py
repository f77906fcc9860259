"""What each method asks, and how its answer is read: the same for both clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
import pandas as pd

T = TypeVar("T")
Json = dict[str, Any]

_TIMES = ("open_time_ms", "time_ms", "close_ms", "bar_close_ms", "closed_ms")
_METRICS = {"zscore": "z", "z": "z"}


class ApiProblem(Exception):
    """The API refused a request: ``status``, ``code`` and ``detail`` as it said."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail = status, code, detail


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. ``read`` makes the result of its JSON."""

    method: str
    path: str
    read: Callable[[Json], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None


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


def rows(path: str, **params: Any) -> Call[pd.DataFrame]:
    """A list of rows."""
    return Call("GET", path, frame_of, given(**params))


def record(path: str, **params: Any) -> Call[Json]:
    """One record."""
    return Call("GET", path, lambda found: found, given(**params))


def posted(path: str, body: Any, **params: Any) -> Call[Json]:
    """A write."""
    return Call("POST", path, lambda found: found, given(**params), json=body)


def upload(path: Path | str, symbol: str, width: str) -> Call[Json]:
    """A file of bars. Raises OSError."""
    read = Path(path).read_bytes()
    return Call("POST", "/api/upload/ohlc", lambda found: found, {"symbol": symbol, "interval": width}, content=read)


def alert_rule(
    metric: str, symbol1: str, symbol2: str, symbol: str, threshold: float, direction: str, severity: str, market: str
) -> Call[Json]:
    """A rule on a pair (``symbol1``, ``symbol2``) or on one symbol. Raises ValueError."""
    if metric in _METRICS:
        if not (symbol1 and symbol2):
            raise ValueError(f"a rule on {metric} has symbol1={symbol1!r}, symbol2={symbol2!r}; expected both legs")
        when = {"metric": _METRICS[metric], "kind": "crosses", "threshold": threshold}
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
