"use strict";

const assert = require("node:assert/strict");
const test = require("node:test");
const { Bars, unpack } = require("../../screen/assets/bars.js");

test("times and indexes are one grid", () => {
  const bars = new Bars(1_000);
  bars.put(7, { t: [5_000, 6_000], z: [1, null] });
  assert.deepEqual([bars.first, bars.size, bars.time(1), bars.index(6_000), bars.index(4_000)], [7, 2, 6_000, 1, -1]);
  assert.deepEqual([bars.value("z", 0), bars.value("z", 1), bars.value("z", 2), bars.value("none", 0)], [1, NaN, NaN, NaN]);
});

test("columns grow, and a column that comes later is not known before", () => {
  const bars = new Bars(1);
  bars.put(0, { t: [0], z: [1] });
  for (let i = 1; i < 5_000; i++) bars.put(i, { t: [i], z: [i], beta: [i] });
  assert.deepEqual([bars.size, bars.value("z", 4_999), bars.value("beta", 0), bars.value("beta", 1)], [5_000, 4_999, NaN, 1]);
});

test("what is derived is derived once for each bar, older ones included", () => {
  const double = (columns, from, to) => {
    for (let i = from; i < to; i++) columns.z[i] *= 2;
  };
  const bars = new Bars(1, double);
  bars.put(10, { t: [10, 11], z: [1, 2] });
  bars.put(11, { t: [11, 12], z: [5, 6] });
  bars.prepend(2, { z: new Float64Array([3, 4]) });
  bars.trim(4);
  assert.deepEqual([...bars.columns.z.subarray(0, bars.size)], [8, 2, 10, 12]);
  assert.deepEqual([bars.first, bars.begin], [9, 9]);
});

test("an answer of older bars is read as it is written", () => {
  const header = Buffer.from('{"first":3,"count":2,"columns":["z","beta"],"decisions":[{"at":1}]} ');
  const padded = Buffer.concat([header, Buffer.alloc((8 - ((header.length + 4) % 8)) % 8, 32)]);
  const body = Buffer.concat([Buffer.from(new Uint32Array([padded.length]).buffer), padded, Buffer.from(new Float64Array([1, NaN, 3, 4]).buffer)]);
  const older = unpack(body.buffer.slice(body.byteOffset, body.byteOffset + body.length));
  assert.deepEqual([older.first, older.count, older.decisions], [3, 2, [{ at: 1 }]]);
  assert.deepEqual([[...older.columns.z], [...older.columns.beta]], [[1, NaN], [3, 4]]);
});
