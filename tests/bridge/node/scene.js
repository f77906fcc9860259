"use strict";

const assert = require("node:assert/strict");
const { Venues, Budget, Fetcher } = require("./load.js");

/** A fetcher against an exchange with the given ids; runs until nothing is left to do. */
class Scene {
  constructor(ids, { venue = "usdm", age = 0 } = {}) {
    const plan = Venues.plan({ venue, symbols: ["BTCUSDT"] });
    this.budget = new Budget(plan.weights.minute);
    this.fetcher = new Fetcher(plan, this.budget);
    this.now = 0;
    this.wall = 1_790_000_000_000;
    this.trades = ids.map((a) => ({ a, p: "1.5", q: "2", T: this.wall - age, m: true }));
    this.rows = [];
    this.gaps = [];
    this.cold = [];
    this.notes = [];
    this.asked = [];
    this.listening = true;
    this.reply = null; // overrides the exchange: (fromId) => answer, or null
  }

  ask(from, to, symbol = "BTCUSDT") {
    return this.fetcher.ask({ symbol, from, to });
  }

  askSince(sinceMs, to, symbol = "BTCUSDT") {
    return this.fetcher.askSince({ symbol, sinceMs, to });
  }

  answer(fromId, [start, end] = [0, Infinity]) {
    const overridden = this.reply?.(fromId);
    if (overridden) return { text: "", retryAfter: null, cause: null, ...overridden };
    const found = this.trades.filter(({ a, T }) => a >= fromId && T >= start && T <= end);
    return { status: 200, text: JSON.stringify(found.slice(0, 1000)), retryAfter: null, cause: null };
  }

  run(ms = 600_000) {
    for (const until = this.now + ms; this.now < until; this.now += 100, this.wall += 100) {
      const request = this.fetcher.next(this.now);
      if (!request) {
        if (!this.fetcher.jobs.length) break;
        continue;
      }
      const query = new URL(request.url).searchParams;
      const fromId = Number(query.get("fromId"));
      const hour = query.has("startTime") ? [Number(query.get("startTime")), Number(query.get("endTime"))] : undefined;
      assert.ok(query.has("fromId") !== query.has("startTime"), "an id or a time, never both");
      this.asked.push({ at: this.now, fromId, hour });
      const { rows, gaps, cold, note } = this.fetcher.answered(request.job, this.answer(fromId, hour), {
        now: this.now,
        wall: this.wall,
        listening: this.listening,
      });
      this.rows.push(...rows.map(({ id }) => id));
      this.gaps.push(...gaps);
      if (cold) this.cold.push(cold);
      if (note) this.notes.push(note);
    }
    return this;
  }
}

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

module.exports = { Scene, range };
