"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Fetcher, Limits } = require("./load.js");
const { Scene, range } = require("./scene.js");

const HOUR = 3_600_000;

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
  assert.deepEqual(scene.cold, [{ symbol: "BTCUSDT", from: 0, to: 99, reason: Limits.NO_PAST }]);
  assert.deepEqual([scene.rows, scene.gaps], [[], []]);
  assert.notEqual(Limits.NO_PAST, Limits.NO_SUCH_IDS);
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
  assert.equal(scene.cold[0].reason, Limits.NO_PAST);
});

test("the search ends after two days of empty hours", () => {
  const scene = new Scene([]);
  scene.askSince(0, 5);
  scene.run();
  assert.equal(scene.asked.length, Limits.HOURS);
  assert.equal(scene.cold[0].reason, Limits.NO_PAST);
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

test("a warm start that has begun ends like a gap", () => {
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

test("gaps go before warm starts, and what of a warm start is asked for as a gap is on its way already", () => {
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
