// @ts-check
"use strict";

/** What the server asks for: missing trades from `backfill`, candles, funding and day volumes from `history`. */
class ServerRequests {
  static TYPES = ["fetch", "fetch_bars", "fetch_tickers", "fetch_funding"];

  /** @param {{backfill: Backfill, history: MarketHistory}} parts */
  constructor({ backfill, history }) {
    this.backfill = backfill;
    this.history = history;
  }

  /** @param {any} message one of `TYPES` */
  wanted(message) {
    if (message.type === "fetch") this.backfill.wanted(message);
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
