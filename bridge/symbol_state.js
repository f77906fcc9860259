// @ts-check
"use strict";

/**
 * @typedef {object} SymbolState
 * @property {string} symbol
 * @property {"active" | "standby" | "refused" | null} lease null until the server's lease
 * @property {number} count trades received
 * @property {number} lastId NaN before the first
 * @property {string} price as received
 * @property {number} lastAt
 * @property {number[]} perSecond trades in each of the last seconds
 * @property {number} thisSecond
 * @property {string} problem why the exchange will not deliver it, "" if it should
 * @property {string} note
 * @property {boolean} silent trades happen but do not arrive
 * @property {number} askedAt when REST was last queried about its silence
 * @property {number} newestKnown id from REST then, while none has ever arrived
 * @property {{row: string, at: number}[]} spare recent rows on standby, for a takeover without a gap
 */

/** The state of each symbol: trades, rate, lease, silence. */
class SymbolStates {
  static SPARE_MS = 10_000;
  static SPARE_ROWS = 5_000; // a symbol
  static RATE_SECONDS = 5;
  static SILENT_MS = 60_000;
  static NEVER_MS = 15_000;

  /** @param {string[]} symbols */
  constructor(symbols) {
    /** @type {Map<string, SymbolState>} */
    this.states = new Map(symbols.map((symbol) => [symbol, SymbolStates.#blank(symbol)]));
  }

  /** @param {string[]} symbols */
  add(symbols) {
    for (const symbol of symbols) if (!this.states.has(symbol)) this.states.set(symbol, SymbolStates.#blank(symbol));
  }

  /** @param {string} symbol */
  get(symbol) {
    return this.states.get(symbol);
  }

  get all() {
    return [...this.states.values()];
  }

  /** @returns {string[]} symbols that the exchange should deliver */
  get usable() {
    return this.all.filter((state) => !state.problem).map((state) => state.symbol);
  }

  /**
   * @param {SymbolState} state
   * @param {Trade} trade
   * @param {number} now
   */
  note(state, trade, now) {
    state.count++;
    state.thisSecond++;
    state.lastId = trade.id;
    state.price = trade.price;
    state.lastAt = now;
    state.silent = false;
    state.problem = "";
  }

  /**
   * @param {SymbolState} state
   * @param {string} row
   * @param {number} now
   */
  keepSpare(state, row, now) {
    state.spare.push({ row, at: now });
    if (state.spare.length > 2 * SymbolStates.SPARE_ROWS) state.spare.splice(0, SymbolStates.SPARE_ROWS);
  }

  /**
   * @param {Set<string>} active
   * @param {Set<string>} standby
   * @param {number} now
   * @returns {{state: SymbolState, before: SymbolState["lease"], rows: string[]}[]} symbols that this page
   *   newly forwards, with their standby rows of the last seconds
   */
  lease(active, standby, now) {
    const taken = [];
    for (const state of this.states.values()) {
      const before = state.lease;
      state.lease = active.has(state.symbol) ? "active" : standby.has(state.symbol) ? "standby" : "refused";
      if (state.lease !== "active" || before === "active") continue;
      const rows = state.spare.filter(({ at }) => now - at <= SymbolStates.SPARE_MS).map(({ row }) => row);
      state.spare = [];
      taken.push({ state, before, rows });
    }
    return taken;
  }

  /** @param {number} now call once a second */
  everySecond(now) {
    for (const state of this.states.values()) {
      state.perSecond.push(state.thisSecond);
      state.thisSecond = 0;
      if (state.perSecond.length > SymbolStates.RATE_SECONDS) state.perSecond.shift();
      const young = state.spare.findIndex(({ at }) => now - at <= SymbolStates.SPARE_MS);
      if (young !== 0) state.spare.splice(0, young < 0 ? state.spare.length : young);
    }
  }

  /**
   * A symbol with a suspicious silence, while its feed delivers others.
   * @param {Feed} feed
   * @param {number} now
   * @returns {SymbolState | undefined}
   */
  suspect(feed, now) {
    if (feed.state !== "open" || !(now - feed.lastTrade < 30_000)) return undefined;
    return feed.symbols
      .map((symbol) => /** @type {SymbolState} */ (this.states.get(symbol)))
      .filter((state) => !state.problem && now - state.askedAt > SymbolStates.SILENT_MS)
      .find((state) => (state.count ? now - state.lastAt > SymbolStates.SILENT_MS : now - feed.openedAt > SymbolStates.NEVER_MS));
  }

  /**
   * The newest id of a silent symbol, from REST.
   * @param {SymbolState} state
   * @param {number} id NaN if not known
   * @returns {boolean} whether it proves that trades happen but do not arrive
   */
  examine(state, id) {
    const known = state.count ? state.lastId : state.newestKnown;
    if (!state.count) state.newestKnown = id;
    return id > known;
  }

  /**
   * @param {{symbol: string, warm: boolean, done: number, total: number}[]} jobs gaps and warm starts being fetched
   */
  rows(jobs) {
    return this.all.map(({ symbol, lease, count, lastId, price, perSecond, problem, note, silent }) => {
      const own = jobs.filter((job) => job.symbol === symbol);
      const gaps = own.filter((job) => !job.warm);
      const rate = perSecond.length ? perSecond.reduce((a, b) => a + b, 0) / perSecond.length : NaN;
      const total = gaps.reduce((sum, job) => sum + job.total, 0);
      const done = gaps.reduce((sum, job) => sum + job.done, 0);
      const past = own.find((job) => job.warm);
      return {
        symbol,
        lease,
        count,
        lastId,
        price,
        rate,
        problem,
        note,
        silent,
        gaps: { number: gaps.length, done, total },
        warmStart: past ? { done: past.done, total: past.total } : null,
      };
    });
  }

  /**
   * @param {string} symbol
   * @returns {SymbolState}
   */
  static #blank(symbol) {
    return {
      symbol,
      lease: null,
      count: 0,
      lastId: NaN,
      price: "",
      lastAt: NaN,
      perSecond: [],
      thisSecond: 0,
      problem: "",
      note: "",
      silent: false,
      askedAt: -Infinity,
      newestKnown: NaN,
      spare: [],
    };
  }
}
