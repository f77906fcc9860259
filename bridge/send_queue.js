// @ts-check
"use strict";

/**
 * @typedef {object} Batch
 * @property {number} seq 0 until it is first sent; then fixed
 * @property {number} rows
 * @property {string} text the rows as a JSON array
 * @property {boolean} sent on the current connection
 *
 * @typedef {{symbol: string, from: number, to: number, rows: number}} LostRange
 */

/**
 * Rows to the server: queued, then in flight as a numbered batch, removed when acknowledged.
 *
 * Waiting rows are stored as JSON of whole batches: about 60 bytes a row, so that two million rows (half an hour at
 * 1,000 a second) fit into 120 MB. Beyond that the oldest waiting batch is given up and reported; the server detects
 * the gap in the ids and requests them.
 */
class SendQueue {
  static ROWS = 500;
  static MOST_ROWS_A_BATCH = 1000; // of at most 250 bytes each: below the 256 KiB of a message

  /** @param {{seq?: number, maxRows?: number}} [options] */
  constructor({ seq = 1, maxRows = 2_000_000 } = {}) {
    this.seq = seq;
    this.maxRows = maxRows;
    this.batchRows = SendQueue.ROWS;
    this.queued = 0;
    /** @type {Batch[]} */ this.inFlight = [];
    /** @type {Batch[]} */ this.waiting = [];
    /** @type {string[]} */ this.open = [];
  }

  /** @returns {number} batches sent on this connection and not acknowledged yet */
  get outstanding() {
    return this.inFlight.reduce((n, batch) => n + (batch.sent ? 1 : 0), 0);
  }

  get rowsInFlight() {
    return this.inFlight.reduce((n, batch) => n + batch.rows, 0);
  }

  /**
   * @param {string} row
   * @returns {LostRange[]} rows given up for it: usually none
   */
  add(row) {
    this.open.push(row);
    this.queued++;
    if (this.open.length >= this.batchRows) this.#seal();
    return this.queued > this.maxRows ? this.#giveUpOldest() : [];
  }

  /** The next batch to send: first the unacknowledged ones of an earlier connection, in order. */
  take() {
    const again = this.inFlight.find((batch) => !batch.sent);
    if (again) {
      again.sent = true;
      return again;
    }
    if (!this.waiting.length) this.#seal();
    const batch = this.waiting.shift();
    if (!batch) return null;
    batch.seq = this.seq++;
    batch.sent = true;
    this.queued -= batch.rows;
    this.inFlight.push(batch);
    return batch;
  }

  /**
   * @param {number} seq
   * @returns {Batch | null} null if no such batch is in flight: acknowledged twice, or never sent
   */
  acknowledge(seq) {
    const index = this.inFlight.findIndex((batch) => batch.seq === seq);
    return index < 0 ? null : this.inFlight.splice(index, 1)[0];
  }

  /** The connection has closed: batches in flight are sent again on the next one. */
  disconnected() {
    for (const batch of this.inFlight) batch.sent = false;
  }

  /** @param {number} rows the server's limit; already numbered batches stay unchanged */
  limit(rows) {
    const limit = Math.max(1, Math.min(rows, SendQueue.MOST_ROWS_A_BATCH));
    const cut = this.waiting.some((batch) => batch.rows > limit);
    this.batchRows = limit;
    if (!cut) return;
    this.#seal();
    this.waiting = this.waiting.flatMap((batch) => SendQueue.#cut(batch, limit));
  }

  #seal() {
    if (!this.open.length) return;
    this.waiting.push({ seq: 0, rows: this.open.length, text: `[${this.open.join()}]`, sent: false });
    this.open = [];
  }

  /** @returns {LostRange[]} */
  #giveUpOldest() {
    const batch = this.waiting.shift();
    if (!batch) return [];
    this.queued -= batch.rows;
    /** @type {Map<string, LostRange>} */
    const ranges = new Map();
    for (const [symbol, id] of JSON.parse(batch.text)) {
      const range = ranges.get(symbol) ?? { symbol, from: id, to: id, rows: 0 };
      ranges.set(symbol, { symbol, from: Math.min(range.from, id), to: Math.max(range.to, id), rows: range.rows + 1 });
    }
    return [...ranges.values()];
  }

  /**
   * @param {Batch} batch
   * @param {number} limit
   * @returns {Batch[]}
   */
  static #cut(batch, limit) {
    if (batch.rows <= limit) return [batch];
    const rows = JSON.parse(batch.text);
    const parts = Array.from({ length: Math.ceil(rows.length / limit) }, (_, i) =>
      rows.slice(i * limit, (i + 1) * limit),
    );
    return parts.map((part) => ({ ...batch, rows: part.length, text: JSON.stringify(part) }));
  }
}

/**
 * The recently queued rows. While two sockets overlap each trade arrives twice; the second is dropped only if all
 * values are equal, so a conflicting row still reaches the server.
 */
class Recent {
  /** @param {number} [size] rows remembered: at least this many, at most twice as many */
  constructor(size = 50_000) {
    this.size = size;
    /** @type {Set<string>} */ this.young = new Set();
    /** @type {Set<string>} */ this.old = new Set();
  }

  /**
   * @param {string} row
   * @returns {boolean} whether the row was new
   */
  add(row) {
    if (this.young.has(row) || this.old.has(row)) return false;
    this.young.add(row);
    if (this.young.size >= this.size) [this.old, this.young] = [this.young, new Set()];
    return true;
  }
}
