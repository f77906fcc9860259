"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");

test("standby symbols are not forwarded; a takeover brings the last seconds too", () => {
  const world = new World();
  world.server.standby.add("BTCUSDT");
  world.start().run(500);
  for (let i = 0; i < 20; i++) {
    world.trade("BTCUSDT");
    world.trade("ETHUSDT");
    world.run(1_000);
  }
  assert.equal(world.server.stored.size, 20, "one symbol only");
  world.serverSays({ type: "lease", active: ["BTCUSDT", "ETHUSDT"], standby: [] });
  world.run(500).check();
  const taken = world.server.stored.size - 20;
  assert.ok(taken >= 9 && taken <= 11, `${taken} of the last 10 s`);
  assert.ok(world.log.some((line) => line.startsWith("Took over BTCUSDT")));
});

test("a lease that is told again is no takeover", () => {
  const world = new World().start().run(500);
  world.trade("BTCUSDT");
  for (let i = 0; i < 3; i++) world.serverSays({ type: "lease", active: ["BTCUSDT", "ETHUSDT"], standby: [] });
  world.run(500).check();
  assert.ok(!world.log.some((line) => line.startsWith("Took over")));
});

test("all on standby is a state of its own, not a fault", () => {
  const world = new World();
  world.server.standby.add("BTCUSDT").add("ETHUSDT");
  world.start().run(500);
  world.trade("BTCUSDT");
  world.run(500);
  assert.equal(world.status().code, "standby");
});

test("rows that cannot be carried are refused by name and counted", () => {
  const world = new World().start().run(500);
  for (const bad of [{ a: 2 ** 53 }, { p: 1.5 }, { q: { deep: 1 } }, { T: "x" }, { m: "yes" }, { a: true }]) {
    world.streamSays(JSON.stringify({ ...world.trade("BTCUSDT", { hidden: true }), ...bad }));
  }
  world.streamSays("{truncated");
  world.run(500).check();
  assert.equal(world.machine.view(world.now).counts.refused, 7);
  assert.ok(world.log.some((line) => /Refused here: BTCUSDT .*2\^53/.test(line)));
});

test("frames of other kinds are ignored, whatever their fields", () => {
  const world = new World().start().run(500);
  const others = [
    { e: "trade", s: "BTCUSDT", a: 6657454504, p: "1", q: "1", T: 1, m: true },
    { stream: "btcusdt@bookTicker", data: { e: "bookTicker", s: "BTCUSDT", a: "83680.10", T: 1 } },
    { result: null, id: 1 },
    [1, 2],
    null,
    { stream: "dogeusdt@aggTrade", data: { e: "aggTrade", s: "DOGEUSDT", a: 1, p: "1", q: "1", T: 1, m: true } },
  ];
  for (const frame of others) world.streamSays(JSON.stringify(frame));
  world.run(500).check();
  assert.equal(world.machine.view(world.now).counts.received, 0);
  assert.equal(world.machine.view(world.now).counts.refused, 0);
});

test("both error shapes of the exchange are told", () => {
  const world = new World().start().run(500);
  world.streamSays('{"code":2,"msg":"Invalid request"}');
  world.streamSays('{"error":{"code":4,"msg":"Too many subscriptions"},"id":19}');
  assert.ok(world.log.some((line) => line.includes("Invalid request (2)")));
  assert.ok(world.log.some((line) => line.includes("Too many subscriptions (4)")));
});

test("the same id with another price is not a duplicate: the server shall judge it", () => {
  const world = new World().start().run(500);
  const trade = world.trade("BTCUSDT");
  world.deliver(trade);
  world.deliver({ ...trade, p: "99.99" });
  world.run(500).check();
  assert.equal(world.acknowledged.length, 2);
  assert.equal(world.machine.view(world.now).counts.duplicates, 2, "one dropped here, one found by the server");
});
