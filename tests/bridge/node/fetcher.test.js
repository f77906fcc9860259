"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Venues, Budget, Fetcher } = require("./load.js");

const HOUR = 3_600_000;

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

test("a hole comes back in rising order, nothing beside it", () => {
  const scene = new Scene(range(1, 5_000));
  scene.ask(100, 3_210);
  scene.run();
  assert.deepEqual(scene.rows, range(100, 3_210));
  assert.deepEqual(scene.gaps, []);
  assert.equal(scene.fetcher.jobs.length, 0);
});

test("a page of 1,000 goes far: the requests of a hole are counted", () => {
  const scene = new Scene(range(1, 12_000));
  scene.ask(1_000, 10_998);
  scene.run();
  assert.equal(scene.rows.length, 9_999);
  assert.equal(scene.asked.length, 10);
});

test("ids between two that exist never existed; so do those at either end of a hole", () => {
  const scene = new Scene([...range(1, 99), ...range(105, 110), ...range(120, 130)]);
  scene.ask(100, 119);
  scene.run();
  assert.deepEqual(scene.rows, range(105, 110));
  assert.deepEqual(scene.gaps, [
    { symbol: "BTCUSDT", from: 100, to: 104, reason: Fetcher.NO_SUCH_IDS },
    { symbol: "BTCUSDT", from: 111, to: 119, reason: Fetcher.NO_SUCH_IDS },
  ]);
});

test("before the reach of the exchange's history nothing is claimed about ids", () => {
  const scene = new Scene([...range(5_000, 5_050), ...range(5_061, 6_000)], { age: 47.5 * HOUR });
  scene.ask(4_000, 5_100);
  scene.run();
  assert.deepEqual(scene.rows, [...range(5_000, 5_050), ...range(5_061, 5_100)]);
  assert.deepEqual(scene.gaps, [
    { symbol: "BTCUSDT", from: 4_000, to: 4_999, reason: Fetcher.OUT_OF_REACH },
    { symbol: "BTCUSDT", from: 5_051, to: 5_060, reason: Fetcher.NO_SUCH_IDS },
  ]);
});

test("a young first trade shows that its missing forerunners never existed", () => {
  const scene = new Scene(range(5_000, 6_000), { age: HOUR });
  scene.ask(4_990, 5_010);
  scene.run();
  assert.equal(scene.gaps[0].reason, Fetcher.NO_SUCH_IDS);
});

test("a simulated exchange may remember less than two days: its age shows nothing", () => {
  const scene = new Scene(range(5_000, 6_000), { venue: "sim" });
  scene.ask(4_990, 5_010);
  scene.run();
  assert.equal(scene.gaps[0].reason, Fetcher.OUT_OF_REACH);
});

test("an id that cannot be read is not taken for one that does not exist", () => {
  const scene = new Scene(range(1, 300));
  scene.trades[149].a = "150";
  scene.ask(140, 160);
  scene.run();
  assert.equal(scene.gaps.length, 1);
  assert.match(scene.gaps[0].reason, /cannot be read/);
});

test("REST a little behind the stream is waited for", () => {
  const scene = new Scene(range(1, 100));
  scene.ask(90, 110);
  scene.run(1_500);
  assert.deepEqual(scene.rows, range(90, 100));
  scene.trades.push(...range(101, 200).map((a) => ({ ...scene.trades[0], a })));
  scene.run();
  assert.deepEqual(scene.rows, range(90, 110));
  assert.deepEqual(scene.gaps, []);
});

test("ids that the history never reaches end the job, and are not called nonexistent", () => {
  const scene = new Scene(range(1, 100));
  scene.ask(90, 110);
  scene.run();
  assert.equal(scene.gaps.length, 1);
  assert.deepEqual([scene.gaps[0].from, scene.gaps[0].to], [101, 110]);
  assert.notEqual(scene.gaps[0].reason, Fetcher.NO_SUCH_IDS);
});

test("at most a quarter of the weight of any minute is spent", () => {
  const scene = new Scene(range(1, 200_000));
  scene.ask(1, 200_000);
  scene.run();
  assert.equal(scene.rows.length, 200_000);
  for (const { at } of scene.asked) {
    const inMinute = scene.asked.filter((other) => other.at > at - 60_000 && other.at <= at).length;
    assert.ok(inMinute * 20 <= 600, `${inMinute} requests in a minute`);
  }
});

for (const [status, retryAfter, seconds] of [
  [429, "17", 17],
  [429, null, 60],
  [418, null, 180],
  [418, "120", 120],
  [429, "soon", 60],
]) {
  test(`after ${status} with Retry-After ${retryAfter} nothing is asked for ${seconds} s, then it goes on`, () => {
    const scene = new Scene(range(1, 300));
    scene.reply = () => (scene.asked.length === 1 ? { status, retryAfter } : null);
    scene.ask(100, 200);
    scene.run();
    assert.ok(scene.asked[1].at - scene.asked[0].at >= seconds * 1_000);
    assert.ok(scene.asked[1].at - scene.asked[0].at < seconds * 1_000 + 300);
    assert.deepEqual(scene.rows, range(100, 200));
    assert.match(scene.notes[0], new RegExp(`${status}.*${seconds} s`));
  });
}

for (const [name, answer, reason] of [
  ["a geo-block that can be read", { status: 451 }, /^geo-blocked \(HTTP 451\)$/],
  ["an answer that may not be read", { status: 0, cause: "blocked" }, /^blocked or geo-blocked/],
  ["no answer", { status: 0, cause: "unreachable" }, /cannot be reached/],
  ["a firewall", { status: 403 }, /firewall \(HTTP 403\)/],
  [
    "an unknown symbol",
    { status: 400, text: '{"code":-1121,"msg":"Invalid symbol."}' },
    /HTTP 400: Invalid symbol\. \(-1121\)/,
  ],
  ["a server error that stays", { status: 502 }, /HTTP 502/],
  ["HTML in place of JSON", { status: 200, text: "<html>" }, /cannot be read/],
  ["truncated JSON", { status: 200, text: '[{"a":100,"p":"1.5","q"' }, /cannot be read/],
  ["an object in place of a list", { status: 200, text: "{}" }, /cannot be read/],
]) {
  test(`${name} ends the job with its reason`, () => {
    const scene = new Scene(range(1, 300));
    scene.reply = () => answer;
    scene.ask(100, 200);
    scene.run();
    assert.equal(scene.gaps.length, 1);
    assert.deepEqual([scene.gaps[0].from, scene.gaps[0].to], [100, 200]);
    assert.match(scene.gaps[0].reason, reason);
    assert.ok(scene.gaps[0].reason.length <= 200);
    assert.ok(scene.asked.length <= 3);
  });
}

test("a failure that passes is tried again", () => {
  const scene = new Scene(range(1, 300));
  scene.reply = () => (scene.asked.length <= 2 ? { status: 500 } : null);
  scene.ask(100, 200);
  scene.run();
  assert.deepEqual(scene.rows, range(100, 200));
});

test("while the stream is down too, an unreachable REST is given more time", () => {
  const scene = new Scene(range(1, 300));
  scene.listening = false;
  scene.reply = () => (scene.asked.length <= 6 ? { status: 0, cause: "unreachable" } : null);
  scene.ask(100, 200);
  scene.run();
  assert.deepEqual(scene.gaps, []);
  assert.deepEqual(scene.rows, range(100, 200));
});

test("a row that cannot be carried is given back as a hole with its reason", () => {
  const scene = new Scene(range(1, 300));
  scene.trades[149].p = 5;
  scene.ask(100, 200);
  scene.run();
  assert.equal(scene.rows.length, 100);
  assert.match(scene.gaps[0].reason, /cannot be used: its price/);
});

test("the smallest hole goes first, one request at a time, and the same one is not asked twice", () => {
  const scene = new Scene(range(1, 50_000));
  assert.equal(scene.ask(1_000, 30_000), true);
  assert.equal(scene.ask(40_000, 40_010), true);
  assert.equal(scene.ask(1_000, 30_000), false);
  assert.equal(scene.ask(2_000, 2_010), false);
  const request = scene.fetcher.next(0);
  assert.match(request.url, /fromId=39999/);
  assert.equal(scene.fetcher.next(0), null);
});

test("an answer to a hole that was forgotten changes nothing", () => {
  const scene = new Scene(range(1, 300));
  scene.ask(100, 200);
  const { job } = scene.fetcher.next(0);
  scene.fetcher.forget();
  scene.ask(150, 160);
  const result = scene.fetcher.answered(job, scene.answer(99), { now: 0, wall: 0, listening: true });
  assert.deepEqual(result, { rows: [], gaps: [], cold: null, note: "" });
  scene.run();
  assert.deepEqual(scene.rows, range(150, 160));
});

test("progress is told in ids", () => {
  const scene = new Scene(range(1, 5_000));
  scene.ask(1_000, 2_999);
  scene.run(100);
  const told = { symbol: "BTCUSDT", from: 1_000, to: 2_999, warm: false, done: 999, total: 2_000 };
  assert.deepEqual(scene.fetcher.progress(), [told]);
});

test("a hole from id 0 needs no forerunner", () => {
  const scene = new Scene(range(3, 10), { age: 100 * HOUR });
  scene.ask(0, 5);
  scene.run();
  assert.equal(scene.asked[0].fromId, 0);
  assert.deepEqual(scene.rows, [3, 4, 5]);
  assert.equal(scene.gaps[0].reason, Fetcher.NO_SUCH_IDS);
});

/** Trades `gapMs` apart, the newest one now. */
function spread(count, gapMs, options) {
  const scene = new Scene(range(1, count), options);
  for (const trade of scene.trades) trade.T = scene.wall - (count - trade.a) * gapMs;
  return scene;
}

test("a warm start finds its first id by time and brings everything up to its last, in rising order", () => {
  const scene = spread(10_000, 1_000);
  assert.equal(scene.askSince(scene.trades[4_999].T - 300, 9_990), true);
  assert.deepEqual(scene.fetcher.progress()[0].total, NaN, "how many is not known yet");
  scene.run(100);
  const told = { symbol: "BTCUSDT", from: 5_000, to: 9_990, warm: true, done: 1_000, total: 4_991 };
  assert.deepEqual(scene.fetcher.progress(), [told]);
  scene.run();
  assert.deepEqual(scene.rows, range(5_000, 9_990));
  assert.deepEqual([scene.gaps, scene.cold, scene.fetcher.jobs], [[], [], []]);
  const [[start, end]] = scene.asked.map(({ hour }) => hour);
  assert.equal(start, scene.trades[4_999].T - 300);
  assert.ok(end - start < HOUR);
  assert.deepEqual(
    scene.asked.slice(1).map(({ fromId }) => fromId),
    [6_000, 7_000, 8_000, 9_000],
    "from then on by id",
  );
});

test("an hour without trades moves on to the next, and no moment is asked for twice or left out", () => {
  const scene = spread(10, 5 * HOUR);
  scene.askSince(scene.trades[4].T + 1, 9);
  scene.run();
  assert.deepEqual(scene.rows, range(6, 9));
  const hours = scene.asked.map(({ hour }) => hour).filter(Boolean);
  assert.equal(hours.length, 5);
  hours.slice(1).forEach(([start], i) => assert.equal(start, hours[i][1] + 1));
});

test("no trade between the time and the first one is a cold start, not ids that do not exist", () => {
  const scene = spread(100, 5 * HOUR);
  scene.askSince(scene.trades[98].T + HOUR, 99);
  scene.run();
  assert.deepEqual(scene.cold, [{ symbol: "BTCUSDT", from: 0, to: 99, reason: Fetcher.NO_PAST }]);
  assert.deepEqual([scene.rows, scene.gaps], [[], []]);
  assert.notEqual(Fetcher.NO_PAST, Fetcher.NO_SUCH_IDS);
});

test("the present hour may still show its trades: REST runs a little behind the stream", () => {
  const scene = new Scene([]);
  scene.askSince(scene.wall - 60_000, 5);
  scene.run(1_500);
  assert.deepEqual(scene.cold, []);
  scene.trades.push(...range(3, 9).map((a) => ({ a, p: "1.5", q: "2", T: scene.wall - 10_000, m: true })));
  scene.run();
  assert.deepEqual(scene.rows, [3, 4, 5]);
});

test("a present hour that stays empty ends the search", () => {
  const scene = new Scene([]);
  scene.askSince(scene.wall - 60_000, 5);
  scene.run();
  assert.equal(scene.asked.length, 4);
  assert.equal(scene.cold[0].reason, Fetcher.NO_PAST);
});

test("the search ends after two days of empty hours", () => {
  const scene = new Scene([]);
  scene.askSince(0, 5);
  scene.run();
  assert.equal(scene.asked.length, Fetcher.HOURS);
  assert.equal(scene.cold[0].reason, Fetcher.NO_PAST);
});

for (const [name, answer, reason] of [
  ["a geo-block", { status: 451 }, /^geo-blocked \(HTTP 451\)$/],
  ["no answer", { status: 0, cause: "unreachable" }, /cannot be reached/],
  ["HTML in place of JSON", { status: 200, text: "<html>" }, /cannot be read/],
]) {
  test(`${name} at the beginning of a warm start is told from id 0, with its reason`, () => {
    const scene = spread(300, 1_000);
    scene.reply = () => answer;
    scene.askSince(scene.trades[0].T, 200);
    scene.run();
    assert.deepEqual([scene.cold[0].from, scene.cold[0].to], [0, 200]);
    assert.match(scene.cold[0].reason, reason);
    assert.deepEqual([scene.rows, scene.gaps, scene.fetcher.jobs], [[], [], []]);
  });
}

test("a warm start that has begun ends like a hole", () => {
  const scene = spread(3_000, 1_000);
  scene.reply = (fromId) => (fromId ? { status: 502 } : null);
  scene.askSince(scene.trades[0].T, 2_500);
  scene.run();
  assert.deepEqual(scene.rows, range(1, 1_000));
  assert.deepEqual([scene.gaps[0].from, scene.gaps[0].to], [1_001, 2_500]);
  assert.deepEqual(scene.cold, []);
});

test("429 during the search is waited for, and the search goes on where it was", () => {
  const scene = spread(10, 5 * HOUR);
  scene.reply = () => (scene.asked.length === 3 ? { status: 429, retryAfter: "17" } : null);
  scene.askSince(scene.trades[4].T + 1, 9);
  scene.run();
  assert.deepEqual(scene.rows, range(6, 9));
  assert.deepEqual(scene.asked[2].hour, scene.asked[3].hour);
  assert.ok(scene.asked[3].at - scene.asked[2].at >= 17_000);
});

test("holes go before warm starts, and what of a warm start is asked for as a hole is on its way already", () => {
  const scene = spread(9_000, 1_000);
  scene.askSince(scene.trades[5_000].T, 8_000);
  assert.equal(scene.askSince(scene.trades[5_000].T, 8_000), false, "asked for again");
  assert.equal(scene.askSince(scene.trades[5_000].T, 8_000, "ETHUSDT"), true);
  scene.ask(100, 3_000);
  scene.run(300);
  assert.deepEqual(
    scene.asked.map(({ fromId }) => fromId),
    [99, 1_099, 2_099],
  );
  scene.run(100);
  assert.equal(scene.ask(6_001, 8_000), false, "the rest of the warm start");
  scene.run();
  assert.deepEqual(scene.rows.slice(0, 2_901), range(100, 3_000));
  assert.deepEqual(new Set(scene.rows.slice(2_901)), new Set(range(5_001, 8_000)));
  assert.equal(scene.rows.length, 2_901 + 2 * 3_000, "each symbol's once");
});

test("two warm starts both look for their beginning first, then the smaller one is brought", () => {
  const scene = spread(9_000, 1_000);
  scene.askSince(scene.trades[2_000].T, 8_000);
  scene.askSince(scene.trades[6_000].T, 8_000, "ETHUSDT");
  scene.run(200);
  assert.deepEqual(
    scene.fetcher.progress().map(({ done }) => done),
    [1_000, 1_000],
  );
  scene.run(100);
  assert.equal(scene.fetcher.jobs.length, 1, "the smaller one is done");
});
