"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { Fetcher, Limits } = require("./load.js");
const { Scene, range } = require("./scene.js");

const HOUR = 3_600_000;

test("a gap comes back in rising order, nothing beside it", () => {
  const scene = new Scene(range(1, 5_000));
  scene.ask(100, 3_210);
  scene.run();
  assert.deepEqual(scene.rows, range(100, 3_210));
  assert.deepEqual(scene.gaps, []);
  assert.equal(scene.fetcher.jobs.length, 0);
});

test("a page of 1,000 goes far: the requests of a gap are counted", () => {
  const scene = new Scene(range(1, 12_000));
  scene.ask(1_000, 10_998);
  scene.run();
  assert.equal(scene.rows.length, 9_999);
  assert.equal(scene.asked.length, 10);
});

test("ids between two that exist never existed; so do those at either end of a gap", () => {
  const scene = new Scene([...range(1, 99), ...range(105, 110), ...range(120, 130)]);
  scene.ask(100, 119);
  scene.run();
  assert.deepEqual(scene.rows, range(105, 110));
  assert.deepEqual(scene.gaps, [
    { symbol: "BTCUSDT", from: 100, to: 104, reason: Limits.NO_SUCH_IDS },
    { symbol: "BTCUSDT", from: 111, to: 119, reason: Limits.NO_SUCH_IDS },
  ]);
});

test("before the reach of the exchange's history nothing is claimed about ids", () => {
  const scene = new Scene([...range(5_000, 5_050), ...range(5_061, 6_000)], { age: 47.5 * HOUR });
  scene.ask(4_000, 5_100);
  scene.run();
  assert.deepEqual(scene.rows, [...range(5_000, 5_050), ...range(5_061, 5_100)]);
  assert.deepEqual(scene.gaps, [
    { symbol: "BTCUSDT", from: 4_000, to: 4_999, reason: Limits.OUT_OF_REACH },
    { symbol: "BTCUSDT", from: 5_051, to: 5_060, reason: Limits.NO_SUCH_IDS },
  ]);
});

test("a young first trade shows that its missing forerunners never existed", () => {
  const scene = new Scene(range(5_000, 6_000), { age: HOUR });
  scene.ask(4_990, 5_010);
  scene.run();
  assert.equal(scene.gaps[0].reason, Limits.NO_SUCH_IDS);
});

test("a simulated exchange may remember less than two days: its age shows nothing", () => {
  const scene = new Scene(range(5_000, 6_000), { venue: "sim" });
  scene.ask(4_990, 5_010);
  scene.run();
  assert.equal(scene.gaps[0].reason, Limits.OUT_OF_REACH);
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
  assert.notEqual(scene.gaps[0].reason, Limits.NO_SUCH_IDS);
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

test("a row that cannot be carried is given back as a gap with its reason", () => {
  const scene = new Scene(range(1, 300));
  scene.trades[149].p = 5;
  scene.ask(100, 200);
  scene.run();
  assert.equal(scene.rows.length, 100);
  assert.match(scene.gaps[0].reason, /cannot be used: its price/);
});

test("the smallest gap goes first, one request at a time, and the same one is not asked twice", () => {
  const scene = new Scene(range(1, 50_000));
  assert.equal(scene.ask(1_000, 30_000), true);
  assert.equal(scene.ask(40_000, 40_010), true);
  assert.equal(scene.ask(1_000, 30_000), false);
  assert.equal(scene.ask(2_000, 2_010), false);
  const request = scene.fetcher.next(0);
  assert.match(request.url, /fromId=39999/);
  assert.equal(scene.fetcher.next(0), null);
});

test("an answer to a gap that was forgotten changes nothing", () => {
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

test("a gap from id 0 needs no forerunner", () => {
  const scene = new Scene(range(3, 10), { age: 100 * HOUR });
  scene.ask(0, 5);
  scene.run();
  assert.equal(scene.asked[0].fromId, 0);
  assert.deepEqual(scene.rows, [3, 4, 5]);
  assert.equal(scene.gaps[0].reason, Limits.NO_SUCH_IDS);
});
