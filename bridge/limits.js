// @ts-check
"use strict";

/**
 * Limits, thresholds and reasons that page and server share. `engine/market/limits.py` has the same names and values;
 * `tests/test_limits.py` compares the two.
 */
class Limits {
  static NO_SUCH_IDS = "the exchange has no such ids";
  static OUT_OF_REACH = "beyond what the exchange still gives (about 48 hours)";
  static NO_PAST = "the exchange shows no trade of the time before the first one";
  static PAGE = 1_000; // trades of one REST answer
  static REACH_MS = 47 * 3_600_000; // of the real exchanges' history, with a margin of an hour
  static HOURS = 49; // without a trade: the limit of their history
  static BEAT_MS = 500;
  static SILENCE_MS = 45_000; // without a frame of any symbol: then reconnect, to tell a quiet market from a dead socket
  static BACKLOG_ROWS = 20_000; // queued in a bridge
  static LAG_MS = 2_000; // of a trade behind the exchange's clock
  static COIN_M_MARKETS = ["coinm", "coin-m", "dapi"];
  static NO_COIN_M = "COIN-M is not supported: its quantities are contracts of a fixed value in USD, not coins";
}
