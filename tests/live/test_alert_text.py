"""What an alert says: first what there is to do, then rounded numbers with labels."""

from __future__ import annotations

import doctest
from dataclasses import replace

import pytest

from engine.alerts.rules import AlertRule, Condition, Scope
from engine.store.alerts import OutboxRow
from live import alert_text as module
from live.alert_text import CALL, alert_text, read_beside
from services.delivery.message import digest_of, message_of

PAIR, AT = "pair|usdm|ETHUSDT|BTCUSDT", 1_767_323_040_000
FAR = {"z": 2.3149, "beyond_entry": 1.1249, "gate": 1.0, "beta": 0.07134}


def test_the_doctests() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("changes", "begins"),
    [
        ({}, "SHORT ETHUSDT against BTCUSDT: z 2.31, entry from 1.19, gate open, beta 0.07134 - rule: far; bar closed"),
        ({"z": -2.3149}, "LONG ETHUSDT against BTCUSDT: z -2.31, entry from 1.19"),
        ({"beta": -0.5}, "SHORT ETHUSDT and BTCUSDT: z 2.31"),
        ({"gate": 0.0}, "ETHUSDT against BTCUSDT: z 2.31, entry from 1.19, gate closed"),
        ({"beyond_entry": -0.5}, "ETHUSDT against BTCUSDT: z 2.31, entry only from 2.81"),
        ({"beyond_entry": None}, "ETHUSDT against BTCUSDT: z 2.31, entry cost not known"),
        ({"z": None, "beyond_entry": None}, "ETHUSDT against BTCUSDT: z not known, |z| beyond the entry that pays not"),
    ],
)  # fmt: skip
def test_a_side_is_named_only_where_an_entry_pays_and_the_gate_lets_it(
    changes: dict[str, float | None], begins: str
) -> None:
    said = alert_text("far", PAIR, {**FAR, **changes}, AT)
    assert said.startswith(begins) and said.endswith("bar closed 2026-01-02 03:04:00 UTC")


def test_what_is_no_call_says_its_values_by_their_labels() -> None:
    lost = {"drawdown": 5.23456, "bridge": 0.0, "half_life_500": 123.4}
    assert alert_text("lost", PAIR, lost, AT).startswith(
        "ETHUSDT against BTCUSDT: drawdown 5.23 %, bridge disconnected, half-life over 500 bars 123 bars - rule: lost"
    )
    assert alert_text("p", "symbol|usdm|ETHUSDT", {"price_y": 3_012.57}, AT).startswith("ETHUSDT: price 3,012.57")
    assert alert_text("far", PAIR, FAR, AT, 3).startswith("ETHUSDT against BTCUSDT: 3 more alerts were held back")
    pair = Scope("pair", "usdm", "ETHUSDT", "BTCUSDT")
    assert read_beside(AlertRule("a", Condition("z_costs", "above", 2.0), pair), PAIR) == CALL
    assert read_beside(AlertRule("a", Condition("drawdown", "above", 2.0), pair), PAIR) == ()


def test_channels_get_the_same_text() -> None:
    said = alert_text("far", PAIR, FAR, AT)
    payload = {"name": "far", "severity": "warning", "text": said, "close_ms": AT, "values": FAR}
    row = OutboxRow("o1", "a1", "phone", payload, digest="d")
    assert message_of(row).body == said
    assert digest_of([row, replace(row, outbox_id="o2")]).body.splitlines()[1:] == [said, said]
