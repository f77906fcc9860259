// @ts-check
"use strict";

/** Work that may be asked for often: done at once, then at most every so many ms, and always after the last call. */
class PairbridgePace {
  static READ_MS = 100; // between two changes of a text: faster than that nobody reads, and each one costs a layout

  /** @param {() => void} work @param {number} everyMs */
  constructor(work, everyMs) {
    this.work = work;
    this.everyMs = everyMs;
    this.done = -Infinity; // when, ms
    this.timer = /** @type {any} */ (undefined);
  }

  soon() {
    if (this.timer !== undefined) return;
    const left = this.done + this.everyMs - performance.now();
    if (left <= 0) this.now();
    else this.timer = setTimeout(() => this.now(), left);
  }

  now() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.done = performance.now();
    this.work();
  }
}

if (typeof module !== "undefined") module.exports = PairbridgePace;
