"""What is sent, and what came of it. Both are values: senders take a message and return an outcome."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.store.alerts import OutboxRow

SEVERITIES = ("info", "warning", "critical")
MOST_LISTED = 20  # alerts of a digest that are told one by one


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``key``: a receiver that keeps it takes the message once. ``payload``: the same for programs."""

    key: str
    severity: str
    title: str
    body: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``sent``; ``retry``: perhaps later, not before ``retry_after_s`` if the receiver said so; ``refused``: never.
    ``error`` never holds an address."""

    state: Literal["sent", "retry", "refused"]
    error: str = ""
    retry_after_s: float | None = None


SENT = Outcome("sent")


def message_of(row: OutboxRow) -> Message:
    """The message of one alert."""
    alert = row.payload
    return Message(row.outbox_id, alert["severity"], f"{alert['severity']}: {alert['name']}", alert["text"], alert)


def digest_key(rows: Sequence[OutboxRow]) -> str:
    """The idempotency key of these in one message: a function of what it holds."""
    return hashlib.sha256("|".join(sorted(row.outbox_id for row in rows)).encode()).hexdigest()[:32]


def digest_of(rows: Sequence[OutboxRow]) -> Message:
    """One message for many alerts: how many of each rule, and the first ones; rows have their digest's key."""
    alerts = [row.payload for row in rows]
    key, listed = rows[0].digest, alerts[:MOST_LISTED]
    counts = Counter(alert["name"] for alert in alerts)
    severity = max((alert["severity"] for alert in alerts), key=SEVERITIES.index)
    lines = [", ".join(f"{name}: {count}" for name, count in counts.most_common(MOST_LISTED))]
    lines += [str(alert["text"]) for alert in listed]
    if len(alerts) > len(listed):
        lines.append(f"and {len(alerts) - len(listed)} more, in the history")
    payload = {
        "id": key, "kind": "storm", "severity": severity, "count": len(alerts),
        "rules": dict(counts.most_common(MOST_LISTED)), "alerts": listed,
    }  # fmt: skip
    return Message(key, severity, f"{severity}: {len(alerts)} alerts", "\n".join(lines), payload)
