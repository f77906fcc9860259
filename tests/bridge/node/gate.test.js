"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");
const { Gate, Outbox } = require("./load.js");

test("a full queue gives up the oldest rows by name, and says so", () => {
  const world = new World({ outbox: new Outbox({ maxRows: 10_000 }) }).start().run(500);
  world.killServer();
  world.run(100);
  for (let i = 0; i < 12_000; i++) world.trade("BTCUSDT");
  world.run(1_500);
  const { counts } = world.machine.view(world.now);
  assert.equal(counts.lost + counts.queued, 12_000);
  assert.ok(counts.queued <= 10_000);
  assert.ok(world.has("queue-full"));
  assert.ok(
    world.log.some((line) => /gave up 2000 rows of BTCUSDT, ids 1000 to 2999/.test(line)),
    world.log.at(-1),
  );
});

test("what is given up is summed up by symbol and told every 10 s at most", () => {
  const told = [];
  const gate = new Gate(new Outbox({ maxRows: 500 }), (_, text) => told.push(text));
  const queue = (from, to) => {
    for (let id = from; id < to; id++) gate.queue(`["${id % 2 ? "A" : "B"}",${id},"1","1",1,true]`);
  };
  gate.tellLosses(0);
  assert.deepEqual(told, [], "nothing was given up");
  queue(0, 1_002); // the first 1,000 had to make room
  gate.tellLosses(1_000);
  gate.tellLosses(2_000);
  assert.deepEqual(told.splice(0), [
    "Queue full: gave up 500 rows of B, ids 0 to 998; the server will ask for them.",
    "Queue full: gave up 500 rows of A, ids 1 to 999; the server will ask for them.",
  ]);
  queue(1_002, 1_502);
  gate.tellLosses(10_999);
  assert.deepEqual(told, []);
  gate.tellLosses(11_000);
  assert.match(told.join(), /gave up 250 rows of B, ids 1000 to 1498/);
  assert.equal(gate.counts.lost, 1_500);
});

test("a row passes the gate once, and again with any other value", () => {
  const gate = new Gate(new Outbox(), assert.fail);
  for (const price of ["1", "1", "2", "1"]) gate.live(`["A",7,"${price}","1",1,true]`);
  assert.deepEqual([gate.outbox.queued, gate.counts.duplicates], [2, 2]);
});
