"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");
const { DedupQueue, SendQueue } = require("./load.js");

test("a full queue gives up the oldest rows by name, and says so", () => {
  const world = new World({ sendQueue: new SendQueue({ maxRows: 10_000 }) }).start().run(500);
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
  const dedupQueue = new DedupQueue(new SendQueue({ maxRows: 500 }), (_, text) => told.push(text));
  const queue = (from, to) => {
    for (let id = from; id < to; id++) dedupQueue.queue(`["${id % 2 ? "A" : "B"}",${id},"1","1",1,true]`);
  };
  dedupQueue.tellLosses(0);
  assert.deepEqual(told, [], "nothing was given up");
  queue(0, 1_002); // the first 1,000 had to make room
  dedupQueue.tellLosses(1_000);
  dedupQueue.tellLosses(2_000);
  assert.deepEqual(told.splice(0), [
    "Queue full: gave up 500 rows of B, ids 0 to 998; the server will ask for them.",
    "Queue full: gave up 500 rows of A, ids 1 to 999; the server will ask for them.",
  ]);
  queue(1_002, 1_502);
  dedupQueue.tellLosses(10_999);
  assert.deepEqual(told, []);
  dedupQueue.tellLosses(11_000);
  assert.match(told.join(), /gave up 250 rows of B, ids 1000 to 1498/);
  assert.equal(dedupQueue.counts.lost, 1_500);
});

test("a row passes the dedupQueue once, and again with any other value", () => {
  const dedupQueue = new DedupQueue(new SendQueue(), assert.fail);
  for (const price of ["1", "1", "2", "1"]) dedupQueue.live(`["A",7,"${price}","1",1,true]`);
  assert.deepEqual([dedupQueue.sendQueue.queued, dedupQueue.counts.duplicates], [2, 2]);
});
