// @ts-check
"use strict";

/**
 * @typedef {object} Answer the result of a REST request
 * @property {number} status HTTP status, 0 if there was no readable answer
 * @property {string} text body, "" if none
 * @property {string | null} retryAfter the header, if the exchange allows a page to read it
 * @property {"blocked" | "unreachable" | null} cause of status 0: "blocked" if the host answers but CORS forbids
 * reading
 *
 * @typedef {object} Job a gap requested by the server, or a warm start: the history before a symbol's first trade
 * @property {string} symbol
 * @property {number} from 0 while a warm start's first id is unknown
 * @property {number} to
 * @property {number} next the first id not resolved yet
 * @property {boolean} warm
 * @property {number} hourMs while a warm start's first id is unknown: the start of the searched hour
 * @property {number} hours searched so far
 * @property {boolean} anchored whether `next - 1` was seen in the exchange's own history
 * @property {number} failures consecutive
 * @property {number} notBefore
 *
 * @typedef {{symbol: string, from: number, to: number, reason: string}} Unfetchable
 *
 * @typedef {object} Fetched the content of an answer
 * @property {Trade[]} rows
 * @property {Unfetchable[]} gaps
 * @property {Unfetchable | null} cold a warm start without a findable first trade
 * @property {string} note
 *
 * @typedef {object} Page one answer of aggTrades, in id order
 * @property {(Trade | RefusedTrade)[]} trades
 * @property {number} first id, NaN on an empty page
 * @property {number} firstTime trade time of that id
 * @property {number} last id
 * @property {boolean} full whether the page has the maximum length: more may follow
 */

/**
 * Fetches missing ids: pages through aggTrades by id, one request at a time; gaps before warm starts, the smallest
 * first. The first id of a warm start is unknown: it is searched by time, hour by hour.
 *
 * An id between two ids that the exchange returned does not exist. Before the first returned id this is certain only if
 * the history demonstrably goes further back: so a request starts at the id before the gap. A first answer from a real
 * exchange that is younger than its history limit proves the same.
 */
class Fetcher {
  static BLOCKED = "blocked or geo-blocked: the exchange answers, but this browser may not read it";
  static UNREACHABLE = "the exchange's REST address cannot be reached from this browser";

  /**
   * @param {StreamPlan} plan
   * @param {Budget} budget
   */
  constructor(plan, budget) {
    this.plan = plan;
    this.budget = budget;
    /** @type {Job[]} */ this.jobs = [];
    /** @type {Job | null} */ this.asking = null;
  }

  /** @param {{symbol: string, from: number, to: number}} gap */
  ask({ symbol, from, to }) {
    const covers = (/** @type {Job} */ job) => !Fetcher.#seeks(job) && job.from <= from && to <= job.to;
    const known = this.jobs.some((job) => job.symbol === symbol && covers(job));
    if (!known) this.#take({ symbol, from, to, warm: false, hourMs: NaN });
    return !known;
  }

  /**
   * A warm start: all trades from the first one at or after a time, up to an id.
   * @param {{symbol: string, sinceMs: number, to: number}} past
   */
  askSince({ symbol, sinceMs, to }) {
    const known = this.jobs.some((job) => job.warm && job.symbol === symbol && job.to === to);
    if (!known) this.#take({ symbol, from: 0, to, warm: true, hourMs: sinceMs });
    return !known;
  }

  /** The server has disconnected; it will request missing ids again. */
  forget() {
    this.jobs = [];
    this.asking = null;
  }

  /**
   * @param {number} now
   * @returns {{job: Job, url: string} | null} the next request to send
   */
  next(now) {
    if (this.asking) return null;
    const ready = this.jobs.filter((job) => now >= job.notBefore);
    if (!ready.length || !this.budget.spend(this.plan.weights.trades, now)) return null;
    const job = ready.reduce((a, b) => (Fetcher.#isBefore(b, a) ? b : a));
    this.asking = job;
    if (Fetcher.#seeks(job)) return { job, url: Exchange.hourUrl(this.plan, job.symbol, job.hourMs) };
    const fromId = job.anchored ? job.next : job.next - 1;
    return { job, url: Exchange.tradesUrl(this.plan, job.symbol, fromId) };
  }

  /**
   * @param {Job} job
   * @param {Answer} answer
   * @param {{now: number, wall: number, listening: boolean}} at `listening`: the stream of this exchange is open
   * @returns {Fetched}
   */
  answered(job, answer, { now, wall, listening }) {
    if (this.asking !== job) return Fetcher.#fetched(); // dropped meanwhile
    this.asking = null;
    const page = answer.status === 200 ? Fetcher.#page(job, answer.text) : null;
    const result = page ? this.#read(job, page, { now, wall }) : this.#failed(job, answer, { now, listening });
    if (job.next > job.to) this.jobs = this.jobs.filter((other) => other !== job);
    return result;
  }

  /** `total` is NaN while a warm start's first id is unknown. */
  progress() {
    return this.jobs.map((job) => {
      const { symbol, from, to, next, warm } = job;
      return { symbol, from, to, warm, done: next - from, total: Fetcher.#seeks(job) ? NaN : to - from + 1 };
    });
  }

  /** @param {Pick<Job, "symbol" | "from" | "to" | "warm" | "hourMs">} wanted */
  #take(wanted) {
    this.jobs.push({ ...wanted, next: wanted.from, anchored: wanted.from === 0, hours: 0, failures: 0, notBefore: 0 });
  }

  /** @param {Job} job */
  static #seeks(job) {
    return !Number.isNaN(job.hourMs);
  }

  /**
   * @param {Job} a
   * @param {Job} b
   */
  static #isBefore(a, b) {
    const left = (/** @type {Job} */ job) => (Fetcher.#seeks(job) ? 0 : job.to - job.next);
    return a.warm === b.warm ? left(a) < left(b) : b.warm;
  }

  /**
   * @param {Partial<Fetched>} [what]
   * @returns {Fetched}
   */
  static #fetched(what) {
    return { rows: [], gaps: [], cold: null, note: "", ...what };
  }

  /**
   * @param {Job} job
   * @param {string} text
   * @returns {Page | null} null if it cannot be read
   */
  static #page(job, text) {
    let items;
    try {
      items = JSON.parse(text);
    } catch {
      return null;
    }
    // An unreadable id would look like one that does not exist.
    if (!Array.isArray(items) || !items.every((item) => Number.isSafeInteger(item?.a))) return null;
    items.sort((a, b) => a.a - b.a);
    const trades = items.map((item) => Exchange.trade(job.symbol, item));
    const [first, last] = [items[0], items.at(-1)];
    const full = items.length >= Limits.PAGE;
    return { trades, first: first?.a ?? NaN, firstTime: first?.T ?? NaN, last: last?.a ?? NaN, full };
  }

  /**
   * @param {Job} job
   * @param {Page} page
   * @param {{now: number, wall: number}} at
   */
  #read(job, page, at) {
    if (!Fetcher.#seeks(job)) return this.#advance(job, page, at);
    if (page.first > job.to) return this.#giveUp(job, Limits.NO_PAST);
    if (Number.isNaN(page.first)) return this.#seekOn(job, at);
    Object.assign(job, { from: page.first, next: page.first, hourMs: NaN });
    return this.#advance(job, page, at);
  }

  /**
   * An hour without a trade; the current hour may still get one.
   * @param {Job} job
   * @param {{now: number, wall: number}} at
   */
  #seekOn(job, { now, wall }) {
    if (job.hourMs + Exchange.HOUR_MS > wall) return this.#nothingNew(job, now);
    job.hourMs += Exchange.HOUR_MS;
    job.hours++;
    return job.hours < Limits.HOURS ? Fetcher.#fetched() : this.#giveUp(job, Limits.NO_PAST);
  }

  /**
   * @param {Job} job
   * @param {Page} page
   * @param {{now: number, wall: number}} at
   */
  #advance(job, page, { now, wall }) {
    const start = job.next;
    const end = Math.min(page.last, job.to); // NaN on an empty page
    if (!(end >= start)) return this.#nothingNew(job, now);
    const young = this.plan.market !== "sim" && wall - page.firstTime < Limits.REACH_MS;
    const sure = job.anchored || page.first < start || young;
    const { rows, gaps } = Fetcher.#settle(job, page.trades, end, sure);
    Object.assign(job, { next: end + 1, anchored: true, failures: 0, notBefore: page.full ? 0 : now + 500 });
    return Fetcher.#fetched({ rows, gaps });
  }

  /**
   * Rows and gaps of `job.next..end`; `sure`: ids missing before the first returned one do not exist.
   * @param {Job} job
   * @param {(Trade | RefusedTrade)[]} trades in id order
   * @param {number} end
   * @param {boolean} sure
   */
  static #settle(job, trades, end, sure) {
    /** @type {Trade[]} */ const rows = [];
    /** @type {Unfetchable[]} */ const gaps = [];
    const gap = (/** @type {number} */ from, /** @type {number} */ to, /** @type {string} */ reason) => {
      if (from <= to) gaps.push({ symbol: job.symbol, from, to, reason });
    };
    let expected = job.next;
    let reason = sure ? Limits.NO_SUCH_IDS : Limits.OUT_OF_REACH;
    for (const trade of trades) {
      const id = Number(trade.id);
      if (id < expected) continue;
      gap(expected, Math.min(id - 1, end), reason);
      reason = Limits.NO_SUCH_IDS;
      if (id > end) break;
      if (trade.kind === "trade") rows.push(trade);
      else gap(id, id, `the exchange's row cannot be used: ${trade.reason}`);
      expected = id + 1;
    }
    return { rows, gaps };
  }

  /**
   * A page without any requested id: REST lags the stream slightly, so retry before accepting it.
   * @param {Job} job
   * @param {number} now
   */
  #nothingNew(job, now) {
    job.failures++;
    job.notBefore = now + 1000 * job.failures;
    if (job.failures < 4) return Fetcher.#fetched();
    return this.#giveUp(job, Fetcher.#seeks(job) ? Limits.NO_PAST : "the exchange's history ends before these ids");
  }

  /**
   * @param {Job} job
   * @param {Answer} answer
   * @param {{now: number, listening: boolean}} at
   */
  #failed(job, answer, { now, listening }) {
    if (answer.status === 429 || answer.status === 418) {
      const seconds = this.budget.refused(answer, now);
      const note = `the exchange asks for a pause (${answer.status}); fetching continues in ${seconds} s`;
      return Fetcher.#fetched({ note });
    }
    job.failures++;
    job.notBefore = now + Math.min(30_000, 500 * 2 ** job.failures);
    const reason = Fetcher.reason(answer);
    const final = answer.status >= 400 && answer.status < 500;
    const patience = answer.status === 0 && !listening ? 8 : 3; // without its stream, the network may be down
    if (final || job.failures >= patience) return this.#giveUp(job, reason);
    return Fetcher.#fetched();
  }

  /**
   * @param {Job} job
   * @param {string} reason
   */
  #giveUp(job, reason) {
    const gap = { symbol: job.symbol, from: job.next, to: job.to, reason };
    job.next = job.to + 1;
    return Fetcher.#fetched(Fetcher.#seeks(job) ? { cold: gap } : { gaps: [gap] });
  }

  /** @param {Answer} answer */
  static reason({ status, text, cause }) {
    if (status === 0) return cause === "blocked" ? Fetcher.BLOCKED : Fetcher.UNREACHABLE;
    if (status === 451) return "geo-blocked (HTTP 451)";
    if (status === 403) return "blocked by the exchange's firewall (HTTP 403)";
    if (status === 200) return "the exchange's answer cannot be read";
    const said = Exchange.read(text);
    return `the exchange answered HTTP ${status}${said.kind === "error" ? `: ${said.text}` : ""}`.slice(0, 200);
  }
}
