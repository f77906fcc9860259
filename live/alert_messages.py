"""An alert as it is stored, and its messages. Ids are functions of what they name: what is made again is the same."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import NamedTuple

from engine.alerts.evaluator import Fired
from engine.alerts.rules import AlertRule, Scope
from engine.store.alerts import OutboxRow, StoredAlert, StoredRule
from live.alert_text import alert_text

Values = dict[str, float | None]


class Moment(NamedTuple):
    """When a rule is looked at: the run and the close of its bar, the tick, and the event of the bridge that was the
    reason; 0: the bar itself was."""

    run_id: str
    close_ms: int
    seq: int
    event_id: int = 0


def pair_subject(market: str, y: str, x: str) -> str:
    """The subject of a pair's rules."""
    return f"pair|{market}|{y}|{x}"


def symbol_subject(market: str, symbol: str) -> str:
    """The subject of a symbol's rules."""
    return f"symbol|{market}|{symbol}"


def subject_name(subject: str) -> str:
    """For display.

    >>> subject_name("pair|usdm|ETHUSDT|BTCUSDT")
    'ETHUSDT~BTCUSDT'
    """
    return "~".join(subject.split("|")[2:])


def applies(scope: Scope, subject: str) -> bool:
    """Whether a rule of this scope is evaluated on a subject.

    >>> applies(Scope(market="spot"), "pair|usdm|ETHUSDT|BTCUSDT"), applies(Scope(), "pair|usdm|ETHUSDT|BTCUSDT")
    (False, True)
    """
    kind, market, *names = subject.split("|")
    if scope.kind == "watched":
        return kind == "pair" and scope.market in ("", market)
    wanted = [scope.y, scope.x] if scope.kind == "pair" else [scope.y]
    return (scope.kind, scope.market, wanted) == (kind, market, names)


def alerts_of(
    stored: StoredRule, rule: AlertRule, given: Fired, subject: str, moment: Moment, values: Values
) -> list[StoredAlert]:
    """The alert of a rule, and before it the digest of the day before. Two events in one bar are two alerts."""
    run_id, close_ms, seq, event_id = moment
    is_snoozed = close_ms <= stored.snoozed_ms
    sent_as = "snoozed" if is_snoozed else "outbox" if rule.channels else "no channel"
    found = []
    for kind, held in [("digest", given.digest)] * bool(given.digest) + [("alert", 0)] * given.is_alert:
        identity = f"{stored.rule_id}|{stored.revision}|{kind}|{subject}|{run_id}|{close_ms}"
        identity += f"|event {event_id}" if event_id else ""
        alert_id = hashlib.sha256(identity.encode()).hexdigest()[:24]
        text = alert_text(rule.name, subject, values, close_ms, held)
        found.append(
            StoredAlert(
                alert_id, stored.rule_id, stored.revision, rule.name, rule.severity, kind, subject, run_id, close_ms,
                seq, text, values, held, sent_as,
            )
        )  # fmt: skip
    return found


def messages_of(alert: StoredAlert, channels: tuple[str, ...], at_ms: int) -> list[OutboxRow]:
    """One for each channel, due at once; none for an alert that is not sent."""
    if alert.sent_as != "outbox":
        return []
    payload = {name: value for name, value in asdict(alert).items() if name not in ("sent_as", "acknowledged_ms")}
    rows = []
    for channel in dict.fromkeys(channels):
        outbox_id = hashlib.sha256(f"{alert.alert_id}|{channel}".encode()).hexdigest()[:32]
        rows.append(OutboxRow(outbox_id, alert.alert_id, channel, {"id": outbox_id, **payload}, next_at_ms=at_ms))
    return rows
