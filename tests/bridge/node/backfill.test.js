"use strict";

const test = require("node:test");
const assert = require("node:assert/strict");
const { World } = require("./world.js");
const { Fetcher, Limits } = require("./load.js");

test("a gap is fetched into the stream of rows; a server that comes back has to ask again", () => {
  const world = new World().start().run(500);
  world.trade("BTCUSDT");
  for (let i = 0; i < 10; i++) world.trade("BTCUSDT", { hidden: true });
  world.trade("BTCUSDT");
  world.run(200);
  const asked = () => world.exchange.requests.filter(({ url }) => url.includes("fromId")).length;
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_001, to: 1_010 });
  world.run(12);
  world.killServer();
  world.run(500);
  world.server.up = true;
  world.run(3_000);
  assert.equal(asked(), 1, "forgotten with the server that asked");
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_001, to: 1_010 });
  world.run(500);
  assert.equal(world.server.stored.size, 12);
  assert.equal(world.machine.view(world.now).counts.fetched, 10);
  assert.equal(asked(), 2);
});

test("what cannot be fetched is told to the server with its reason", () => {
  const world = new World().start().run(500);
  world.trade("BTCUSDT");
  world.skip("BTCUSDT", 5);
  world.trade("BTCUSDT");
  world.run(200);
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_001, to: 1_005 });
  world.run(500);
  assert.deepEqual(world.server.unfetchable, [
    { type: "unfetchable", symbol: "BTCUSDT", from: 1_001, to: 1_005, reason: "the exchange has no such ids" },
  ]);
  world.exchange.rest = "blocked";
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_000, to: 1_000 });
  world.run(10_000);
  assert.match(world.server.unfetchable[1].reason, /^blocked or geo-blocked/);
});

/** A world that has traded before its first trade came here, and the message that asks for that. */
function withPast() {
  const world = new World();
  for (let i = 0; i < 2_500; i++) {
    world.trade("BTCUSDT");
    world.now += 400;
  }
  world.start().run(500);
  const { a, T } = world.trade("BTCUSDT");
  world.run(200);
  return { world, message: { type: "fetch", symbol: "BTCUSDT", since_ms: T - 600_000, to: a - 1 } };
}

test("a warm start is brought into the stream of rows, its progress shown, and nothing before its time", () => {
  const { world, message } = withPast();
  world.serverSays(message);
  world.run(15);
  assert.ok(world.has("warm-start") && !world.has("fetching"));
  assert.deepEqual(world.machine.view(world.now).symbols[0].warmStart, { done: 0, total: NaN });
  const shown = () => world.machine.view(world.now).symbols[0];
  while (Number.isNaN(shown().warmStart.total)) world.run(1);
  const { warmStart, gaps } = shown();
  assert.ok(warmStart.total > 1_400 && warmStart.done === 1_000, JSON.stringify(warmStart));
  assert.equal(gaps.number, 0);
  world.run(500).check();
  const wanted = world.tradeHistory.get("BTCUSDT").filter(({ T }) => T >= message.since_ms);
  assert.equal(world.server.stored.size, wanted.length);
  assert.equal(world.machine.view(world.now).counts.fetched, wanted.length - 1);
  assert.ok(!world.has("warm-start"));
  assert.equal(world.machine.view(world.now).symbols[0].warmStart, null);
  assert.ok(world.log.some((line) => /^Warm start: fetching the trades of BTCUSDT since 20\d\d-.* UTC/.test(line)));
  assert.equal(world.server.unfetchable.length, 0);
});

test("a warm start is dropped with the server that asked for it, and brought when it asks again", () => {
  const { world, message } = withPast();
  world.exchange.rest = { status: 502 };
  world.serverSays(message);
  world.run(300);
  world.killServer();
  world.run(500);
  assert.deepEqual(world.machine.backfill.fetcher.jobs, []);
  world.exchange.rest = "ok";
  world.server.up = true;
  world.run(3_000);
  assert.equal(world.server.stored.size, 1);
  world.serverSays(message);
  world.run(500).check();
  assert.ok(world.server.stored.size > 1_400);
});

test("a warm start that cannot begin is told from id 0, and not counted as that many missing trades", () => {
  const { world, message } = withPast();
  world.serverSays({ ...message, since_ms: message.since_ms + 600_000 });
  world.run(500);
  const told = { type: "unfetchable", symbol: "BTCUSDT", from: 0, to: message.to };
  assert.deepEqual(world.server.unfetchable, [{ ...told, reason: Limits.NO_PAST }]);
  assert.ok(world.log.some((line) => line.startsWith("No warm start of BTCUSDT: ")));
  assert.equal(world.machine.view(world.now).counts.unfetchable, 0);
  assert.ok(!world.has("gaps-open"));
});

test("by the exchange's clock the present hour is known, whatever this computer's says", () => {
  const { world, message } = withPast();
  world.wallOffset -= 7_200_000;
  world.answer = ((answer) => (url) => {
    if (!url.pathname.endsWith("/time")) return answer(url);
    return { status: 200, text: JSON.stringify({ serverTime: world.wall + 7_200_000 }), retryAfter: null, cause: null };
  })(world.answer.bind(world));
  world.run(1_000);
  world.serverSays({ ...message, since_ms: message.since_ms - 3_600_000 });
  world.run(1_000).check();
  assert.equal(world.machine.view(world.now).counts.fetched, 2_500, "an empty hour was passed");
});

test("gaps wait while a backlog drains: live trades first", () => {
  const world = new World().start().run(500);
  world.trade("BTCUSDT");
  world.run(100);
  world.server.acks = false;
  for (let i = 0; i < 40_000; i++) world.machine.sendQueue.add(`["ETHUSDT",${i},"1","1",1,true]`);
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1_000, to: 1_000 });
  world.run(2_000);
  assert.equal(world.exchange.requests.filter(({ url }) => url.includes("fromId")).length, 0);
});

test("requests of the server that make no sense are ignored", () => {
  const world = new World().start().run(500);
  for (const [from, to] of [
    [5, 4],
    [-1, 4],
    ["1", 2],
    [1, 2 ** 60],
    [null, null],
  ])
    world.serverSays({ type: "fetch", symbol: "BTCUSDT", from, to });
  world.serverSays({ type: "fetch", symbol: 7, from: 1, to: 2 });
  for (const since_ms of [-1, "1", 1.5, null, undefined])
    world.serverSays({ type: "fetch", symbol: "BTCUSDT", since_ms, to: 7 });
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", since_ms: 1 });
  world.run(500);
  assert.equal(world.exchange.requests.filter(({ url }) => /fromId|startTime/.test(url)).length, 0);
});

test("the latest time that can be asked for is said without a fault", () => {
  const world = new World().start().run(500);
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", since_ms: Number.MAX_SAFE_INTEGER, to: 7 });
  world.run(10_000);
  assert.equal(world.server.unfetchable.length, 1);
});

test("after Stop nothing more is fetched, neither what was wanted before nor what is wanted then", () => {
  const world = new World().start().run(500);
  world.exchange.rest = { status: 502 }; // tried again, so that the gap is still wanted at Stop
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1, to: 9 });
  world.run(100);
  const gaps = () => world.machine.view(world.now).symbols[0].gaps.number;
  const asked = () => world.exchange.requests.filter(({ url }) => url.includes("fromId")).length;
  assert.deepEqual([gaps(), asked()], [1, 1]);
  world.server.acks = false;
  world.trade("BTCUSDT");
  world.run(100).stop();
  assert.equal(gaps(), 0);
  world.serverSays({ type: "fetch", symbol: "BTCUSDT", from: 1, to: 9 });
  world.run(1_500);
  assert.equal(world.machine.phase, "stopping", "the server was heard all the time");
  assert.deepEqual([gaps(), asked()], [0, 1]);
});
