"""Alert rules and alerts: create, list, change, delete, preview, budget, history, acknowledge, snooze."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.documents import documented
from api.market_routes import Cursor
from api.replies import Writes, id_text, paged, place_of, reply, whole
from services.alerts import AlertService, AlertView, RuleView, wanted_of

PAGE = 100
RuleId = Annotated[str, PathParameter(max_length=40)]
_WANTED: Any = {
    "name": "worth a look", "when": {"metric": "z", "kind": "crosses", "threshold": 2.0, "hysteresis": 0.3},
    "severity": "warning", "cap_per_day": 5,
}  # fmt: skip
_RULE: Any = {
    "rule_id": "9f2c0a6b1d3e4f50", "revision": 1, "rule": _WANTED, "words": "z crosses 2", "hours": "always",
    "changed_ms": 1790046465580, "snoozed_ms": 0, "subjects": ["pair|usdm|ETHUSDT|BTCUSDT"], "today": 0, "held": 0,
}  # fmt: skip
_ALERT: Any = {
    "number": "12", "alert_id": "5d", "rule_id": "9f2c0a6b1d3e4f50", "name": "worth a look", "severity": "warning",
    "subject": "pair|usdm|ETHUSDT|BTCUSDT", "close_ms": 1790046465000, "values": {"z": 2.1}, "messages": [],
}  # fmt: skip
_FOUND = {"alerts": [], "held": 0, "paused": 0, "days": 3.2, "followed": 0, "reverted": 0, "median_adverse": None}
_PREVIEW: Any = {"pair|usdm|ETHUSDT|BTCUSDT": _FOUND}
_BUDGET: Any = {"rule": _WANTED, "threshold": 2.4, "expected": 1.9, "low": 1.2, "high": 2.9, "method": "empirical"}


class RuleBody(BaseModel):
    """A rule as `docs/alerts.md` describes it: a name, and when."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": _WANTED})


class SnoozeBody(BaseModel):
    """Until which time nothing is sent; 0 ends it."""

    model_config = ConfigDict(extra="forbid")
    until_ms: Annotated[int, Field(ge=0, lt=2**53, examples=[1_790_050_000_000])]


class BudgetBody(BaseModel):
    """The rule, and how many alerts a day it may give."""

    model_config = ConfigDict(extra="forbid")
    rule: Annotated[dict[str, Any], Field(examples=[_WANTED])]
    per_day: Annotated[float, Field(gt=0, le=1_000, examples=[2])]


def add_alert_routes(app: FastAPI, alerts: AlertService, writes: Writes) -> None:
    """All of ``/api/alerts``: rules under ``rules``, what they gave under ``history``. The three short paths are those
    of tools that know rules only, for which a rule is an alert."""
    _add_rules(app, alerts, writes)
    _add_one(app, alerts, writes)

    @app.post("/api/alerts/preview", **documented("alerts", "What a rule would have done", _PREVIEW, by_name=True))
    def preview(request: Request, body: RuleBody) -> Response:
        return reply(request, {name: _preview(found) for name, found in alerts.preview(body.model_dump()).items()})

    @app.post("/api/alerts/budget", **documented("alerts", "The threshold for so many alerts a day", _BUDGET))
    def budget(request: Request, body: BudgetBody) -> Response:
        found = alerts.budget(body.rule, body.per_day)
        return reply(request, _plain(found) | {"rule": wanted_of(found.rule)})

    @app.get("/api/alerts/history", **documented("alerts", "Alerts, the newest first", whole([_ALERT])))
    def history(
        request: Request,
        rule: Annotated[str, Query(max_length=40)] = "",
        cursor: Cursor = "",
    ) -> Response:
        place = place_of(request, 1)
        found = alerts.history(place and place.numbers[0], rule, PAGE + 1)
        rows = found[:PAGE]
        following = (rows[-1].number,) if len(found) > PAGE else None
        return reply(request, paged(request, [_alert(each) for each in rows], following))

    @app.post(
        "/api/alerts/history/{alert}/acknowledge", **documented("alerts", "Mark an alert as seen", {"seen": True})
    )
    async def acknowledge(request: Request, alert: RuleId) -> Response:
        return await writes.once(request, lambda: {"seen": alerts.acknowledge(alert)})


def _add_rules(app: FastAPI, alerts: AlertService, writes: Writes) -> None:
    @app.get("/api/alerts", **documented("alerts", "Every rule: as /api/alerts/rules", whole([_RULE])))
    @app.get("/api/alerts/rules", **documented("alerts", "Every rule, the oldest first", whole([_RULE])))
    def every(request: Request) -> Response:
        return reply(request, whole([_rule(each) for each in alerts.rules()]))

    @app.post("/api/alerts", **documented("alerts", "Make a rule: as /api/alerts/rules", _RULE, 201))
    @app.post("/api/alerts/rules", **documented("alerts", "Make a rule", _RULE, 201))
    async def create(request: Request, body: RuleBody) -> Response:
        return await writes.once(request, lambda: _rule(alerts.create(body.model_dump())), 201)

    @app.get("/api/alerts/rules/{rule}", **documented("alerts", "One rule", _RULE))
    def one(request: Request, rule: RuleId) -> Response:
        return reply(request, _rule(alerts.rule(rule)))


def _add_one(app: FastAPI, alerts: AlertService, writes: Writes) -> None:
    @app.patch("/api/alerts/rules/{rule}", **documented("alerts", "Change some fields of a rule", _RULE))
    async def change(request: Request, rule: RuleId, body: RuleBody) -> Response:
        return await writes.once(request, lambda: _rule(alerts.change(rule, body.model_dump())))

    @app.delete("/api/alerts/{rule}", **documented("alerts", "Delete a rule: as under rules", {"deleted": "9f"}))
    @app.delete("/api/alerts/rules/{rule}", **documented("alerts", "Delete a rule; its alerts stay", {"deleted": "9f"}))
    async def delete(request: Request, rule: RuleId) -> Response:
        def do() -> dict[str, str]:
            alerts.delete(rule)
            return {"deleted": rule}

        return await writes.once(request, do)

    @app.post("/api/alerts/rules/{rule}/snooze", **documented("alerts", "Send nothing of a rule for a while", _RULE))
    async def snooze(request: Request, rule: RuleId, body: SnoozeBody) -> Response:
        return await writes.once(request, lambda: _rule(alerts.snooze(rule, body.until_ms)))


def _rule(view: RuleView) -> dict[str, Any]:
    return _plain(view) | {"rule": wanted_of(view.rule)}


def _alert(view: AlertView) -> dict[str, Any]:
    messages = [
        {"channel": each.channel, "state": each.state, "attempts": each.attempts, "error": each.error}
        for each in view.messages
    ]
    return _plain(view.alert) | {"number": id_text(view.number), "seq": id_text(view.alert.seq), "messages": messages}


def _preview(found: Any) -> dict[str, Any]:
    return _plain(found) | {"alerts": [_plain(each) for each in found.alerts]}


def _plain(record: Any) -> dict[str, Any]:
    """The fields of a record; numbers that are not known are null."""
    values = {each.name: getattr(record, each.name) for each in dataclasses.fields(record)}
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
