// @ts-check
"use strict";

/** What the server asks for: missing trades, candles, funding and day volumes, and more symbols. */
class ServerRequests {
  static TYPES = ["fetch", "fetch_bars", "fetch_tickers", "fetch_funding", "add_symbols"];

  /** @param {{backfill: Backfill, history: MarketHistory, additions: Additions}} parts */
  constructor({ backfill, history, additions }) {
    this.backfill = backfill;
    this.history = history;
    this.additions = additions;
  }

  /** @param {any} message one of `TYPES` */
  wanted(message) {
    if (message.type === "fetch") this.backfill.wanted(message);
    else if (message.type === "add_symbols") this.additions.wanted(message);
    else this.history.wanted(message);
  }

  /** Sends the next request of each, as far as the budget allows. */
  fetch() {
    this.backfill.fetch();
    this.history.fetch();
  }

  /** Drops all requests: the server has disconnected and will repeat them, or they are obsolete. */
  forget() {
    this.backfill.forget();
    this.history.forget();
  }
}
