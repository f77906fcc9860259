// @ts-check
"use strict";

/** @typedef {{market: string, symbols: string, exchange: string, rest: string}} Fields as typed */

/** The form's initial values. Pure. */
class Form {
  /** The fields that together identify an exchange. Mixing sources would identify another exchange. */
  static PLACE = /** @type {const} */ (["market", "exchange", "rest"]);

  /** @param {URLSearchParams} query */
  static namesPlace(query) {
    return Form.PLACE.some((name) => query.has(name));
  }

  /**
   * From the page's address, else the last used. An address without a market takes the last one.
   * @param {URLSearchParams} query
   * @param {Fields} last the last started; "" if unknown
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
