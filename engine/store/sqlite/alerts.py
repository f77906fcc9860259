"""Alert rules, states, alerts and the outbox in ``analysis.db``."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.errors import StoreError
from engine.store.alerts import OutboxRow, RuleStateRow, StoredAlert, StoredRule
from engine.store.sqlite.files import readable

ALERTS = """
CREATE TABLE alert_rules (
    rule_id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    rule TEXT NOT NULL,             -- JSON: see engine.alerts.rule_json
    began_seq INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    snoozed_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE alert_states (
    rule_id TEXT NOT NULL,
    subject TEXT NOT NULL,          -- a pair or a symbol; empty: the rule in all
    state TEXT NOT NULL,
    PRIMARY KEY (rule_id, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    number INTEGER PRIMARY KEY,     -- the order in which they were given
    alert_id TEXT NOT NULL UNIQUE,
    rule_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    severity TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    run_id TEXT NOT NULL,
    close_ms INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    text TEXT NOT NULL,
    "values" TEXT NOT NULL,         -- JSON: of the bar, by name
    held INTEGER NOT NULL,
    sent_as TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL,    -- the machine's clock
    acknowledged_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX alerts_by_rule ON alerts (rule_id, number);

CREATE TABLE outbox (
    outbox_id TEXT PRIMARY KEY,     -- the idempotency key
    alert_id TEXT NOT NULL REFERENCES alerts (alert_id),
    channel TEXT NOT NULL,          -- an id: addresses are not in the database
    payload TEXT NOT NULL,          -- JSON
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dead')),
    attempts INTEGER NOT NULL,
    next_at_ms INTEGER NOT NULL,
    error TEXT NOT NULL,
    sent_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_time ON outbox (state, next_at_ms);
CREATE INDEX outbox_by_alert ON outbox (alert_id);
"""

DIGESTS = """
ALTER TABLE outbox ADD COLUMN digest TEXT NOT NULL DEFAULT '';  -- the key of what it goes in, once that was tried
CREATE INDEX outbox_by_digest ON outbox (digest) WHERE digest<>'';
"""

PLACES = """
ALTER TABLE alert_rules ADD COLUMN began_event_id INTEGER NOT NULL DEFAULT 0;
CREATE INDEX alerts_unseen ON alerts (severity, acknowledged_ms) WHERE acknowledged_ms=0;
CREATE INDEX alerts_by_severity ON alerts (severity, number);
CREATE INDEX outbox_sent ON outbox (state, sent_at_ms);
CREATE INDEX outbox_dead ON outbox (state) WHERE state='dead';
"""

_RULE = [each.name for each in dataclasses.fields(StoredRule)]
ALERT = [f'"{each.name}"' for each in dataclasses.fields(StoredAlert)]
_OUTBOX = [each.name for each in dataclasses.fields(OutboxRow)]
_MARKS = ",".join("?" * len(_OUTBOX))


class AlertTables:
    """The part of ``SqliteAnalysis`` that implements AlertStore, in its transaction."""

    def _write(self, query: str, values: Sequence[Any]) -> sqlite3.Cursor:
        raise NotImplementedError

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        raise NotImplementedError

    def alert_rules(self) -> list[StoredRule]:
        """See AlertStore."""
        return [StoredRule(*row) for row in self._read(f"SELECT {', '.join(_RULE)} FROM alert_rules ORDER BY rowid")]

    def keep_alert_rule(self, rule: StoredRule) -> None:
        """See AlertStore."""
        changed = ", ".join(f"{name}=excluded.{name}" for name in _RULE[1:])
        query = (
            f"INSERT INTO alert_rules ({', '.join(_RULE)}) VALUES ({','.join('?' * len(_RULE))})"
            f" ON CONFLICT (rule_id) DO UPDATE SET {changed}"
        )
        self._write(query, dataclasses.astuple(rule))

    def delete_alert_rule(self, rule_id: str) -> None:
        """See AlertStore."""
        self._write("DELETE FROM alert_rules WHERE rule_id=?", (rule_id,))
        self.forget_alert_states(rule_id)

    def alert_states(self) -> list[RuleStateRow]:
        """See AlertStore."""
        return [RuleStateRow(*row) for row in self._read("SELECT rule_id, subject, state FROM alert_states")]

    def keep_alert_states(self, states: Iterable[RuleStateRow]) -> None:
        """See AlertStore."""
        for state in states:
            self._write("INSERT OR REPLACE INTO alert_states VALUES (?,?,?)", dataclasses.astuple(state))

    def forget_alert_states(self, rule_id: str) -> None:
        """See AlertStore."""
        self._write("DELETE FROM alert_states WHERE rule_id=? AND subject<>''", (rule_id,))

    def add_alert(self, alert: StoredAlert, outbox: Iterable[OutboxRow]) -> bool:
        """See AlertStore."""
        values = [getattr(alert, each.name) for each in dataclasses.fields(alert)]
        values[[each.name for each in dataclasses.fields(alert)].index("values")] = json.dumps(alert.values)
        marks = ",".join("?" * len(ALERT))
        query = f"INSERT INTO alerts ({', '.join(ALERT)}) VALUES ({marks}) ON CONFLICT (alert_id) DO NOTHING"
        if not self._write(query, values).rowcount:
            return False
        for row in outbox:
            self._write(f"INSERT INTO outbox ({', '.join(_OUTBOX)}) VALUES ({_MARKS})", _values(row))
        return True

    def acknowledge_alert(self, alert_id: str, at_ms: int) -> bool:
        """See AlertStore."""
        query = "UPDATE alerts SET acknowledged_ms=? WHERE alert_id=? AND acknowledged_ms=0"
        return bool(self._write(query, (at_ms, alert_id)).rowcount)

    def alerts(
        self, limit: int, before: int | None = None, rule_id: str = "", severity: str = ""
    ) -> list[tuple[int, StoredAlert]]:
        """See AlertStore."""
        asked = {"rule_id=?": rule_id, "severity=?": severity}
        found = {condition: value for condition, value in asked.items() if value}
        conditions = " AND ".join(["number<?", *found])
        query = f"SELECT number, {', '.join(ALERT)} FROM alerts WHERE {conditions} ORDER BY number DESC LIMIT ?"
        rows = self._read(query, (2**62 if before is None else before, *found.values(), limit))
        return [(number, alert_of(values)) for number, *values in rows]

    def unseen_alerts(self) -> dict[str, int]:
        """See AlertStore."""
        return dict(self._read("SELECT severity, count(*) FROM alerts WHERE acknowledged_ms=0 GROUP BY severity"))


class SqliteOutbox:
    """The table ``outbox``. Each call uses its own connection, so a sender never holds the dashboard's."""

    def __init__(self, path: Path) -> None:
        """``path`` of an ``analysis.db`` migrated by ``SqliteAnalysis``."""
        self._path = path

    def due(self, now_ms: int, limit: int, but: Collection[str] = ()) -> list[OutboxRow]:
        """See Outbox."""
        others = f"AND channel NOT IN ({','.join('?' * len(but))})" if but else ""
        condition = f"state='pending' AND next_at_ms<=? {others} ORDER BY next_at_ms, rowid LIMIT ?"
        return self._rows(condition, (now_ms, *but, limit))

    def of_digest(self, digest: str) -> list[OutboxRow]:
        """See Outbox."""
        return self._rows("digest=? AND digest<>'' AND state='pending' ORDER BY rowid", (digest,))

    def sent_since(self, from_ms: int) -> list[OutboxRow]:
        """See Outbox."""
        return self._rows("state='sent' AND sent_at_ms>=? ORDER BY sent_at_ms, rowid", (from_ms,))

    def snoozed(self) -> dict[str, int]:
        """See Outbox."""
        with readable(self._path), closing(self._connect()) as db:
            return dict(db.execute("SELECT rule_id, snoozed_ms FROM alert_rules WHERE snoozed_ms>0").fetchall())

    def of_alerts(self, alert_ids: Collection[str]) -> list[OutboxRow]:
        """See Outbox."""
        marks = ",".join("?" * len(alert_ids))
        return self._rows(f"alert_id IN ({marks}) ORDER BY rowid", tuple(alert_ids)) if alert_ids else []

    def dead(self, limit: int) -> list[OutboxRow]:
        """See Outbox."""
        return self._rows("state='dead' ORDER BY rowid DESC LIMIT ?", (limit,))

    def counts(self) -> dict[str, int]:
        """See Outbox."""
        with readable(self._path), closing(self._connect()) as db:
            return dict(db.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())

    def keep_attempts(self, rows: Iterable[OutboxRow]) -> int:
        """See Outbox."""
        query = (
            "UPDATE outbox SET state=?, attempts=?, next_at_ms=?, error=?, sent_at_ms=?, digest=?"
            " WHERE outbox_id=? AND state='pending'"
        )
        values = [
            (row.state, row.attempts, row.next_at_ms, row.error, row.sent_at_ms, row.digest, row.outbox_id)
            for row in rows
        ]
        return self._change(query, values)

    def revive(self, outbox_id: str, now_ms: int) -> bool:
        """See Outbox."""
        query = (
            "UPDATE outbox SET state='pending', attempts=0, next_at_ms=?,"
            " digest=CASE digest WHEN outbox_id THEN digest ELSE '' END WHERE outbox_id=? AND state='dead'"
        )
        return self._change(query, [(now_ms, outbox_id)]) == 1

    def _rows(self, condition: str, values: Sequence[Any]) -> list[OutboxRow]:
        query = f"SELECT {', '.join(_OUTBOX)} FROM outbox WHERE {condition}"
        with readable(self._path), closing(self._connect()) as db:
            return [_outbox(row) for row in db.execute(query, values).fetchall()]

    def _change(self, query: str, values: Sequence[Sequence[Any]]) -> int:
        try:
            with closing(self._connect()) as db:
                db.execute("BEGIN IMMEDIATE")
                count = db.executemany(query, values).rowcount if values else 0
                db.execute("COMMIT")
                return count
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be written: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=10)


def _values(row: OutboxRow) -> list[Any]:
    values = [getattr(row, name) for name in _OUTBOX]
    values[_OUTBOX.index("payload")] = json.dumps(row.payload)
    return values


def _outbox(row: Sequence[Any]) -> OutboxRow:
    values = dict(zip(_OUTBOX, row, strict=True))
    return OutboxRow(**{**values, "payload": json.loads(values["payload"])})


def alert_of(row: Sequence[Any]) -> StoredAlert:
    """An alert from the columns ``ALERT``."""
    values = dict(zip((each.name for each in dataclasses.fields(StoredAlert)), row, strict=True))
    return StoredAlert(**{**values, "values": json.loads(values["values"])})
