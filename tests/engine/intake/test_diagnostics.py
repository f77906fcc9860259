from __future__ import annotations

from dataclasses import replace

import pytest

from engine.intake.bridge_state import Facts, State, evaluate
from engine.intake.diagnostics import BridgeReport, GapFacts, findings
from engine.intake.messages import Beat
from engine.market.coverage import Gap
from engine.market.records import GapUpdate

WELL = {"upstream": "open", "age_ms": 10.0, "queued": 0, "unacked": 1, "visible": True, "clock_ms": 0.0}


def report(age_ms: int = 100, skew_ms: float = 50.0, **beat: object) -> BridgeReport:
    return BridgeReport("page", Beat(**(WELL | beat)), age_ms, skew_ms)  # type: ignore[arg-type]


def news(given_up: str | None = None) -> GapUpdate:
    return GapUpdate("usdm", "BTCUSDT", Gap(5, 9), (Gap(5, 6), Gap(9, 9)), given_up)


def lost(reason: str) -> GapFacts:
    return GapFacts(1, 1, 0, False, (news(reason),))


def test_nobody_is_sent_for_files_where_the_exchange_itself_has_no_usable_trade() -> None:
    (geo,) = findings([], lost("geo-blocked"), 0)
    (zero,) = findings([], lost("the exchange's row cannot be used: quantity is '0.000'; expected more than 0"), 0)
    assert "python -m feeds FILE" in geo.advice and "feeds" not in zero.advice and "nothing can fill it" in zero.advice


def test_a_healthy_flow_has_no_findings() -> None:
    assert findings([report(lag_ms=120.0, skew_ms=-300.0)], GapFacts(), 500) == []


@pytest.mark.parametrize(
    ("found", "code", "says"),
    [
        (([report(age_ms=4_000)], GapFacts(), 0), "frozen", "silent for 4 s"),
        (
            ([report(permission="local network access denied")], GapFacts(), 0),
            "permission",
            "local network access denied",
        ),
        (([report(skew_ms=-5_000.0)], GapFacts(), 0), "clock-skew", "5.0 s behind this computer's"),
        (([report(lag_ms=3_500.0)], GapFacts(), 0), "exchange-lag", "3.5 s after they happened"),
        (([report(queued=50_000)], GapFacts(), 0), "backlog", "50,000 rows wait in the page"),
        (([], GapFacts(), 30_000), "backpressure", "30,000 rows wait for the disk"),
        (([], GapFacts(1, 0, 3, is_fetching=True), 0), "gaps-open", "3 trades are missing and being fetched."),
        (([], GapFacts(1, 0, 3), 0), "gaps-open", "3 trades are missing."),
        (([], lost("geo-blocked"), 0), "gaps-lost", "3 trades of BTCUSDT could not be fetched: geo-blocked"),
        (([], GapFacts(10_001, 4_000, 60_000), 0), "gaps-many", "10,001 stretches of trades are missing"),
    ],
)
def test_each_trouble_is_named_with_what_to_do(found: tuple, code: str, says: str) -> None:  # type: ignore[type-arg]
    (finding,) = findings(*found)
    assert finding.code == code and says in finding.what and finding.advice


def test_the_exchanges_clock_is_told_apart_from_ours() -> None:
    beat = Beat(**(WELL | {"skew_ms": 4_000.0}))  # type: ignore[arg-type]
    (finding,) = findings([BridgeReport("page", beat, 10, 0.0)], GapFacts(), 0)
    assert finding.code == "clock-skew-exchange" and "4.0 s ahead of the exchange's" in finding.what


FLOWING = Facts(sign_age_ms=100, trade_age_ms=100, upstream="open")
CAUSES = {
    "wrong route": replace(FLOWING, upstream="wrong-route"),
    "upstream down": replace(FLOWING, upstream="closed"),
    "one symbol silent": replace(FLOWING, silent=("ETHUSDT",)),
    "tab frozen": report(age_ms=4_000),
    "permission denied": report(permission="denied"),
    "clock skew": report(skew_ms=5_000.0),
    "exchange lag": report(lag_ms=3_000.0),
    "backpressure": report(queued=50_000),
    "storage stalled": replace(FLOWING, unstored_ms=4_000),
    "disk full": replace(FLOWING, store_error="the disk is full"),
    "gaps open": GapFacts(1, 0, 3),
}


@pytest.mark.parametrize("name", CAUSES)
def test_each_of_the_eleven_causes_is_named_on_the_dashboard_with_what_to_do(name: str) -> None:
    """Problems that stop the flow are its one state, the others are diagnostics; the page's own table is tested in
    node."""
    given = CAUSES[name]
    if isinstance(given, Facts):
        status = evaluate(given, 2_500)
        assert status.state not in (State.LIVE, State.QUIET)
        named = (status.state.value, status.cause, status.advice)
    else:
        (finding,) = findings([], given, 0) if isinstance(given, GapFacts) else findings([given], GapFacts(), 0)
        named = (finding.code, finding.what, finding.advice)
    assert all(named)
