"use strict";

const assert = require("node:assert/strict");
const test = require("node:test");
const shapes = require("../../screen/assets/draw_shapes.js");

/** A path that remembers its points; null begins a new part. */
function recorder() {
  const points = [];
  return { points, moveTo: (x, y) => points.push(null, [x, y]), lineTo: (x, y) => points.push([x, y]) };
}

const view = (size, more = {}) => ({ from: 0, to: size - 1, x0: 0, dx: 1, y0: 0, dy: 1, ...more });

function random(seed) {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}

test("a line goes through the known values and breaks where one is unknown", () => {
  const path = recorder();
  shapes.line(path, new Float64Array([1, 2, NaN, 4]), view(4, { x0: 10, dx: 2, y0: 100, dy: -1 }));
  assert.deepEqual(path.points, [null, [10, 99], [12, 98], null, [16, 96]]);
});

test("bars that share a pixel keep their extremes, first and last", () => {
  const next = random(7);
  const values = Float64Array.from({ length: 20_000 }, () => next());
  for (const dx of [0.9, 0.31, 0.0125]) {
    const path = recorder();
    shapes.line(path, values, view(values.length, { dx }));
    const drawn = path.points.filter(Boolean);
    const pixels = Math.floor((values.length - 1) * dx) + 1;
    assert.ok(drawn.length <= 4 * pixels, `${drawn.length} points on ${pixels} pixels`);
    for (let pixel = 0; pixel < pixels; pixel += 211) {
      const here = [...values.keys()].filter((i) => Math.floor(i * dx) === pixel).map((i) => values[i]);
      const ys = drawn.filter(([x]) => x === pixel).map(([, y]) => y);
      assert.deepEqual([Math.min(...ys), Math.max(...ys), ys[0], ys.at(-1)], [Math.min(...here), Math.max(...here), here[0], here.at(-1)]);
    }
  }
});

test("a line by pixels breaks at a pixel without a known value", () => {
  const values = new Float64Array(100).fill(1).fill(NaN, 40, 70);
  const path = recorder();
  shapes.line(path, values, view(100, { dx: 0.1 }));
  assert.equal(path.points.filter((point) => point === null).length, 2);
});

test("steps hold a value for the whole of its bar", () => {
  const path = recorder();
  shapes.steps(path, new Float64Array([1, 3]), view(2, { dx: 10 }));
  assert.deepEqual(path.points, [null, [-5, 1], [5, 1], [5, 3], [15, 3]]);
});

test("candles that share a pixel are one: first open, extremes, last close, most volume", () => {
  const leg = {
    open: new Float64Array([5, 6, NaN, 4]), high: new Float64Array([9, 12, NaN, 5]), low: new Float64Array([2, 3, NaN, 1]),
    close: new Float64Array([6, 4, NaN, 4.5]), volume: new Float64Array([10, 30, 0, 7]),
  };
  const found = [];
  shapes.candles(leg, view(4, { dx: 0.5 }), (x, ...prices) => found.push(prices));
  assert.deepEqual(found, [[5, 12, 2, 4, 30], [4, 5, 1, 4.5, 7]]);
  found.length = 0;
  shapes.candles(leg, view(4, { dx: 3 }), (x, ...prices) => found.push([x, ...prices]));
  assert.deepEqual(found.map(([x]) => x), [0, 3, 9], "a bar without a trade has none");
});

test("stretches of flags are joined, by the bits that are asked for", () => {
  const flags = new Float64Array([0, 1, 3, 2, 0, 4, 1, NaN, 1]);
  assert.deepEqual(shapes.stretches(flags, 0, 8, 1), [[1, 2], [6, 6], [8, 8]]);
  assert.deepEqual(shapes.stretches(flags, 0, 8, 3), [[1, 3], [6, 6], [8, 8]]);
  assert.deepEqual(shapes.stretches(flags, 0, 8, 12), [[5, 5]]);
});

test("extremes are those of known values in range", () => {
  assert.deepEqual(shapes.extremes(new Float64Array([9, NaN, 1, 5, -3]), 1, 3), [1, 5]);
  assert.deepEqual(shapes.extremes(new Float64Array([NaN]), 0, 5), [Infinity, -Infinity]);
});

test("the axis holds every bar where that is cheap, and never more than 12,000 points", () => {
  assert.deepEqual(shapes.axisFor(1_000, 700, 1_010), { start: 0, step: 1, count: 1_000 });
  assert.deepEqual(shapes.axisFor(86_400, 86_000, 86_410), { start: 74_400, step: 1, count: 12_000 });
  const all = shapes.axisFor(86_400, -1, 86_410);
  assert.ok(all.start === 0 && all.step > 1 && (all.count - 1) * all.step < 86_400 && all.count * all.step >= 86_400);
  const next = random(3);
  for (let n = 0; n < 500; n++) {
    const size = 1 + Math.floor(next() * 300_000);
    const from = (next() - 0.2) * size;
    const to = from + 5 + next() * size;
    const { start, step, count } = shapes.axisFor(size, from, to);
    assert.ok(count >= 1 && count <= 12_000 && start >= 0 && start + (count - 1) * step < size);
    assert.ok(shapes.serves({ start, step, count }, size, from, to) || Math.min(to, size) - Math.max(from, 0) > 2_000);
  }
});

test("an axis does not serve a view at its edge, nor one that is too coarse", () => {
  const axis = shapes.axisFor(86_400, 50_000, 50_300);
  assert.ok(shapes.serves(axis, 86_400, 50_500, 50_800));
  assert.ok(!shapes.serves(axis, 86_400, axis.start + 100, axis.start + 400));
  assert.ok(!shapes.serves(axis, 86_400, 0, 86_400));
  assert.ok(shapes.serves(shapes.axisFor(900, 0, 300), 900, 0, 300), "there is nothing before the first bar");
});

test("labels of a range can be told apart", () => {
  assert.deepEqual([[0, 1e5], [3_000, 3_080], [-3, 3], [0.001, 0.0012], [5, 5]].map(([a, b]) => shapes.decimals(a, b)), [0, 1, 2, 6, 5]);
});
