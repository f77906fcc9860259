"""The tables of ``ticks.db``, written by the bridge server.

``seq`` is the order in which ticks were accepted; live results are a function of that order. Bars, holes and series are
derived from ticks in the same transaction that stores them. Scripts are only added, never changed: the scripts after a
file's version migrate it.

A row of ``archive`` is one Parquet file: ``begun`` before the file exists, ``written`` once it is synced, ``moved``
once its ticks are deleted from ``ticks``. ``meta`` also holds ``swept_seq`` (the newest tick at the previous sweep) and
``deleted_seq`` (the newest tick moved to the archive).

``sourced_bars`` are an exchange's candles and uploaded bars: they stand beside the ticks and never change what is
derived from those.
"""

from __future__ import annotations

from engine.store.sqlite.files import Schema
from engine.store.sqlite.posts import POSTS

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;

CREATE TABLE markets (
    market TEXT PRIMARY KEY,
    watermark_ms INTEGER NOT NULL,  -- latest believable trade time
    seen_wall_ms INTEGER NOT NULL   -- the server's clock when it moved
) STRICT;

CREATE TABLE series (
    series_id INTEGER PRIMARY KEY,
    market TEXT NOT NULL,
    symbol TEXT NOT NULL,
    first_id INTEGER NOT NULL,
    high_water INTEGER NOT NULL,
    UNIQUE (market, symbol)
) STRICT;

CREATE TABLE ticks (
    seq INTEGER PRIMARY KEY,
    series_id INTEGER NOT NULL REFERENCES series,
    agg_id INTEGER NOT NULL,
    price REAL NOT NULL,
    quantity REAL NOT NULL,
    trade_time_ms INTEGER NOT NULL,
    buyer_is_maker INTEGER,
    future INTEGER NOT NULL,
    UNIQUE (series_id, agg_id)
) STRICT;
CREATE INDEX ticks_by_time ON ticks (series_id, trade_time_ms);

CREATE TABLE bars (
    series_id INTEGER NOT NULL REFERENCES series,
    open_time_ms INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
    volume REAL NOT NULL, quote_volume REAL NOT NULL,
    trades INTEGER NOT NULL, buy_volume REAL NOT NULL,
    first_id INTEGER NOT NULL, last_id INTEGER NOT NULL,
    bid REAL, bid_age_ms INTEGER, ask REAL, ask_age_ms INTEGER,
    price_basis TEXT NOT NULL,
    seq INTEGER NOT NULL,           -- the newest tick in it
    PRIMARY KEY (series_id, open_time_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE holes (
    hole_id INTEGER PRIMARY KEY,
    series_id INTEGER NOT NULL REFERENCES series,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    missing TEXT NOT NULL,          -- JSON: [[first, last], ...] still missing
    status TEXT NOT NULL CHECK (status IN ('open', 'filled', 'absent', 'unfetchable')),
    reason TEXT,
    opened_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    UNIQUE (series_id, first_id, last_id)
) STRICT;

CREATE TABLE events (
    event_id INTEGER PRIMARY KEY,
    after_seq INTEGER NOT NULL,     -- it happened after this tick and before the next
    at_ms INTEGER NOT NULL,
    market TEXT NOT NULL,
    symbol TEXT,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL            -- JSON
) STRICT;
"""

_TICKS_VIEW = """
CREATE VIEW v_ticks AS
SELECT s.market, s.symbol, t.agg_id, t.price, t.quantity, t.trade_time_ms, t.buyer_is_maker
FROM ticks AS t JOIN series AS s USING (series_id);
"""

_LONGER_INTERVALS = {"5s": 5_000, "1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000}
_SOURCE = "CASE WHEN market LIKE 'file-%' THEN 'upload' ELSE 'live' END AS source"


def _bars_view() -> str:
    """``v_bars``: the one-second bars, and the longer ones aggregated from them at query time.

    A query for one interval evaluates only its branch, and SQLite pushes a filter on market and symbol into the
    innermost SELECT, since both are in GROUP BY.
    """
    seconds = f"""
SELECT market, symbol, '1s' AS interval, open_time_ms, open, high, low, close,
       volume, quote_volume, trades, {_SOURCE}
FROM bars JOIN series USING (series_id)"""
    longer = [
        f"""
SELECT g.market, g.symbol, '{name}', g.open_time_ms, f.open, g.high, g.low, l.close,
       g.volume, g.quote_volume, g.trades, {_SOURCE}
FROM (SELECT market, symbol, series_id, open_time_ms - open_time_ms % {width_ms} AS open_time_ms,
             min(open_time_ms) AS first_ms, max(open_time_ms) AS last_ms,
             max(high) AS high, min(low) AS low, sum(volume) AS volume,
             sum(quote_volume) AS quote_volume, sum(trades) AS trades
      FROM bars JOIN series USING (series_id)
      GROUP BY market, symbol, series_id, open_time_ms / {width_ms}) AS g
JOIN bars AS f ON f.series_id = g.series_id AND f.open_time_ms = g.first_ms
JOIN bars AS l ON l.series_id = g.series_id AND l.open_time_ms = g.last_ms"""
        for name, width_ms in _LONGER_INTERVALS.items()
    ]
    return "CREATE VIEW v_bars AS" + "\nUNION ALL".join([seconds, *longer]) + ";\n"


_ARCHIVE = """
ALTER TABLE series ADD COLUMN archived_through INTEGER;  -- greatest id that ever went to the archive

CREATE TABLE archive (
    archive_id INTEGER PRIMARY KEY,
    file TEXT NOT NULL UNIQUE,      -- below the archive folder, with /
    series_id INTEGER NOT NULL REFERENCES series,
    first_id INTEGER NOT NULL, last_id INTEGER NOT NULL,
    first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    ticks INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'written', 'moved'))
) STRICT;
CREATE INDEX archive_by_series ON archive (series_id, first_id);
CREATE INDEX archive_by_state ON archive (state, series_id, first_id);  -- almost all are 'moved'

-- Only open holes are read at start; closed ones gather for years.
CREATE INDEX holes_open ON holes (series_id) WHERE closed_ms IS NULL;

-- A second's ticks are found between its bar's first and last id. The index cost half of every insert.
DROP INDEX ticks_by_time;
"""

_SOURCED_TABLES = """
CREATE TABLE sourced_series (
    sourced_id INTEGER PRIMARY KEY,
    market TEXT NOT NULL,
    symbol TEXT NOT NULL,
    width_ms INTEGER NOT NULL,
    UNIQUE (market, symbol, width_ms)
) STRICT;

-- Bars that were not made from ticks. One a stretch: the first that came stays.
CREATE TABLE sourced_bars (
    sourced_id INTEGER NOT NULL REFERENCES sourced_series,
    open_time_ms INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
    volume REAL NOT NULL,
    source TEXT NOT NULL,
    event_id INTEGER NOT NULL,      -- the event ``bars`` with which it became known
    PRIMARY KEY (sourced_id, open_time_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE funding (
    market TEXT NOT NULL,
    symbol TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('settled', 'mark')),
    time_ms INTEGER NOT NULL,
    rate REAL,
    mark_price REAL, index_price REAL,
    next_ms INTEGER,
    PRIMARY KEY (market, symbol, kind, time_ms)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_funding AS
SELECT market, symbol, kind, time_ms, rate, mark_price, index_price, next_ms FROM funding;

DROP VIEW v_bars;
"""

_INTERVAL_NAME = (
    "CASE WHEN width_ms % 86400000 = 0 THEN (width_ms / 86400000) || 'd'"
    " WHEN width_ms % 3600000 = 0 THEN (width_ms / 3600000) || 'h'"
    " WHEN width_ms % 60000 = 0 THEN (width_ms / 60000) || 'm' ELSE (width_ms / 1000) || 's' END"
)
_SOURCED_ARM = f"""
UNION ALL
SELECT w.market, w.symbol, {_INTERVAL_NAME}, b.open_time_ms, b.open, b.high, b.low, b.close,
       b.volume, NULL, NULL, b.source
FROM sourced_series AS w CROSS JOIN sourced_bars AS b USING (sourced_id)
WHERE NOT EXISTS (
    SELECT 1 FROM series AS s CROSS JOIN bars AS t USING (series_id)
    WHERE s.market = w.market AND s.symbol = w.symbol
      AND t.open_time_ms >= b.open_time_ms AND t.open_time_ms < b.open_time_ms + w.width_ms)"""
_SOURCED = _SOURCED_TABLES + _bars_view().removesuffix(";\n") + _SOURCED_ARM + ";\n"

TICKS = Schema("ticks", [_TABLES + _TICKS_VIEW + _bars_view(), _ARCHIVE, _SOURCED, POSTS])
