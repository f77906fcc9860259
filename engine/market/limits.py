"""Limits, thresholds and reasons that server and page share. ``bridge/limits.js`` has the same names and values;
``tests/test_limits.py`` compares the two."""

from __future__ import annotations

NO_SUCH_IDS = "the exchange has no such ids"
OUT_OF_REACH = "beyond what the exchange still gives (about 48 hours)"
NO_PAST = "the exchange shows no trade of the time before the first one"
PAGE = 1_000  # trades of one REST answer
REACH_MS = 47 * 3_600_000  # of the real exchanges' history, with a margin of an hour
HOURS = 49  # without a trade: the limit of their history
BEAT_MS = 500
SILENCE_MS = 45_000  # without a frame of any symbol: then reconnect, to tell a quiet market from a dead connection
BACKLOG_ROWS = 20_000  # queued in a bridge
LAG_MS = 2_000  # of a trade behind the exchange's clock
COIN_M_MARKETS = ["coinm", "coin-m", "dapi"]
NO_COIN_M = "COIN-M is not supported: its quantities are contracts of a fixed value in USD, not coins"
