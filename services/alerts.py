"""Alert rules for screens and routes: create, list, change, delete, preview, budget, history, acknowledge, snooze."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.alerts.budget import Budget, default_cap, solve_budget
from engine.alerts.preview import Preview, preview
from engine.alerts.rule_json import hours_in_words, in_words, rule_from_json, rule_of, rule_to_json, text_of
from engine.alerts.rules import AlertRule, features_of
from engine.errors import PairbridgeError, SettingsError
from engine.stats.checks import Floats, Ints
from engine.store.alerts import Outbox, OutboxRow, StoredAlert, StoredRule
from engine.store.interface import Cursor
from live.alert_messages import applies, pair_subject
from live.alerts import AlertDesk
from live.monitor import Monitor
from live.zones import offset_ms
from services.alert_board import AlertBoard
from services.alert_channels import Channels
from services.alert_subjects import histories_of, subjects_of
from services.requests import Changed, not_logged

PAGE = 100
MOST_RULES = 1_000
SNOOZED = 2**53 - 1  # until it is said otherwise
KEPT_DELETED = 50


class AlertMissing(PairbridgeError):
    """No rule or alert with this id."""


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule as it is stored. ``words`` of its conditions and ``hours``; ``subjects``: on what it is evaluated now;
    ``today`` and ``held``: alerts given and held back on the day of its newest bar."""

    rule_id: str
    revision: int
    rule: AlertRule
    words: str
    hours: str
    changed_ms: int
    snoozed_ms: int
    subjects: tuple[str, ...]
    today: int
    held: int


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert, its number in the history, and how far its messages are."""

    number: int
    alert: StoredAlert
    messages: tuple[OutboxRow, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would have done on a subject: the preview, and the closes and values of its first condition's metric,
    shape (bars,)."""

    subject: str
    preview: Preview
    close_ms: Ints
    values: Floats


def wanted_of(rule: AlertRule) -> dict[str, Any]:
    """A rule as ``create`` takes it: plain JSON values, without what is at its default."""
    return rule_to_json(rule)


class AlertService:
    """The rules of one monitor. Any thread may call."""

    def __init__(
        self,
        monitor: Monitor,
        outbox: Outbox,
        require_owner: Callable[[], None],
        channels: Channels,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        changed: Changed = not_logged,
    ) -> None:
        """``require_owner`` raises NotAllowed for callers with read access only; ``channels``: where alerts can
        be sent; ``clock_ms``: the machine's; ``changed`` logs each change."""
        self._changed = changed
        self._monitor = monitor
        self._outbox = outbox
        self._require_owner = require_owner
        self._clock_ms = clock_ms
        self._deleted: dict[str, StoredRule] = {}
        self.board = AlertBoard(monitor, clock_ms)
        self.channels = channels

    def rules(self) -> list[RuleView]:
        """Every rule, the oldest first."""
        with self._monitor.lock:
            return [self._view(stored, rule) for stored, rule in self._monitor.alerts.rules]

    def rule(self, rule_id: str) -> RuleView:
        """One rule. Raises AlertMissing."""
        with self._monitor.lock:
            return self._view(*self._found(rule_id))

    def create(self, wanted: Mapping[str, Any]) -> RuleView:
        """Add a rule, given as in ``rule_to_json``. Raises SettingsError, NotAllowed, StoreError."""
        self._require_owner()
        rule, rule_id = self._checked(wanted), secrets.token_hex(8)
        with self._monitor.lock:  # refused before anything changes
            count = len(self._monitor.alerts.rules)
            if count >= MOST_RULES:
                raise SettingsError(f"{count} alert rules; expected at most {MOST_RULES}")
            text, at_ms = text_of(rule), self._clock_ms()
            self._monitor.change_alerts(
                lambda desk, at: desk.store.keep_alert_rule(_begun(StoredRule(rule_id, 1, text, 0, at_ms), at))
            )
            made = self.rule(rule_id)
        self._changed(f"make the alert rule {rule_id}", None, rule_to_json(rule))
        return made

    def change(self, rule_id: str, changes: Mapping[str, Any]) -> RuleView:
        """Change some fields of a rule. What it does is another rule then, with a new state; a new name, severity,
        channels or budget for display keep the state, and every change the count of the day. Raises AlertMissing,
        SettingsError, NotAllowed, StoreError."""
        self._require_owner()
        with self._monitor.lock:
            stored, before = self._found(rule_id)
            rule = self._checked({**rule_to_json(before), **changes})
            is_same = _of_state(rule) == _of_state(before)
            at_ms = self._clock_ms()
            changed = replace(stored, revision=stored.revision + 1, rule=text_of(rule), changed_ms=at_ms)

            def work(desk: AlertDesk, at: Cursor) -> None:
                if not is_same:
                    desk.store.forget_alert_states(rule_id)
                desk.store.keep_alert_rule(changed if is_same else _begun(changed, at))

            self._monitor.change_alerts(work)
            made = self.rule(rule_id)
        self._changed(f"change the alert rule {rule_id}", rule_to_json(before), rule_to_json(rule))
        return made

    def enable(self, rule_id: str, is_enabled: bool) -> RuleView:
        """Switch a rule on or off; it begins anew. See ``change``."""
        return self.change(rule_id, {"enabled": is_enabled})

    def delete(self, rule_id: str) -> None:
        """Delete a rule; its alerts stay. Raises AlertMissing, NotAllowed, StoreError."""
        self._require_owner()
        with self._monitor.lock:
            stored, before = self._found(rule_id)
            self._monitor.change_alerts(lambda desk, _: desk.store.delete_alert_rule(rule_id))
            self._deleted[rule_id] = stored
            while len(self._deleted) > KEPT_DELETED:
                del self._deleted[next(iter(self._deleted))]
        self._changed(f"delete the alert rule {rule_id}", rule_to_json(before), None)

    def undelete(self, rule_id: str) -> RuleView:
        """Take back a deletion of this process's time: the rule begins anew under its id. Raises AlertMissing,
        NotAllowed, StoreError."""
        self._require_owner()
        with self._monitor.lock:
            stored = self._deleted.get(rule_id)
            if stored is None:
                raise AlertMissing(f"the deleted rule {rule_id!r} is not kept; expected one of the newest deletions")
            again = replace(stored, revision=stored.revision + 1, changed_ms=self._clock_ms())
            self._monitor.change_alerts(lambda desk, at: desk.store.keep_alert_rule(_begun(again, at)))
            del self._deleted[rule_id]
            found = self.rule(rule_id)
        self._changed(f"take back the deletion of the alert rule {rule_id}", None, rule_to_json(found.rule))
        return found

    def snooze(self, rule_id: str, until_ms: int = SNOOZED) -> RuleView:
        """Send nothing of a rule for bars that close up to a time; 0 ends it. Its alerts are still kept. Raises
        AlertMissing, NotAllowed, StoreError."""
        self._require_owner()
        with self._monitor.lock:
            before = self.rule(rule_id).snoozed_ms
            self._monitor.tell_alerts(lambda desk: desk.snooze(rule_id, until_ms))
            found = self.rule(rule_id)
        self._changed(f"snooze the alert rule {rule_id}", {"snoozed_ms": before}, {"snoozed_ms": until_ms})
        return found

    def history(
        self, before: int | None = None, rule_id: str = "", limit: int = PAGE, severity: str = ""
    ) -> list[AlertView]:
        """Alerts, the newest first; ``before``: those with a lower number; of one rule or severity. Raises
        StoreError."""
        with self._monitor.lock:
            found = self._monitor.analysis.alerts(limit, before, rule_id, severity)
        messages: dict[str, list[OutboxRow]] = {alert.alert_id: [] for _, alert in found}
        for row in self._outbox.of_alerts(messages):
            messages[row.alert_id].append(row)
        return [AlertView(number, alert, tuple(messages[alert.alert_id])) for number, alert in found]

    def acknowledge(self, alert_id: str) -> bool:
        """Mark an alert as seen; False if there is none, or it was before. Raises NotAllowed, StoreError."""
        self._require_owner()
        at_ms = self._clock_ms()
        is_new = self._monitor.tell_alerts(lambda desk: desk.acknowledge(alert_id, at_ms))
        if is_new:
            self._changed(f"acknowledge the alert {alert_id}", None, {"acknowledged_ms": at_ms})
        return is_new

    def parity(self, watch_id: int, is_equal: bool) -> None:
        """The result of a parity check of a pair, for the rules that read it. Raises StoreError."""
        with self._monitor.lock:
            watch = self._monitor.watches.get(watch_id)
            if watch is None:
                return
            subject = pair_subject(watch.entry.market, watch.entry.y, watch.entry.x)
            value = 1.0 if is_equal else 0.0
            self._monitor.tell_alerts(lambda desk: desk.set_input(subject, "parity", value))

    def preview(self, wanted: Mapping[str, Any]) -> dict[str, Preview]:
        """What a rule would have done on the stored bars of the runs that are followed, by subject; a cap counts for
        each on its own. Raises SettingsError."""
        return {each.subject: each.preview for each in self.trials(wanted)}

    def trials(self, wanted: Mapping[str, Any]) -> list[Trial]:
        """As ``preview``, with the bars. Raises SettingsError."""
        rule = self._checked(wanted)
        first = features_of(rule)[0]
        return [
            Trial(
                each.subject, preview(rule, each.history, each.z, each.half_life_bars, each.exit_z),
                each.history.close_ms, each.history.column(first),
            )
            for each in histories_of(self._monitor, rule)
        ]  # fmt: skip

    def budget(self, wanted: Mapping[str, Any], per_day: float, leaf: int = 0) -> Budget:
        """The rule with a threshold for at most ``per_day`` alerts a day, from the stored bars of its pair or symbol. A
        rule on several pairs is solved on the one with the most bars, for an equal share each. Raises SettingsError."""
        rule = self._checked(wanted)
        histories = histories_of(self._monitor, rule)
        longest = max(histories, key=lambda each: each.history.bars, default=None)
        if longest is None:
            raise SettingsError("no stored bars for this rule; expected a watched pair with bars")
        found = solve_budget(rule, longest.history, per_day / len(histories), leaf)
        if len(histories) == 1:
            return found
        cap = rule.cap_per_day or default_cap(per_day)
        return replace(found, rule=replace(found.rule, cap_per_day=cap, budget_per_day=per_day), cap=cap)

    def _checked(self, wanted: Mapping[str, Any]) -> AlertRule:
        rule = rule_from_json(wanted)
        check_zone(rule.schedule.zone)
        return rule

    def _found(self, rule_id: str) -> tuple[StoredRule, AlertRule]:
        for stored in self._monitor.analysis.alert_rules():
            if stored.rule_id == rule_id:
                return stored, rule_of(stored.rule)
        raise AlertMissing(f"there is no alert rule {rule_id!r}; expected the id of one")

    def _view(self, stored: StoredRule, rule: AlertRule) -> RuleView:
        subjects = tuple(each.name for each in subjects_of(self._monitor) if applies(rule.scope, each.name))
        today, held = self._monitor.alerts.today(stored.rule_id)
        return RuleView(
            stored.rule_id, stored.revision, rule, in_words(rule.when), hours_in_words(rule.schedule),
            stored.changed_ms, stored.snoozed_ms, subjects, today, held,
        )  # fmt: skip


def check_zone(name: str) -> None:
    """Raises SettingsError for what is no time zone."""
    try:
        offset_ms(name, 0)
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise SettingsError(f"the zone is {name!r}; expected a name such as Europe/Berlin") from error


def _begun(stored: StoredRule, at: Cursor) -> StoredRule:
    """The rule, from this position on."""
    return replace(stored, began_seq=at.seq, began_event_id=at.event_id)


def _of_state(rule: AlertRule) -> AlertRule:
    """What a state depends on."""
    return replace(rule, name="", severity="info", channels=(), budget_per_day=None)
