// @ts-check
"use strict";

/** History requested by the server: missing ids, and the minutes before a symbol's first trade (a warm start). */
class Backfill {
  /** @param {{plan: StreamPlan, restRequests: RestRequests, feeds: Feeds, dedupQueue: DedupQueue, serverLink: ServerLink, host: Host}} parts */
  constructor({ plan, restRequests, feeds, dedupQueue, serverLink, host }) {
    this.fetcher = new Fetcher(plan, restRequests.budget);
    this.restRequests = restRequests;
    this.feeds = feeds;
    this.dedupQueue = dedupQueue;
    this.serverLink = serverLink;
    this.host = host;
    this.counts = { fetched: 0, unfetchable: 0 };
    this.unfetched = { ids: 0, reason: "" }; // existing ids that could not be fetched
  }

  /** The current fetches; `total` is NaN while a warm start's first id is unknown. */
  progress() {
    return this.fetcher.progress();
  }

  /** Drops all requests: the server has disconnected and will repeat them, or they are obsolete. */
  forget() {
    this.fetcher.forget();
  }

  /** @param {{symbol: string, from?: number, since_ms?: number, to: number}} message a gap, or a warm start by time */
  wanted({ symbol, from, since_ms: sinceMs, to }) {
    const whole = (/** @type {unknown} */ value) => Number.isSafeInteger(value) && Number(value) >= 0;
    if (typeof symbol !== "string" || !whole(to)) return;
    if (whole(from) && Number(from) <= to) this.#gap(symbol, Number(from), to);
    else if (from === undefined && whole(sinceMs)) this.#past(symbol, Number(sinceMs), to);
    this.fetch();
  }

  /** Requests the next page, if one is pending and the server, the queue and the budget allow it. */
  fetch() {
    const room = this.dedupQueue.sendQueue.queued <= Limits.BACKLOG_ROWS;
    if (this.serverLink.state !== "live" || !room) return;
    const request = this.fetcher.next(this.host.clock.now);
    if (!request) return;
    this.restRequests.ask(request.url, (answer) => {
      const { now, wall } = this.host.clock;
      const listening = this.feeds.upstream === "open";
      const at = { now, wall: wall - (this.restRequests.skewMs || 0), listening }; // on the exchange's clock if known
      this.#passOn(this.fetcher.answered(request.job, answer, at));
    });
  }

  /** @param {Fetched} result */
  #passOn({ rows, gaps, cold, note }) {
    for (const { row } of rows) this.dedupQueue.queue(row);
    this.counts.fetched += rows.length;
    for (const gap of gaps) this.#unfetchable(gap);
    if (cold) this.#cold(cold);
    if (note) this.host.log("bad", `Fetching: ${note}.`);
    this.serverLink.pump(this.host.clock.now);
  }

  /**
   * @param {string} symbol
   * @param {number} from
   * @param {number} to
   */
  #gap(symbol, from, to) {
    if (!this.fetcher.ask({ symbol, from, to })) return;
    this.host.log("info", `Fetching ${to - from + 1} missing trades of ${symbol}, ids ${from} to ${to}.`);
  }

  /**
   * @param {string} symbol
   * @param {number} sinceMs
   * @param {number} to
   */
  #past(symbol, sinceMs, to) {
    if (!this.fetcher.askSince({ symbol, sinceMs, to })) return;
    const since = new Date(Math.min(sinceMs, 8.64e15)).toISOString().slice(0, 19).replace("T", " ");
    this.host.log("info", `Warm start: fetching the trades of ${symbol} since ${since} UTC, up to id ${to}.`);
  }

  /** @param {Unfetchable} gap */
  #unfetchable(gap) {
    const ids = gap.to - gap.from + 1;
    this.counts.unfetchable += ids;
    this.serverLink.answer({ type: "unfetchable", ...gap });
    const absent = gap.reason === Limits.NO_SUCH_IDS;
    if (!absent) this.unfetched = { ids: this.unfetched.ids + ids, reason: gap.reason };
    this.host.log(
      absent ? "info" : "bad",
      `Not fetched: ${ids} ids of ${gap.symbol}, ${gap.from} to ${gap.to}: ${gap.reason}.`,
    );
  }

  /** @param {Unfetchable} past that cannot start */
  #cold(past) {
    this.serverLink.answer({ type: "unfetchable", ...past });
    const level = past.reason === Limits.NO_PAST ? "info" : "bad";
    this.host.log(level, `No warm start of ${past.symbol}: ${past.reason}.`);
  }
}
