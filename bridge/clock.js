// @ts-check
"use strict";

/** Both clocks as they were told last: a steady one and the time of day, ms. */
class Clock {
  constructor() {
    this.now = NaN;
    this.wall = NaN;
  }

  /**
   * @param {number} now
   * @param {number} [wall] if it is not told it is reckoned
   */
  set(now, wall = this.wallAt(now)) {
    this.now = now;
    this.wall = wall;
  }

  /** @param {number} now the time of day then, reckoned from what was told last */
  wallAt(now) {
    return this.wall + now - this.now;
  }
}
