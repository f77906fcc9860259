// @ts-check
"use strict";

/** @typedef {{market: string, symbols: string, exchange: string, rest: string}} Fields as typed */

/** What the form begins with. Pure. */
class Form {
  /** One place: which exchange, and where. Half of it from elsewhere would be another exchange. */
  static PLACE = /** @type {const} */ (["market", "exchange", "rest"]);

  /** @param {URLSearchParams} query */
  static namesPlace(query) {
    return Form.PLACE.some((name) => query.has(name));
  }

  /**
   * From the page's address, else as it was last. An address that names no market takes the last one.
   * @param {URLSearchParams} query
   * @param {Fields} last what was started last; "" for what is not known
   * @returns {Fields}
   */
  static begin(query, last) {
    const given = (/** @type {keyof Fields} */ name) => query.get(name) ?? "";
    const place = Form.namesPlace(query)
      ? { market: query.get("market") ?? last.market, exchange: given("exchange"), rest: given("rest") }
      : { market: last.market, exchange: last.exchange, rest: last.rest };
    return { ...place, symbols: query.get("symbols") ?? (last.symbols || "BTCUSDT, ETHUSDT") };
  }
}
