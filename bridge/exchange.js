// @ts-check
"use strict";

/**
 * @typedef {object} Venue
 * @property {string} label what the page calls it
 * @property {string} market the market name on the bridge protocol
 * @property {string} ws stream base
 * @property {string} route path of combined streams below the base
 * @property {string} rest REST base
 * @property {string} api path of the REST interface below its base
 * @property {{trades: number, info: number, time: number, minute: number}} weights of requests, and of a minute
 *
 * @typedef {object} Plan where to listen and what to ask for: all that a start needs to know of the exchange
 * @property {string} venue key of Exchange.VENUES
 * @property {string} market
 * @property {string} stream full stream address without streams
 * @property {boolean} combined streams in a query (`/stream`), not in the path (`/ws`)
 * @property {boolean} retired the address is known to connect and then to stay silent
 * @property {boolean} custom the stream address was given, not built in
 * @property {string} rest full REST address, without a slash at the end
 * @property {Venue["weights"]} weights
 * @property {string[]} symbols upper case
 *
 * @typedef {{kind: "trade", symbol: string, id: number, price: string, sent: number, row: string}} Trade
 * @typedef {{kind: "refused", symbol: string, id: unknown, reason: string}} RefusedTrade
 * @typedef {{kind: "shutdown" | "reply" | "other" | "unreadable"} | {kind: "error", text: string}} OtherFrame
 * @typedef {Trade | RefusedTrade | OtherFrame} Frame
 */

/** What the page knows of exchanges: addresses, routes, frames and symbols. Pure and without state. */
class Exchange {
  static STREAMS_PER_SOCKET = 200; // keeps the address of a socket below 8 KiB
  static HOUR_MS = 3_600_000; // the longest window of time that aggTrades takes

  /** @type {Record<string, Venue>} */
  static VENUES = {
    usdm: {
      label: "Binance USD-M futures",
      market: "usdm",
      ws: "wss://fstream.binance.com",
      route: "/market/stream",
      rest: "https://fapi.binance.com",
      api: "/fapi/v1",
      weights: { trades: 20, info: 1, time: 1, minute: 2400 },
    },
    spot: {
      label: "Binance spot",
      market: "spot",
      ws: "wss://stream.binance.com:9443",
      route: "/stream",
      rest: "https://api.binance.com",
      api: "/api/v3",
      weights: { trades: 4, info: 20, time: 1, minute: 6000 },
    },
    "spot-data": {
      label: "Binance spot, market data only",
      market: "spot",
      ws: "wss://data-stream.binance.vision",
      route: "/stream",
      rest: "https://data-api.binance.vision",
      api: "/api/v3",
      weights: { trades: 4, info: 20, time: 1, minute: 6000 },
    },
    us: {
      label: "Binance.US",
      market: "us",
      ws: "wss://stream.binance.us:9443",
      route: "/stream",
      rest: "https://api.binance.us",
      api: "/api/v3",
      weights: { trades: 4, info: 20, time: 1, minute: 1200 },
    },
    testnet: {
      label: "Binance futures testnet",
      market: "testnet",
      ws: "wss://fstream.binancefuture.com",
      route: "/market/stream",
      rest: "https://demo-fapi.binance.com",
      api: "/fapi/v1",
      weights: { trades: 20, info: 1, time: 1, minute: 2400 },
    },
    sim: {
      label: "Simulated exchange (local)",
      market: "sim",
      ws: "ws://127.0.0.1:9443",
      route: "/market/stream",
      rest: "http://127.0.0.1:9443",
      api: "/fapi/v1",
      weights: { trades: 20, info: 1, time: 1, minute: 2400 },
    },
  };

  /** Addresses whose trades are a real market's. Any other address is `sim`: it can never mix with them. */
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

  /**
   * The plan of a start. Throws an Error whose message is a sentence for the user.
   * @param {{venue: string, exchange?: string, rest?: string, symbols: string[]}} wish
   * @returns {Plan}
   */
  static plan({ venue: wanted, exchange = "", rest = "", symbols }) {
    if (!Object.hasOwn(Exchange.VENUES, wanted)) {
      throw new Error(`The market "${wanted}" is not known; choose one of ${Object.keys(Exchange.VENUES).join(", ")}.`);
    }
    const given = exchange.trim() ? Exchange.address(exchange, "ws") : null;
    const key =
      (given && Exchange.OFFICIAL[/** @type {keyof typeof Exchange.OFFICIAL} */ (Exchange.origin(given))]) || wanted;
    const venue = Exchange.VENUES[key];
    const route = Exchange.route(given ?? new URL(venue.ws), venue);
    const restUrl = rest.trim() ? Exchange.address(rest, "http") : Exchange.restBeside(given, venue);
    const market = Exchange.marketOf(new URL(route.stream), restUrl);
    return {
      venue: key,
      market,
      ...route,
      custom: given !== null,
      rest: Exchange.restRoot(restUrl, venue),
      weights: venue.weights,
      symbols,
    };
  }

  /**
   * @param {string} text
   * @param {"ws" | "http"} scheme
   */
  static address(text, scheme) {
    const kinds = scheme === "ws" ? "ws:// or wss://" : "http:// or https://";
    const swapped = scheme === "ws" ? text.trim().replace(/^http/i, "ws") : text.trim().replace(/^ws/i, "http");
    if (!URL.canParse(swapped) || !new RegExp(`^${scheme}s?:$`).test(new URL(swapped).protocol)) {
      throw new Error(`"${text}" is not an address; expected one that begins with ${kinds}.`);
    }
    return new URL(swapped);
  }

  /** @param {URL} url */
  static origin(url) {
    return `${url.protocol}//${url.host}`;
  }

  /** @param {URL} url */
  static isLoopback(url) {
    return ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  }

  /**
   * Futures deliver aggTrade only below `/market`; elsewhere they acknowledge and stay silent.
   * @param {URL} url a base, or a whole route ending in `/stream` or `/ws`
   * @param {Venue} venue
   */
  static route(url, venue) {
    let path = url.pathname.replace(/\/+$/, "");
    if (/\/(market|public|private)$/.test(path)) path += "/stream";
    if (!/\/(stream|ws)$/.test(path)) path += venue.route;
    const futures = venue.route !== "/stream";
    return {
      stream: Exchange.origin(url) + path,
      combined: path.endsWith("/stream"),
      retired: futures && !/\/market\/(stream|ws)$/.test(path),
    };
  }

  /**
   * REST beside an overridden stream address: the venue's own for an official one, else the same host.
   * @param {URL | null} given
   * @param {Venue} venue
   */
  static restBeside(given, venue) {
    const official = !given || Object.hasOwn(Exchange.OFFICIAL, Exchange.origin(given));
    return official ? new URL(venue.rest) : new URL(Exchange.origin(/** @type {URL} */ (given)).replace(/^ws/, "http"));
  }

  /**
   * @param {URL} url
   * @param {Venue} venue
   */
  static restRoot(url, venue) {
    const path = url.pathname.replace(/\/+$/, "");
    return Exchange.origin(url) + (path.endsWith(venue.api) ? path : path + venue.api);
  }

  /**
   * @param {URL} stream
   * @param {URL} rest rows that REST brings are stored beside those of the stream, so both must be official
   */
  static marketOf(stream, rest) {
    const official = /** @type {Record<string, string>} */ (Exchange.OFFICIAL);
    const [a, b] = [stream, rest].map((url) => Exchange.VENUES[official[Exchange.origin(url)]]?.market);
    return a && a === b ? a : "sim";
  }

  /**
   * @param {Plan} plan
   * @param {string[]} symbols
   */
  static socketUrl(plan, symbols) {
    const streams = symbols.map((symbol) => `${encodeURIComponent(symbol.toLowerCase())}@aggTrade`).join("/");
    return plan.combined ? `${plan.stream}?streams=${streams}` : `${plan.stream}/${streams}`;
  }

  /**
   * @param {Plan} plan
   * @param {string} symbol
   * @param {number | null} fromId null for the newest trade only
   */
  static tradesUrl(plan, symbol, fromId) {
    const page = fromId === null ? "limit=1" : `fromId=${fromId}&limit=1000`;
    return `${plan.rest}/aggTrades?symbol=${encodeURIComponent(symbol)}&${page}`;
  }

  /**
   * Trades of one hour; a window of time goes with no id.
   * @param {Plan} plan
   * @param {string} symbol
   * @param {number} sinceMs
   */
  static hourUrl(plan, symbol, sinceMs) {
    const hour = `startTime=${sinceMs}&endTime=${sinceMs + Exchange.HOUR_MS - 1}&limit=1000`;
    return `${plan.rest}/aggTrades?symbol=${encodeURIComponent(symbol)}&${hour}`;
  }

  /** @param {Plan} plan */
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
    const error = frame.error ?? (typeof frame.code === "number" ? frame : null);
    if (!error) return { kind: "result" in frame ? "reply" : "other" };
    return { kind: "error", text: `${error.msg ?? "no message"} (${error.code ?? "no code"})`.slice(0, 300) };
  }

  /**
   * One aggregate trade of a frame or a REST answer. Prices and quantities stay the strings that came:
   * only the server turns them into numbers, and it alone judges their values. Refused here is only what
   * cannot be carried: an id that a double has already rounded, or a value of the wrong kind.
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
    if (typeof symbol !== "string" || !Exchange.isSymbol(symbol)) return refuse("its symbol is not one");
    if (!Number.isSafeInteger(id) || id < 0) return refuse("its aggregate id is not a whole number below 2^53");
    if (!Exchange.isShortText(price)) return refuse("its price is not a short decimal string");
    if (!Exchange.isShortText(quantity)) return refuse("its quantity is not a short decimal string");
    if (!Number.isSafeInteger(time)) return refuse("its trade time is not a whole number");
    if (maker !== null && typeof maker !== "boolean") return refuse("buyer-is-maker is not true or false");
    const row = JSON.stringify([symbol, id, price, quantity, time, maker]);
    return { kind: "trade", symbol, id, price, sent: Number.isSafeInteger(data.E) ? data.E : NaN, row };
  }

  /** @param {unknown} value */
  static isShortText(value) {
    return typeof value === "string" && value.length <= 40;
  }

  /** @param {string} text 1..32 upper-case letters, digits, `_` or `-` of any script */
  static isSymbol(text) {
    return /^[\p{L}\p{N}_-]{1,32}$/u.test(text) && text === text.toUpperCase();
  }

  /**
   * @param {string} text as typed: any case, separated by commas, semicolons or white space
   * @returns {{symbols: string[], bad: string[]}}
   */
  static readSymbols(text) {
    const typed = text
      .split(/[\s,;]+/u)
      .filter(Boolean)
      .map((word) => word.toUpperCase());
    const unique = [...new Set(typed)];
    return {
      symbols: unique.filter(Exchange.isSymbol),
      bad: unique.filter((word) => !Exchange.isSymbol(word)),
    };
  }

  /**
   * What exchangeInfo says about the symbols asked for.
   * @param {string[]} symbols
   * @param {string} text body of the answer; throws if it is not one
   */
  static check(symbols, text) {
    /** @type {{symbol: string, status?: string, contractType?: string, deliveryDate?: number}[]} */
    const listed = JSON.parse(text).symbols;
    const known = new Map(listed.map((entry) => [entry.symbol, entry]));
    const trading = listed.filter((entry) => entry.status === "TRADING").map((entry) => entry.symbol);
    /** @type {Map<string, string>} */ const problems = new Map();
    /** @type {Map<string, string>} */ const notes = new Map();
    for (const symbol of symbols) {
      const entry = known.get(symbol);
      if (!entry) problems.set(symbol, Exchange.unknown(symbol, trading));
      else if (entry.status !== "TRADING") problems.set(symbol, Exchange.resting(symbol, entry.status));
      else if (entry.contractType === "") notes.set(symbol, "the exchange gives no contract type");
      else if (entry.contractType && entry.contractType !== "PERPETUAL") notes.set(symbol, Exchange.delivery(entry));
    }
    return { problems, notes };
  }

  /**
   * @param {string} symbol
   * @param {string | undefined} status
   */
  static resting(symbol, status) {
    return `${symbol} is not trading now: the exchange calls it ${status || "closed"}.`;
  }

  /** @param {{contractType?: string, deliveryDate?: number}} entry */
  static delivery(entry) {
    const kind = String(entry.contractType).toLowerCase().replaceAll("_", " ");
    const date = Number(entry.deliveryDate);
    const ends = date > 0 && date < 4e12 ? `, ends ${new Date(date).toISOString().slice(0, 10)}` : "";
    return `${kind.includes("quarter") ? "delivery contract, " : ""}${kind}${ends}`;
  }

  /**
   * @param {string} symbol
   * @param {string[]} trading
   */
  static unknown(symbol, trading) {
    const near = Exchange.nearest(symbol, trading);
    const hint = near.length ? `did you mean ${near.join(" or ")}?` : "check its spelling and the market.";
    return `${symbol} is not a symbol of this market; ${hint}`;
  }

  /**
   * The up to three symbols that were most likely meant.
   * @param {string} typed
   * @param {string[]} symbols
   */
  static nearest(typed, symbols) {
    const limit = Math.max(1, Math.floor(typed.length / 3));
    return symbols
      .map((symbol) => ({ symbol, far: Exchange.farness(typed, symbol) }))
      .filter(({ far }) => far <= limit)
      .sort((a, b) => a.far - b.far || a.symbol.length - b.symbol.length || (a.symbol < b.symbol ? -1 : 1))
      .slice(0, 3)
      .map(({ symbol }) => symbol);
  }

  /**
   * @param {string} typed
   * @param {string} symbol
   */
  static farness(typed, symbol) {
    if (typed.length > 1 && symbol.startsWith(typed)) return symbol.endsWith("USDT") ? 0.5 : 0.9;
    return Exchange.edits(typed, symbol);
  }

  /**
   * Insertions, deletions, replacements and swaps of neighbours that turn a into b.
   * @param {string} a
   * @param {string} b
   */
  static edits(a, b) {
    /** @type {number[][]} */
    const d = Array.from({ length: a.length + 1 }, (_, i) => [i]);
    for (let j = 1; j <= b.length; j++) d[0][j] = j;
    for (let i = 1; i <= a.length; i++) {
      for (let j = 1; j <= b.length; j++) {
        const same = a[i - 1] === b[j - 1];
        d[i][j] = Math.min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same ? 0 : 1));
        const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
        if (swapped) d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
    return d[a.length][b.length];
  }
}
