"""The line over a pair: position, reason, evidence."""

from __future__ import annotations

from typing import Any

import pytest

from engine.pairs.enums import Reason
from engine.pairs.settings import PairSettings
from engine.stats.power import evidence as of_test
from screen.pages.pair.verdict import verdict
from tests.screen.pairs import NAN, evidence, snapshot, view

FLAT: dict[str, Any] = {"position": 0.0, "z": 0.33}
WITH_COST, NO_COST = PairSettings(cost_filter=True), PairSettings(cost_filter=False)


@pytest.mark.parametrize(
    ("shot", "settings", "says"),
    [
        (
            FLAT | {"cost_z": 1.58}, WITH_COST,
            "FLAT: |z| 0.33 is below entry 2.08, the least that pays 5 bps a fill",
        ),
        (FLAT | {"cost_z": 0.4}, WITH_COST, "FLAT: |z| 0.33 is below entry 2.00"),
        (FLAT | {"cost_z": 1.58}, NO_COST, "FLAT: |z| 0.33 is below entry 2.00"),
        (FLAT | {"gate": 0.0}, PairSettings(), "FLAT: the gate is closed: it opens at 5 %, now 1.2 %"),
        (FLAT | {"gate": NAN}, PairSettings(), "FLAT: the gate has not tested yet"),
        (FLAT | {"gate": 0.0}, PairSettings(gate="off"), "FLAT: |z| 0.33 is below entry 2.00"),
        (FLAT | {"z": NAN}, PairSettings(), "FLAT: z is not known yet"),
        (
            FLAT | {"z": -2.5, "reason": Reason.COOLDOWN}, PairSettings(), "FLAT: too soon after an exit",
        ),
        (FLAT | {"z": 2.5}, PairSettings(), "FLAT: |z| 2.50 is beyond entry 2.00"),
        ({"position": -1.0, "z": 1.4}, PairSettings(), "SHORT: z +1.40, out at |z| below 0.5"),
        ({"position": 1.0, "z": -1.4}, PairSettings(exit_z=0.0), "LONG: z -1.40, out when it crosses 0"),
    ],
)  # fmt: skip
def test_position_and_reason(shot: dict[str, Any], settings: PairSettings, says: str) -> None:
    assert verdict(view(latest=snapshot(**shot), settings=settings)).value.partition(";")[0] == says


@pytest.mark.parametrize(
    ("half_life", "grade", "tone"), [(5.0, "good", ""), (6.5, "medium", ""), (10.0, "weak", "warn")]
)
def test_the_evidence_is_graded_by_its_power(half_life: float, grade: str, tone: str) -> None:
    test = of_test(200, half_life)
    found = verdict(view(evidence=evidence(test=test)))
    assert found.value.endswith(f"; evidence {grade}: power {test.power:.0%}") and found.tone == tone


def test_a_leg_that_comes_back_alone_puts_the_evidence_in_doubt() -> None:
    found = verdict(view(evidence=evidence(test=of_test(200, 5.0), legs=(0.004, 0.3))))
    assert "; evidence in doubt: ETHUSDT comes back alone" in found.value and found.tone == "warn"
    assert "evidence good" in verdict(view(evidence=evidence(test=of_test(200, 5.0), legs=(0.01, NAN)))).value


def test_what_is_not_known_is_said() -> None:
    assert verdict(view(latest=None)).value == "WAITING: no complete bar of both legs yet"
    assert verdict(view(problem="its settings cannot be read")).value == "SUSPENDED: its settings cannot be read"
    assert verdict(view(evidence=None)).value.endswith("; evidence not known yet")
