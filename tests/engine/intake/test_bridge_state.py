from __future__ import annotations

import pytest

from engine.intake.bridge_state import Facts, State, evaluate

LIVE = Facts(sign_age_ms=100, trade_age_ms=100, upstream="open")


def state(**change: object) -> State:
    facts = {name: getattr(LIVE, name) for name in Facts.__dataclass_fields__} | change
    return evaluate(Facts(**facts), limit_ms=2_500).state


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, State.LIVE),
        ({"sign_age_ms": None, "trade_age_ms": None}, State.WAITING),
        ({"sign_age_ms": 2_500}, State.LIVE),
        ({"sign_age_ms": 2_501}, State.DISCONNECTED),
        ({"trade_age_ms": 90_000}, State.QUIET),
        ({"trade_age_ms": None}, State.QUIET),
        ({"upstream": "connecting"}, State.UPSTREAM_DOWN),
        ({"upstream": "wrong-route"}, State.WRONG_ROUTE),
        ({"upstream": None}, State.LIVE),
        ({"silent": ("ETHUSDT",)}, State.SYMBOL_SILENT),
        ({"unstored_ms": 3_001}, State.STORAGE_STALLED),
        ({"store_error": "database is locked"}, State.STORAGE_STALLED),
        ({"store_error": "database or disk is full"}, State.DISK_FULL),
    ],
)
def test_each_state_has_its_facts(change: dict[str, object], expected: State) -> None:
    assert state(**change) is expected


def test_a_goodbye_is_told_as_the_cause() -> None:
    status = evaluate(Facts(9_000, 9_000, "open", last_word="stopped by the user"), 2_500)
    assert status.cause == "The bridge disconnected: stopped by the user."


def test_a_quiet_market_never_cries_wolf() -> None:
    for trade_age_ms in range(0, 200_000, 1_000):
        assert state(trade_age_ms=trade_age_ms) in (State.LIVE, State.QUIET)
