// @ts-check
"use strict";

/**
 * @typedef {{kind: "trade", symbol: string, id: number, price: string, sent: number, row: string}} Trade
 * @typedef {{kind: "refused", symbol: string, id: unknown, reason: string}} RefusedTrade
 * @typedef {{kind: "shutdown" | "reply" | "other" | "unreadable"} | {kind: "error", text: string}} OtherFrame
 * @typedef {Trade | RefusedTrade | OtherFrame} Frame
 */

/** The exchange's interface: its addresses, frames and rows. Pure. */
class Exchange {
  static STREAMS_PER_SOCKET = 200; // keeps a socket's URL below 8 KiB
  static HOUR_MS = 3_600_000; // the longest time window that aggTrades accepts

  /**
   * @param {StreamPlan} plan
   * @param {string[]} symbols
   */
  static socketUrl(plan, symbols) {
    const streams = symbols.map((symbol) => `${encodeURIComponent(symbol.toLowerCase())}@aggTrade`).join("/");
    return plan.combined ? `${plan.stream}?streams=${streams}` : `${plan.stream}/${streams}`;
  }

  /**
   * @param {StreamPlan} plan
   * @param {string} symbol
   * @param {number | null} fromId null for the newest trade only
   */
  static tradesUrl(plan, symbol, fromId) {
    const page = fromId === null ? "limit=1" : `fromId=${fromId}&limit=1000`;
    return `${plan.rest}/aggTrades?symbol=${encodeURIComponent(symbol)}&${page}`;
  }

  /**
   * Trades of one hour; a time window excludes an id.
   * @param {StreamPlan} plan
   * @param {string} symbol
   * @param {number} sinceMs
   */
  static hourUrl(plan, symbol, sinceMs) {
    const hour = `startTime=${sinceMs}&endTime=${sinceMs + Exchange.HOUR_MS - 1}&limit=1000`;
    return `${plan.rest}/aggTrades?symbol=${encodeURIComponent(symbol)}&${hour}`;
  }

  /** @param {StreamPlan} plan */
  static infoUrl(plan) {
    // Spot's full answer is some 15 MB, most of it permission sets.
    return `${plan.rest}/exchangeInfo${plan.market === "spot" ? "?showPermissionSets=false" : ""}`;
  }

  /**
   * @param {string} text
   * @returns {Frame}
   */
  static read(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return { kind: "unreadable" };
    }
    if (typeof frame !== "object" || frame === null) return { kind: "other" };
    const data = typeof frame.data === "object" && frame.data !== null ? frame.data : frame;
    if (data.e === "aggTrade") return Exchange.trade(data.s, data);
    if (data.e === "serverShutdown") return { kind: "shutdown" };
    return Exchange.#answer(frame);
  }

  /**
   * A frame that is no event: the answer to a request.
   * @param {Record<string, any>} frame
   * @returns {OtherFrame}
   */
  static #answer(frame) {
    const error = frame.error ?? (typeof frame.code === "number" ? frame : null);
    if (!error) return { kind: "result" in frame ? "reply" : "other" };
    return { kind: "error", text: `${error.msg ?? "no message"} (${error.code ?? "no code"})`.slice(0, 300) };
  }

  /**
   * One aggregate trade of a frame or a REST answer. Prices and quantities stay strings: only the server parses and
   * validates them. This refuses only values that cannot be forwarded: an id already rounded by a double, or a value of
   * the wrong type.
   * @param {unknown} symbol
   * @param {Record<string, any>} data
   * @returns {Trade | RefusedTrade}
   */
  static trade(symbol, data) {
    const { a: id, p: price, q: quantity, T: time, m: maker = null } = data;
    /** @returns {RefusedTrade} */
    const refuse = (/** @type {string} */ reason) => ({
      kind: "refused",
      symbol: String(symbol).slice(0, 32),
      id,
      reason,
    });
    if (typeof symbol !== "string" || !Symbols.isOne(symbol)) return refuse("its symbol is not one");
    if (!Number.isSafeInteger(id) || id < 0) return refuse("its aggregate id is not a whole number below 2^53");
    if (!Exchange.#isShortText(price)) return refuse("its price is not a short decimal string");
    if (!Exchange.#isShortText(quantity)) return refuse("its quantity is not a short decimal string");
    if (!Number.isSafeInteger(time)) return refuse("its trade time is not a whole number");
    if (maker !== null && typeof maker !== "boolean") return refuse("buyer-is-maker is not true or false");
    const row = JSON.stringify([symbol, id, price, quantity, time, maker]);
    return { kind: "trade", symbol, id, price, sent: Number.isSafeInteger(data.E) ? data.E : NaN, row };
  }

  /** @param {unknown} value */
  static #isShortText(value) {
    return typeof value === "string" && value.length <= 40;
  }
}
