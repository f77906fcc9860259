// @ts-check
"use strict";

/**
 * Handles frames from the exchange: records every trade in the symbol state, and sends it through the dedup queue to
 * the server unless another bridge forwards the symbol.
 */
class FrameHandler {
  static NAMED_SYMBOLS = 20; // with more symbols, first trades are not logged individually

  /** @param {{symbolStates: SymbolStates, dedupQueue: DedupQueue, restRequests: RestRequests, serverLink: ServerLink, host: Host}} parts */
  constructor({ symbolStates, dedupQueue, restRequests, serverLink, host }) {
    this.symbolStates = symbolStates;
    this.dedupQueue = dedupQueue;
    this.restRequests = restRequests;
    this.serverLink = serverLink;
    this.host = host;
    this.counts = { received: 0, refused: 0 };
    this.lagMs = NaN; // of the latest trade behind the exchange's clock, NaN if not known
  }

  /**
   * @param {Feed} feed
   * @param {number} socket of that feed
   * @param {string} text a frame
   * @param {number} now
   */
  heard(feed, socket, text, now) {
    const frame = Exchange.read(text);
    if (frame.kind === "trade") this.#trade(feed, socket, frame, now);
    else if (frame.kind === "refused") this.#refuse(`${frame.symbol} ${frame.id}: ${frame.reason}`);
    else if (frame.kind === "unreadable") this.#refuse(`a frame that is not JSON: ${text.slice(0, 60)}`);
    else if (frame.kind === "shutdown") feed.renew(now, "the exchange announced that it will close this one");
    else if (frame.kind === "error") this.host.log("bad", `The exchange answered with an error: ${frame.text}`);
  }

  /**
   * Applies a lease: for symbols that this page now forwards, also sends their recent trades.
   * @param {{active?: string[], standby?: string[]}} message
   * @param {number} now
   */
  lease({ active = [], standby = [] }, now) {
    for (const { state, before, rows } of this.symbolStates.lease(new Set(active), new Set(standby), now)) {
      for (const row of rows) this.#forward(row, now);
      const what = `Took over ${state.symbol} from another bridge, with its last ${rows.length} trades.`;
      if (before) this.host.log("good", what);
    }
  }

  /**
   * @param {Feed} feed
   * @param {number} socket
   * @param {Trade} trade
   * @param {number} now
   */
  #trade(feed, socket, trade, now) {
    const state = this.symbolStates.get(trade.symbol);
    if (!state) return; // not subscribed
    feed.delivered(socket, trade.symbol, trade.id, now);
    const first = !state.count && this.symbolStates.states.size <= FrameHandler.NAMED_SYMBOLS;
    if (first) this.host.log("good", `First trade of ${trade.symbol}: ${trade.price}`);
    const wasDoubted = state.problem;
    this.symbolStates.note(state, trade, now);
    if (wasDoubted) this.serverLink.subscribe(this.symbolStates.usable);
    this.lagMs = this.host.clock.wallAt(now) - this.restRequests.skewMs - trade.sent;
    this.counts.received++;
    if (state.lease === "standby" || state.lease === "refused") this.symbolStates.keepSpare(state, trade.row, now);
    else this.#forward(trade.row, now);
  }

  /**
   * @param {string} row of the live stream
   * @param {number} now
   */
  #forward(row, now) {
    this.dedupQueue.live(row);
    this.serverLink.pump(now);
  }

  /** @param {string} what */
  #refuse(what) {
    this.counts.refused++;
    this.host.log("bad", `Refused here: ${what}`);
  }
}
