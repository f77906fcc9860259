"""The tables of ``analysis.db``, one script for each version."""

from __future__ import annotations

from engine.store.sqlite.alerts import ALERTS, DIGESTS, PLACES
from engine.store.sqlite.backtests import BACKTESTS
from engine.store.sqlite.files import Schema
from engine.store.sqlite.requests import REQUESTS
from engine.store.sqlite.scans import SCANS
from engine.store.sqlite.trials import TRIALS

ANALYSIS = Schema(
    "analysis",
    [
        """
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;

CREATE TABLE watch (
    watch_id INTEGER PRIMARY KEY,
    market TEXT NOT NULL,
    y TEXT NOT NULL,
    x TEXT NOT NULL,
    settings TEXT NOT NULL,
    UNIQUE (market, y, x)
) STRICT;

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    market TEXT NOT NULL,
    y TEXT NOT NULL,
    x TEXT NOT NULL,
    interval_ms INTEGER NOT NULL,
    settings TEXT NOT NULL,
    code TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    began_seq INTEGER NOT NULL,
    ended_seq INTEGER,
    began_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE decisions (
    given INTEGER PRIMARY KEY,      -- the order in which they were given
    run_id TEXT NOT NULL REFERENCES runs,
    bar_ms INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    z REAL, spread REAL, beta REAL, alpha REAL, deviation REAL, gate_pvalue REAL,
    y_price REAL NOT NULL, x_price REAL NOT NULL,
    quantity_y REAL NOT NULL, quantity_x REAL NOT NULL,
    position INTEGER NOT NULL,
    given_seq INTEGER NOT NULL,
    late_ms INTEGER NOT NULL,
    given_at_ms INTEGER NOT NULL,   -- the machine's clock
    UNIQUE (run_id, bar_ms, revision)
) STRICT;

CREATE TABLE cursor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    ticks_store_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    pipelines TEXT NOT NULL         -- JSON, by market
) STRICT;

CREATE VIEW v_signals AS
SELECT d.given, r.market, r.y, r.x, r.interval_ms, d.run_id, d.bar_ms, d.revision, d.kind, d.reason, d.z, d.spread,
       d.beta, d.alpha, d.deviation, d.gate_pvalue, d.y_price, d.x_price, d.quantity_y, d.quantity_x, d.position,
       d.given_seq <= r.began_seq AS from_history, d.late_ms, d.given_at_ms
FROM decisions AS d JOIN runs AS r USING (run_id);
""",
        SCANS,
        """
ALTER TABLE runs ADD COLUMN end_reason TEXT;    -- why it ended: see RunEnd
ALTER TABLE runs ADD COLUMN end_detail TEXT;
""",
        """
ALTER TABLE runs ADD COLUMN end_after_ms INTEGER;   -- where the next run of the pair may begin: see RunEnd
""",
        TRIALS,
        """
CREATE TABLE locks (                -- positions that the user holds: see PositionLock
    market TEXT NOT NULL,
    y TEXT NOT NULL,
    x TEXT NOT NULL,
    space TEXT NOT NULL,
    beta REAL NOT NULL, alpha REAL NOT NULL, mean REAL NOT NULL, deviation REAL NOT NULL,
    coins_y REAL NOT NULL, coins_x REAL NOT NULL,
    y_price REAL NOT NULL, x_price REAL NOT NULL,
    locked_ms INTEGER NOT NULL,
    PRIMARY KEY (market, y, x)
) STRICT;
""",
        BACKTESTS,
        """
CREATE TABLE paper_results (        -- what the paper positions of ended runs earned: see PaperResult
    run_id TEXT PRIMARY KEY REFERENCES runs,
    from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
    realised REAL NOT NULL, fees REAL NOT NULL, half_spread REAL NOT NULL, slippage REAL NOT NULL,
    funding REAL NOT NULL,
    trades INTEGER NOT NULL, wins INTEGER NOT NULL
) STRICT;
""",
        ALERTS,
        REQUESTS,
        DIGESTS,
        PLACES,
    ],
)
