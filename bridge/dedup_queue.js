// @ts-check
"use strict";

/** The only input of the send queue: drops known rows, and reports rows given up for new ones. */
class DedupQueue {
  static TELL_MS = 10_000; // at least, between two reports of rows given up

  /**
   * @param {SendQueue} sendQueue
   * @param {Log} log
   */
  constructor(sendQueue, log) {
    this.sendQueue = sendQueue;
    this.log = log;
    this.recent = new Recent();
    this.counts = { duplicates: 0, lost: 0 };
    /** @type {Map<string, LostRange>} given up and not reported yet, per symbol */ this.losses = new Map();
    this.toldAt = -Infinity;
  }

  /** @param {string} row of the live stream: while two sockets overlap, each arrives twice */
  live(row) {
    if (this.recent.add(row)) this.queue(row);
    else this.counts.duplicates++;
  }

  /** @param {string} row */
  queue(row) {
    for (const range of this.sendQueue.add(row)) {
      const known = this.losses.get(range.symbol) ?? { ...range, rows: 0 };
      const [from, to] = [Math.min(known.from, range.from), Math.max(known.to, range.to)];
      this.losses.set(range.symbol, { symbol: range.symbol, from, to, rows: known.rows + range.rows });
      this.counts.lost += range.rows;
    }
  }

  /** @param {number} now */
  tellLosses(now) {
    if (!this.losses.size || now - this.toldAt < DedupQueue.TELL_MS) return;
    this.toldAt = now;
    for (const { symbol, from, to, rows } of this.losses.values()) {
      const what = `Queue full: gave up ${rows} rows of ${symbol}, ids ${from} to ${to}`;
      this.log("bad", `${what}; the server will ask for them.`);
    }
    this.losses.clear();
  }
}
