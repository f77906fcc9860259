"""Queries of alerts and of their outbox find their rows by an index: both tables grow for as long as rules are on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.store.sqlite.alerts import SqliteOutbox
from engine.store.sqlite.analysis import SqliteAnalysis

OUTBOX: dict[str, Callable[[SqliteOutbox], object]] = {
    "due": lambda outbox: outbox.due(9, 5, ["phone"]),
    "of a digest": lambda outbox: outbox.of_digest("d"),
    "sent since": lambda outbox: outbox.sent_since(5),
    "of alerts": lambda outbox: outbox.of_alerts(["a", "b"]),
    "dead": lambda outbox: outbox.dead(5),
}
ALERTS: dict[str, Callable[[SqliteAnalysis], object]] = {
    "newest": lambda store: store.alerts(5, 9),
    "of a rule": lambda store: store.alerts(5, rule_id="r"),
    "of a severity": lambda store: store.alerts(5, severity="info"),
    "unseen": lambda store: store.unseen_alerts(),
}


def plan_of(path: Path, query: str) -> str:
    with closing(sqlite3.connect(path)) as db:
        return "; ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {query}"))


def assert_searched(plan: str) -> None:
    assert "SEARCH" in plan or "USING COVERING INDEX alerts_unseen" in plan, plan
    assert "SCAN" not in plan.replace("SCAN alerts USING COVERING INDEX alerts_unseen", ""), plan
    assert "ORDER BY" not in plan.replace("LAST TERM OF ORDER BY", "").replace("RIGHT PART OF ORDER BY", ""), plan


@pytest.mark.parametrize("name", OUTBOX)
def test_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path, asked = tmp_path / "analysis.db", list[str]()
    SqliteAnalysis(path).close()
    outbox = SqliteOutbox(path)

    def traced() -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None)
        db.set_trace_callback(asked.append)
        return db

    monkeypatch.setattr(outbox, "_connect", traced)
    OUTBOX[name](outbox)
    (query,) = asked
    if name == "of alerts":  # those of a page are sorted
        query = query.replace("ORDER BY rowid", "")
    assert_searched(plan_of(path, query))


@pytest.mark.parametrize("name", ALERTS)
def test_alerts(tmp_path: Path, name: str) -> None:
    path, asked = tmp_path / "analysis.db", list[str]()
    store = SqliteAnalysis(path)
    store._db.set_trace_callback(asked.append)
    ALERTS[name](store)
    store._db.set_trace_callback(None)
    (query,) = [each for each in asked if each.startswith("SELECT")]
    assert_searched(plan_of(path, query))
    store.close()
