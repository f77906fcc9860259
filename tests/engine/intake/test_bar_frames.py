"""Bars by the column: a binary frame says what a text says, and what is wrong in it is named as there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.intake.history_messages import MAX_BARS
from engine.market.sourced_columns import bytes_of
from tests.engine.intake.history_harness import HOUR, T0, HistoryHarness

HEAD = {"type": "bars", "symbol": "BTCUSDT", "width_ms": HOUR, "from_ms": T0, "to_ms": T0 + 2_000 * HOUR,
        "source": "upload"}  # fmt: skip
GOOD = (T0, 1.0, 3.0, 0.5, 2.0, 10.0)


def frame(*rows: tuple[float, ...], **head: Any) -> bytes:
    return json.dumps(HEAD | head).encode() + b"\n" + bytes_of(list(zip(*rows, strict=True)) or [()] * 6)


def answer(message: bytes) -> tuple[HistoryHarness, dict[str, Any]]:
    harness = HistoryHarness()
    harness.join(1, "klines")
    harness.say(1, message)
    return harness, harness.answers[1][-1]


def test_good_bars_are_stored() -> None:
    rows = [(T0 + n * HOUR, *GOOD[1:]) for n in range(MAX_BARS)]
    harness, said = answer(frame(*rows))
    assert (said["type"], said["stored"], said["rejected"]) == ("bars_stored", MAX_BARS, [])
    assert [bar[2:] for bar in harness.store.values()] == [(*row, "upload") for row in rows]
    assert harness.intake.registry.bridges[1].in_flight == 0


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((T0 + 1, *GOOD[1:]), "open time is"),
        ((T0 - HOUR, *GOOD[1:]), "open time is"),
        ((T0 + HOUR, 1.0, 3.0, 0.0, 2.0, 10.0), "low is 0.0; expected a positive, finite number"),
        ((T0 + HOUR, 1.0, float("nan"), 0.5, 2.0, 10.0), "high is nan; expected a positive, finite number"),
        ((T0 + HOUR, 1.0, 1.5, 0.5, 2.0, 10.0), "expected open and close from low to high"),
        ((T0 + HOUR, 1.0, 3.0, 0.5, 2.0, -1.0), "volume is -1.0; expected 0 or more, and finite"),
    ],
)
def test_a_bar_that_cannot_be_is_named_and_the_others_stored(row: tuple[float, ...], reason: str) -> None:
    _, said = answer(frame(GOOD, row))
    (index, why), *others = said["rejected"]
    assert (said["stored"], index, others) == (1, 1, []) and reason in why


@pytest.mark.parametrize(
    ("message", "code", "says"),
    [
        (frame(GOOD)[:-1], "malformed", "found 47 bytes of bars; expected a multiple of 48"),
        (frame(*[GOOD] * (MAX_BARS + 1)), "malformed", "found 1001 bars; expected at most 1000"),
        (frame(GOOD, width_ms=1_500), "malformed", "width is 1500 ms"),
        (frame(GOOD, type="ticks"), "binary", "expected bars"),
        (b"[]\n", "binary", "expected bars"),
        (b"{" * 100_000, "binary", "found a binary frame that begins with"),
        (b"\xff" * 300_000, "too-large", "262144"),
    ],
)
def test_what_is_malformed_ends_the_connection(message: bytes, code: str, says: str) -> None:
    harness, said = answer(message)
    assert harness.closed == [1] and (said["type"], said["code"]) == ("refused", code) and says in said["message"]


def test_a_span_without_bars_is_an_answer() -> None:
    harness, said = answer(frame())
    assert (said["type"], said["stored"]) == ("bars_stored", 0) and not harness.store
