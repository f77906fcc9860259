"use strict";

const assert = require("node:assert/strict");
const test = require("node:test");
const core = require("../../screen/assets/core.js");

const WIDTH = 5_000;
const T0 = 1_790_046_465_000;

function frame(first, count, more = {}) {
  const t = Array.from({ length: count }, (_, i) => T0 + (first + i) * WIDTH);
  const columns = { t, z: t.map((_, i) => (first + i) / 10), y_last: t.map((_, i) => 100 + first + i), y_close: t.map(() => 7) };
  return { watch: 1, reset: false, first, columns, forming: {}, log: [], ...more };
}

function started(count) {
  return core.absorb(core.emptyPair(), frame(0, count, { reset: true, interval_ms: WIDTH, names: { y: "A", x: "B" } }));
}

test("frames after the first add bars and replace what they repeat", () => {
  const pair = started(3);
  core.absorb(pair, frame(3, 2));
  assert.deepEqual(pair.columns.t, [0, 1, 2, 3, 4].map((n) => T0 + n * WIDTH));
  const revised = frame(2, 3);
  revised.columns.z = [9, 9, 9];
  core.absorb(pair, revised);
  assert.deepEqual(pair.columns.z, [0, 0.1, 9, 9, 9]);
  core.absorb(pair, { ...frame(5, 0), columns: {} });
  assert.equal(pair.columns.t.length, 5);
});

test("a reset forgets the pair before", () => {
  const pair = started(5);
  pair.decisions.set("x", {});
  core.absorb(pair, frame(40, 2, { reset: true, watch: 2, interval_ms: 1_000 }));
  assert.deepEqual([pair.watch, pair.first, pair.width, pair.columns.t.length, pair.decisions.size], [2, 40, 1_000, 2, 0]);
});

test("only the newest bars are kept, and bar numbers stay right", () => {
  const pair = started(core.KEEP);
  core.absorb(pair, frame(core.KEEP, 10));
  assert.equal(pair.columns.t.length, core.KEEP);
  assert.equal(pair.first, 10);
  core.absorb(pair, frame(core.KEEP + 5, 7));
  assert.equal(pair.columns.t.at(-1), T0 + (core.KEEP + 11) * WIDTH);
  assert.ok(pair.columns.t.every((t, i) => i === 0 || t - pair.columns.t[i - 1] === WIDTH), "no bar twice, none missing");
});

test("the forming bar stands right of the last candle, and never twice", () => {
  const pair = started(2);
  const meta = { x: "t", close: "leg_close", y: "leg_volume", candles: true };
  pair.columns.y_volume = [1, 2];
  pair.forming = { y: [T0 + 2 * WIDTH, 1, 9, 0.5, 8, 33] };
  assert.deepEqual(core.drawn(pair, meta, "y"), { x: [T0, T0 + WIDTH, T0 + 2 * WIDTH], close: [7, 7, 8], y: [1, 2, 33] });
  pair.forming = { y: [T0 + WIDTH, 1, 9, 0.5, 8, 33] };
  assert.equal(core.drawn(pair, meta, "y").x.length, 2);
});

test("legs are percentages of their first known price", () => {
  const pair = started(3);
  pair.columns.y_last = [null, 200, 201];
  assert.deepEqual(core.drawn(pair, { x: "t", y: "y_last", normalise: true }, "y").y, [null, 0, 0.49999999999998934]);
});

test("marks are the decisions that stand", () => {
  const pair = started(4);
  const close = (n) => new Date(T0 + (n + 1) * WIDTH).toISOString();
  const log = [
    { bar_close: close(1), kind: "enter_long", z: -2.5 },
    { bar_close: close(2), kind: "exit", z: -0.1 },
    { bar_close: close(1), kind: "withdrawn", z: null },
    { bar_close: close(3), kind: "enter_long", z: -2.1 },
    { bar_close: close(-9), kind: "enter_long", z: -3 },
  ];
  core.absorb(pair, { ...frame(4, 0), columns: {}, log });
  assert.deepEqual(core.drawn(pair, { marks: "enter_long" }, "y"), { x: [T0 + 3 * WIDTH], y: [-2.1] });
  assert.deepEqual(core.drawn(pair, { marks: "exit" }, "y"), { x: [T0 + 2 * WIDTH], y: [-0.1] });
});

test("following now shows the newest bars with a little air", () => {
  assert.equal(core.latest(core.emptyPair(), 100), null);
  const pair = started(300);
  const [from, to] = core.latest(pair, 100);
  const newest = T0 + 299 * WIDTH;
  assert.ok(from < newest - 99 * WIDTH && from > newest - 103 * WIDTH);
  assert.ok(to > newest && to < newest + 10 * WIDTH);
});

test("a number that is not known is a dash, never 0", () => {
  for (const value of [null, undefined, NaN]) assert.equal(core.number(value, 2), "–");
  assert.equal(core.number(0, 2), "0.00");
  assert.equal(core.number(1234.56789, -6), "1,234.57");
});

test("a small probability is not shown as 0", () => {
  assert.deepEqual([null, 0.00004, 0.0001, 0.25, 1].map(core.share), ["–", "< 0.0001", "0.0001", "0.2500", "1.0000"]);
});

test("old refusals make room for refusals, never for trades", () => {
  const log = core.emptyLog([2, 3]);
  const rows = Array.from({ length: 9 }, (_, i) => ({ given: i, kind: i === 1 ? "exit" : "no_entry" }));
  assert.deepEqual(core.remember(log, rows).map((row) => row.given), [0, 2, 3, 4, 5]);
  assert.deepEqual(core.rowsOf(log).map((row) => row.given), [1, 6, 7, 8]);
  assert.deepEqual(core.remember(log, ["enter_long", "exit"].map((kind, i) => ({ given: 9 + i, kind }))).map((row) => row.given), [1]);
});

test("a moment is shown to the second", () => {
  assert.equal(core.moment("2026-09-22T03:07:45.580Z"), "2026-09-22 03:07:45");
});

test("a line stands where candles and ticks meet, for the leg that is shown", () => {
  const pair = started(20);
  const at = (n) => T0 + n * WIDTH;
  const candles = { y: [[at(-50), at(5)], [at(9), at(12)], [at(18), at(20)]], x: [[at(-50), at(-10)]] };
  core.absorb(pair, { ...frame(20, 0), columns: {}, candles });
  const seen = core.boundaries(pair, "y").map(({ x0, x1, label }) => [x0, x1, label.text]);
  const edge = (n, text) => [at(n) - WIDTH / 2, at(n) - WIDTH / 2, text];
  assert.deepEqual(seen, [
    edge(5, "candles | ticks"), edge(9, "ticks | candles"), edge(12, "candles | ticks"), edge(18, "ticks | candles"),
  ]);
  assert.deepEqual(core.boundaries(pair, "x"), []);
  pair.forming = { y: [at(20), 1, 1, 1, 1, 1] };
  assert.equal(core.boundaries(pair, "y").at(-1).label.text, "candles | ticks", "the bar that is forming is of ticks");
  core.absorb(pair, { watch: 1, type: "frame" });
  assert.equal(core.boundaries(pair, "y").length, 5, "what has not changed is not sent");
  core.absorb(pair, { ...frame(20, 0), columns: {}, candles: {} });
  assert.deepEqual(core.boundaries(pair, "y"), []);
  assert.deepEqual(core.boundaries(core.emptyPair(), "y"), []);
});

test("the last z values are one line of blocks, and all pairs are one page", () => {
  assert.equal(core.trail([-9, -3, 0, null, 2.9, 9]), "▁▁▅ ██");
  assert.equal(core.trail(undefined), "");
  assert.deepEqual(["/", "/pair/sim/A~B", "/scan"].map(core.pageOf), ["/", "/pair", "/scan"]);
});

test("the log's export has the filters of its table", () => {
  const none = { kind: null, reason: null };
  assert.equal(core.exportAddress("/api/signals.csv?watch=3", false, none), "/api/signals.csv?watch=3&show=all");
  const filtered = core.exportAddress("/api/signals.csv?watch=3&show=all", true, { kind: ["exit"], reason: ["STOP", ""] });
  assert.equal(filtered, "/api/signals.csv?watch=3&show=trades&kind=exit&reason=STOP&reason=");
  assert.equal(core.exportAddress(filtered, true, { kind: [], reason: null }), "/api/signals.csv?watch=3&show=trades&kind=-");
});
