// @ts-check
"use strict";

/** One socket to the exchange. */
class Conn {
  /**
   * @param {number} id
   * @param {number} since when it was requested, ms
   */
  constructor(id, since) {
    this.id = id;
    this.since = since;
    this.openedAt = NaN; // until it is open
    this.frames = 0; // trades delivered
    /** Per symbol: first and latest id, and time. @type {Map<string, {first: number, last: number, at: number}>} */
    this.seen = new Map();
  }

  get isOpen() {
    return !Number.isNaN(this.openedAt);
  }

  /**
   * @param {string} symbol
   * @param {number} tradeId
   * @param {number} now
   */
  delivered(symbol, tradeId, now) {
    this.frames++;
    const seen = this.seen.get(symbol);
    if (seen) Object.assign(seen, { at: now, last: tradeId });
    else this.seen.set(symbol, { first: tradeId, last: tradeId, at: now });
  }

  /**
   * Whether this socket has taken over every symbol of an older one, which has reached the first id of this.
   * @param {Conn} old
   */
  hasTakenOver(old) {
    const has = (/** @type {string} */ symbol, /** @type {{last: number, at: number}} */ seen) => {
      const first = this.seen.get(symbol)?.first;
      return first === undefined ? seen.at < this.openedAt : seen.last >= first - 1;
    };
    return this.frames > 0 && [...old.seen].every(([symbol, seen]) => has(symbol, seen));
  }
}
