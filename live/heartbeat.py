"""Polls the bridge server's health four times a second; no response is a separate state."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.request import ProxyHandler, build_opener

from engine.intake.bridge_state import State, Status

log = logging.getLogger("pairbridge.heartbeat")

ASK_EVERY_S = 0.25
ANSWER_WITHIN_S = 0.5

_direct = build_opener(ProxyHandler({}))  # the server is on this machine


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of ``/health``, and its time on the local monotonic clock."""

    health: dict[str, Any]
    at_ms: int


def banner(answer: Answer | None, market: str | None, now_ms: int, began_ms: int, limit_ms: int) -> Status:
    """The banner's content: the server's state of ``market``, while the server responds.

    Without a response the age of the bridge's last message keeps growing, so a dead server appears as late as a dead
    bridge.
    """
    if answer is None:
        if now_ms - began_ms <= limit_ms:
            return Status(State.WAITING, "Looking for the bridge server.")
        return _no_server(now_ms - began_ms)
    found = answer.health["markets"].get(market or answer.health["market"])
    silent_ms = now_ms - answer.at_ms
    if silent_ms <= 2 * ANSWER_WITHIN_S * 1_000:
        return _status(found or answer.health)
    sign_age_ms = (found or {}).get("sign_age_ms") or 0
    if silent_ms + sign_age_ms > limit_ms:
        return _no_server(silent_ms)
    return _status(found or answer.health)


def _no_server(silent_ms: int) -> Status:
    return Status(
        State.DISCONNECTED,
        f"The bridge server has not answered for {silent_ms / 1_000:.0f} s.",
        "Is server.py running? The bridge keeps its trades and sends them when it is back.",
    )


def _status(found: dict[str, Any]) -> Status:
    return Status(State(found["state"]), found["cause"], found["advice"])


class TradeCount(NamedTuple):
    """Trades of a symbol, and the time of the newest."""

    trades: int
    last_ms: int


class Heartbeat:
    """Holds the latest response."""

    def __init__(self, url: str, limit_ms: int) -> None:
        """``url`` of the server's health; ``limit_ms``: silence after which the bridge counts as gone."""
        self._url = url
        self._limit_ms = limit_ms
        self._answer: Answer | None = None
        self._began_ms = _now_ms()

    async def run(self, asked: Callable[[], None]) -> None:
        """Poll until cancelled; ``asked`` is called after each attempt, successful or not."""
        while True:
            try:
                self._answer = Answer(await asyncio.to_thread(_health, self._url), _now_ms())
            except (OSError, HTTPException, ValueError) as error:
                log.debug("no health from the server: %r", error)
            asked()
            await asyncio.sleep(ASK_EVERY_S)

    def health(self) -> dict[str, Any] | None:
        """The server's whole response; None while it does not respond."""
        if self._answer is None or _now_ms() - self._answer.at_ms > self._limit_ms:
            return None
        return self._answer.health

    def findings(self, market: str | None) -> list[dict[str, str]]:
        """The server's diagnostics of a market: code, what and advice; empty while it does not respond."""
        health = self.health()
        if health is None:
            return []
        found: list[dict[str, str]] = health["markets"].get(market or health["market"], {}).get("findings", [])
        return found

    def trade_counts(self) -> dict[tuple[str, str], TradeCount]:
        """What the server has received since its start, by market and symbol; empty while it does not respond."""
        if self._answer is None or _now_ms() - self._answer.at_ms > self._limit_ms:
            return {}
        markets = self._answer.health["markets"]
        return {
            (market, name): TradeCount(symbol["ticks"], symbol["last_trade_ms"] or 0)
            for market, of in markets.items()
            for name, symbol in of["symbols"].items()
        }

    def status(self, market: str | None) -> Status:
        """The banner's content for a market; None: for the most recently active one."""
        return banner(self._answer, market, _now_ms(), self._began_ms, self._limit_ms)


def _health(url: str) -> dict[str, Any]:
    """Raises OSError, HTTPException, ValueError."""
    with _direct.open(url, timeout=ANSWER_WITHIN_S) as answer:
        health: dict[str, Any] = json.load(answer)
    return health


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
