// @ts-check
"use strict";

/**
 * @typedef {object} HistoryJob one REST request, and what its answer becomes
 * @property {string} url
 * @property {number} weight
 * @property {boolean} urgent the user waits for a market scan
 * @property {number} failures in a row
 * @property {number} notBefore
 * @property {(items: any) => Record<string, any> | null} read the message for the server; null if it cannot be read
 * @property {(reason: string) => Record<string, any> | null} refuse the message if it cannot be had; null for none
 *
 * @typedef {{symbol: string, width_ms: number, from_ms: number, to_ms: number}} BarSpan
 */

/**
 * Candles, funding and day volumes that the server asks for: one request at a time within the budget, each answered with one message.
 * Prices stay the strings that came; the server alone judges them.
 */
class MarketHistory {
  static ALL_AT_ONCE = 10; // symbols: from here on one request for all of them weighs less
  static SETTLED_LIMIT = 1_000;
  static FUNDING_ROWS = 500; // of one message
  static MOST_TICKERS = 5_000; // symbols of one message
  static TRIES = 3;
  static WIDTHS = new Map([
    [60_000, "1m"], [180_000, "3m"], [300_000, "5m"], [900_000, "15m"], [1_800_000, "30m"], [3_600_000, "1h"],
    [7_200_000, "2h"], [14_400_000, "4h"], [21_600_000, "6h"], [28_800_000, "8h"], [43_200_000, "12h"],
    [86_400_000, "1d"],
  ]); // prettier-ignore

  /** @param {{plan: StreamPlan, restRequests: RestRequests, serverLink: ServerLink, host: Host}} parts */
  constructor({ plan, restRequests, serverLink, host }) {
    this.plan = plan;
    this.restRequests = restRequests;
    this.serverLink = serverLink;
    this.host = host;
    /** @type {HistoryJob[]} */ this.jobs = [];
    /** @type {HistoryJob | null} */ this.asking = null;
    this.bars = 0; // brought so far
  }

  /**
   * What a page on this market can bring besides trades.
   * @param {StreamPlan} plan
   */
  static abilities(plan) {
    return plan.futures ? ["klines", "tickers", "funding"] : ["klines", "tickers"];
  }

  /** The server is gone and will ask again, or nothing is wanted any more. */
  forget() {
    this.jobs = [];
    this.asking = null;
  }

  /** @param {Record<string, any>} message `fetch_bars`, `fetch_tickers` or `fetch_funding` */
  wanted(message) {
    if (message.type === "fetch_bars") this.#wantBars(message);
    else if (message.type === "fetch_tickers") this.#wantTickers();
    else if (message.kind === "mark") this.#wantMarks(message.symbols ?? []);
    else for (const symbol of message.symbols ?? []) this.#wantSettled(String(symbol), Number(message.since_ms) || 0);
    this.fetch();
  }

  /** Asks for the next thing, if one is wanted and the budget has room for it. */
  fetch() {
    const { now } = this.host.clock;
    if (this.asking || this.serverLink.state !== "live") return;
    const { budget } = this.restRequests;
    const job = this.jobs.find((each) => now >= each.notBefore && budget.spend(each.weight, now, each.urgent));
    if (!job) return;
    this.asking = job;
    this.restRequests.ask(job.url, (answer) => this.#answered(job, answer));
  }

  /**
   * @param {HistoryJob} job
   * @param {Answer} answer
   */
  #answered(job, answer) {
    if (this.asking !== job) return; // forgotten meanwhile
    this.asking = null;
    if (answer.status === 429 || answer.status === 418) return; // the budget waits; then it is asked again
    const said = answer.status === 200 ? MarketHistory.#json(answer.text) : null;
    const message = said === null ? null : job.read(said);
    if (message) this.#done(job, message);
    else this.#failed(job, answer);
  }

  /**
   * @param {HistoryJob} job
   * @param {Answer} answer
   */
  #failed(job, answer) {
    job.failures++;
    job.notBefore = this.host.clock.now + 500 * 2 ** job.failures;
    const final = answer.status >= 400 && answer.status < 500;
    if (final || job.failures >= MarketHistory.TRIES) this.#done(job, job.refuse(Fetcher.reason(answer)));
  }

  /**
   * @param {HistoryJob} job
   * @param {Record<string, any> | null} message
   */
  #done(job, message) {
    this.jobs = this.jobs.filter((other) => other !== job);
    if (!message) return;
    this.bars += message.type === "bars" ? message.rows.length : 0;
    this.serverLink.answer(message);
  }

  /** @param {Record<string, any>} message */
  #wantBars({ symbol, width_ms, from_ms, to_ms, urgent }) {
    /** @type {BarSpan} */ const span = { symbol, width_ms, from_ms, to_ms };
    const interval = MarketHistory.WIDTHS.get(width_ms);
    const limit = (to_ms - from_ms) / width_ms;
    const refuse = (/** @type {string} */ reason) => ({ type: "unfetchable_bars", ...span, reason });
    if (typeof symbol !== "string" || !interval || !Number.isInteger(limit) || limit < 1) {
      this.serverLink.answer(refuse("the exchange has no such candles"));
      return;
    }
    const query = `symbol=${encodeURIComponent(symbol)}&interval=${interval}`;
    this.#take({
      url: `${this.plan.rest}/klines?${query}&startTime=${from_ms}&endTime=${to_ms - 1}&limit=${limit}`,
      weight: MarketHistory.#weight(this.plan, limit),
      urgent: urgent === true,
      read: (items) => (Array.isArray(items) ? { type: "bars", ...span, rows: MarketHistory.#rows(items, span) } : null),
      refuse,
    });
  }

  /** Which symbols are the most liquid: the user waits for it. */
  #wantTickers() {
    this.#take({
      url: `${this.plan.rest}/ticker/24hr`,
      weight: this.plan.futures ? 40 : 80,
      urgent: true,
      read: (items) => (Array.isArray(items) ? MarketHistory.#tickers(items) : null),
      refuse: (reason) => ({ type: "unfetchable_tickers", reason }),
    });
  }

  /** @param {string[]} symbols */
  #wantMarks(symbols) {
    const wanted = new Set(symbols.map(String));
    const all = symbols.length >= MarketHistory.ALL_AT_ONCE;
    for (const symbol of all ? [""] : wanted)
      this.#take({
        url: `${this.plan.rest}/premiumIndex${symbol && `?symbol=${encodeURIComponent(symbol)}`}`,
        weight: all ? 10 : 1,
        read: (items) => {
          const found = [items].flat().filter((each) => wanted.has(each?.symbol));
          return { type: "funding", rows: found.slice(0, MarketHistory.FUNDING_ROWS).map(MarketHistory.#markRow) };
        },
        refuse: this.#noFunding(symbol),
      });
  }

  /**
   * @param {string} symbol
   * @param {number} sinceMs 0 for the newest ones
   */
  #wantSettled(symbol, sinceMs) {
    const since = sinceMs ? `&startTime=${sinceMs}` : "";
    const limit = Math.min(MarketHistory.SETTLED_LIMIT, MarketHistory.FUNDING_ROWS);
    this.#take({
      url: `${this.plan.rest}/fundingRate?symbol=${encodeURIComponent(symbol)}&limit=${limit}${since}`,
      weight: 1,
      read: (items) =>
        Array.isArray(items)
          ? {
              type: "funding",
              rows: items.map((each) => [
                symbol, "settled", each.fundingTime, each.fundingRate, each.markPrice || null, null, null,
              ]), // prettier-ignore
            }
          : null,
      refuse: this.#noFunding(symbol),
    });
  }

  /** @param {string} symbol funding is asked for again anyway */
  #noFunding(symbol) {
    return (/** @type {string} */ reason) => {
      this.host.log("info", `No funding of ${symbol || "the symbols"}: ${reason}.`);
      return null;
    };
  }

  /** @param {Pick<HistoryJob, "url" | "weight" | "read" | "refuse"> & {urgent?: boolean}} job */
  #take(job) {
    if (this.jobs.some(({ url }) => url === job.url)) return;
    this.jobs.push({ urgent: false, ...job, failures: 0, notBefore: 0 });
  }

  /**
   * @param {StreamPlan} plan
   * @param {number} limit
   */
  static #weight(plan, limit) {
    if (!plan.futures) return 2;
    return limit < 100 ? 1 : limit < 500 ? 2 : limit <= 1_000 ? 5 : 10;
  }

  /**
   * @param {any[]} items rows of klines
   * @param {BarSpan} span
   */
  static #rows(items, span) {
    const inside = (/** @type {any} */ item) => item?.[0] >= span.from_ms && item[0] < span.to_ms;
    return items.filter(inside).map((item) => item.slice(0, 6));
  }

  /** @param {any[]} items of ticker/24hr */
  static #tickers(items) {
    const rows = items.map(({ symbol, quoteVolume }) => [symbol, quoteVolume]);
    rows.sort(([, a], [, b]) => Number(b) - Number(a));
    const time_ms = Math.max(0, ...items.map(({ closeTime }) => Number(closeTime) || 0));
    return { type: "tickers", time_ms, rows: rows.slice(0, MarketHistory.MOST_TICKERS) };
  }

  /** @param {Record<string, any>} item of premiumIndex */
  static #markRow({ symbol, time, lastFundingRate, markPrice, indexPrice, nextFundingTime }) {
    return [symbol, "mark", time, lastFundingRate || null, markPrice, indexPrice || null, nextFundingTime || null];
  }

  /** @param {string} text */
  static #json(text) {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }
}
