// @ts-check
"use strict";

/** Request weight used in the last minute, kept below a quarter of the exchange's limit per address. */
class Budget {
  static SHARE = 0.25;
  static URGENT_SHARE = 0.6; // while the user waits for a market scan

  /** @param {number} perMinute the exchange's own limit */
  constructor(perMinute) {
    this.perMinute = perMinute;
    this.pausedUntil = 0;
    /** @type {{at: number, weight: number}[]} */ this.spent = [];
  }

  /**
   * @param {number} weight
   * @param {number} now
   * @param {boolean} [urgent]
   * @returns {boolean} whether the request may be sent; if so, adds its weight
   */
  spend(weight, now, urgent = false) {
    if (now < this.pausedUntil) return false;
    this.spent = this.spent.filter(({ at }) => now - at < 60_000);
    const used = this.spent.reduce((sum, entry) => sum + entry.weight, 0);
    if (used + weight > this.perMinute * (urgent ? Budget.URGENT_SHARE : Budget.SHARE)) return false;
    this.spent.push({ at: now, weight });
    return true;
  }

  /**
   * The exchange answered "too many requests" (429) or banned the address temporarily (418).
   * @param {Answer} answer
   * @param {number} now
   * @returns {number} seconds until the next request
   */
  refused(answer, now) {
    const asked = Number(answer.retryAfter);
    const seconds = asked > 0 ? asked : answer.status === 418 ? 180 : 60;
    this.pausedUntil = Math.max(this.pausedUntil, now + seconds * 1000);
    return seconds;
  }
}
