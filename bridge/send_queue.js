// @ts-check
"use strict";

/**
 * @typedef {object} Batch
 * @property {number} seq 0 until it is first sent; then kept for good
 * @property {number} rows
 * @property {string} text the rows as a JSON array
 * @property {boolean} sent on the present connection
 *
 * @typedef {{symbol: string, from: number, to: number, rows: number}} LostRange
 */

/**
 * Rows on their way to the server: queued, then in flight as a numbered batch, gone when acknowledged.
 *
 * Waiting rows are kept as finished JSON of whole batches: about 60 bytes a row, so that two million
 * rows (half an hour at 1,000 a second) fit into 120 MB. Beyond that the oldest waiting batch is given
 * up and named; the server sees the jump in the ids and asks for them.
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
   * @returns {LostRange[]} what had to be given up for it: nearly always nothing
   */
  add(row) {
    this.open.push(row);
    this.queued++;
    if (this.open.length >= this.batchRows) this.#seal();
    return this.queued > this.maxRows ? this.#giveUpOldest() : [];
  }

  /** The next batch to put on the wire: first what an earlier connection left unacknowledged, in order. */
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

  /** The connection is gone: whatever was in flight goes again on the next one. */
  disconnected() {
    for (const batch of this.inFlight) batch.sent = false;
  }

  /** @param {number} rows the server's limit; batches that were already numbered stay as they are */
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
 * The very rows that were queued lately. While two sockets overlap each trade comes twice; the second
 * is dropped only if every value equals the first, so a contradiction still reaches the server.
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
