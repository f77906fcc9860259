// @ts-check
"use strict";

/**
 * The bars of a pair in growing columns of doubles, NaN where unknown: a day of seconds is appended to without a copy.
 * Bars are contiguous, so a time needs no column. Pure, tested by `node --test`.
 */
const PairbridgeBars = (() => {
  const LEAST = 2048; // places of a new column

  class Bars {
    /**
     * @param {number} width of a bar, ms
     * @param {(columns: Object<string, Float64Array>, from: number, to: number) => void} [derive] completes new bars
     */
    constructor(width = 0, derive) {
      this.width = width;
      this.derive = derive;
      this.begin = 0; // opening time of the first bar, ms
      this.first = 0; // its number in the run
      this.size = 0;
      this.moved = 0; // how many bars have come before those that were first, less those that have left
      this.columns = /** @type {Object<string, Float64Array>} */ ({});
    }

    /** When the bar at an index opens, ms. */
    time(index) {
      return this.begin + index * this.width;
    }

    /** The index of the bar that opens at a time; beyond the ends where there is none. */
    index(ms) {
      return Math.round((ms - this.begin) / this.width);
    }

    /** A value; NaN where unknown. */
    value(name, index) {
      const column = this.columns[name];
      return column && index >= 0 && index < this.size ? column[index] : NaN;
    }

    /**
     * Bars from number `first` on, with their opening times `t`; they replace those from there.
     * @param {number} first
     * @param {Object<string, ArrayLike<number|null>>} fresh
     */
    put(first, fresh) {
      const keep = Math.min(Math.max(first - this.first, 0), this.size);
      const count = fresh.t.length;
      if (!keep) {
        this.first = first;
        this.begin = /** @type {number} */ (fresh.t[0]);
      }
      for (const name of Object.keys(fresh)) {
        if (name === "t") continue;
        const column = this.hold(name, keep + count);
        for (let i = 0; i < count; i++) column[keep + i] = fresh[name][i] ?? NaN;
      }
      this.size = keep + count;
      this.complete(keep, this.size);
    }

    /**
     * Bars before the first.
     * @param {number} count
     * @param {Object<string, Float64Array>} older
     */
    prepend(count, older) {
      for (const name of new Set([...Object.keys(older), ...Object.keys(this.columns)])) {
        const before = this.columns[name];
        const column = new Float64Array(Math.max(LEAST, Math.ceil((count + this.size) * 1.25)));
        if (older[name]) column.set(older[name]);
        else column.fill(NaN, 0, count);
        if (before) column.set(before.subarray(0, this.size), count);
        else column.fill(NaN, count, count + this.size);
        this.columns[name] = column;
      }
      this.shift(count);
      this.complete(0, count);
    }

    /** Drop the oldest bars, until `most` are left. */
    trim(most) {
      const extra = this.size - most;
      if (extra <= 0) return;
      for (const column of Object.values(this.columns)) column.copyWithin(0, extra, this.size);
      this.shift(-extra);
    }

    shift(count) {
      this.begin -= count * this.width;
      this.first -= count;
      this.size += count;
      this.moved += count;
    }

    complete(from, to) {
      this.derive?.(this.columns, from, to);
    }

    /** The column of a name with at least so many places; what was not known is NaN. */
    hold(name, places) {
      const before = this.columns[name] ?? new Float64Array(0);
      if (before.length >= places) return before;
      const column = new Float64Array(Math.max(LEAST, Math.ceil(places * 1.5)));
      column.set(before);
      if (!before.length) column.fill(NaN);
      this.columns[name] = column;
      return column;
    }
  }

  /**
   * The answer of `/api/pair/bars`: a header's length, the header, columns of doubles.
   * @param {ArrayBuffer} buffer
   * @returns {{first: number, count: number, decisions: any[], columns: Object<string, Float64Array>}}
   */
  function unpack(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    const columns = /** @type {Object<string, Float64Array>} */ ({});
    header.columns.forEach((name, at) => {
      columns[name] = new Float64Array(buffer, 4 + length + at * header.count * 8, header.count);
    });
    return { ...header, columns };
  }

  return { Bars, unpack };
})();

if (typeof module !== "undefined") module.exports = PairbridgeBars;
