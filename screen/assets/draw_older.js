// @ts-check
"use strict";

/** Loads the bars before those that are here, one request at a time, as far back as is wanted. */
class PairbridgeOlder {
  static AT_ONCE = 25_000; // bars
  static LEAST = 2_000;
  static AGAIN_MS = 3_000; // after a failure

  /**
   * @param {ReturnType<typeof PairbridgeCore.emptyPair>} pair
   * @param {() => void} arrived
   */
  constructor(pair, arrived) {
    this.pair = pair;
    this.arrived = arrived;
    this.isLoading = false;
    this.wanted = 0; // bars before those that are here
    this.failed_ms = -Infinity;
  }

  /** Whether there are older bars than those that are here. */
  get isMore() {
    return this.pair.bars.first > 0 && this.pair.bars.size < PairbridgeCore.MOST;
  }

  /** Have at least so many bars more before the first. */
  want(count) {
    if (!this.isMore || count <= 0) return;
    this.wanted = Math.max(this.wanted, count);
    if (!this.isLoading && performance.now() > this.failed_ms + PairbridgeOlder.AGAIN_MS) this.load();
  }

  address() {
    const { watch, bars } = this.pair;
    const room = PairbridgeCore.MOST - bars.size;
    const count = Math.min(Math.max(this.wanted, PairbridgeOlder.LEAST), PairbridgeOlder.AT_ONCE, room);
    return `/api/pair/bars?watch=${watch}&before=${bars.first}&at=${bars.begin}&count=${count}`;
  }

  async load() {
    this.isLoading = true;
    const { resets } = this.pair;
    const count = await this.taken(this.address(), () => this.pair.resets === resets);
    this.isLoading = false;
    this.wanted = Math.max(this.wanted - count, 0);
    if (!count) {
      this.failed_ms = performance.now(); // the run is another by now, or the dashboard is away
      this.wanted = 0;
      return;
    }
    this.arrived();
    this.want(this.wanted);
  }

  /** How many bars came; 0 if they cannot be used. */
  async taken(address, isCurrent) {
    try {
      const answer = await fetch(address);
      if (!answer.ok) return 0;
      const older = PairbridgeBars.unpack(await answer.arrayBuffer());
      return isCurrent() && PairbridgeCore.absorbOlder(this.pair, older) ? older.count : 0;
    } catch {
      return 0; // the connection is lost, which the banner tells
    }
  }
}
