"""Alert rules, their states, alerts and what is to be sent of them: a part of ``engine.store.interface``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule as text. ``revision`` grows with each change of it. It looks at what is read after the tick ``began_seq``
    and the event ``began_event_id``. ``changed_ms``: the machine's clock; until ``snoozed_ms``, the close of a bar, its
    alerts are not sent."""

    rule_id: str
    revision: int
    rule: str
    began_seq: int
    changed_ms: int
    snoozed_ms: int = 0
    began_event_id: int = 0


@dataclass(frozen=True, slots=True)
class RuleStateRow:
    """The state of a rule on one subject, a pair or symbol as text; an empty subject: of the rule in all."""

    rule_id: str
    subject: str
    state: str


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """One alert. ``kind``: ``alert``, or ``digest``: the cap held back ``held`` alerts of a day. ``close_ms`` of its
    bar, ``seq``: the tick that completed it. ``values`` of the bar by name, None unknown. ``sent_as``: ``outbox``, or
    why nothing was put there: ``snoozed``, ``no channel``. ``acknowledged_ms``: 0 before."""

    alert_id: str
    rule_id: str
    revision: int
    name: str
    severity: str
    kind: str
    subject: str
    run_id: str
    close_ms: int
    seq: int
    text: str
    values: dict[str, float | None]
    held: int
    sent_as: str
    made_at_ms: int = 0
    acknowledged_ms: int = 0


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message to one channel. ``outbox_id`` is its idempotency key: a receiver that keeps it takes it once.
    ``state``: ``pending``, ``sent`` or ``dead``; ``next_at_ms``: not before, by the machine's clock. ``digest``:
    empty before the first try, then the idempotency key of what it goes in: its own id alone, or a digest's."""

    outbox_id: str
    alert_id: str
    channel: str
    payload: dict[str, Any]
    state: str = "pending"
    attempts: int = 0
    next_at_ms: int = 0
    error: str = ""
    sent_at_ms: int = 0
    digest: str = ""


class AlertStore(Protocol):
    """A part of AnalysisStore: changes belong to its open transaction. Every method raises StoreError on failure."""

    def alert_rules(self) -> list[StoredRule]:
        """Every rule, the oldest first."""

    def keep_alert_rule(self, rule: StoredRule) -> None:
        """Add a rule, or replace the one with its id."""

    def delete_alert_rule(self, rule_id: str) -> None:
        """Delete a rule and its states as ``forget_alert_states``; its alerts stay, and what of them is pending."""

    def alert_states(self) -> list[RuleStateRow]:
        """The states of all rules."""

    def keep_alert_states(self, states: Iterable[RuleStateRow]) -> None:
        """Keep states, each instead of its earlier one."""

    def forget_alert_states(self, rule_id: str) -> None:
        """Drop the states of a rule on pairs and symbols: it starts anew. The count of its day stays, so that no change
        makes it give more alerts than its daily limit."""

    def add_alert(self, alert: StoredAlert, outbox: Iterable[OutboxRow]) -> bool:
        """Keep an alert and its messages; False for one that is there already, then nothing changes."""

    def acknowledge_alert(self, alert_id: str, at_ms: int) -> bool:
        """Mark an alert as seen; False if there is none, or it was marked before."""

    def alerts(
        self, limit: int, before: int | None = None, rule_id: str = "", severity: str = ""
    ) -> list[tuple[int, StoredAlert]]:
        """(number, alert), the newest first; ``before``: those with a lower number only; of one rule or severity."""

    def unseen_alerts(self) -> dict[str, int]:
        """How many alerts are not acknowledged, by severity."""


class Outbox(Protocol):
    """The messages for a sender; any thread may call, while the dashboard writes. Raises StoreError."""

    def due(self, now_ms: int, limit: int, but: Collection[str] = ()) -> list[OutboxRow]:
        """Pending messages whose time has come, the longest waiting first; none for the channels in ``but``."""

    def keep_attempts(self, rows: Iterable[OutboxRow]) -> int:
        """Keep state, attempts, time, error and digest of pending messages, all or none; how many were pending."""

    def of_digest(self, digest: str) -> list[OutboxRow]:
        """The pending messages that go in one digest, the oldest first."""

    def sent_since(self, from_ms: int) -> list[OutboxRow]:
        """What was sent from then on, in that order."""

    def snoozed(self) -> dict[str, int]:
        """By rule: it is snoozed for bars that close up to then; rules that are not are left out."""

    def of_alerts(self, alert_ids: Collection[str]) -> list[OutboxRow]:
        """The messages of these alerts, the oldest first."""

    def counts(self) -> dict[str, int]:
        """How many messages are in each state."""

    def dead(self, limit: int) -> list[OutboxRow]:
        """Messages that were given up, the newest first."""

    def revive(self, outbox_id: str, now_ms: int) -> bool:
        """Try a dead message again, from now on, without its digest; False if it is not dead."""
