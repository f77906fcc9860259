// @ts-check
"use strict";

/**
 * Request weight spent in the last minute, kept below a quarter of what the exchange allows an address. Only urgent
 * requests may bring the sum to 60 %; all others together stay within their quarter, and need not wait for them.
 */
class Budget {
  static SHARE = 0.25;
  static URGENT_SHARE = 0.6; // while the user waits for a market scan
  static WINDOW_MS = 62_000; // the exchange counts a request when it arrives, a little after it was sent

  /** @param {number} perMinute the exchange's own limit */
  constructor(perMinute) {
    this.perMinute = perMinute;
    this.pausedUntil = 0;
    /** @type {{at: number, weight: number, urgent: boolean}[]} */ this.spent = [];
  }

  /**
   * @param {number} weight
   * @param {number} now
   * @param {boolean} [urgent]
   * @returns {boolean} whether the request may be sent; if so, adds its weight
   */
  spend(weight, now, urgent = false) {
    if (now < this.pausedUntil) return false;
    this.spent = this.spent.filter(({ at }) => now - at < Budget.WINDOW_MS);
    const used = this.spent.reduce((sum, entry) => sum + entry.weight, 0);
    const usual = this.spent.reduce((sum, entry) => sum + (entry.urgent ? 0 : entry.weight), 0);
    if (used + weight > this.perMinute * Budget.URGENT_SHARE) return false;
    if (!urgent && usual + weight > this.perMinute * Budget.SHARE) return false;
    this.spent.push({ at: now, weight, urgent });
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
