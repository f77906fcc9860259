"""Alerts over HTTP: a rule from its making to its deletion, what it would have done, what it gave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.alert_routes import PAGE
from engine.store.alerts import StoredAlert
from services.alerts import AlertService, AlertView
from tests.api.stand import Stand, opened

WANTED = {"name": "far", "when": {"metric": "z", "kind": "crosses", "threshold": 2.0}, "severity": "warning"}


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with opened(tmp_path) as made:
        yield made


async def test_a_rule_is_made_changed_snoozed_and_deleted(stand: Stand) -> None:
    key = {"Idempotency-Key": "once"}
    made = await stand.owner.post("/api/alerts/rules", json=WANTED, headers=key)
    again = await stand.owner.post("/api/alerts/rules", json=WANTED, headers=key)
    assert made.status_code == again.status_code == 201 and made.json() == again.json()
    rule = made.json()["rule_id"]
    listed = (await stand.viewer.get("/api/alerts/rules")).json()["items"]
    assert [each["rule_id"] for each in listed] == [rule] and listed[0]["rule"]["when"] == WANTED["when"]
    changed = await stand.owner.patch(f"/api/alerts/rules/{rule}", json={"cap_per_day": 2})
    assert changed.json()["rule"]["cap_per_day"] == 2 and changed.json()["revision"] == 2
    quiet = await stand.owner.post(f"/api/alerts/rules/{rule}/snooze", json={"until_ms": 2**52})
    assert quiet.json()["snoozed_ms"] == 2**52
    assert (await stand.viewer.get(f"/api/alerts/rules/{rule}")).json()["snoozed_ms"] == 2**52
    assert (await stand.owner.delete(f"/api/alerts/rules/{rule}")).json() == {"deleted": rule}
    missing = await stand.viewer.get(f"/api/alerts/rules/{rule}")
    assert missing.status_code == 404 and missing.json()["code"] == "alert"


async def test_each_change_of_a_rule_is_in_the_log(stand: Stand) -> None:
    rule = (await stand.owner.post("/api/alerts/rules", json=WANTED)).json()["rule_id"]
    await stand.owner.patch(f"/api/alerts/rules/{rule}", json={"cap_per_day": 2})
    await stand.owner.post(f"/api/alerts/rules/{rule}/snooze", json={"until_ms": 7})
    await stand.owner.delete(f"/api/alerts/rules/{rule}")
    changes = (await stand.owner.get("/api/audit")).json()["items"]
    assert [each["what"] for each in changes] == [
        f"{what} the alert rule {rule}" for what in ("delete", "snooze", "change", "make")
    ]
    deleted, snoozed, changed, made = changes
    assert {each["who"] for each in changes} == {"the key of the data folder"}
    assert made["before"] is None and made["after"]["when"] == WANTED["when"]
    assert changed["before"] == made["after"] and changed["after"] == made["after"] | {"cap_per_day": 2}
    assert (snoozed["before"], snoozed["after"]) == ({"snoozed_ms": 0}, {"snoozed_ms": 7})
    assert deleted["before"] == changed["after"] and deleted["after"] is None


async def test_a_full_page_of_the_history_is_not_followed_by_an_empty_one(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = [alert_view(number) for number in range(PAGE + 1, 0, -1)]

    def history(self: AlertService, before: int | None = None, rule: str = "", limit: int = 0) -> list[AlertView]:
        return [each for each in views if before is None or each.number < before][:limit]

    monkeypatch.setattr(AlertService, "history", history)
    first = (await stand.viewer.get("/api/alerts/history")).json()
    last = (await stand.viewer.get(f"/api/alerts/history?cursor={first['next']}")).json()
    assert (len(first["items"]), len(last["items"]), last["next"]) == (PAGE, 1, None)
    del views[0]
    only = (await stand.viewer.get("/api/alerts/history")).json()
    assert len(only["items"]) == PAGE and only["next"] is None


def alert_view(number: int) -> AlertView:
    alert = StoredAlert(f"a{number}", "r", 1, "far", "info", "z", "pair|sim|A|B", "run", 0, number, "", {}, 0, "sent")
    return AlertView(number, alert, ())


async def test_what_cannot_be_is_said(stand: Stand) -> None:
    for wanted, said in (
        ({}, "expected a name and when"),
        (WANTED | {"when": {"metric": "mood", "kind": "above"}}, "mood"),
        (WANTED | {"severity": "loud"}, "loud"),
    ):
        answer = await stand.owner.post("/api/alerts/rules", json=wanted)
        assert answer.status_code == 400 and said in answer.json()["detail"], answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_preview_and_budget_use_the_stored_bars(stand: Stand) -> None:
    found = await stand.owner.post("/api/alerts/preview", json=WANTED)
    ((subject, preview),) = found.json().items()
    assert subject == "pair|sim|YUSDT|XUSDT" and preview["days"] > 0 and isinstance(preview["alerts"], list)
    solved = await stand.owner.post("/api/alerts/budget", json={"rule": WANTED, "per_day": 5})
    assert solved.status_code == 400 and "expected at least 500 for a budget" in solved.json()["detail"]


async def test_the_history_is_empty_at_first_and_what_is_not_there_is_not_seen(stand: Stand) -> None:
    assert (await stand.viewer.get("/api/alerts/history")).json() == {"items": [], "next": None}
    seen = await stand.owner.post("/api/alerts/history/nothing/acknowledge")
    assert seen.json() == {"seen": False}


async def test_channels_are_masked_and_their_secret_is_shown_once(stand: Stand) -> None:
    wanted = {"name": "desk", "kind": "webhook", "address": "https://93.184.215.14/alerts/very-secret-path"}
    made = await stand.owner.post("/api/alerts/channels", json=wanted)
    assert made.status_code == 201 and made.headers["cache-control"] == "no-store", made.text
    channel, secret = made.json()["channel_id"], made.json()["secret"]
    assert len(secret) >= 32 and "very-secret-path" not in made.text
    listed = await stand.viewer.get("/api/alerts/channels")
    assert [each["name"] for each in listed.json()["items"]] == ["desk"]
    assert secret not in listed.text and "very-secret-path" not in listed.text
    changed = await stand.owner.patch(f"/api/alerts/channels/{channel}", json={"name": "the desk"})
    assert changed.json()["name"] == "the desk" and changed.json()["secret"] == ""
    assert (await stand.owner.delete(f"/api/alerts/channels/{channel}")).json() == {"removed": channel}
    assert (await stand.owner.delete(f"/api/alerts/channels/{channel}")).status_code == 404
    for bad, said in (({"kind": "pigeon"}, "pigeon"), ({"address": "http://93.184.215.14/"}, "https")):
        answer = await stand.owner.post("/api/alerts/channels", json=wanted | bad)
        assert answer.status_code == 400 and said in answer.json()["detail"], answer.text
