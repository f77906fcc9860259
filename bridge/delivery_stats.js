// @ts-check
"use strict";

/** Delivery statistics: counts of sent batches, and the server's acknowledgement latency. */
class DeliveryStats {
  static STALL_MS = 3_000; // without an acknowledgement while some are due

  constructor() {
    this.counts = { acknowledged: 0, stored: 0, duplicates: 0, conflicts: 0, rejected: 0 };
    this.ackMs = NaN;
    this.owedSince = NaN; // since when an acknowledgement is due
    /** @type {Map<number, number>} */ this.sentAt = new Map();
  }

  /**
   * @param {number} seq
   * @param {number} now
   */
  sent(seq, now) {
    this.sentAt.set(seq, now);
    if (Number.isNaN(this.owedSince)) this.owedSince = now;
  }

  /**
   * @param {Batch} batch
   * @param {Record<string, any>} message the acknowledgement
   * @param {boolean} owesMore
   * @param {number} now
   */
  acknowledged(batch, message, owesMore, now) {
    this.counts.acknowledged += batch.rows;
    this.counts.stored += Number(message.stored) || 0;
    this.counts.duplicates += Number(message.duplicates) || 0;
    this.counts.conflicts += Number(message.conflicts) || 0;
    this.counts.rejected += Array.isArray(message.rejected) ? message.rejected.length : 0;
    this.ackMs = now - (this.sentAt.get(batch.seq) ?? now);
    this.sentAt.delete(batch.seq);
    this.owedSince = owesMore ? now : NaN;
  }

  disconnected() {
    this.owedSince = NaN;
    this.sentAt.clear();
  }

  /** @param {number} now whether the server receives rows but has not confirmed any recently */
  stalled(now) {
    return now - this.owedSince > DeliveryStats.STALL_MS;
  }
}
