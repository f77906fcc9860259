// @ts-check
"use strict";

/** Finds out why a symbol does not arrive: whether the exchange lists it, and whether it trades there. */
class SymbolHealth {
  static WATCH_MS = 10_000;

  /** @param {{symbolStates: SymbolStates, restRequests: RestRequests, serverLink: ServerLink, host: Host}} parts */
  constructor({ symbolStates, restRequests, serverLink, host }) {
    this.symbolStates = symbolStates;
    this.restRequests = restRequests;
    this.serverLink = serverLink;
    this.host = host;
    this.watchAt = 0;
  }

  /**
   * Reports symbols that do not trade, and unsubscribes them.
   * @param {string} text the exchange's list of symbols; throws if it is not one
   */
  compare(text) {
    const { all } = this.symbolStates;
    const { problems, notes } = Symbols.check(
      all.map(({ symbol }) => symbol),
      text,
    );
    /** @type {string[]} */ const found = [];
    for (const state of all) {
      state.note = notes.get(state.symbol) ?? "";
      if (state.count) continue; // it trades, regardless of the list
      state.problem = problems.get(state.symbol) ?? "";
      if (state.problem) found.push(state.problem);
    }
    for (const text of Symbols.brief(found)) this.host.log("bad", text);
    const { usable } = this.symbolStates;
    if (problems.size && usable.length) this.serverLink.subscribe(usable);
  }

  /**
   * For a feed that never delivered: checks whether trades happen at all.
   * @param {string} symbol
   * @param {Feed} feed
   */
  probe(symbol, feed) {
    this.restRequests.newest(symbol, (id, objection) => {
      feed.proved(symbol, id, this.host.clock.now);
      this.#objected(symbol, objection);
    });
  }

  /**
   * Periodically checks, for each feed, a symbol that is silent while others arrive.
   * @param {Feeds} feeds
   * @param {number} now
   */
  watch(feeds, now) {
    if (now < this.watchAt) return;
    this.watchAt = now + SymbolHealth.WATCH_MS;
    for (const feed of feeds.all) {
      const suspect = this.symbolStates.suspect(feed, now);
      if (suspect) this.#examine(suspect, feed);
    }
  }

  /**
   * @param {SymbolState} state
   * @param {Feed} feed
   */
  #examine(state, feed) {
    state.askedAt = this.host.clock.now;
    const { count } = state;
    this.restRequests.newest(state.symbol, (id, objection) => {
      this.#objected(state.symbol, objection);
      if (state.count !== count || !this.symbolStates.examine(state, id)) return; // traded meanwhile, or inactive
      state.silent = true;
      this.host.log("bad", `${state.symbol} trades on the exchange (id ${id}) and does not arrive.`);
      feed.renew(this.host.clock.now, `${state.symbol} is silent`);
    });
  }

  /**
   * @param {string} symbol
   * @param {string} objection
   */
  #objected(symbol, objection) {
    const state = this.symbolStates.get(symbol);
    if (!objection || !state || state.count || state.problem) return;
    state.problem = `${symbol}: the exchange says ${objection}`;
    this.host.log("bad", state.problem);
  }
}
