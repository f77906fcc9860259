// @ts-check
"use strict";

/**
 * @typedef {object} Venue
 * @property {string} label display name
 * @property {string} market the market name on the bridge protocol
 * @property {string} ws stream base
 * @property {string} route path of combined streams below the base
 * @property {string} rest REST base
 * @property {string} api path of the REST interface below its base
 * @property {boolean} futures candles weigh by their number, and there is funding
 * @property {{trades: number, info: number, time: number, minute: number}} weights of requests, and of a minute
 *
 * @typedef {object} StreamPlan the addresses and symbols of one start
 * @property {string} venue key of Venues.ALL
 * @property {string} market
 * @property {string} stream full stream address without streams
 * @property {boolean} combined streams in a query (`/stream`), not in the path (`/ws`)
 * @property {boolean} retired the address is known to connect but send no data
 * @property {boolean} custom the stream address was given, not built in
 * @property {string} rest full REST address, without a slash at the end
 * @property {boolean} futures
 * @property {Venue["weights"]} weights
 * @property {string[]} symbols upper case
 */

/** The markets known to the page, and the plan of a start. Pure. */
class Venues {
  /** @type {Record<string, Venue>} */
  static ALL = {
    usdm: {
      label: "Binance USD-M futures",
      market: "usdm",
      ws: "wss://fstream.binance.com",
      route: "/market/stream",
      rest: "https://fapi.binance.com",
      api: "/fapi/v1",
      futures: true,
      weights: { trades: 20, info: 1, time: 1, minute: 2400 },
    },
    spot: {
      label: "Binance spot",
      market: "spot",
      ws: "wss://stream.binance.com:9443",
      route: "/stream",
      rest: "https://api.binance.com",
      api: "/api/v3",
      futures: false,
      weights: { trades: 4, info: 20, time: 1, minute: 6000 },
    },
    "spot-data": {
      label: "Binance spot, market data only",
      market: "spot",
      ws: "wss://data-stream.binance.vision",
      route: "/stream",
      rest: "https://data-api.binance.vision",
      api: "/api/v3",
      futures: false,
      weights: { trades: 4, info: 20, time: 1, minute: 6000 },
    },
    us: {
      label: "Binance.US",
      market: "us",
      ws: "wss://stream.binance.us:9443",
      route: "/stream",
      rest: "https://api.binance.us",
      api: "/api/v3",
      futures: false,
      weights: { trades: 4, info: 20, time: 1, minute: 1200 },
    },
    testnet: {
      label: "Binance futures testnet",
      market: "testnet",
      ws: "wss://fstream.binancefuture.com",
      route: "/market/stream",
      rest: "https://demo-fapi.binance.com",
      api: "/fapi/v1",
      futures: true,
      weights: { trades: 20, info: 1, time: 1, minute: 2400 },
    },
    sim: {
      label: "Simulated exchange (local)",
      market: "sim",
      ws: "ws://127.0.0.1:9443",
      route: "/market/stream",
      rest: "http://127.0.0.1:9443",
      api: "/fapi/v1",
      futures: true,
      weights: { trades: 20, info: 1, time: 1, minute: 2400 },
    },
  };

  /** Addresses with trades of a real market. Any other address is `sim`, so that its trades never mix with real ones.
   * */
  static OFFICIAL = {
    "wss://fstream.binance.com": "usdm",
    "wss://stream.binance.com": "spot",
    "wss://stream.binance.com:9443": "spot",
    "wss://data-stream.binance.vision": "spot-data",
    "wss://stream.binance.us": "us",
    "wss://stream.binance.us:9443": "us",
    "wss://fstream.binancefuture.com": "testnet",
    "https://fapi.binance.com": "usdm",
    "https://api.binance.com": "spot",
    "https://data-api.binance.vision": "spot-data",
    "https://api.binance.us": "us",
    "https://demo-fapi.binance.com": "testnet",
    "https://testnet.binancefuture.com": "testnet",
  };

  static COIN_M = /^d(stream|api)\.binance(future)?\.com$/;

  /**
   * The plan of a start. Throws an Error with a message for the user.
   * @param {{venue: string, exchange?: string, rest?: string, symbols: string[]}} wish
   * @returns {StreamPlan}
   */
  static plan({ venue: wanted, exchange = "", rest = "", symbols }) {
    Venues.#checkName(wanted);
    const given = exchange.trim() ? Address.parse(exchange, "ws") : null;
    const key =
      (given && Venues.OFFICIAL[/** @type {keyof typeof Venues.OFFICIAL} */ (Address.origin(given))]) || wanted;
    const venue = Venues.ALL[key];
    const route = Venues.#route(given ?? new URL(venue.ws), venue);
    const restUrl = rest.trim() ? Address.parse(rest, "http") : Venues.#restBeside(given, venue);
    for (const { hostname } of [new URL(route.stream), restUrl])
      if (Venues.COIN_M.test(hostname)) throw new Error(`${Limits.NO_COIN_M}.`);
    const market = Venues.#marketOf(new URL(route.stream), restUrl);
    return {
      venue: key,
      market,
      ...route,
      custom: given !== null,
      rest: Venues.#restRoot(restUrl, venue),
      futures: venue.futures,
      weights: venue.weights,
      symbols,
    };
  }

  /** @param {string} wanted throws an Error with a sentence for the user where there is no such venue */
  static #checkName(wanted) {
    if (Object.hasOwn(Venues.ALL, wanted)) return;
    const why = Limits.COIN_M_MARKETS.includes(wanted) ? ` ${Limits.NO_COIN_M}.` : "";
    throw new Error(`The market "${wanted}" is not known; choose one of ${Object.keys(Venues.ALL).join(", ")}.${why}`);
  }

  /**
   * Futures deliver aggTrade only below `/market`; other routes acknowledge but send no data.
   * @param {URL} url a base, or a whole route ending in `/stream` or `/ws`
   * @param {Venue} venue
   */
  static #route(url, venue) {
    let path = url.pathname.replace(/\/+$/, "");
    if (/\/(market|public|private)$/.test(path)) path += "/stream";
    if (!/\/(stream|ws)$/.test(path)) path += venue.route;
    const futures = venue.route !== "/stream";
    return {
      stream: Address.origin(url) + path,
      combined: path.endsWith("/stream"),
      retired: futures && !/\/market\/(stream|ws)$/.test(path),
    };
  }

  /**
   * The REST address for an overridden stream address: the venue's own for an official one, else the same host.
   * @param {URL | null} given
   * @param {Venue} venue
   */
  static #restBeside(given, venue) {
    const official = !given || Object.hasOwn(Venues.OFFICIAL, Address.origin(given));
    return official ? new URL(venue.rest) : new URL(Address.origin(/** @type {URL} */ (given)).replace(/^ws/, "http"));
  }

  /**
   * @param {URL} url
   * @param {Venue} venue
   */
  static #restRoot(url, venue) {
    const path = url.pathname.replace(/\/+$/, "");
    return Address.origin(url) + (path.endsWith(venue.api) ? path : path + venue.api);
  }

  /**
   * @param {URL} stream
   * @param {URL} rest rows from REST are stored with those of the stream, so both must be official
   */
  static #marketOf(stream, rest) {
    const official = /** @type {Record<string, string>} */ (Venues.OFFICIAL);
    const [a, b] = [stream, rest].map((url) => Venues.ALL[official[Address.origin(url)]]?.market);
    return a && a === b ? a : "sim";
  }
}
