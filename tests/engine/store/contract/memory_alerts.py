"""Alerts and their outbox in memory: ``engine.store.alerts`` needs no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

from engine.store.alerts import OutboxRow, RuleStateRow, StoredAlert, StoredRule


class MemoryAlerts:
    """Implements AlertStore and Outbox over the same rows."""

    def __init__(self) -> None:
        self._rules: dict[str, StoredRule] = {}
        self._states: dict[tuple[str, str], RuleStateRow] = {}
        self._alerts: dict[str, StoredAlert] = {}
        self._outbox: dict[str, OutboxRow] = {}

    def alert_rules(self) -> list[StoredRule]:
        return list(self._rules.values())

    def keep_alert_rule(self, rule: StoredRule) -> None:
        self._rules[rule.rule_id] = rule

    def delete_alert_rule(self, rule_id: str) -> None:
        self._rules.pop(rule_id, None)
        self.forget_alert_states(rule_id)

    def alert_states(self) -> list[RuleStateRow]:
        return list(self._states.values())

    def keep_alert_states(self, states: Iterable[RuleStateRow]) -> None:
        self._states.update({(state.rule_id, state.subject): state for state in states})

    def forget_alert_states(self, rule_id: str) -> None:
        self._states = {
            key: state for key, state in self._states.items() if state.rule_id != rule_id or not state.subject
        }

    def add_alert(self, alert: StoredAlert, outbox: Iterable[OutboxRow]) -> bool:
        if alert.alert_id in self._alerts:
            return False
        self._alerts[alert.alert_id] = alert
        self._outbox.update({row.outbox_id: row for row in outbox})
        return True

    def acknowledge_alert(self, alert_id: str, at_ms: int) -> bool:
        alert = self._alerts.get(alert_id)
        if alert is None or alert.acknowledged_ms:
            return False
        self._alerts[alert_id] = replace(alert, acknowledged_ms=at_ms)
        return True

    def alerts(
        self, limit: int, before: int | None = None, rule_id: str = "", severity: str = ""
    ) -> list[tuple[int, StoredAlert]]:
        found = [(at, each) for at, each in enumerate(self._alerts.values(), 1) if rule_id in ("", each.rule_id)]
        found = [(at, each) for at, each in found if severity in ("", each.severity)]
        return [(at, each) for at, each in found[::-1] if before is None or at < before][:limit]

    def due(self, now_ms: int, limit: int, but: Collection[str] = ()) -> list[OutboxRow]:
        pending = [row for row in self._outbox.values() if row.state == "pending" and row.channel not in but]
        found = [row for row in pending if row.next_at_ms <= now_ms]
        return sorted(found, key=lambda row: row.next_at_ms)[:limit]

    def _keep_attempt(self, row: OutboxRow) -> bool:
        known = self._outbox.get(row.outbox_id)
        if known is None or known.state != "pending":
            return False
        self._outbox[row.outbox_id] = replace(row, payload=known.payload)
        return True

    def keep_attempts(self, rows: Iterable[OutboxRow]) -> int:
        return sum(self._keep_attempt(row) for row in rows)

    def of_digest(self, digest: str) -> list[OutboxRow]:
        return [row for row in self._outbox.values() if digest and row.digest == digest and row.state == "pending"]

    def sent_since(self, from_ms: int) -> list[OutboxRow]:
        found = [row for row in self._outbox.values() if row.state == "sent" and row.sent_at_ms >= from_ms]
        return sorted(found, key=lambda row: row.sent_at_ms)

    def snoozed(self) -> dict[str, int]:
        return {rule.rule_id: rule.snoozed_ms for rule in self.alert_rules() if rule.snoozed_ms}

    def of_alerts(self, alert_ids: Collection[str]) -> list[OutboxRow]:
        return [row for row in self._outbox.values() if row.alert_id in alert_ids]

    def counts(self) -> dict[str, int]:
        return dict(Counter(row.state for row in self._outbox.values()))

    def dead(self, limit: int) -> list[OutboxRow]:
        return [row for row in self._outbox.values() if row.state == "dead"][::-1][:limit]

    def revive(self, outbox_id: str, now_ms: int) -> bool:
        row = self._outbox.get(outbox_id)
        if row is None or row.state != "dead":
            return False
        kept = row.digest if row.digest == outbox_id else ""
        self._outbox[outbox_id] = replace(row, state="pending", attempts=0, next_at_ms=now_ms, digest=kept)
        return True
