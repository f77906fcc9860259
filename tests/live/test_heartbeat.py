"""The banner from the server's last response and its age: late enough to be certain, early enough to be useful."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.intake.bridge_state import State
from live.heartbeat import Answer, Heartbeat, banner
from tests.conftest import until

LIMIT = 2_500


def answer(at_ms: int, state: str = "LIVE", sign_age_ms: int | None = 100) -> Answer:
    market = {"state": state, "cause": "c", "advice": "a", "sign_age_ms": sign_age_ms}
    return Answer({**market, "market": "sim", "markets": {"sim": market}}, at_ms)


@pytest.mark.parametrize(
    ("found", "now_ms", "expected"),
    [
        (None, 1_000, State.WAITING),
        (None, 2_501, State.DISCONNECTED),
        (answer(10_000), 10_200, State.LIVE),
        (answer(10_000, "MARKET QUIET"), 10_900, State.QUIET),
        (answer(10_000, "BRIDGE DISCONNECTED", 9_000), 10_100, State.DISCONNECTED),
        (answer(10_000), 12_400, State.LIVE),
        (answer(10_000), 12_401, State.DISCONNECTED),
        (answer(10_000, sign_age_ms=500), 12_001, State.DISCONNECTED),
        (answer(10_000, "WAITING FOR BRIDGE", None), 12_400, State.WAITING),
        (answer(10_000, "WAITING FOR BRIDGE", None), 12_501, State.DISCONNECTED),
    ],
)
def test_silence_of_the_server_shows_when_the_last_sign_is_too_old(
    found: Answer | None, now_ms: int, expected: State
) -> None:
    assert banner(found, "sim", now_ms, 0, LIMIT).state is expected


def test_a_dead_server_is_named_as_the_cause() -> None:
    assert "server has not answered for 3 s" in banner(answer(10_000), "sim", 13_000, 0, LIMIT).cause


def test_another_market_is_judged_by_the_server_as_a_whole() -> None:
    assert banner(answer(10_000), "usdm", 10_100, 0, LIMIT).state is State.LIVE


async def test_it_asks_and_goes_on_asking_without_an_answer() -> None:
    asked: list[Any] = []
    heartbeat = Heartbeat("http://127.0.0.1:9/health", LIMIT)
    task = asyncio.create_task(heartbeat.run(lambda: asked.append(1)))
    await until(lambda: len(asked) >= 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert heartbeat.status(None).state is State.WAITING and heartbeat.findings(None) == []
