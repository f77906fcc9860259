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

function started(count, more = {}) {
  const names = { y: "A", x: "B" };
  return core.absorb(core.emptyPair(), frame(0, count, { reset: true, run: "r/0", interval_ms: WIDTH, names, ...more }));
}

const column = (pair, name) => [...pair.bars.columns[name].subarray(0, pair.bars.size)];

test("frames after the first add bars and replace what they repeat", () => {
  const pair = started(3);
  core.absorb(pair, frame(3, 2));
  assert.deepEqual([pair.bars.size, pair.bars.time(0), pair.bars.time(4)], [5, T0, T0 + 4 * WIDTH]);
  const revised = frame(2, 3);
  revised.columns.z = [9, null, 9];
  core.absorb(pair, revised);
  assert.deepEqual(column(pair, "z"), [0, 0.1, 9, NaN, 9]);
  core.absorb(pair, { ...frame(5, 0), columns: {} });
  assert.equal(pair.bars.size, 5);
});

test("rows are sorted by a field, unknown values at the end, equal ones as they were", () => {
  const rows = [{ id: 1, z: 2 }, { id: 2, z: null }, { id: 3, z: -1 }, { id: 4 }, { id: 5, z: 2 }];
  const ids = (direction) => core.sorted(rows, "z", direction).map(({ id }) => id);
  assert.deepEqual(ids("ascending"), [3, 1, 5, 2, 4]);
  assert.deepEqual(ids("descending"), [1, 5, 3, 2, 4]);
  assert.deepEqual(ids("none"), [1, 2, 3, 4, 5]);
});

test("a reset forgets the pair before", () => {
  const pair = started(5);
  pair.decisions.set(1, {});
  core.absorb(pair, frame(40, 2, { reset: true, run: "s/0", watch: 2, interval_ms: 1_000 }));
  const { bars } = pair;
  assert.deepEqual([pair.watch, bars.first, bars.width, bars.size, pair.decisions.size, pair.resets], [2, 40, 1_000, 2, 0, 2]);
});

test("a whole frame of the same run keeps the bars before it, one of a revised run does not", () => {
  const pair = started(10);
  core.absorb(pair, frame(8, 4, { reset: true, run: "r/0", interval_ms: WIDTH }));
  assert.deepEqual([pair.bars.first, pair.bars.size, pair.resets], [0, 12, 1]);
  core.absorb(pair, frame(8, 4, { reset: true, run: "r/1", interval_ms: WIDTH }));
  assert.deepEqual([pair.bars.first, pair.bars.size, pair.resets], [8, 4, 2]);
});

test("older bars come before the first, with their decisions, and what does not fit is refused", () => {
  const pair = started(0);
  core.absorb(pair, frame(50, 3, { reset: true, run: "r/0", interval_ms: WIDTH }));
  const older = { first: 48, count: 2, columns: { z: new Float64Array([4, NaN]) }, decisions: [{ at: T0 + 48 * WIDTH, kind: "exit", z: 1 }] };
  assert.equal(core.absorbOlder(pair, { ...older, first: 47 }), false);
  assert.equal(core.absorbOlder(pair, older), true);
  assert.equal(core.absorbOlder(pair, older), false);
  assert.deepEqual([pair.bars.first, pair.bars.size, pair.bars.begin, pair.bars.moved], [48, 5, T0 + 48 * WIDTH, 2]);
  assert.deepEqual(column(pair, "z"), [4, NaN, 5, 5.1, 5.2]);
  assert.deepEqual(column(pair, "y_last").slice(0, 3), [NaN, NaN, 150], "what the older bars do not have is not known");
  assert.deepEqual(core.marks(pair), [{ index: 0, kind: "exit", z: 1 }]);
});

test("the oldest bars leave, and bar numbers stay right", () => {
  const pair = started(5_000);
  pair.bars.trim(1_000);
  core.absorb(pair, frame(5_000, 7));
  assert.deepEqual([pair.bars.first, pair.bars.size, pair.bars.moved], [4_000, 1_007, -4_000]);
  assert.equal(pair.bars.time(pair.bars.size - 1), T0 + 5_006 * WIDTH);
  assert.deepEqual(column(pair, "z"), Array.from({ length: 1_007 }, (_, i) => (4_000 + i) / 10));
});

test("a log spread is drawn in basis points, with its band and the cost wall", () => {
  const columns = { t: [T0, T0 + WIDTH], spread: [0.002, null], mean: [0.001, 0], deviation: [0.0005, null], pays: [3, 3] };
  const pair = core.absorb(core.emptyPair(), frame(0, 2, { reset: true, interval_ms: WIDTH, columns, rule: { spread_scale: 1e4 } }));
  const drawn = ["spread", "upper", "lower", "wall_upper", "wall_lower", "pays_lower"].map((name) => Math.round(column(pair, name)[0] * 1e6) / 1e6);
  assert.deepEqual(drawn, [20, 15, 5, 25, -5, -3]);
  assert.deepEqual(["spread", "upper", "wall_lower"].map((name) => column(pair, name)[1]), [NaN, NaN, NaN], "unknown is not zero");
});

test("the newest bar is the one that forms", () => {
  assert.equal(core.newest(core.emptyPair()), -1);
  const pair = started(2);
  assert.equal(core.newest(pair), 1);
  pair.forming = { y: [T0 + 2 * WIDTH, 1, 9, 0.5, 8, 33], x: [T0 + 3 * WIDTH, 1, 1, 1, 1, 1] };
  assert.equal(core.newest(pair), 3);
});

test("marks are the decisions that stand", () => {
  const pair = started(4);
  const close = (n) => new Date(T0 + (n + 1) * WIDTH).toISOString();
  const log = [
    { bar_close: close(1), kind: "enter_long", z: -2.5 },
    { bar_close: close(2), kind: "exit", z: -0.1 },
    { bar_close: close(1), kind: "withdrawn", z: null },
    { bar_close: close(3), kind: "enter_long", z: -2.1 },
    { bar_close: close(0), kind: "no_entry", z: -2.1 },
    { bar_close: close(-9), kind: "enter_long", z: -3 },
  ];
  core.absorb(pair, { ...frame(4, 0), columns: {}, log });
  assert.deepEqual(core.marks(pair), [{ index: 2, kind: "exit", z: -0.1 }, { index: 3, kind: "enter_long", z: -2.1 }]);
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
  const edge = (n, text) => ({ at: at(n) - WIDTH / 2, text });
  assert.deepEqual(core.boundaries(pair, "y"), [
    edge(5, "candles | ticks"), edge(9, "ticks | candles"), edge(12, "candles | ticks"), edge(18, "ticks | candles"),
  ]);
  assert.deepEqual(core.boundaries(pair, "x"), []);
  pair.forming = { y: [at(20), 1, 1, 1, 1, 1] };
  assert.equal(core.boundaries(pair, "y").at(-1).text, "candles | ticks", "the bar that is forming is of ticks");
  core.absorb(pair, { watch: 1, type: "frame" });
  assert.equal(core.boundaries(pair, "y").length, 5, "what has not changed is not sent");
  core.absorb(pair, { ...frame(20, 0), columns: {}, candles: {} });
  assert.deepEqual(core.boundaries(pair, "y"), []);
  assert.deepEqual(core.boundaries(core.emptyPair(), "y"), []);
});

test("a z has its sign and two digits everywhere", () => {
  assert.deepEqual([1.049, -1.051, 0, null].map((z) => core.signed(z, 2)), ["+1.05", "-1.05", "0.00", "–"]);
});

test("estimates with their intervals are in the order of the estimates", () => {
  const texts = ["1,234 (900 … 1,500)", "–", "-5 (-9 … 1)", "99.5 (1 … ∞)", "–"];
  assert.deepEqual(texts.sort(core.byNumber), ["–", "–", "-5 (-9 … 1)", "99.5 (1 … ∞)", "1,234 (900 … 1,500)"]);
});

test("the last z values are a line within 3 of 0 with its gaps, and all pairs are one page", () => {
  assert.equal(core.trail([-9, -1, null, null, 2.9, 9]), "M0 3L1 1M4 -2.9L5 -3");
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
