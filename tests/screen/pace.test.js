"use strict";

const assert = require("node:assert/strict");
const test = require("node:test");
const PairbridgePace = require("../../screen/assets/pace.js");

/** A pace on a clock that the test moves. */
function paced(t, everyMs) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const clock = { now: 1_000 };
  t.mock.method(performance, "now", () => clock.now);
  const done = [];
  const pace = new PairbridgePace(() => done.push(clock.now), everyMs);
  const pass = (ms) => {
    clock.now += ms;
    t.mock.timers.tick(ms);
  };
  return { pace, done, pass };
}

test("the first is done at once, the next ones together when it is time", (t) => {
  const { pace, done, pass } = paced(t, 100);
  pace.soon();
  for (let i = 0; i < 8; i++) {
    pass(10);
    pace.soon();
  }
  assert.deepEqual(done, [1_000]);
  pass(20);
  assert.deepEqual(done, [1_000, 1_100]);
  pass(500);
  assert.deepEqual(done, [1_000, 1_100], "nothing was asked for since");
});

test("what cannot wait is done at once, and not a second time for what was asked before", (t) => {
  const { pace, done, pass } = paced(t, 100);
  pace.soon();
  pass(10);
  pace.soon();
  pace.now();
  assert.deepEqual(done, [1_000, 1_010]);
  pass(95);
  assert.deepEqual(done, [1_000, 1_010]);
  pace.soon();
  pass(5);
  assert.deepEqual(done, [1_000, 1_010, 1_110]);
});
