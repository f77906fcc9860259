"""What screens are told of alerts as they happen. Pure."""

from __future__ import annotations

from typing import Any

from engine.alerts.rules import AlertRule
from engine.store.alerts import StoredAlert
from screen.components.addresses import ALERTS, pair_path
from screen.pages.alerts import labels
from services.alert_board import AlertNews
from services.alerts import AlertService


def alert_news(news: AlertNews) -> dict[str, Any]:
    """For every page: the badge's number, and the newest alerts, of which a screen tells those that it has not told."""
    newest = [
        {"number": number, "said": alert.text, "severity": alert.severity, "path": path_of(alert)}
        for number, alert in news.newest
    ]
    return {"version": news.version, "unseen": news.unseen, "newest": newest}


def path_of(alert: StoredAlert) -> str:
    """Where an alert is looked into: its pair, or the page of alerts."""
    kind, market, *names = alert.subject.split("|")
    return pair_path(market, names[0], names[1]) if kind == "pair" else ALERTS


def rules_now(alerts: AlertService) -> dict[str, dict[str, str]]:
    """The texts of each rule that change with the bars, by rule."""
    rules: dict[str, AlertRule] = alerts.board.rules()
    return {
        now.rule_id: {
            "phase": labels.phase(now),
            "distance": labels.distance(now, rules[now.rule_id].scope),
            "today": labels.fired_today(now.today, now.held, rules[now.rule_id].cap_per_day),
        }
        for now in alerts.board.now()
        if now.rule_id in rules
    }
