// @ts-check
"use strict";

/** The latest values of both clocks: the monotonic one and the time of day, ms. */
class Clock {
  constructor() {
    this.now = NaN;
    this.wall = NaN;
  }

  /**
   * @param {number} now
   * @param {number} [wall] derived from `now` by default
   */
  set(now, wall = this.wallAt(now)) {
    this.now = now;
    this.wall = wall;
  }

  /** @param {number} now the time of day then, derived from the latest values */
  wallAt(now) {
    return this.wall + now - this.now;
  }
}
