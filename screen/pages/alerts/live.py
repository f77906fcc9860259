"""What screens are told of alerts as they happen. Pure."""

from __future__ import annotations

from typing import Any

from engine.alerts.rules import AlertRule
from engine.store.alerts import StoredAlert
from screen.components.addresses import ALERTS, pair_path
from screen.pages.alerts import labels
from services.alert_board import AlertNews, RuleNow
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


class RulesNow:
    """The texts of each rule that change with the bars, composed once for each change."""

    def __init__(self, alerts: AlertService) -> None:
        self._alerts = alerts
        self._of: list[RuleNow] = []
        self._texts: dict[str, dict[str, str]] = {}

    def texts(self) -> dict[str, dict[str, str]]:
        """By rule."""
        now = self._alerts.board.now()
        if now is not self._of:
            rules: dict[str, AlertRule] = self._alerts.board.rules()
            self._texts = {each.rule_id: _texts(each, rules[each.rule_id]) for each in now if each.rule_id in rules}
            self._of = now
        return self._texts


def _texts(now: RuleNow, rule: AlertRule) -> dict[str, str]:
    return {
        "phase": labels.phase(now),
        "distance": labels.distance(now, rule.scope),
        "today": labels.fired_today(now.today, now.held, rule.cap_per_day),
    }
