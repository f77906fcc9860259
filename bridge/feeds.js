// @ts-check
"use strict";

/** The stream of a market, over as many sockets as its symbols need. */
class Feeds {
  /**
   * @param {StreamPlan} plan
   * @param {{rotateMs?: number, random: () => number, emit: Emit, newId: () => number,
   *   probe: (symbol: string, feed: Feed) => void}} shared by all, as for Feed
   */
  constructor(plan, shared) {
    const { retired } = plan;
    this.url = (/** @type {string[]} */ symbols) => Exchange.socketUrl(plan, symbols);
    this.feed = (/** @type {string[]} */ symbols) => new Feed({ url: this.url(symbols), symbols, retired, ...shared });
    this.all = Feeds.#shards(plan.symbols).map(this.feed);
  }

  /** @returns {"open" | "connecting" | "closed" | "wrong-route"} the worst of all */
  get upstream() {
    if (!this.delivered && this.all.some((feed) => feed.wrong)) return "wrong-route";
    const states = this.all.map((feed) => feed.state);
    if (states.includes("closed")) return "closed";
    return states.includes("connecting") ? "connecting" : "open";
  }

  /** @returns {boolean} whether any trade has arrived since Start */
  get delivered() {
    return !Number.isNaN(this.lastTrade);
  }

  /** @returns {number} arrival time of the latest trade of any symbol, NaN before the first */
  get lastTrade() {
    return this.all.reduce(
      (latest, { lastTrade }) => (lastTrade > latest || Number.isNaN(latest) ? lastTrade : latest),
      NaN,
    );
  }

  /** @returns {number} consecutive failed attempts, of the worst feed */
  get attempts() {
    return Math.max(...this.all.map((feed) => feed.attempts));
  }

  /** @param {number} now ms since the latest trade, before the first since the stream opened; NaN while it is not open */
  quietMs(now) {
    return now - (this.delivered ? this.lastTrade : Math.min(...this.all.map((feed) => feed.openedAt)));
  }

  /**
   * @param {number} socket
   * @returns {Feed | undefined} the feed of this socket
   */
  of(socket) {
    return this.all.find((feed) => feed.owns(socket));
  }

  /** @param {number} now */
  start(now) {
    for (const feed of this.all) feed.start(now);
  }

  /**
   * More symbols: the last feed takes what it has room for.
   * @param {string[]} symbols
   * @param {number} now
   */
  add(symbols, now) {
    const last = this.all[this.all.length - 1];
    const room = Exchange.STREAMS_PER_SOCKET - last.symbols.length;
    const widened = [...last.symbols, ...symbols.slice(0, room)];
    if (room > 0) last.widen(this.url(widened), widened, now);
    const further = Feeds.#shards(symbols.slice(room)).map(this.feed);
    for (const feed of further) feed.start(now);
    this.all.push(...further);
  }

  stop() {
    for (const feed of this.all) feed.stop();
  }

  /** @param {number} now */
  tick(now) {
    for (const feed of this.all) feed.tick(now);
  }

  /**
   * @param {number} now
   * @param {string} why
   */
  renew(now, why) {
    for (const feed of this.all) feed.renew(now, why);
  }

  /** @param {string[]} symbols */
  static #shards(symbols) {
    const size = Exchange.STREAMS_PER_SOCKET;
    return Array.from({ length: Math.ceil(symbols.length / size) }, (_, i) => symbols.slice(i * size, (i + 1) * size));
  }
}
